"""Comments within statements: what a change leaves out goes on lines of its own above the line."""

from __future__ import annotations

import io
import tokenize
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runnables.migration.reading import Code

_BETWEEN_LINES = {tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT}


def comments(text: str) -> list[str]:
    """Return the comments of statements, or of parts of one.

    Args:
        text: the code, whose brackets are closed.

    Example:
        >>> comments("f(a,  # why\\n  '#')  # what")
        ['# why', '# what']
    """
    if "#" not in text:
        return []
    inside = io.StringIO(f"({text}\n)", newline=None)  # where it may be indented in any way
    found = tokenize.generate_tokens(inside.readline)
    return [token.string for token in found if token.type == tokenize.COMMENT]


def lost(before: str, after: Sequence[str]) -> list[str]:
    """Return the comments of a statement that are not in what comes in its place, in order.

    Args:
        before: the statement.
        after: the statements in its place.
    """
    kept = Counter(comment for statement in after for comment in comments(statement))
    found: list[str] = []
    for comment in comments(before):
        kept[comment] -= 1
        if kept[comment] < 0:
            found.append(comment)
    return found


def above(code: Code, offset: int, found: Sequence[str]) -> tuple[int, str]:
    """Return where lines with comments go for a statement, and these lines.

    Nothing is before that place on its line but spaces: a statement in the middle of a line, or
    behind a string of several lines, has them above the whole.

    Args:
        code: the code.
        offset: where the statement begins.
        found: the comments.
    """
    start = max(start for start in _line_starts(code) if start <= offset)
    end = f"{code.newline}{code.line_of(start)[0]}"
    return start, "".join(f"{comment}{end}" for comment in found)


def _line_starts(code: Code) -> Iterator[int]:
    """Yield where the logical lines begin: those of the grammar, which brackets make longer."""
    lines = iter(code.lines)
    is_first = True
    for token in tokenize.generate_tokens(lambda: next(lines, "")):
        if token.type == tokenize.NEWLINE:
            is_first = True
        elif is_first and token.type not in _BETWEEN_LINES:
            is_first = False
            yield code.offset_of(*token.start)
