"""Runnables around another one, whose types and chunks are as that one's."""

from __future__ import annotations

import functools
import inspect
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from runnables.compose.runnable import Runnable
from runnables.compose.typevars import Input, Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig
    from runnables.engine.merging import Merge


class Wrapper(Runnable[Input, Output], internal=True):
    """Base of what stands around one runnable and says of itself what that one says."""

    def _wrapped(self) -> Runnable[Input, Output]:
        """The runnable that this one is like."""
        raise NotImplementedError

    @property
    def merge(self) -> Merge:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - read only: it follows from the runnable inside
        """As the runnable inside; a stream adds up as the one that gives it."""
        return self._wrapped().merge

    @property
    def InputType(self) -> Any:
        """That of the runnable inside."""
        return self._wrapped().InputType

    @property
    def OutputType(self) -> Any:
        """That of the runnable inside."""
        return self._wrapped().OutputType

    def _batch_limit(self) -> int | None:
        return self._wrapped()._batch_limit()

    @property
    def _accepted_type(self) -> Any:
        return self._wrapped()._accepted_type

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """That of the runnable inside."""
        return self._wrapped().get_input_schema(config)

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """That of the runnable inside."""
        return self._wrapped().get_output_schema(config)

    def _input_schema_given_next(
        self, following: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        return self._wrapped()._input_schema_given_next(following, config)

    def _output_schema_given_previous(
        self, preceding: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        return self._wrapped()._output_schema_given_previous(preceding, config)

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (self._wrapped(),)


class ForwardingWrapper(Wrapper[Input, Output], internal=True):
    """Base of what stands around one runnable, and lends its attributes and methods.

    Where a method makes a runnable, what stands around stands around that one, too: a model
    with a retry, and then with tools, is a model with tools and a retry.
    """

    def __getattr__(self, name: str) -> Any:
        """An attribute of the runnable inside."""
        if name.startswith("_") or not vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        found = getattr(self._wrapped(), name)
        is_method = inspect.ismethod(found) or isinstance(found, _Forwarded)
        return _Forwarded(self, found, name) if is_method else found

    @abstractmethod
    def _rewrap(self, made: Any, call: MethodCall) -> Runnable[Any, Any]:
        """The same around what a call of a method of the runnable inside has made."""


class _Forwarded:
    """A method of the runnable inside, which may stand inside of several others."""

    def __init__(
        self, owner: ForwardingWrapper[Any, Any], method: Callable[..., Any], name: str
    ) -> None:
        self._owner = owner
        self._method = method
        self._name = name
        functools.update_wrapper(self, method, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        made = self._method(*args, **kwargs)
        if not isinstance(made, Runnable):
            return made
        return self._owner._rewrap(made, MethodCall(self._name, args, kwargs))


class MethodCall:
    """A call of a method by name, which can be made of other runnables, too."""

    def __init__(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.name = name
        self.args = args
        self.kwargs = kwargs

    def apply_to(self, runnable: Any) -> Any:
        """Call it on this runnable.

        Raises:
            AttributeError: it has no such method.
        """
        return getattr(runnable, self.name)(*self.args, **self.kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MethodCall) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        given = [repr(it) for it in self.args]
        given += [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f".{self.name}({', '.join(given)})"
