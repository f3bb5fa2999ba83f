"""Reads Markdown pages into code blocks, and runs them.

The `python` blocks of a page share one namespace and one event loop, from top to bottom.

- ```` ```python no-run ````: is compiled but not run; the line above it says why:
  `<!-- no-run: needs a key -->`.
- `<!-- type-error: reason -->` above a block: type checkers refuse it, which the page is about.
- `<!-- output -->` between a python block and a ```` ```text ```` block: what the first prints
  is exactly what the second shows.
- Blocks of other languages (LANGUAGES) are not code to run. A language that is not on that list,
  or none, is an error: `py` for `python` must not leave a block untested.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import linecache
import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from itertools import pairwise
from pathlib import Path
from types import CodeType, ModuleType

LANGUAGES = {"python", "text", "sh", "console", "toml", "json", "yaml", "html", "jsx", "mermaid",
             "diff"}  # fmt: skip

SKILL = Path(__file__).resolve().parents[2] / "runnables/.agents/skills/runnables/SKILL.md"
"""The page for coding assistants, which is shipped with the library."""

_FENCE = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,})\s*(?P<info>[^`]*?)\s*$")
_REASON = re.compile(r"<!--\s*no-run:\s*\S.*-->")
_TYPE_ERROR = re.compile(r"<!--\s*type-error:\s*\S.*-->")
_OUTPUT = re.compile(r"<!--\s*output\s*-->")


class PageError(Exception):
    """A page that cannot be tested as it is written."""


@dataclass
class Block:
    """One fenced block.

    Attributes:
        line: the number of its first line of text, counted from 1.
        info: the words behind the fence.
        before: the last line before the fence that is not empty.
        output: the text that the block must print, if the page shows it.
    """

    path: Path
    line: int
    info: list[str]
    text: str
    before: str
    output: str | None = None

    @property
    def language(self) -> str:
        """Return the first word behind the fence, or nothing."""
        return self.info[0] if self.info else ""

    @property
    def runs(self) -> bool:
        """Tell whether it is code to run, and not only to compile."""
        return "no-run" not in self.info

    @property
    def shows_type_error(self) -> bool:
        """Tell whether its code has a type error on purpose."""
        return _TYPE_ERROR.fullmatch(self.before) is not None

    def compiled(self) -> CodeType:
        """Return its code, with the line numbers of the page; `await` is allowed anywhere."""
        source = "\n" * (self.line - 1) + self.text
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        return compile(source, str(self.path), "exec", flags=flags, dont_inherit=True)

    def check(self) -> None:
        """Refuse a block that would not be tested, unless it says why."""
        where = f"{self.path.name}:{self.line}"
        if self.language not in LANGUAGES:
            raise PageError(f"{where}: a block of language {self.language!r}: expected {LANGUAGES}")
        if self.language == "python" and set(self.info) - {"python", "no-run"}:
            raise PageError(f"{where}: unknown words behind the fence: {self.info}")
        if not self.runs and not _REASON.fullmatch(self.before):
            raise PageError(f"{where}: a no-run block needs <!-- no-run: reason --> above it")
        if self.before.startswith("<!-- type-error") and not (
            self.language == "python" and self.shows_type_error
        ):
            raise PageError(f"{where}: <!-- type-error: reason --> stands above a python block")
        if "__main__" in self.text and self.language == "python":
            raise PageError(f"{where}: the code under `if __name__ ...` would not run")


def read_blocks(path: Path) -> list[Block]:
    """Return all fenced blocks of a page, in order, with their outputs attached."""
    blocks = list(_fenced(path, path.read_text(encoding="utf-8").splitlines()))
    for block, shown in pairwise(blocks):
        if _OUTPUT.fullmatch(shown.before):
            block.output = shown.text
    for block in blocks:
        block.check()
        if block.output is not None and block.language != "python":
            raise PageError(f"{path.name}:{block.line}: only python blocks have an output")
    return blocks


def _fenced(path: Path, lines: list[str]) -> Iterator[Block]:
    numbered = iter(enumerate(lines, start=1))
    before = ""
    for number, line in numbered:
        opening = _FENCE.fullmatch(line)
        if opening is None:
            before = line.strip() or before
            continue
        text = _until_closed(path, number, opening, numbered)
        yield Block(path, number + 1, opening["info"].split(), text, before)
        before = ""


def _until_closed(
    path: Path, number: int, opening: re.Match[str], numbered: Iterator[tuple[int, str]]
) -> str:
    indent, fence = len(opening["indent"]), opening["fence"]
    text: list[str] = []
    for _, line in numbered:
        closing = line.strip()
        if len(closing) >= len(fence) and set(closing) == {fence[0]}:
            return "".join(f"{content}\n" for content in text)
        text.append(line[indent:] if not line[:indent].strip() else line)
    raise PageError(f"{path.name}:{number}: this block is never closed")


@dataclass
class Page:
    """The python blocks of one page, run in order, each at most once."""

    path: Path
    blocks: list[Block]
    _done: int = 0
    _failed: Block | None = None
    _module: ModuleType = field(init=False)
    _runner: asyncio.Runner = field(init=False, default_factory=asyncio.Runner)

    def __post_init__(self) -> None:
        # pydantic and pickle find the module by its name, which is the name of no file
        name = "page_" + re.sub(r"\W", "_", self.path.stem)
        self._module = sys.modules[name] = ModuleType(name)
        self._module.__file__ = str(self.path)
        linecache.checkcache(str(self.path))

    def run(self, block: Block) -> str:
        """Run the blocks up to this one, and return what it printed."""
        printed = ""
        while self._done <= self.blocks.index(block):
            if self._failed is not None:
                raise PageError(f"line {self._failed.line} of this page failed before")
            current = self.blocks[self._done]
            printed = self._run_one(current)
        return printed

    def _run_one(self, block: Block) -> str:
        code = block.compiled()
        self._done += 1
        if not block.runs:
            return ""
        self._failed = block
        with redirect_stdout(StringIO()) as out:
            self._execute(code)
        self._failed = None
        return out.getvalue()

    def _execute(self, code: CodeType) -> None:
        result = eval(code, self._module.__dict__)
        if inspect.isawaitable(result):

            async def main() -> None:
                await result

            self._runner.run(main())

    def close(self) -> None:
        """End the page's event loop, and forget its names."""
        self._runner.close()
        sys.modules.pop(self._module.__name__, None)
        self._module.__dict__.clear()
