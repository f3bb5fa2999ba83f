"""Functions as runnables: sync, async, generators, and those that return a runnable."""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from runnables.compose.returned import require_function, returned_runnable
from runnables.compose.runnable import Runnable
from runnables.core.config import (
    OUTER_SCOPES,
    RunnableConfig,
    Scope,
    activate,
    current_scope,
    scope_here,
)
from runnables.core.missing_input import NOT_GIVEN, may_lack_input
from runnables.core.signatures import (
    argument_type,
    arguments,
    getter_keys,
    is_async,
    is_generator,
    is_plain,
    result_type,
    target,
)
from runnables.core.stops import raise_without_stop
from runnables.core.typevars import Input, Output
from runnables.core.user_code import aiterate_in_scope, iterate_in_scope, one_deeper
from runnables.core.values import show
from runnables.engine.bridge import iterate_in_threads
from runnables.engine.cancellation import raise_if_cancelled
from runnables.engine.collect import acollect, collect
from runnables.engine.merging import DELTAS, SNAPSHOTS, Merge, as_merge
from runnables.engine.stream import AsyncStream, Stream, StreamInfo, owned
from runnables.engine.thread_calls import to_thread
from runnables.errors import SyncAsyncError

if TYPE_CHECKING:
    from pydantic import BaseModel

In = TypeVar("In", bound=Any)  # or pyright takes the argument of a lambda for a bare object
Out = TypeVar("Out", bound=Any)


