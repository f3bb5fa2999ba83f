"""A canvas of lines and letters, for pictures in text.

A cell has a letter, or lines that leave it in some of four directions. Lines that meet join by
themselves: `─` and `│` in one cell are `┼`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8

_LINES: Final = " │││─┘┐┤─└┌├─┴┬┼"
"""The character of a cell, by the sum of the directions of its lines."""
_PLAIN_LINES: Final = " |||-+++-+++-+++"

INTO_DOWN: Final = "▼"
INTO_RIGHT: Final = "►"
INTO_LEFT: Final = "◄"
CHOICE: Final = "◇"
_PLAIN: Final[Mapping[str, str]] = {INTO_DOWN: "v", INTO_RIGHT: ">", INTO_LEFT: "<", CHOICE: "?"}


class Canvas:
    """Cells by row and column, without bounds."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], int | str] = {}

    def line(self, row: int, column: int, directions: int) -> None:
        """Add lines to a cell; one with a letter keeps it."""
        there = self._cells.get((row, column), 0)
        if isinstance(there, int):
            self._cells[row, column] = there | directions

    def vertical(self, column: int, top: int, bottom: int) -> None:
        """Draw a line from the middle of one row to the middle of another."""
        for row in range(top, bottom + 1):
            self.line(row, column, UP * (row > top) | DOWN * (row < bottom))

    def horizontal(self, row: int, left: int, right: int) -> None:
        """Draw a line from the middle of one column to the middle of another."""
        for column in range(left, right + 1):
            self.line(row, column, LEFT * (column > left) | RIGHT * (column < right))

    def box(self, width: int, height: int) -> None:
        """Draw the border of a box, with its corner at the origin."""
        for row in (0, height - 1):
            self.horizontal(row, 0, width - 1)
        for column in (0, width - 1):
            self.vertical(column, 0, height - 1)

    def text(self, row: int, column: int, text: str) -> None:
        """Write a string; a wide character takes two cells."""
        for shown, width in _characters(text):
            self._cells[row, column] = shown
            for further in range(1, width):
                self._cells[row, column + further] = ""
            column += width

    def paste(self, other: Canvas, row: int, column: int) -> None:
        """Add the cells of another canvas, with its origin at a place of this one."""
        for (other_row, other_column), cell in other._cells.items():
            if isinstance(cell, int):
                self.line(row + other_row, column + other_column, cell)
            else:
                self._cells[row + other_row, column + other_column] = cell

    def render(self, *, unicode: bool = True) -> str:
        """Return the rows as text, without spaces at their ends."""
        if not self._cells:
            return ""
        height = max(row for row, _ in self._cells) + 1
        width = max(column for _, column in self._cells) + 1
        rows = (
            "".join(self._shown(row, column, unicode) for column in range(width)).rstrip()
            for row in range(height)
        )
        return "\n".join(rows)

    def _shown(self, row: int, column: int, unicode: bool) -> str:
        cell = self._cells.get((row, column), 0)
        if isinstance(cell, int):
            return (_LINES if unicode else _PLAIN_LINES)[cell]
        return cell if unicode else _PLAIN.get(cell, cell)


def text_width(text: str) -> int:
    """Return how many columns of a terminal a string takes."""
    return sum(width for _, width in _characters(text))


def _characters(text: str) -> Iterator[tuple[str, int]]:
    """Yield the characters of a string, each with the marks on it, and its width."""
    shown = ""
    for char in text:
        is_mark = unicodedata.category(char) in ("Mn", "Me", "Cf")
        if is_mark and shown:
            shown += char
            continue
        if shown:
            yield shown, _width(shown[0])
        shown = " " + char if is_mark else char
    if shown:
        yield shown, _width(shown[0])


def _width(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
