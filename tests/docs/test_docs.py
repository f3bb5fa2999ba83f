"""Every code block of the README and the docs runs, and so does every example."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import SKILL, Block, Page, PageError, read_blocks

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), SKILL])
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
BLOCKS = [block for page in PAGES for block in read_blocks(page) if block.language == "python"]

WITH_MODEL = {
    "README.md",
    "chat-with-history.md",
    "classification.md",
    "documents.md",
    "getting-started.md",
    "local-model.md",
}
"""The pages whose blocks run the local model; other pages only mention it."""

EXAMPLE_SECONDS = 180


def _case(block: Block) -> Any:
    marks = [pytest.mark.local_model] if block.path.name in WITH_MODEL else []
    return pytest.param(block, marks=marks, id=f"{block.path.relative_to(ROOT)}:{block.line}")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Path, Page]]:
    """Return the pages, each with its namespace; blocks run in a folder of their own.

    In it are the notes that the guide on documents reads.
    """
    cwd, folder = Path.cwd(), tmp_path_factory.mktemp("docs")
    shutil.copytree(ROOT / "examples" / "documents" / "notes", folder / "notes")
    os.chdir(folder)
    opened = {
        path: Page(path, [block for block in BLOCKS if block.path == path])
        for path in {block.path for block in BLOCKS}
    }
    yield opened
    for page in opened.values():
        page.close()
    os.chdir(cwd)


@pytest.mark.leaks(reason="a page keeps its event loop and its objects from block to block")
@pytest.mark.parametrize("block", [_case(block) for block in BLOCKS])
def test_the_block_runs_and_prints_what_the_page_shows(
    block: Block, pages: dict[Path, Page]
) -> None:
    """The code of the page works as printed there."""
    printed = pages[block.path].run(block)
    if block.output is not None:
        assert printed.rstrip() == block.output.rstrip()


@pytest.mark.local_model
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_example_runs(example: Path, tmp_path: Path) -> None:
    """The example exits with 0, started from any folder, with warnings as errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=EXAMPLE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip(), "an example prints something"


def test_the_readme_names_the_command_that_ci_runs() -> None:
    """CI runs the README's second command, and the README has two commands in all."""
    readme = read_blocks(ROOT / "README.md")
    commands = [line for block in readme if block.language == "sh" for line in _lines(block.text)]
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").strip().splitlines()[-1]
    assert len(commands) == 2, commands
    assert ci == f"exec {commands[1]}"


def _lines(text: str) -> list[str]:
    """Return the commands of a block; a line that ends in a backslash continues in the next."""
    lines = text.replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines if line.strip() and line[0] != "#"]


def _page(tmp_path: Path, text: str) -> list[Block]:
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    return read_blocks(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("```py\n1\n```", "language 'py'", id="abbreviated"),
        pytest.param("```\n1\n```", "language ''", id="unnamed"),
        pytest.param("```python no-run\n1\n```", "no-run: reason", id="no reason"),
        pytest.param("<!-- type-error -->\n```python\n1\n```", "type-error: reason", id="no mark"),
        pytest.param("<!-- type-error: x -->\n```sh\nls\n```", "above a python", id="no code"),
        pytest.param("```python norun\n1\n```", "unknown words", id="mistyped"),
        pytest.param("```python\n1\n", "never closed", id="open"),
        pytest.param("```python\nif __name__ == '__main__': 1\n```", "would not run", id="main"),
    ],
)
def test_a_block_that_would_go_untested_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """Every block is run, compiled, or of a language that is not code."""
    with pytest.raises(PageError, match=message):
        _page(tmp_path, text)


def test_blocks_share_names_await_and_show_output(tmp_path: Path) -> None:
    """The runner itself: a shared namespace, top-level await, and the output that is shown."""
    text = (
        "```python\nimport asyncio\nx = 2\n```\n"
        "- in a list:\n\n  ```python\n  await asyncio.sleep(0)\n  print(x * 21)\n  ```\n\n"
        "<!-- output -->\n```text\n42\n```\n"
    )
    blocks = _page(tmp_path, text)
    page = Page(blocks[0].path, [block for block in blocks if block.language == "python"])
    assert page.run(page.blocks[1]) == "42\n"
    assert page.blocks[1].output == "42\n"
    page.close()


def test_an_error_in_a_block_points_at_the_line_of_the_page(tmp_path: Path) -> None:
    """Tracebacks lead to the page, and later blocks report which one failed."""
    blocks = _page(tmp_path, "# Title\n\n```python\n1 / 0\n```\n```python\n2\n```\n")
    page = Page(blocks[0].path, blocks)
    with pytest.raises(ZeroDivisionError) as caught:
        page.run(blocks[0])
    last = caught.traceback[-1]
    assert (last.path, last.lineno + 1) == (blocks[0].path, 4)
    with pytest.raises(PageError, match="line 4"):
        page.run(blocks[1])
    page.close()
