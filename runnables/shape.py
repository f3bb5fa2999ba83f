"""Runnables that shape data on its way: pass on, add keys, pick keys, do the same for each."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runnables.batches import is_many, stand
from runnables.callables import is_async
from runnables.chunks import DELTAS, RESET, SNAPSHOTS, ByIndex, ByKey, Merge
from runnables.concurrency import TaskFanOut, ThreadFanOut
from runnables.functions import RunnableLambda, coerce_to_runnable
from runnables.inline import Inline
from runnables.parallel import RunnableParallel
from runnables.runnable import Runnable
from runnables.streams import (
    ATee,
    Declared,
    Tee,
    aclose,
    acollect,
    ainterleave,
    close,
    collect,
    inner,
    interleave,
    merge_of,
)
from runnables.where import note

if TYPE_CHECKING:
    from runnables.config import Scope

Input = TypeVar("Input", contravariant=True)
Output = TypeVar("Output", covariant=True)
Value = TypeVar("Value")


class _AssignDoor:
    """`RunnablePassthrough.assign(...)` makes a RunnableAssign; on an instance it is the door."""

    def __get__(self, instance: Any, owner: type) -> Callable[..., Any]:
        if instance is None:
            return _assign
        return partial(cast("Any", Runnable).assign, instance)


def _assign(**branches: Any) -> RunnableAssign:
    """A runnable that adds keys to a dict; each is computed from the dict."""
    return RunnableAssign(branches)


class RunnablePassthrough(Runnable[Value, Value], reports=True):
    """Gives its input, chunk by chunk, as it is: the identity of `|`.

    Args:
        func: is called with the whole input, for what it does on the side.
        afunc: the same, async; async runs prefer it.
    """

    def __init__(
        self,
        func: Callable[[Value], Any] | None = None,
        afunc: Callable[[Value], Any] | None = None,
    ) -> None:
        both = func is not None and is_async(func)
        self.func = None if both else func
        self.afunc = func if both else afunc

    if TYPE_CHECKING:  # on the class it makes the runnable itself; on an instance, a pipe

        @classmethod
        def assign(cls, **branches: Any) -> RunnableAssign: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]

    else:
        assign = _AssignDoor()

    def _side(self) -> Runnable[Any, Any] | None:
        function = self.func or self.afunc
        return (
            None
            if function is None
            else RunnableLambda(function, self.afunc if self.func else None)
        )

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        if (side := self._side()) is not None:
            side._invoke(value, scope, kwargs)
        return value

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        if (side := self._side()) is not None:
            await side._ainvoke(value, scope, kwargs)
        return value

    def _transform(
        self, input: Iterable[Any], scope: Scope | None, kwargs: dict[str, Any], declared: Declared
    ) -> Generator[Any, None, None]:
        declared.follow(input)
        side = self._side()
        if side is None:
            yield from input
            return
        seen: list[Any] = []
        for chunk in input:
            seen.append(chunk)
            yield chunk
        side._invoke(_whole(input, seen), scope, kwargs)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        declared: Declared,
    ) -> AsyncGenerator[Any, None]:
        declared.follow(input)
        side = self._side()
        if side is None:
            async for chunk in inner(input):
                yield chunk
            return
        seen: list[Any] = []
        async for chunk in inner(input):
            seen.append(chunk)
            yield chunk
        await side._ainvoke(_whole(input, seen), scope, kwargs)


def _whole(chunks: object, seen: Iterable[Any]) -> Any:
    parts = merge_of(chunks).accumulator()
    for chunk in seen:
        parts.add(chunk)
    return parts.value()


class RunnablePick(Inline[Mapping[str, Any], Output], reports=True):
    """Of a dict, the value of one key, or a dict with some of the keys.

    A key that is not there is left out of a dict, and gives None where it stands alone.

    Args:
        keys: a key, or several.
    """

    def __init__(self, keys: str | Sequence[str]) -> None:
        self.keys = keys if isinstance(keys, str) else list(keys)

    def __repr__(self) -> str:
        return f"RunnablePick({self.keys!r})"

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """The name that was given, or one with the keys in it."""
        keys = self.keys if isinstance(self.keys, str) else ",".join(self.keys)
        return super().get_name(suffix, name=name or self.name or f"RunnablePick<{keys}>")

    def _call(self, input: Any, **kwargs: Any) -> Any:
        if not isinstance(input, Mapping):
            raise TypeError(
                f"{self!r} got a {type(input).__name__}, expected a dict with the key(s) to pick"
            )
        values = cast("Mapping[str, Any]", input)
        if isinstance(self.keys, str):
            return values.get(self.keys)
        return {key: values[key] for key in self.keys if key in values}

    def _transform(
        self, input: Iterable[Any], scope: Scope | None, kwargs: dict[str, Any], declared: Declared
    ) -> Generator[Any, None, None]:
        declared.follow(_Picked(input, self.keys))
        found = False
        for chunk in input:
            for piece in self._pieces(chunk):
                found = True
                yield piece
        if not found:
            yield None if isinstance(self.keys, str) else {}

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        declared: Declared,
    ) -> AsyncGenerator[Any, None]:
        declared.follow(_Picked(input, self.keys))
        found = False
        async for chunk in inner(input):
            for piece in self._pieces(chunk):
                found = True
                yield piece
        if not found:
            yield None if isinstance(self.keys, str) else {}

    def _pieces(self, chunk: Any) -> Iterable[Any]:
        if chunk is RESET:
            return (chunk,)
        if isinstance(self.keys, str):
            self._call(chunk)
            return (chunk[self.keys],) if self.keys in chunk else ()
        return (picked,) if (picked := self._call(chunk)) else ()


class _Picked:
    """How the chunks of a picked key add up: as that key does upstream."""

    def __init__(self, chunks: object, keys: str | list[str]) -> None:
        self._chunks = chunks
        self._keys = keys

    @property
    def merge(self) -> Merge:
        upstream = merge_of(self._chunks)
        if isinstance(self._keys, str) and hasattr(upstream, "merge_of_key"):
            return cast("Merge", cast("Any", upstream).merge_of_key(self._keys))
        return upstream


class RunnableAssign(Runnable[Mapping[str, Any], dict[str, Any]], reports=True):
    """Passes a dict on with further keys, each computed from the dict.

    Streams pass the dict's own chunks on at once; those of the new keys follow as they come.

    Args:
        branches: a mapping of the new keys to runnables or functions, or a RunnableParallel.
    """

    def __init__(self, branches: Mapping[str, Any] | RunnableParallel[Any]) -> None:
        self.mapper: RunnableParallel[Any] = (
            branches if isinstance(branches, RunnableParallel) else RunnableParallel(branches)
        )

    def __repr__(self) -> str:
        inside = ", ".join(f"{key}={it!r}" for key, it in self.mapper.branches.items())
        return f"RunnablePassthrough.assign({inside})"

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """The name that was given, or one with the new keys in it."""
        base = name or self.name or f"RunnableAssign<{','.join(self.mapper.branches)}>"
        return super().get_name(suffix, name=base)

    def _inner(self) -> Iterable[Runnable[Any, Any]]:
        return (self.mapper,)

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        self._check(value)
        return {**value, **self.mapper.invoke(value, _config(scope), **kwargs)}

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        self._check(value)
        return {**value, **await self.mapper.ainvoke(value, _config(scope), **kwargs)}

    def _check(self, value: object) -> None:
        if not isinstance(value, Mapping):
            raise TypeError(
                f"{self!r} got a {type(value).__name__}, expected a dict to add keys to"
            )

    def _transform(
        self, input: Iterable[Any], scope: Scope | None, kwargs: dict[str, Any], declared: Declared
    ) -> Generator[Any, None, None]:
        slots, lend, scope = stand(scope)
        tee = Tee(input, 2)
        merges = declared.follow(_Assigned(input))
        makers = {
            "": partial(self._own, tee),
            "new": partial(self._new, tee, scope, kwargs, merges),
        }
        pairs = interleave(makers, slots, lend=lend)
        try:
            for _, chunk in pairs:
                yield chunk
        finally:
            pairs.close()
            close(input)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        declared: Declared,
    ) -> AsyncGenerator[Any, None]:
        slots, _, scope = stand(scope)
        tee = ATee(input, 2)
        merges = declared.follow(_Assigned(input))
        makers = {
            "": partial(self._aown, tee),
            "new": partial(self._anew, tee, scope, kwargs, merges),
        }
        pairs = ainterleave(makers, slots)
        try:
            async for _, chunk in pairs:
                yield chunk
        finally:
            await pairs.aclose()
            await aclose(input)

    def _own(self, tee: Tee) -> Generator[Any, None, None]:
        chunks = tee.reader(0)
        try:
            for chunk in _by_key(chunks):
                yield from self._others(chunk)
        finally:
            close(chunks)

    async def _aown(self, tee: ATee) -> AsyncGenerator[Any, None]:
        chunks = tee.reader(0)
        try:
            async for chunk in _aby_key(chunks):
                for piece in self._others(chunk):
                    yield piece
        finally:
            await aclose(chunks)

    def _others(self, chunk: Any) -> Iterable[Any]:
        """A chunk of the dict without the keys that are computed anew."""
        if chunk is RESET:
            return (chunk,)
        self._check(chunk)
        kept = {key: value for key, value in chunk.items() if key not in self.mapper.branches}
        return (kept,) if kept or not chunk else ()

    def _new(
        self, tee: Tee, scope: Scope, kwargs: dict[str, Any], merges: _Assigned
    ) -> Generator[Any, None, None]:
        chunks = self.mapper.transform(iter(tee.reader(1)), scope.config, **kwargs)
        merges.new = chunks
        try:
            yield from chunks
        finally:
            chunks.close()

    async def _anew(
        self, tee: ATee, scope: Scope, kwargs: dict[str, Any], merges: _Assigned
    ) -> AsyncGenerator[Any, None]:
        chunks = self.mapper.atransform(aiter(tee.reader(1)), scope.config, **kwargs)
        merges.new = chunks
        try:
            async for chunk in inner(chunks):
                yield chunk
        finally:
            await chunks.aclose()


class _Assigned:
    """How the chunks of a dict with new keys add up: its own as upstream, the new as theirs."""

    def __init__(self, own: object) -> None:
        self.own = own
        self.new: object = None

    @property
    def merge(self) -> Merge:
        return _AssignedMerge(self)


class _AssignedMerge(ByKey):
    def __init__(self, streams: _Assigned) -> None:
        super().__init__({})
        self._streams = streams

    def merge_of_key(self, key: str) -> Merge:
        new = merge_of(self._streams.new)
        if isinstance(new, ByKey) and new.has_key(key):
            return new.merge_of_key(key)
        own = merge_of(self._streams.own)
        if isinstance(own, ByKey):
            return own.merge_of_key(key)
        return DELTAS if own is DELTAS else SNAPSHOTS


def _adds_by_key(chunks: object) -> bool:
    """Whether pieces of a dict can be passed on as they are; else only the whole can."""
    merge = merge_of(chunks)
    return merge is DELTAS or merge is SNAPSHOTS or isinstance(merge, ByKey)


def _by_key(chunks: Iterable[Any]) -> Generator[Any, None, None]:
    seen: list[Any] = []
    for chunk in chunks:
        if _adds_by_key(chunks):
            yield chunk
        else:
            seen.append(chunk)
    if seen:
        yield _whole(chunks, seen)


async def _aby_key(chunks: AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
    seen: list[Any] = []
    async for chunk in inner(chunks):
        if _adds_by_key(chunks):
            yield chunk
        else:
            seen.append(chunk)
    if seen:
        yield _whole(chunks, seen)


class RunnableEach(Runnable[Iterable[Input], Sequence[Output]], reports=True):
    """Runs a runnable on each item of a list; several at once, the outputs in order.

    The stream's chunks are pairs of an item's index and a piece of its output.

    Args:
        bound: the runnable, or what `|` takes for one.
    """

    def __init__(self, bound: Any) -> None:
        self.bound: Runnable[Input, Output] = coerce_to_runnable(bound)

    @property
    def merge(self) -> Merge:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - read only: it follows from what is inside
        """By index; each item as the runnable inside."""
        return ByIndex(self.bound.merge)

    def __repr__(self) -> str:
        return f"({self.bound!r}).map()"

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """The name that was given, or one with that of the runnable inside."""
        base = name or self.name or f"RunnableEach<{self.bound.get_name()}>"
        return super().get_name(suffix, name=base)

    def _inner(self) -> Iterable[Runnable[Any, Any]]:
        return (self.bound,)

    @property
    def InputType(self) -> Any:
        """A list of what the runnable inside takes."""
        return list[self.bound.InputType]  # type: ignore[name-defined]  # a type made at run time

    @property
    def OutputType(self) -> Any:
        """A list of what the runnable inside gives."""
        return list[self.bound.OutputType]  # type: ignore[name-defined]  # likewise

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        slots, lend, scope = stand(scope)

        def work(index: int, item: Any) -> Any:
            try:
                return self.bound.invoke(item, scope.config, **kwargs)
            except Exception as error:
                note(error, f"item {index}")
                raise

        items = self._items(value)
        return ThreadFanOut(work, iter(items), slots, lend=lend).run(len(items))

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        slots, _, scope = stand(scope)

        async def work(index: int, item: Any) -> Any:
            try:
                return await self.bound.ainvoke(item, scope.config, **kwargs)
            except Exception as error:
                note(error, f"item {index}")
                raise

        items = self._items(value)
        return await TaskFanOut(work, iter(items), slots).run(len(items))

    def _items(self, value: Any) -> list[Any]:
        if not is_many(value):
            raise TypeError(f"{self!r} got a {type(value).__name__}, expected a list of inputs")
        return list(value)

    def _transform(
        self, input: Iterable[Any], scope: Scope | None, kwargs: dict[str, Any], declared: Declared
    ) -> Generator[Any, None, None]:
        slots, lend, scope = stand(scope)
        items = self._items(collect(input))
        if not items:
            yield []
            return
        merges = declared.follow(_Each(self.bound.merge))
        makers = {
            at: partial(self._piece, at, item, scope, kwargs, merges)
            for at, item in enumerate(items)
        }
        yield from interleave(makers, slots, lend=lend)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        declared: Declared,
    ) -> AsyncGenerator[Any, None]:
        slots, _, scope = stand(scope)
        items = self._items(await acollect(input))
        if not items:
            yield []
            return
        merges = declared.follow(_Each(self.bound.merge))
        makers = {
            at: partial(self._apiece, at, item, scope, kwargs, merges)
            for at, item in enumerate(items)
        }
        pairs = ainterleave(makers, slots)
        try:
            async for pair in pairs:
                yield pair
        finally:
            await pairs.aclose()

    def _piece(
        self, at: int, item: Any, scope: Scope, kwargs: dict[str, Any], merges: _Each
    ) -> Generator[Any, None, None]:
        chunks = self.bound.stream(item, scope.config, **kwargs)
        merges.streams[at] = chunks
        try:
            yield from chunks
        except Exception as error:
            note(error, f"item {at}")
            raise
        finally:
            close(chunks)

    async def _apiece(
        self, at: int, item: Any, scope: Scope, kwargs: dict[str, Any], merges: _Each
    ) -> AsyncGenerator[Any, None]:
        chunks = self.bound.astream(item, scope.config, **kwargs)
        merges.streams[at] = chunks
        try:
            async for chunk in inner(chunks):
                yield chunk
        except Exception as error:
            note(error, f"item {at}")
            raise
        finally:
            await aclose(chunks)


class _Each:
    """How the items' chunks add up, known as each item begins."""

    def __init__(self, otherwise: Merge) -> None:
        self.streams: dict[int, object] = {}
        self._otherwise = otherwise

    @property
    def merge(self) -> Merge:
        return _EachMerge(self.streams, self._otherwise)


class _EachMerge(ByIndex):
    def __init__(self, streams: Mapping[int, object], otherwise: Merge) -> None:
        super().__init__(otherwise)
        self._streams = streams

    def merge_of_index(self, index: int) -> Merge:
        stream = self._streams.get(index)
        return self.item if stream is None else merge_of(stream)


def _config(scope: Scope | None) -> Any:
    return None if scope is None else scope.config
