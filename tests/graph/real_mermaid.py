"""The real Mermaid, from npm, in a process of Node.js."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent / "mermaid"
INSTALLED = Path(__file__).resolve().parents[2] / "build" / "mermaid"
"""Where it is installed, once; `build` is not under version control."""

TOOLS = all(map(shutil.which, ("node", "npm")))
"""Whether it can run here."""


class RealMermaid:
    """A process that parses flowcharts."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process: Any = process

    def error_in(self, text: str) -> str | None:
        """Return the error of Mermaid for a flowchart; None: it reads it."""
        self._process.stdin.write(f"{json.dumps(text)}\n")
        self._process.stdin.flush()
        answer: str | None = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def real_mermaid() -> Generator[RealMermaid]:
    """Start the process, and end it."""
    folder = _installed()
    command = ["node", str(folder / "parse.js")]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=folder, encoding="utf-8", **pipes) as process:
        yield RealMermaid(process)
        process.communicate()


def _installed() -> Path:
    """Return the folder of an installation of the versions in package.json."""
    wanted = (SOURCES / "package.json").read_text("utf-8")
    there = INSTALLED / "package.json"
    if not there.is_file() or there.read_text("utf-8") != wanted:
        INSTALLED.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=INSTALLED.parent) as made:
            folder = Path(made) / "mermaid"
            shutil.copytree(SOURCES, folder)
            _npm_install(folder)
            shutil.rmtree(INSTALLED, ignore_errors=True)
            os.replace(folder, INSTALLED)
    shutil.copy(SOURCES / "parse.js", INSTALLED)
    return INSTALLED


def _npm_install(folder: Path) -> None:
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
