"""The shape of a chain as a picture in text.

Each shape is drawn as a rectangle that its line enters at the top and leaves at the bottom, in the
column of its axis. Rectangles are put together as the shape says, so nothing ever crosses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from runnables.graph.canvas import (
    CHOICE,
    DOWN,
    INTO_DOWN,
    INTO_LEFT,
    INTO_RIGHT,
    UP,
    Canvas,
    text_width,
)
from runnables.graph.shapes import (
    FAILED,
    Attempts,
    Choice,
    Fork,
    Frame,
    Loop,
    Series,
    Shape,
    Step,
)

if TYPE_CHECKING:
    from runnables.graph.graph import Node

_GAP: Final = 2
"""The columns between branches."""


@dataclass(frozen=True)
class _Picture:
    """A rectangle.

    Attributes:
        axis: the column in which the line comes in and leaves.
        open_top: whether a line comes in there, rather than an arrow onto a border.
        lines: the text of a picture that is a single box.
    """

    canvas: Canvas
    width: int
    height: int
    axis: int
    open_top: bool = False
    lines: tuple[str, ...] = ()


def text_picture(shape: Shape, *, unicode: bool, max_width: int) -> str:
    """Return the picture of a shape.

    Args:
        shape: the shape.
        unicode: whether lines are drawn with box characters.
        max_width: branches that are wider side by side stand one below the other.
    """
    return _drawn(shape, max_width).canvas.render(unicode=unicode)


def _drawn(shape: Shape, max_width: int) -> _Picture:
    draw = partial(_drawn, max_width=max_width)
    match shape:
        case Step(node):
            return _box(_lines(node))
        case Series(parts):
            return _series([draw(part) for part in parts])
        case Fork((), join):
            return _box(_lines(join))
        case Fork(branches, _):
            named = [(key, None if part is None else draw(part)) for key, part in branches]
            return _branches(named, max_width, "at once")
        case Choice(node, options):
            named = [(label, draw(part)) for label, part in options]
            return _series([_box(_lines(node)), _branches(named, max_width, "one of these")])
        case Attempts(tries):
            return _attempts([_bordered(draw(part), part) for part in tries], max_width)
        case Loop(body, calls):
            inside = [(label, _bordered(draw(part), part)) for label, part in calls]
            return _loop(_bordered(draw(body), body), inside)
        case Frame(group, inside):
            return _frame(draw(inside), group.name)


def _lines(node: Node) -> list[str]:
    mark = f"{CHOICE} " if node.kind == "choice" else ""
    return [f"{mark}{node.name}", *node.notes]


def _box(lines: Sequence[str], title: str = "") -> _Picture:
    width = max(max(map(text_width, lines)) + 4, text_width(title) + 6 if title else 0)
    canvas = Canvas()
    canvas.box(width, len(lines) + 2)
    if title:
        canvas.text(0, 2, f" {title} ")
    for row, line in enumerate(lines, 1):
        canvas.text(row, 2, line)
    return _Picture(canvas, width, len(lines) + 2, width // 2, lines=tuple(lines))


def _series(pictures: Sequence[_Picture]) -> _Picture:
    """Return pictures one below the other, on one axis."""
    axis = max(picture.axis for picture in pictures)
    canvas, row = Canvas(), 0
    for number, picture in enumerate(pictures):
        if number:
            row = _lead_into(canvas, row, axis, picture)
        canvas.paste(picture.canvas, row, axis - picture.axis)
        row += picture.height
    width = axis + max(picture.width - picture.axis for picture in pictures)
    return _Picture(canvas, width, row, axis, pictures[0].open_top)


def _lead_into(canvas: Canvas, row: int, axis: int, picture: _Picture) -> int:
    """Lead the line in the row above into a picture; return the row in which that begins."""
    canvas.line(row - 1, axis, DOWN)
    if picture.open_top:
        canvas.line(row, axis, UP)
        return row
    canvas.text(row, axis, INTO_DOWN)
    return row + 1


def _branches(named: Sequence[tuple[str, _Picture | None]], max_width: int, title: str) -> _Picture:
    """Return pictures side by side, or below each other where that is too wide."""
    axes: list[int] = []
    width = 0
    for label, picture in named:
        half = text_width(label) // 2
        left, right = (half, half + 1) if picture is None else _sides(picture, text_width(label))
        axes.append(width + left)
        width += left + right + _GAP
    if width - _GAP > max_width:
        return _stack(named, title)
    canvas = Canvas()
    canvas.horizontal(0, axes[0], axes[-1])
    bottoms: list[int] = []
    for axis, (label, picture) in zip(axes, named, strict=True):
        canvas.line(0, axis, DOWN)
        canvas.line(1, axis, UP | DOWN)  # seen where there is no label
        canvas.text(1, axis - text_width(label) // 2, label)
        if picture is None:
            bottoms.append(2)
            canvas.line(2, axis, UP)
            continue
        row = _lead_into(canvas, 2, axis, picture)
        canvas.paste(picture.canvas, row, axis - picture.axis)
        bottoms.append(row + picture.height - 1)
    end = max(bottoms) + 1
    for axis, bottom in zip(axes, bottoms, strict=True):
        canvas.vertical(axis, bottom, end)
    canvas.horizontal(end, axes[0], axes[-1])
    axis = (axes[0] + axes[-1]) // 2
    return _Picture(canvas, width - _GAP, end + 1, axis, open_top=True)


def _sides(picture: _Picture, label: int) -> tuple[int, int]:
    """Return how many columns a branch takes left of its axis, and from it to the right."""
    return max(picture.axis, label // 2), max(picture.width - picture.axis, label - label // 2)


def _stack(named: Sequence[tuple[str, _Picture | None]], title: str) -> _Picture:
    """Return pictures below each other, each in a frame with its label."""
    canvas, row, width = Canvas(), 0, 0
    for label, picture in named:
        lines = ("passed on",) if picture is None else picture.lines
        framed = _box(lines, label) if picture is None or lines else _frame(picture, label)
        canvas.paste(framed.canvas, row, 0)
        row += framed.height
        width = max(width, framed.width)
    return _frame(_Picture(canvas, width, row, width // 2), title, is_entered=False)


def _attempts(pictures: Sequence[_Picture], max_width: int) -> _Picture:
    """Return pictures side by side, with an arrow from each to the next."""
    gap = text_width(FAILED) + 5
    width = sum(picture.width + gap for picture in pictures) - gap
    if width > max_width:
        return _stack(
            [(f"attempt {number}", each) for number, each in enumerate(pictures, 1)],
            "the first that does not fail",
        )
    canvas, column, axes = Canvas(), 0, list[int]()
    end = max(picture.height for picture in pictures)
    for picture in pictures:
        if column:
            canvas.horizontal(1, column - gap - 1, column - 1)
            canvas.text(1, column - gap + 1, f" {FAILED} ")
            canvas.text(1, column - 1, INTO_RIGHT)
        canvas.paste(picture.canvas, 0, column)
        axes.append(column + picture.axis)
        canvas.vertical(axes[-1], picture.height - 1, end)
        column += picture.width + gap
    canvas.horizontal(end, axes[0], axes[-1])
    return _Picture(canvas, width, end + 1, axes[0])


def _loop(body: _Picture, calls: Sequence[tuple[str, _Picture]]) -> _Picture:
    """Return a body with what it calls at its right, one below the other."""
    rail = body.width + 2
    start = rail + max(text_width(label) for label, _ in calls) + 6
    canvas, row, width = Canvas(), 0, body.width
    canvas.paste(body.canvas, 0, 0)
    canvas.horizontal(1, body.width - 1, rail)
    canvas.text(1, body.width, INTO_LEFT)
    shown: set[str] = set()
    for label, picture in calls:
        canvas.vertical(rail, 1, row + 1)
        canvas.horizontal(row + 1, rail, start - 1)
        if label not in shown:
            canvas.text(row + 1, rail + 2, f" {label} ")
            shown.add(label)
        canvas.text(row + 1, start - 1, INTO_RIGHT)
        canvas.paste(picture.canvas, row, start)
        width = max(width, start + picture.width)
        row += picture.height
    height = max(body.height, row)
    canvas.vertical(body.axis, body.height - 1, height - 1)
    return _Picture(canvas, width, height, body.axis)


def _bordered(picture: _Picture, shape: Shape) -> _Picture:
    """Return a picture with a border, which arrows from the side can lead to."""
    return picture if isinstance(shape, Step | Frame) else _frame(picture, "")


def _frame(picture: _Picture, title: str, *, is_entered: bool = True) -> _Picture:
    """Return a picture in a frame with a title."""
    width = max(picture.width + 4, text_width(title) + 6)
    start = (width - picture.width) // 2
    canvas, row, axis = Canvas(), 1, picture.axis + start
    if title:
        canvas.text(0, 2, f" {title} ")
    if is_entered:
        row = _lead_into(canvas, 1, axis, picture)
    canvas.paste(picture.canvas, row, start)
    row += picture.height
    if is_entered:
        canvas.vertical(axis, row - 1, row)
    frame = Canvas()
    frame.box(width, row + 1)
    frame.paste(canvas, 0, 0)
    return _Picture(frame, width, row + 1, axis)
