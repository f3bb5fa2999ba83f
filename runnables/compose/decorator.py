"""`@chain`: a function as a runnable, as a decorator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, overload

from runnables.compose.functions import RunnableLambda
from runnables.engine.merging import DELTAS, Merge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from runnables.core.config import RunnableConfig

In = TypeVar("In")
Out = TypeVar("Out")

if TYPE_CHECKING:
    Given: TypeAlias = Callable[[In], Out] | Callable[[In, RunnableConfig], Out]


class Decorator(Protocol):
    """What `@chain(...)` gives: it makes a runnable of the function below it."""

    @overload
    def __call__(self, func: Given[In, Iterator[Out]], /) -> RunnableLambda[In, Out]: ...
    @overload
    def __call__(self, func: Given[In, AsyncIterator[Out]], /) -> RunnableLambda[In, Out]: ...
    @overload
    def __call__(self, func: Given[In, Awaitable[Out]], /) -> RunnableLambda[In, Out]: ...
    @overload
    def __call__(self, func: Given[In, Out], /) -> RunnableLambda[In, Out]: ...
    def __call__(self, func: Callable[..., Any], /) -> RunnableLambda[Any, Any]: ...


@overload
def chain(func: Given[In, Iterator[Out]], /) -> RunnableLambda[In, Out]: ...
@overload
def chain(func: Given[In, AsyncIterator[Out]], /) -> RunnableLambda[In, Out]: ...
@overload
def chain(func: Given[In, Awaitable[Out]], /) -> RunnableLambda[In, Out]: ...
@overload
def chain(func: Given[In, Out], /) -> RunnableLambda[In, Out]: ...
@overload
def chain(
    *,
    name: str | None = None,
    blocking: bool = True,
    merge: Merge | str | Callable[[list[Any]], Any] = DELTAS,
) -> Decorator: ...
def chain(
    func: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    blocking: bool = True,
    merge: Merge | str | Callable[[list[Any]], Any] = DELTAS,
) -> Any:
    """Make a runnable of a function, as a decorator; its calls inside belong to its run.

    Args:
        func: the function; left out where the decorator is given keywords, `@chain(merge=sum)`.
        name: what observers call it; the function's name by default.
        blocking: as of `RunnableLambda`.
        merge: how the pieces of a generator add up; as of `RunnableLambda`.
    """

    def decorate(function: Callable[..., Any]) -> RunnableLambda[Any, Any]:
        return RunnableLambda(function, name=name, blocking=blocking, merge=merge)

    return decorate if func is None else decorate(func)
