"""`@chain`, the decorator that makes a runnable of a function."""

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
    Function: TypeAlias = Callable[[In], Out] | Callable[[In, RunnableConfig], Out]


class Decorator(Protocol):
    """The decorator that `@chain(...)` returns: it makes a runnable of a function."""

    @overload
    def __call__(self, func: Function[In, Iterator[Out]], /) -> RunnableLambda[In, Out]: ...
    @overload
    def __call__(self, func: Function[In, AsyncIterator[Out]], /) -> RunnableLambda[In, Out]: ...
    @overload
    def __call__(self, func: Function[In, Awaitable[Out]], /) -> RunnableLambda[In, Out]: ...
    @overload
    def __call__(self, func: Function[In, Out], /) -> RunnableLambda[In, Out]: ...
    def __call__(self, func: Callable[..., Any], /) -> RunnableLambda[Any, Any]: ...


@overload
def chain(func: Function[In, Iterator[Out]], /) -> RunnableLambda[In, Out]: ...
@overload
def chain(func: Function[In, AsyncIterator[Out]], /) -> RunnableLambda[In, Out]: ...
@overload
def chain(func: Function[In, Awaitable[Out]], /) -> RunnableLambda[In, Out]: ...
@overload
def chain(func: Function[In, Out], /) -> RunnableLambda[In, Out]: ...
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
    """Make a runnable of a function, as a decorator.

    The runnables that the function calls run below it: they get its config, and their events name
    it as the parent.

    Args:
        func: the function; left out where the decorator has keywords, `@chain(merge=sum)`.
        name: the name in events and error notes; by default that of the function.
        blocking: whether the function may take long; see `RunnableLambda`.
        merge: how the chunks of a generator add up; see `RunnableLambda`.

    Example:
        >>> @chain
        ... def initials(name: str) -> str:
        ...     return "".join(word[0] for word in name.split())
        >>> initials.invoke("Ada Lovelace")
        'AL'
    """

    def decorate(function: Callable[..., Any]) -> RunnableLambda[Any, Any]:
        return RunnableLambda(function, name=name, blocking=blocking, merge=merge)

    return decorate if func is None else decorate(func)
