"""Environments of their own for the peers of benchmarks, as their dependencies clash."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path


def python_of(name: str, packages: tuple[str, ...], folder: Path) -> str:
    """Return the interpreter that has these packages; make its environment where there is none."""
    place = folder / name
    python = str(place / "bin" / "python")
    if not (place / "complete").exists():
        print(f"installing {', '.join(packages)} ...", file=sys.stderr, flush=True)
        venv.create(place, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
        (place / "complete").touch()
    return python
