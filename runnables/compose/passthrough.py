"""Steps that pass their input on, or pick keys of it."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    Collection,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from runnables.compose.assign import RunnableAssign, whole_of
from runnables.compose.functions import RunnableLambda
from runnables.compose.non_blocking import NonBlockingStep
from runnables.compose.runnable import Runnable
from runnables.compose.typevars import Output, Result
from runnables.core.description import SEQUENCE_OUTPUT, Keys
from runnables.core.options import refuse_options
from runnables.core.signatures import is_async, takes_branches
from runnables.engine.addable import dict_chunk
from runnables.engine.merging import RESET, Merge
from runnables.engine.stream import StreamInfo, merge_of, raw_iterator
from runnables.errors import RunnablesError, did_you_mean

if TYPE_CHECKING:
    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig, Scope


class MissingKeyError(RunnablesError, KeyError):
    """An error of a step whose input has no such key."""

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError would show the message in quotes


class _AssignMethod:
    """A descriptor: `assign` of the class, or of an instance.

    `RunnablePassthrough.assign(...)` is a RunnableAssign. `RunnablePassthrough().assign(...)` is a
    pipe that ends with one.
    """

    def __get__(self, instance: Any, owner: type) -> Callable[..., Any]:
        if instance is None:
            return _assign
        return partial(cast("Any", Runnable).assign, instance)


@takes_branches
def _assign(**branches: Any) -> RunnableAssign:
    """Return a runnable that adds keys to a dict.

    Args:
        **branches: by key, a runnable or function that computes the value from the dict.
    """
    return RunnableAssign(branches)


class RunnablePassthrough(Runnable[Result, Result], internal=True):
    """A step that returns its input as it is, chunk by chunk: the identity of `|`.

    It is of use in a dict of steps, where one key is the input itself. `RunnablePassthrough.assign`
    adds keys to a dict instead.

    Args:
        func: a function of the whole input that is called for its side effects.
        afunc: its async counterpart; async calls prefer it.

    Example:
        >>> both = {"text": RunnablePassthrough(), "size": len} | RunnablePassthrough()
        >>> both.invoke("abc")
        {'text': 'abc', 'size': 3}
        >>> RunnablePassthrough.assign(size=lambda values: len(values["text"])).invoke(
        ...     {"text": "abc"}
        ... )
        {'text': 'abc', 'size': 3}
    """

    def __init__(
        self,
        func: Callable[[Result], Any] | None = None,
        afunc: Callable[[Result], Any] | None = None,
    ) -> None:
        only_async = func is not None and is_async(func)
        self.func = None if only_async else func
        self.afunc = func if only_async else afunc

    # On the class it makes the runnable itself; on an instance, a pipe. Hence the ignores below:
    # for a checker, a classmethod overrides a method of another kind.
    if TYPE_CHECKING:

        @classmethod
        def assign(cls, **branches: Any) -> RunnableAssign: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - see above

    else:
        assign = _AssignMethod()

    @property
    def streams_input(self) -> bool:
        """Return True: chunks pass through as they come."""
        return True

    def _is_blocking(self) -> bool:
        return self.func is not None or self.afunc is not None

    def _input_schema_given_next(
        self, following: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        return following()

    def _output_schema_given_previous(
        self, preceding: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        return preceding()

    def _output_keys(self, keys: Keys) -> Keys:
        return keys if self.func is None and self.afunc is None else None  # it may add some

    def _side_effect(self, kwargs: dict[str, Any]) -> Runnable[Any, Any] | None:
        """Return the function as a runnable, where there is one."""
        function = self.func or self.afunc
        if function is None:
            refuse_options(self, kwargs)
            return None
        return RunnableLambda(function, self.afunc if self.func else None)

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        if (effect := self._side_effect(kwargs)) is not None:
            effect._invoke(value, scope, kwargs)
        return value

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        if (effect := self._side_effect(kwargs)) is not None:
            await effect._ainvoke(value, scope, kwargs)
        return value

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        info.delegate_to(input)
        effect = self._side_effect(kwargs)
        if effect is None:
            yield from input
            return
        seen: list[Any] = []
        for chunk in input:
            seen.append(chunk)
            yield chunk
        effect._invoke(whole_of(input, seen), scope, kwargs)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        info.delegate_to(input)
        effect = self._side_effect(kwargs)
        if effect is None:
            async for chunk in raw_iterator(input):
                yield chunk
            return
        seen: list[Any] = []
        async for chunk in raw_iterator(input):
            seen.append(chunk)
            yield chunk
        await effect._ainvoke(whole_of(input, seen), scope, kwargs)


class RunnablePick(NonBlockingStep[Mapping[str, Any], Output], internal=True):
    """A step that picks one value of a dict, or a dict with some of its keys. `pick` makes one.

    A key that the dict does not have is an error, as it is for a dict; in a stream, at its end.

    Args:
        keys: a key, or a list of them.

    Raises:
        TypeError: when run, an input that is no dict.
        MissingKeyError: when run, a dict without a key; a KeyError.

    Example:
        >>> ada = {"name": "Ada", "born": 1815}
        >>> RunnablePick("name").invoke(ada), RunnablePick(["born"]).invoke(ada)
        ('Ada', {'born': 1815})
    """

    def __init__(self, keys: str | Sequence[str]) -> None:
        given: Any = keys
        if not isinstance(given, (str, Iterable)):
            raise TypeError(f"RunnablePick({given!r}): expected a key, or a list of keys.")
        self.keys = keys if isinstance(keys, str) else list(keys)

    def __repr__(self) -> str:
        return f"RunnablePick({self.keys!r})"

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the name that is set, or one with the keys in it."""
        keys = self.keys if isinstance(self.keys, str) else ",".join(self.keys)
        return super().get_name(suffix, name=name or self.name or f"RunnablePick<{keys}>")

    @property
    def streams_input(self) -> bool:
        """Return True: keys are picked from chunks as they come."""
        return True

    def _output_schema_given_previous(
        self, preceding: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        from runnables.core.schemas import picked

        return picked(SEQUENCE_OUTPUT, preceding(), self.keys)

    def _output_keys(self, keys: Keys) -> Keys:
        return None if keys is None or isinstance(self.keys, str) else keys.intersection(self.keys)

    def _apply(self, input: Any, **kwargs: Any) -> Any:
        refuse_options(self, kwargs)
        values = self._mapping(input)
        self._require(values)
        if isinstance(self.keys, str):
            return values[self.keys]
        return {key: values[key] for key in self.keys}

    def _mapping(self, input: Any) -> Mapping[str, Any]:
        if not isinstance(input, Mapping):
            raise TypeError(
                f"{self!r} got a {type(input).__name__}, expected a dict with the key(s) to pick"
            )
        return cast("Mapping[str, Any]", input)

    def _require(self, known: Collection[str]) -> None:
        """Refuse a dict that lacks a key."""
        for key in [self.keys] if isinstance(self.keys, str) else self.keys:
            if key not in known:
                names = [str(name) for name in known]
                raise MissingKeyError(
                    f"{self!r} found no key {key!r} in its input.{did_you_mean(key, names)} "
                    f"It has: {', '.join(map(repr, names)) or 'none'}."
                )

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        refuse_options(self, kwargs)
        picked = info.delegate_to(_Picked(input, self.keys))
        known: dict[str, None] = {}
        for chunk in input:
            yield from self._parts_of(chunk, known, picked)
        self._require(known)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        refuse_options(self, kwargs)
        picked = info.delegate_to(_Picked(input, self.keys))
        known: dict[str, None] = {}
        async for chunk in raw_iterator(input):
            for part in self._parts_of(chunk, known, picked):
                yield part
        self._require(known)

    def _parts_of(self, chunk: Any, known: dict[str, None], streams: _Picked) -> Iterable[Any]:
        """Return the picked part of a chunk, or nothing where it has none; a reset as it is.

        Args:
            chunk: the chunk.
            known: the keys so far, to which those of the chunk are added.
            streams: how the parts of dicts are added.
        """
        if chunk is RESET:
            known.clear()
            return (chunk,)
        values = self._mapping(chunk)
        known.update(dict.fromkeys(values))
        if isinstance(self.keys, str):
            return (values[self.keys],) if self.keys in values else ()
        picked = {key: values[key] for key in self.keys if key in values}
        return (dict_chunk(picked, streams.merge),) if picked else ()


class _Picked:
    """The merge of a picked key: the one that the key has upstream."""

    def __init__(self, chunks: object, keys: str | list[str]) -> None:
        self._chunks = chunks
        self._keys = keys

    @property
    def merge(self) -> Merge:
        upstream = merge_of(self._chunks)
        if isinstance(self._keys, str) and hasattr(upstream, "merge_of_key"):
            return cast("Merge", cast("Any", upstream).merge_of_key(self._keys))
        return upstream
