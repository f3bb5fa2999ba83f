"""An environment with LangServe, made at the first use and kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).parent


def langserve_python() -> str:
    """Return the path of a Python that has LangServe; another process may be making it now."""
    requirements = FOLDER / "requirements.txt"
    wanted = f"{sys.version} {requirements.read_text()}"
    name = f"langserve-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "runnables" / "tests"
    place, done = cache / name, cache / name / "installed"
    python = str(place / "bin" / "python")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        if not done.exists():
            venv.create(place, clear=True)
            install = ["install", "--quiet", "--no-deps", "--requirement", str(requirements)]
            subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], check=True)
            done.touch()
    return python