class RunnableLambda(Runnable[Input, Output], internal=True):
    """A function as a runnable.

    The function takes the input, and `config` where it has a parameter of that name. It may be
    sync or async. It may be a generator function, whose chunks are then the stream. Where it
    returns a runnable, that one runs on the same input.

    Args:
        func: the function, sync or async.
        afunc: its async counterpart, where `func` is sync.
        name: the name in events and error notes; by default that of the function.
        blocking: whether the sync function may take long. An async call then runs it in a worker
            thread; with False, in place, which is right for what takes microseconds.
        merge: how the chunks of a generator add up: "add", "last", or a function of their list.

    Raises:
        TypeError: something that is no function, or a runnable already; an `afunc` that is not
            async.
        SyncAsyncError: when called, a sync call of an async function.
        RecursionLimitError: when called, functions that return runnables without end.

    Example:
        >>> count = RunnableLambda(len)
        >>> count.invoke("abc"), count.batch(["a", "bc"])
        (3, [1, 2])
        >>> def spell(word: str):
        ...     yield from word
        >>> list(RunnableLambda(spell).stream("abc"))
        ['a', 'b', 'c']
    """

    func: Callable[..., Any] | None
    afunc: Callable[..., Any] | None

    @overload
    def __init__(
        self: RunnableLambda[In, Out],
        func: Callable[[In], Iterator[Out]] | Callable[[In, RunnableConfig], Iterator[Out]],
        afunc: Callable[..., Any] | None = None,
        name: str | None = None,
        *,
        blocking: bool = True,
        merge: Merge | str | Callable[[list[Any]], Any] = DELTAS,
    ) -> None: ...
    @overload
    def __init__(
        self: RunnableLambda[In, Out],
        func: Callable[[In], AsyncIterator[Out]]
        | Callable[[In, RunnableConfig], AsyncIterator[Out]],
        afunc: Callable[..., Any] | None = None,
        name: str | None = None,
        *,
        blocking: bool = True,
        merge: Merge | str | Callable[[list[Any]], Any] = DELTAS,
    ) -> None: ...
    @overload
    def __init__(
        self: RunnableLambda[In, Out],
        func: Callable[[In], Awaitable[Out]] | Callable[[In, RunnableConfig], Awaitable[Out]],
        afunc: Callable[..., Any] | None = None,
        name: str | None = None,
        *,
        blocking: bool = True,
        merge: Merge | str | Callable[[list[Any]], Any] = DELTAS,
    ) -> None: ...
    @overload
    def __init__(
        self: RunnableLambda[In, Out],
        func: Callable[[In], Out] | Callable[[In, RunnableConfig], Out],
        afunc: Callable[..., Any] | None = None,
        name: str | None = None,
        *,
        blocking: bool = True,
        merge: Merge | str | Callable[[list[Any]], Any] = DELTAS,
    ) -> None: ...
    def __init__(
        self,
        func: Callable[..., Any],
        afunc: Callable[..., Any] | None = None,
        name: str | None = None,
        *,
        blocking: bool = True,
        merge: Merge | str | Callable[[list[Any]], Any] = DELTAS,
    ) -> None:
        require_function(func)
        if afunc is not None and not is_async(afunc):
            raise TypeError(f"RunnableLambda(afunc={show(afunc)}): expected an async function")
        only_async = afunc is None and is_async(func)
        self.func = None if only_async else func
        self.afunc = func if only_async else afunc
        self.name = name
        self.blocking = blocking
        self.merge = as_merge(merge)
        self._read_signatures()

    def _is_blocking(self) -> bool:
        return self.blocking or self.afunc is not None

    def _read_signatures(self) -> None:
        # the function itself, where a call without config and options needs nothing else
        self._direct: Callable[..., Output] | None = self.func if is_plain(self.func) else None
        self._adirect: Callable[..., Awaitable[Output]] | None = (
            self.afunc if is_plain(self.afunc) else None
        )
        self._in_place = self._direct is not None and not self.blocking and self.afunc is None

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._read_signatures()

    def __repr__(self) -> str:
        return f"RunnableLambda({show(self.func or self.afunc)})"

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the name that is set, or that of the function."""
        function = getattr(self.func or self.afunc, "__name__", "RunnableLambda")
        base = name or self.name or ("RunnableLambda" if function == "<lambda>" else function)
        return super().get_name(suffix, name=base)

    @property
    def InputType(self) -> Any:
        """Return the annotated type of the function's first parameter."""
        annotated = argument_type(cast("Any", self.func or self.afunc))
        return super().InputType if annotated is Any else annotated

    @property
    def OutputType(self) -> Any:
        """Return the annotated type of the function's result; of a generator, what it yields.

        Any where a function adds up what a generator yields.
        """
        is_known = self.merge is DELTAS or self.merge is SNAPSHOTS
        annotated = result_type(cast("Any", self.func or self.afunc)) if is_known else Any
        return super().OutputType if annotated is Any else annotated

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the schema of the annotated type; of an `itemgetter`, that of its keys."""
        from runnables.core.schemas import fields_schema

        keys = getter_keys(self.func)
        if not keys:
            return super().get_input_schema(config)
        return fields_schema(self.get_name("input"), dict.fromkeys(keys, Any))

    def _missing_keys(self, keys: frozenset[str]) -> frozenset[str]:
        return frozenset(getter_keys(self.func)) - keys

    # -- one output

    @may_lack_input
    def invoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Output:
        """Call the function.

        Raises:
            SyncAsyncError: the function is async.
        """
        if config is None and not kwargs and input is not NOT_GIVEN and self._direct is not None:
            scope = scope_here() if OUTER_SCOPES else current_scope()
            if scope is None or not scope.handlers:
                if scope is not None:
                    raise_if_cancelled()
                try:
                    result = self._direct(input)
                except Exception as error:
                    raise_without_stop(error, self)
                    raise
                kind: type = type(result)
                if kind is CoroutineType:
                    self._refuse_coroutine(result)
                elif (returned := returned_runnable(result)) is not None:
                    result = returned.invoke(input, one_deeper(self, scope))
                return result
        return super().invoke(input, config, **kwargs)

    @may_lack_input
    async def ainvoke(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Output:
        """Await the function; a sync one runs in a worker thread, unless `blocking=False`."""
        direct: Any = self._direct if self._in_place else self._adirect
        if config is None and not kwargs and input is not NOT_GIVEN and direct is not None:
            scope = scope_here() if OUTER_SCOPES else current_scope()
            if scope is None or not scope.handlers:
                if scope is not None:
                    raise_if_cancelled()
                try:
                    result: Output = direct(input) if self._in_place else await direct(input)
                except Exception as error:
                    raise_without_stop(error, self)
                    raise
                if (returned := returned_runnable(result)) is not None:
                    result = await returned.ainvoke(input, one_deeper(self, scope))
                return result
        return await super().ainvoke(input, config, **kwargs)

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        result = self._call(self._sync_half("invoke"), value, scope, kwargs)
        if (returned := returned_runnable(result)) is not None:
            return returned.invoke(value, one_deeper(self, scope))
        return self._refuse_coroutine(result)

    def _refuse_coroutine(self, result: Any) -> Any:
        """Return the result of a sync call, which must be no coroutine."""
        if type(result) is CoroutineType:
            result.close()
            raise SyncAsyncError(
                f"{self!r} returned a coroutine to a sync call. Use `ainvoke` instead."
            )
        return result

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        if self.afunc is None:
            result = await self._arun_sync_half(value, scope, kwargs)
        else:
            result = await self._acall(self.afunc, value, scope, kwargs)
        if (returned := returned_runnable(result)) is not None:
            return await returned.ainvoke(value, one_deeper(self, scope))
        return result

    def _call(
        self, function: Callable[..., Any], value: Any, scope: Scope | None, kwargs: dict[str, Any]
    ) -> Any:
        try:
            with activate(scope):
                if scope is not None:
                    raise_if_cancelled()  # again, as a slow thread may be here after the call
                result = function(value, **arguments(function, scope, kwargs))
                if inspect.isgenerator(result) and inspect.isgeneratorfunction(target(function)):
                    return collect(Stream(cast("Any", result), StreamInfo(self.merge, self)))
            return result
        except Exception as error:
            raise_without_stop(error, self)
            raise

    async def _acall(
        self, function: Callable[..., Any], value: Any, scope: Scope | None, kwargs: dict[str, Any]
    ) -> Any:
        try:
            with activate(scope):
                result = function(value, **arguments(function, scope, kwargs))
                if inspect.isasyncgen(result):
                    chunks = AsyncStream(cast("Any", result), StreamInfo(self.merge, self))
                    return await acollect(chunks)
                return await result
        except Exception as error:
            raise_without_stop(error, self)
            raise

    async def _arun_sync_half(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        function = self._sync_half("ainvoke")
        if self.blocking:
            result = await to_thread(self._call, function, value, scope, kwargs)
        else:
            result = self._call(function, value, scope, kwargs)
        return await result if inspect.isawaitable(result) else result

    def _sync_half(self, method: str) -> Callable[..., Any]:
        if self.func is None:
            raise SyncAsyncError(
                f"{self!r} is async, so `{method}` cannot run it. Use `a{method}` instead."
            )
        return self.func

    # -- the output in chunks

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        function = self._sync_half("stream")
        value = collect(input)
        if inspect.isgeneratorfunction(target(function)):
            yield from iterate_in_scope(
                function(value, **arguments(function, scope, kwargs)), scope, info
            )
            return
        result = self._call(function, value, scope, kwargs)
        if (returned := returned_runnable(result)) is not None:
            chunks = returned.stream(value, one_deeper(self, scope))
            if chunks.may_restart:  # no step downstream expects that of a function
                yield collect(chunks)
            else:
                yield from info.delegate_to(chunks)
        else:
            yield result

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        function = self.afunc or self._sync_half("astream")
        value = await acollect(input)
        if is_generator(function):
            chunks = self._agenerate(function, value, scope, kwargs, info)
        else:
            run = self._arun_sync_half if self.afunc is None else partial(self._acall, self.afunc)
            chunks = self._areturned(await run(value, scope, kwargs), value, scope, info)
        try:
            async for chunk in owned(chunks):
                yield chunk
        finally:
            await chunks.aclose()

    def _agenerate(
        self,
        function: Callable[..., Any],
        value: Any,
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        keywords = arguments(function, scope, kwargs)
        if self.afunc is not None:
            return aiterate_in_scope(function(value, **keywords), scope, info)
        return iterate_in_threads(
            lambda: iterate_in_scope(function(value, **keywords), scope, info), info.outer
        )

    async def _areturned(
        self, result: Any, value: Any, scope: Scope | None, info: StreamInfo
    ) -> AsyncGenerator[Any, None]:
        if (returned := returned_runnable(result)) is None:
            yield result
            return
        chunks = returned.astream(value, one_deeper(self, scope))
        if chunks.may_restart:  # no step downstream expects that of a function
            yield await acollect(chunks)
            return
        async with info.delegate_to(chunks):
            async for chunk in owned(chunks):
                yield chunk
