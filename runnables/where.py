"""Where an error happened: one note on the user's own exception, and a short traceback.

Every level adds its part as the error passes: `in step 3 of 4 (StrOutputParser), branch
"summary", batch item 17, attempt 2`. The exception itself stays what it is (PEP 678).
"""

from __future__ import annotations

from typing import Final, cast


class _Note(str):
    """A note that we wrote, so that the next level can go on in it."""

    __slots__ = ()


def note(error: BaseException, where: str) -> None:
    """Say on an exception where it happened, after what was said further in."""
    notes = cast("list[str]", getattr(error, "__notes__", []))
    if notes and type(notes[-1]) is _Note:
        notes[-1] = _Note(f"{notes[-1]}, {where}")
    else:
        error.add_note(_Note(f"in {where}"))


_HIDDEN: Final = frozenset({"_invoke", "_ainvoke", "_invoke_observed", "_ainvoke_observed"})


def hide_frames(error: BaseException) -> None:
    """Drop the frames of our inner halves below the current one: one of ours a level is enough."""
    here = error.__traceback__
    if here is None:
        return
    below = here.tb_next
    while below is not None and below.tb_frame.f_code.co_name in _HIDDEN:
        below = below.tb_next
    here.tb_next = below
