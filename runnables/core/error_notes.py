"""Where an error happened: one note on the user's own exception, and a short traceback.

Every level adds its part as the error passes: `in step 3 of 4 (StrOutputParser), branch
"summary", batch item 17, attempt 2`. The exception itself stays what it is (PEP 678).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from types import FrameType


class _Note(str):
    """A note that we wrote, so that the next level can go on in it."""

    __slots__ = ()


def add_location(error: BaseException, where: str) -> None:
    """Say, where an exception is caught, where it happened, after what was said further in."""
    trim_traceback(error)
    notes = cast("list[str]", getattr(error, "__notes__", []))
    if notes and type(notes[-1]) is _Note:
        notes[-1] = _Note(f"{notes[-1]}, {where}")
    else:
        error.add_note(_Note(f"in {where}"))


_OURS: Final = frozenset({"runnables", "runnables_providers"})
_ENTRY_POINTS: Final = frozenset({"invoke", "ainvoke", "batch", "abatch"})


def trim_traceback(error: BaseException, level: object = None) -> None:
    """Drop our own frames below the current one: one of ours a level is enough.

    A level ends at a user's frame, or at the call of another runnable than `level`. What we raise
    ourselves keeps its last frame.
    """
    here = error.__traceback__
    if here is None:
        return
    below, last = here.tb_next, None
    while below is not None and _is_inner(below.tb_frame, level):
        below, last = below.tb_next, below
    here.tb_next = below or last


def _is_inner(frame: FrameType, level: object) -> bool:
    """Whether this is one of our frames, and not the call of another runnable than this one.

    Only of frames that are over: `f_locals` of one that holds the error would keep both alive,
    each by the other, until the garbage collector comes.
    """
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    if package not in _OURS:
        return False
    return frame.f_code.co_name not in _ENTRY_POINTS or frame.f_locals.get("self") is level
