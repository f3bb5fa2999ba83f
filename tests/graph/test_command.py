"""The command `runnables graph`."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from runnables import RunnableLambda

CHAIN = "from runnables import RunnableLambda\nchain = RunnableLambda(len) | str\n"


def printed(folder: Path, *arguments: str) -> str:
    """Return what the command prints."""
    command = [sys.executable, "-m", "runnables.cli", "graph", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("format", ["", "ascii", "mermaid", "svg"])
def test_the_command_prints_a_picture(tmp_path: Path, format: str) -> None:
    """Text by default, Mermaid or SVG on demand."""
    if format == "svg" and find_spec("mermaidx") is None:
        pytest.skip("needs mermaidx")
    (tmp_path / "chains.py").write_text(CHAIN)
    graph = (RunnableLambda(len) | str).get_graph()
    shown = printed(tmp_path, "chains:chain", *(["--format", format] if format else []))
    if format == "svg":
        assert shown.startswith("<svg")
    else:
        assert shown == f"{graph.draw_mermaid() if format == 'mermaid' else graph.draw_ascii()}\n"
