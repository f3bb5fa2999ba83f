"""Runs pyright over the python blocks of pages, in its standard mode.

The blocks of a page become one module, each on its lines of the page. A block that shows a mistake
on purpose has a comment above it, and must then have an error: `<!-- type-error: a typo -->`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.docs.pages import Block

ROOT = Path(__file__).resolve().parents[2]

_SETTINGS = {
    "extraPaths": [str(ROOT), str(ROOT / "providers")],
    "typeCheckingMode": "standard",
    "pythonVersion": "3.11",
    "reportMissingImports": "none",  # a block that does not run may need what is not installed
}
# `compile` refuses these wherever a block may not use them: see `Block.compiled`.
_ALLOWED = {
    '"await" allowed only within async function',
    'Use of "async" not allowed outside of async function',
}


def type_errors(blocks: Iterable[Block], folder: Path) -> list[str]:
    """Return the errors in the blocks, and the blocks whose mark has no error to excuse."""
    pages: defaultdict[Path, list[Block]] = defaultdict(list)
    for block in blocks:
        if block.language == "python":
            pages[block.path].append(block)
    modules = {write_module(pages[page], folder): page for page in pages}
    found: defaultdict[Path, list[tuple[int, str]]] = defaultdict(list)
    for module, line, message in _pyright(folder):
        found[modules[module]].append((line, message))
    return [
        f"{_name(page)}:{line}: {message}"
        for page in pages
        for block in pages[page]
        for line, message in _judged(block, found[page])
    ]


def write_module(blocks: list[Block], folder: Path) -> Path:
    """Write the python blocks of one page to a module; return its path."""
    # a prefix, or the page on FastAPI would be imported in place of FastAPI
    name = "page_" + re.sub(r"\W", "_", _name(blocks[0].path))
    path = folder.resolve() / f"{name}.py"
    text = ""
    for block in blocks:
        text += "\n" * (block.line - 1 - text.count("\n")) + block.text
    path.write_text(text, encoding="utf-8")
    return path


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else page.name


def _pyright(folder: Path) -> Iterator[tuple[Path, int, str]]:
    """Yield the module, the line and the text of each error."""
    (folder / "pyrightconfig.json").write_text(json.dumps(_SETTINGS), encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--project", str(folder), "--outputjson"]
    done = subprocess.run(
        [*command, "--pythonpath", sys.executable], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr or done.stdout
    for entry in json.loads(done.stdout)["generalDiagnostics"]:
        if entry["severity"] == "error" and entry["message"] not in _ALLOWED:
            yield Path(entry["file"]), entry["range"]["start"]["line"] + 1, entry["message"]


def _judged(block: Block, found: list[tuple[int, str]]) -> list[tuple[int, str]]:
    lines = range(block.line, block.line + block.text.count("\n"))
    errors = [(line, message) for line, message in found if line in lines]
    if not block.shows_type_error:
        return errors
    return [] if errors else [(block.line, "marked `type-error`, but it has no error")]
