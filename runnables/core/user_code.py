"""The scope of users' code: the config that it receives, iteration, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import ref

from runnables.core.config import (
    CURRENT_SCOPE,
    DEFAULT_RECURSION_LIMIT,
    RunnableConfig,
    Scope,
    check_config,
    check_handlers,
    ensure_scope,
)
from runnables.core.run_handlers import RunHandlers
from runnables.core.spans import spans_in, spans_of
from runnables.core.stops import without_stop
from runnables.engine.cancellation import raise_if_cancelled
from runnables.engine.contexts import Steps
from runnables.engine.slots import Slots
from runnables.engine.stream import aclose, close, owned
from runnables.errors import RecursionLimitError

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        AsyncIterator,
        Generator,
        Iterable,
        Iterator,
        Mapping,
    )
    from contextvars import Token

    from runnables.engine.stream import StreamInfo


_COPIED: Final[Mapping[str, type]] = {"tags": list, "metadata": dict, "configurable": dict}


class UserConfig(Scope):
    """A copy of a scope for users' code, which may change it and pass it on.

    What is written into it reaches only the calls that it is passed to. `config[key]` returns the
    default of a known key that is not set.
    """

    __slots__ = ("__weakref__",)

    def __init__(self, outer: Scope | None) -> None:
        super().__init__(outer)
        for key, copy in _COPIED.items():
            if key in self:
                super().__setitem__(key, copy(self[key]))
        if self.handlers or "callbacks" in self:
            self._list_handlers(self.handlers)

    def _list_handlers(self, handlers: Any) -> None:
        """Show handlers as a list that can be changed, and passed on to another library."""
        shown = RunHandlers(handlers, self.parents, self.path, ref(self))
        shown.own = self.own_handlers
        super().__setitem__("callbacks", shown)

    def take_handlers(self, handlers: RunHandlers) -> None:
        """Use what users' code has made of the list."""
        self.handlers = check_handlers(list(handlers))
        self.own_handlers = check_handlers(handlers.own)

    def __missing__(self, key: str) -> Any:
        check_config({key: None})
        if key in _COPIED:
            return self.setdefault(key, _COPIED[key]())
        if key == "callbacks":
            self._list_handlers(())
            return self[key]
        return {
            "run_name": self.next_name,
            "run_id": self.next_id,
            "max_concurrency": None if self.slots is None else self.slots.limit,
            "recursion_limit": DEFAULT_RECURSION_LIMIT,
        }[key]

    def __setitem__(self, key: str, value: Any) -> None:
        check_config({key: value})
        if key == "callbacks":
            self.handlers = check_handlers(value or ())
            if isinstance(value, (list, tuple)):
                self._list_handlers(value)
            else:
                super().__setitem__(key, value)
        elif key == "run_name":
            self.next_name = value
        elif key == "run_id":
            self.next_id = None if value is None else str(value)
        elif key == "max_concurrency":
            if value is not None:
                self.slots = Slots(value, self.slots)
        elif value is None:
            self.pop(key, None)
        else:
            super().__setitem__(key, value)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, after setting it to the default where it is not set."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *others: Any, **more: Any) -> None:
        """Set several keys, as for any dict."""
        values: dict[str, Any] = dict(*others, **more)
        for key, value in values.items():
            self[key] = value

    def __ior__(self, other: Any) -> Any:  # type: ignore[misc]  # a dict's `|` stays as it is
        self.update(other)
        return self


def user_config(scope: Scope | None) -> RunnableConfig:
    """Return a config for users' code, which continues this scope."""
    return UserConfig(scope).config


def ensure_config(config: RunnableConfig | None = None) -> RunnableConfig:
    """Return the config that applies here: this one, merged into that of the call around.

    Args:
        config: a config to merge; by default there is only that of the call around.

    Returns:
        A config in which `tags`, `metadata`, `callbacks`, `recursion_limit` and `configurable`
        are always set. Changing it changes no other call, and it can be passed on.

    Raises:
        ConfigError: an unknown key, or a value of the wrong type.

    Example:
        >>> def tags(_):
        ...     return ensure_config()["tags"]
        >>> RunnableLambda(tags).invoke(1, {"tags": ["draft"]})
        ['draft']
    """
    full = cast("Any", user_config(ensure_scope(config)))
    if "callbacks" not in full:
        full["callbacks"] = None
    for key in ("tags", "metadata", "callbacks", "recursion_limit", "configurable"):
        full.setdefault(key, full[key])
    return cast("RunnableConfig", full)


def one_deeper(runnable: object, scope: Scope | None) -> RunnableConfig:
    """Return the config for a runnable that a function has returned: one level deeper.

    Raises:
        RecursionLimitError: the limit is reached.
    """
    deeper = Scope(scope)
    limit = deeper.get("recursion_limit", DEFAULT_RECURSION_LIMIT)
    deeper.recursion_depth += 1
    if deeper.recursion_depth > limit:
        raise RecursionLimitError(
            f"{runnable!r}: functions have returned runnables {limit} times in a row. "
            "Return a value at last, or raise config['recursion_limit']."
        )
    return deeper.config


