"""Notes that say where an error happened, on the user's own exception, and short tracebacks.

Every level adds its part to one note as the error passes: `in step 3 of 4 (StrOutputParser),
branch "summary", batch item 17, attempt 2`. The exception itself stays what it is (PEP 678).

- Nothing here raises, whatever the class of the exception does: attributes that cannot be set, an
  `add_note` or a `__notes__` of its own. Such an exception has no note then.
- One object may be raised many times, as a constant or a cached error is. Its note is about the
  last time: a run that an error leaves drops the places that were added before it began. These
  times are counted by `clock`, which goes on with each place that is added.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType, TracebackType

ErrorT = TypeVar("ErrorT", bound=Exception)


class _Clock:
    """A count of all places that were added to errors; reading it costs a run next to nothing."""

    __slots__ = ("_counter", "now")

    def __init__(self) -> None:
        self.now = 0
        self._counter = itertools.count(1)

    def advance(self) -> int:
        self.now = moment = next(self._counter)
        return moment


clock: Final = _Clock()


class _Place(NamedTuple):
    """A place that an error has passed, and when it was added."""

    where: str
    added: int


class _Note(str):
    """A note of this library, to which the next level can append."""

    __slots__ = ("places",)
    places: tuple[_Place, ...]

    @classmethod
    def of(cls, places: tuple[_Place, ...]) -> _Note:
        note = cls(f"in {', '.join(place.where for place in places)}")
        note.places = places
        return note

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (tuple(place.where for place in self.places),)


def _unpickled(places: tuple[str, ...]) -> _Note:
    now = clock.advance()  # another process counts for itself
    return _Note.of(tuple(_Place(where, now) for where in places))


_MOST_PLACES: Final = 64
"""The most places of a note. One object that is raised by runs at the same time could have more."""

_MOST_FRAMES: Final = 1_000
"""The most frames of a traceback, for an object that is raised again: Python keeps those of all."""


def add_location(error: BaseException, where: str, since: int = 0) -> None:
    """Add a place to the note of an exception, after the places of the levels below.

    Args:
        error: the exception.
        where: the place.
        since: drop places that were added before this time: `clock.now` when the run began.
    """
    trim_traceback(error)
    with suppress(Exception):  # the class of the exception may do anything
        notes, places = _read(error)
        kept = [place for place in places if place.added > since]
        kept.append(_Place(where, clock.advance()))
        _write(error, notes, tuple(kept[-_MOST_PLACES:]))


class FirstPlaces:
    """The first place of each error within one stream: where it came from, not where it passes."""

    def __init__(self) -> None:
        self._began = clock.now
        self._noted: list[BaseException] = []

    def add(self, error: BaseException, where: str) -> None:
        """Add a place to the note of an exception, unless it has one of this stream."""
        if not any(error is other for other in self._noted):
            self._noted.append(error)
            add_location(error, where, self._began)


def has_location(error: BaseException, where: str) -> bool:
    """Tell whether the note of an exception has this place."""
    with suppress(Exception):  # the class of the exception may do anything
        return any(place.where == where for place in _read(error)[1])
    return False


def leave_run(error: BaseException, runnable: object, since: int) -> None:
    """Tidy an exception that leaves the run of a runnable: its traceback and its note.

    Args:
        error: the exception.
        runnable: the runnable whose run it leaves.
        since: `clock.now` when the run began.
    """
    trim_traceback(error, runnable)
    with suppress(Exception):  # the class of the exception may do anything
        notes, places = _read(error)
        if places and places[0].added <= since:
            _write(error, notes, tuple(place for place in places if place.added > since))
            _cut(error.__traceback__)


def _read(error: BaseException) -> tuple[list[Any], tuple[_Place, ...]]:
    """Return the notes of an exception, and the places in the last of them if it is ours."""
    notes: list[Any] = getattr(error, "__notes__", None) or []
    if notes and type(notes[-1]) is _Note:
        return notes, notes[-1].places
    return notes, ()


def _write(error: BaseException, notes: list[Any], places: tuple[_Place, ...]) -> None:
    """Put these places into the last note, or into a new one, or remove the note."""
    if not isinstance(cast("object", notes), list):
        return  # notes of another kind are not ours to change
    others = notes[:-1] if notes and type(notes[-1]) is _Note else notes
    # a new list, as one on the class would be that of all its exceptions
    set_attribute(error, "__notes__", [*others, *([_Note.of(places)] if places else [])])


def set_attribute(error: BaseException, name: str, value: object) -> None:
    """Set an attribute of an exception; where its class does not let us, do nothing."""
    with suppress(Exception):
        # not by the `__setattr__` of its class, which may refuse: a frozen dataclass does
        BaseException.__setattr__(error, name, value)


def _cut(traceback: TracebackType | None) -> None:
    for _ in range(_MOST_FRAMES):
        if traceback is None:
            return
        traceback = traceback.tb_next
    if traceback is not None:
        traceback.tb_next = None


_MOST_GROUPS: Final = 16
"""The most groups in a row of causes: each raise of one object would add another."""


def chain_errors(errors: Sequence[ErrorT], title: str) -> ErrorT:
    """Make the other errors the cause of the first, as a group, and return the first.

    The cause that the first error had becomes the cause of the group.
    """
    first = errors[0]
    others = [error for error in errors if error is not first]
    if others:
        group = ExceptionGroup(title, others)
        group.__cause__ = first.__cause__
        set_attribute(first, "__cause__", group)
        last: BaseException | None = group
        for _ in range(_MOST_GROUPS - 1):
            last = last.__cause__ if isinstance(last, ExceptionGroup) else None
        if last is not None:
            last.__cause__ = None
    return first


_OURS: Final = frozenset({"runnables", "runnables_providers"})
_ENTRY_POINTS: Final = frozenset({"invoke", "ainvoke", "batch", "abatch"})


def trim_traceback(error: BaseException, level: object = None) -> None:
    """Drop the library's own frames below the current one: one for each level is enough.

    Frames are dropped up to the next frame of user code, or the next call of a runnable other than
    `level`. An error that the library itself raises keeps its last frame.
    """
    current: TracebackType | None = None
    with suppress(Exception):
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
