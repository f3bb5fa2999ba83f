"""Functions of a conversation that can also be steps of a chain."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, overload

from runnables.compose.functions import RunnableLambda
from runnables.core.values import Value, show
from runnables.messages.base import BaseMessage  # noqa: TC001 - RunnableLambda reads annotations
from runnables.messages.convert import MessagesLike  # noqa: TC001 - as above

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable

P = ParamSpec("P")


class FunctionOrStep(Protocol[P]):
    """A function of a conversation and options, or of the options alone."""

    @overload
    def __call__(
        self, messages: MessagesLike, *args: P.args, **kwargs: P.kwargs
    ) -> list[BaseMessage]: ...

    @overload
    def __call__(
        self, messages: None = None, *args: P.args, **kwargs: P.kwargs
    ) -> Runnable[MessagesLike, list[BaseMessage]]: ...


def also_a_step(
    function: Callable[Concatenate[MessagesLike, P], list[BaseMessage]],
) -> FunctionOrStep[P]:
    """Let a function be called without messages: it then returns a runnable with its options.

    Args:
        function: its options are keywords, and it checks them before it looks at the messages.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(messages: MessagesLike | None = None, *args: P.args, **options: P.kwargs) -> Any:
        if messages is not None:
            return function(messages, *args, **options)
        function([], *args, **options)  # wrong options are an error here, not at the first use
        bound = signature.bind([], *args, **options)
        bound.apply_defaults()
        del bound.arguments["messages"]
        step = _Step(call, bound.arguments)
        return RunnableLambda(step, name=function.__name__, blocking=False)

    return call


class _Step(Value):
    """A function with its options: a value that compares, prints and pickles."""

    def __init__(self, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
        self.function = function
        self.options = dict(options)

    def __call__(self, messages: MessagesLike) -> list[BaseMessage]:
        result: list[BaseMessage] = self.function(messages, **self.options)
        return result

    def __repr__(self) -> str:
        shown = [f"{name}={show(value)}" for name, value in self.options.items() if value]
        return f"{self.function.__name__}({', '.join(shown)})"
