"""Notes that say where an error happened, on the user's own exception, and short tracebacks.

Every level adds its part to one note as the error passes: `in step 3 of 4 (StrOutputParser),
branch "summary", batch item 17, attempt 2`. The exception itself stays what it is (PEP 678).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

ErrorT = TypeVar("ErrorT", bound=Exception)


class _Note(str):
    """A note of this library, to which the next level can append."""

    __slots__ = ()


def add_location(error: BaseException, where: str) -> None:
    """Add a place to the note of an exception, after the places of the levels below."""
    trim_traceback(error)
    notes = cast("list[str]", getattr(error, "__notes__", []))
    if notes and type(notes[-1]) is _Note:
        notes[-1] = _Note(f"{notes[-1]}, {where}")
    else:
        error.add_note(_Note(f"in {where}"))


def chain_errors(errors: Sequence[ErrorT], title: str) -> ErrorT:
    """Make the other errors the cause of the first, as a group, and return the first.

    The cause that the first error had becomes the cause of the group.
    """
    first = errors[0]
    others = [error for error in errors if error is not first]
    if others:
        group = ExceptionGroup(title, others)
        group.__cause__ = first.__cause__
        first.__cause__ = group
    return first


_OURS: Final = frozenset({"runnables", "runnables_providers"})
_ENTRY_POINTS: Final = frozenset({"invoke", "ainvoke", "batch", "abatch"})


def trim_traceback(error: BaseException, level: object = None) -> None:
    """Drop the library's own frames below the current one: one for each level is enough.

    Frames are dropped up to the next frame of user code, or the next call of a runnable other than
    `level`. An error that the library itself raises keeps its last frame.
    """
    current = error.__traceback__
    if current is None:
        return
    below, last = current.tb_next, None
    while below is not None and _is_inner(below.tb_frame, level):
        below, last = below.tb_next, below
    current.tb_next = below or last


def _is_inner(frame: FrameType, level: object) -> bool:
    """Tell whether this is a frame of the library, and not the call of another runnable.

    It must be a frame that has ended. The `f_locals` of a running frame that holds the error would
    make a reference cycle, which only the garbage collector ends.
    """
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    if package not in _OURS:
        return False
    return frame.f_code.co_name not in _ENTRY_POINTS or frame.f_locals.get("self") is level