OnError = Callable[[Exception], object]


def iterate_in_scope(
    chunks: Iterable[Any], scope: Scope | None, info: StreamInfo, on_error: OnError | None = None
) -> Generator[Any, None, None]:
    """Yield the chunks of a user's iterator, in its scope, and close it.

    What it sets in context variables is its own (see `engine/contexts.py`), and so is a scope that
    it opens, by `with track_usage()`, say.

    Args:
        chunks: the iterator.
        scope: its scope; None: that of its consumer.
        info: the metadata of the stream that these are the chunks of.
        on_error: called with its error, before that is raised.
    """
    items = iter(chunks)
    steps = Steps(info.outer, CURRENT_SCOPE, scope, spans_in(scope))
    is_checked = True
    try:
        raise_if_cancelled()
        while not steps.is_settled:
            steps.enter()
            try:
                chunk = next(items)
            except StopIteration:
                steps.leave(ended=True)
                return
            except BaseException:
                steps.leave(ended=True, closed=True)
                raise
            steps.leave()
            yield chunk
        is_checked = False
        settled = items if scope is None else _with_scope(items, scope)
        try:
            yield from settled
        finally:
            close(settled)  # in the scope
    except Exception as error:
        failure = without_stop(error, info.producer)
        if on_error is not None:
            on_error(failure)
        if failure is not error:
            raise failure from failure.__cause__
        raise
    finally:
        if is_checked:
            steps.enter()
        try:
            close(items)
        finally:
            if is_checked:
                steps.leave(ended=True, closed=True)


async def aiterate_in_scope(
    chunks: AsyncIterable[Any],
    scope: Scope | None,
    info: StreamInfo,
    on_error: OnError | None = None,
) -> AsyncGenerator[Any, None]:
    """Yield the chunks of a user's async iterator; see `iterate_in_scope`."""
    items = aiter(owned(chunks))
    steps = Steps(info.outer, CURRENT_SCOPE, scope, spans_in(scope))
    is_checked = True
    try:
        raise_if_cancelled()
        while not steps.is_settled:
            steps.enter()
            try:
                chunk = await anext(items)
            except StopAsyncIteration:
                steps.leave(ended=True)
                return
            except BaseException:
                steps.leave(ended=True, closed=True)
                raise
            steps.leave()
            yield chunk
        is_checked = False
        settled = items if scope is None else owned(_awith_scope(items, scope))
        try:
            async for chunk in settled:
                yield chunk
        finally:
            await aclose(settled)  # in the scope
    except Exception as error:
        failure = without_stop(error, info.producer)
        if on_error is not None:
            on_error(failure)
        if failure is not error:
            raise failure from failure.__cause__
        raise
    finally:
        if is_checked:
            steps.enter()
        try:
            await aclose(items)
        finally:
            if is_checked:
                steps.leave(ended=True, closed=True)


def _with_scope(items: Iterator[Any], scope: Scope | None) -> Generator[Any, None, None]:
    """Yield the chunks of an iterator that sets nothing but its scope; close it."""
    try:
        while True:
            token = CURRENT_SCOPE.set(scope)
            try:
                with _spans_of(scope):
                    chunk = next(items)
            except StopIteration:
                return
            finally:
                scope = CURRENT_SCOPE.get()  # its own, or one that it has opened meanwhile
                CURRENT_SCOPE.reset(token)
            yield chunk
    finally:
        token = CURRENT_SCOPE.set(scope)
        try:
            with _spans_of(scope):
                close(items)
        finally:
            _restore(token)


async def _awith_scope(items: AsyncIterator[Any], scope: Scope | None) -> AsyncGenerator[Any, None]:
    """Yield the chunks of an async iterator that sets nothing but its scope; close it."""
    try:
        while True:
            token = CURRENT_SCOPE.set(scope)
            try:
                with _spans_of(scope):
                    chunk = await anext(items)
            except StopAsyncIteration:
                return
            finally:
                scope = CURRENT_SCOPE.get()  # its own, or one that it has opened meanwhile
                CURRENT_SCOPE.reset(token)
            yield chunk
    finally:
        token = CURRENT_SCOPE.set(scope)
        try:
            with _spans_of(scope):
                await aclose(items)
        finally:
            _restore(token)


_NO_SPANS: Final = nullcontext()


def _spans_of(scope: Scope | None) -> AbstractContextManager[object]:
    return spans_of(scope) if scope is not None and scope.span_handlers else _NO_SPANS


def _restore(token: Token[Scope | None]) -> None:
    with suppress(ValueError):  # the iterator has gone on in another context, where it is not set
        CURRENT_SCOPE.reset(token)
