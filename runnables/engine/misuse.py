"""Streams that are used the wrong way: the error says what to write.

Python's own errors say only that an object is not iterable, or cannot be awaited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, NoReturn


class _Unseen(type):
    """A metaclass that leaves the classes of this module out of `__mro__`.

    Whatever has an `__aiter__` or an `__await__` counts as an async iterable or an awaitable: that
    is how web frameworks tell sync from async streams. These methods only raise, so they must not
    count; abstract classes look for them in `__mro__`, and operators do not.
    """

    @property
    def __mro__(cls) -> tuple[type, ...]:
        bases: tuple[type, ...] = type.__dict__["__mro__"].__get__(cls)
        return tuple(base for base in bases if base.__module__ != __name__)


class Ways(NamedTuple):
    """The methods of a runnable that return one kind of stream, and what awaits all of it."""

    item: str
    sync: str
    in_async: str
    whole: str


STREAMED: Final = Ways("chunk", "stream", "astream", "ainvoke")
COMPLETED: Final = Ways("index, output", "batch_as_completed", "abatch_as_completed", "abatch")
EVENTS: Final = Ways("event", "stream_events", "astream_events", "ainvoke")

_ASYNC: Final = (
    "This stream is async. Write `async for {item} in chain.{in_async}(...)` (and `async with` to "
    "close it), or `for {item} in chain.{sync}(...)` in sync code."
)
_SYNC: Final = (
    "This stream is sync. Write `for {item} in chain.{sync}(...)` (and `with` to close it), or "
    "`async for {item} in chain.{in_async}(...)` in async code."
)
_AWAITED: Final = (
    "A stream is not awaited. Write `async for {item} in chain.{in_async}(...)`, or, for the whole "
    "output, `await chain.{whole}(...)`."
)

if TYPE_CHECKING:  # checkers find these mistakes themselves, as long as they see no such methods

    class SyncOnly(metaclass=_Unseen):
        """Base of what only sync code can use."""

        __slots__ = ()
        _ways: ClassVar[Ways] = STREAMED

    class AsyncOnly(metaclass=_Unseen):
        """Base of what only async code can use."""

        __slots__ = ()
        _ways: ClassVar[Ways] = STREAMED

else:

    def _refusal(message: str) -> Any:
        def refuse(self: Any, *_: object) -> NoReturn:
            raise TypeError(message.format_map(self._ways._asdict()))

        return refuse

    class SyncOnly(metaclass=_Unseen):
        """Base of what only sync code can use."""

        __slots__ = ()
        _ways: ClassVar[Ways] = STREAMED
        __aiter__ = __anext__ = __aenter__ = __aexit__ = _refusal(_SYNC)
        __await__ = _refusal(_AWAITED)

    class AsyncOnly(metaclass=_Unseen):
        """Base of what only async code can use."""

        __slots__ = ()
        _ways: ClassVar[Ways] = STREAMED
        __iter__ = __next__ = __enter__ = __exit__ = _refusal(_ASYNC)
        __await__ = _refusal(_AWAITED)
