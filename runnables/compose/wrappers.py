"""Bases of runnables that wrap another one, and have its types and chunks."""

from __future__ import annotations

import functools
import inspect
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, cast

from runnables.compose.runnable import Runnable
from runnables.compose.typevars import Input, Output
from runnables.redaction import hide, hide_in_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig
    from runnables.engine.merging import Merge


class Wrapper(Runnable[Input, Output], internal=True):
    """Base of runnables that wrap one runnable, and describe themselves as it does."""

    def _wrapped(self) -> Runnable[Input, Output]:
        """Return the runnable inside."""
        raise NotImplementedError

    @property
    def merge(self) -> Merge:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - read only: it follows from the runnable inside
        """Return how its chunks add up: as those of the runnable inside."""
        return self._wrapped().merge

    @property
    def InputType(self) -> Any:
        """Return the input type of the runnable inside."""
        return self._wrapped().InputType

    @property
    def OutputType(self) -> Any:
        """Return the output type of the runnable inside."""
        return self._wrapped().OutputType

    def _batch_limit(self) -> int | None:
        return self._wrapped()._batch_limit()

    @property
    def _accepted_type(self) -> Any:
        return self._wrapped()._accepted_type

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the input schema of the runnable inside."""
        return self._wrapped().get_input_schema(config)

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the output schema of the runnable inside."""
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
    """Base of wrappers that forward to the attributes and methods of the runnable inside.

    Where a method returns a runnable, the wrapper is put around that one: a model with a retry,
    and then with tools, is a model with tools and a retry.
    """

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the runnable inside; a method that wraps what it returns."""
        if name.startswith("_") or not vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        found = getattr(self._wrapped(), name)
        is_method = inspect.ismethod(found) or isinstance(found, _Forwarded)
        return _Forwarded(self, found, name) if is_method else found

    def _call_inside(self, method: Callable[..., Any], call: MethodCall) -> Any:
        """Call a method of the runnable inside."""
        return method(*call.args, **call.kwargs)

    def _innermost(self, config: RunnableConfig | None) -> Runnable[Any, Any]:
        """Return the runnable that this config chooses, without what is wrapped around it."""
        return innermost(self._wrapped(), config)

    @abstractmethod
    def _rewrap(self, made: Any, call: MethodCall) -> Runnable[Any, Any]:
        """Return this wrapper around the runnable that a call of a method inside has returned."""


class _Forwarded:
    """A method of the runnable inside, which may itself be a wrapper."""

    def __init__(
        self, owner: ForwardingWrapper[Any, Any], method: Callable[..., Any], name: str
    ) -> None:
        self._owner = owner
        self._method = method
        self._name = name
        functools.update_wrapper(self, method, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        call = MethodCall(self._name, args, kwargs)
        made = self._owner._call_inside(self._method, call)
        return self._owner._rewrap(made, call) if isinstance(made, Runnable) else made


def innermost(runnable: Runnable[Any, Any], config: RunnableConfig | None) -> Runnable[Any, Any]:
    """Return the runnable that this config chooses, without what is wrapped around it."""
    return runnable._innermost(config) if isinstance(runnable, ForwardingWrapper) else runnable


class MethodCall:
    """A call of a method, which can be applied to other runnables too."""

    def __init__(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.name = name
        self.args = args
        self.kwargs = kwargs

    @property
    def config(self) -> RunnableConfig | None:
        """Return the config among the arguments: a dict with a dict at "configurable"."""
        for value in (*self.args, *self.kwargs.values()):
            config = cast("RunnableConfig", value if isinstance(value, dict) else {})
            if isinstance(config.get("configurable"), dict):
                return config
        return None

    def apply_to(self, runnable: Any) -> Any:
        """Call the method of this runnable.

        Raises:
            AttributeError: it has no such method.
        """
        return getattr(runnable, self.name)(*self.args, **self.kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MethodCall) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        shown = [repr(value) for value in self.args]
        shown += [f"{key}={hide(value, key)!r}" for key, value in self.kwargs.items()]
        return hide_in_text(f".{self.name}({', '.join(shown)})")
