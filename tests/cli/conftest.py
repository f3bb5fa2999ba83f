"""The folder that the commands run in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import CHAINS, ROWS, write_rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a module of chains, and rows in two formats."""
    (tmp_path / "chains.py").write_text(CHAINS)
    write_rows(tmp_path / "rows.jsonl", ROWS)
    (tmp_path / "rows.csv").write_text("id,text\na,ahoy\nb,bad\nc,é\n")
    return tmp_path
