"""Type checkers accept the code of the README and the docs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.page_types import ROOT, type_errors
from tests.docs.pages import SKILL, read_blocks

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), SKILL])

pytestmark = pytest.mark.slow


def test_pyright_accepts_the_code_of_all_pages(tmp_path: Path) -> None:
    """A reader who pastes a block sees no error, but where the page is about one."""
    blocks = [block for page in PAGES for block in read_blocks(page)]
    errors = type_errors(blocks, tmp_path)
    assert not errors, "\n" + "\n".join(errors)


def test_errors_name_the_line_of_the_page_and_idle_marks_are_errors(tmp_path: Path) -> None:
    """The check itself: it allows top-level await, and honours a mark where there is an error."""
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nimport asyncio\n\nawait asyncio.sleep(0)\n```\n"
        "```python\nx: int = ''\n```\n"
        "<!-- type-error: a string -->\n```python\ny: int = ''\n```\n"
        "<!-- type-error: idle -->\n```python\nz = x\n```\n",
        encoding="utf-8",
    )
    errors = type_errors(read_blocks(page), tmp_path)
    assert [error.split(": ")[0] for error in errors] == ["page.md:7", "page.md:15"]
    assert "marked `type-error`" in errors[1]
