"""Generator functions as runnables: pieces in, pieces out."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from runnables.callables import arguments, is_generator, target
from runnables.chunks import DELTAS, Merge, as_merge
from runnables.custom import adriven, driven
from runnables.errors import ColourError
from runnables.runnable import Runnable
from runnables.schemas import argument_type, result_type
from runnables.streams import (
    AOnce,
    AsyncStream,
    Declared,
    FromHome,
    Once,
    Stream,
    acollect,
    collect,
    in_threads,
    inner,
)
from runnables.values import show

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        AsyncIterator,
        Callable,
        Generator,
        Iterable,
        Iterator,
    )

    from runnables.config import Scope

Input = TypeVar("Input", contravariant=True)
Output = TypeVar("Output", covariant=True)
In = TypeVar("In")
Out = TypeVar("Out")


class RunnableGenerator(Runnable[Input, Output], reports=True):
    """A generator function that takes the input's pieces as they come and yields the output's.

    Args:
        transform: takes an iterator (or an async one, and is then async itself) and yields.
        atransform: its async half, where `transform` is sync.
        name: what observers call it; the function's name by default.
        merge: how what it yields adds up: "add", "last", or a function of the list of pieces.

    Raises:
        TypeError: not a generator function.
    """

    @overload
    def __init__(
        self: RunnableGenerator[In, Out],
        transform: Callable[[Iterator[In]], Iterator[Out]],
        atransform: Callable[[AsyncIterator[In]], AsyncIterator[Out]] | None = None,
        *,
        name: str | None = None,
        merge: Merge | str | Callable[[list[Any]], Any] = DELTAS,
    ) -> None: ...
    @overload
    def __init__(
        self: RunnableGenerator[In, Out],
        transform: Callable[[AsyncIterator[In]], AsyncIterator[Out]],
        atransform: None = None,
        *,
        name: str | None = None,
        merge: Merge | str | Callable[[list[Any]], Any] = DELTAS,
    ) -> None: ...
    def __init__(
        self,
        transform: Callable[..., Any],
        atransform: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        merge: Merge | str | Callable[[list[Any]], Any] = DELTAS,
    ) -> None:
        if not is_generator(transform):
            raise TypeError(
                f"RunnableGenerator({show(transform)}): expected a generator function "
                "(one that takes an iterator and yields). Functions go into RunnableLambda."
            )
        both = atransform is None and inspect.isasyncgenfunction(target(transform))
        self.func = None if both else transform
        self.afunc = transform if both else atransform
        self.name = name
        self.merge = as_merge(merge)

    def __repr__(self) -> str:
        return f"RunnableGenerator({show(self.func or self.afunc)})"

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """The name that was given, or that of the function."""
        base = name or self.name or getattr(self.func or self.afunc, "__name__", None)
        return super().get_name(suffix, name=base)

    @property
    def InputType(self) -> Any:
        """As the pieces are annotated that the function takes."""
        from_annotation = getattr(
            argument_type(cast("Any", self.func or self.afunc)), "__args__", ()
        )
        return from_annotation[0] if from_annotation else Any

    @property
    def OutputType(self) -> Any:
        """As the pieces are annotated that the function yields."""
        return result_type(cast("Any", self.func or self.afunc))

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        if self.func is None:
            raise self._async_only("invoke")
        declared = Declared(self.merge, self)
        chunks = self._transform(Once(value), scope, kwargs, declared)
        return collect(Stream(chunks, declared))

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        declared = Declared(self.merge, self)
        chunks = self._atransform(AOnce(value), scope, kwargs, declared)
        return await acollect(AsyncStream(chunks, declared))

    def _transform(
        self, input: Iterable[Any], scope: Scope | None, kwargs: dict[str, Any], declared: Declared
    ) -> Generator[Any, None, None]:
        if self.func is None:
            raise self._async_only("stream")
        chunks = self.func(iter(input), **arguments(self.func, scope, kwargs))
        return chunks if scope is None else driven(chunks, scope)

    def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        declared: Declared,
    ) -> AsyncGenerator[Any, None]:
        if self.afunc is not None:
            chunks = self.afunc(inner(input), **arguments(self.afunc, scope, kwargs))
            return chunks if scope is None else adriven(chunks, scope)
        function = cast("Callable[..., Any]", self.func)
        pieces = FromHome(aiter(input))
        return in_threads(
            lambda: driven(function(pieces, **arguments(function, scope, kwargs)), scope)
        )

    def _async_only(self, method: str) -> ColourError:
        return ColourError(
            f"{self!r} is async, so `{method}` cannot run it. Use `a{method}` instead."
        )
