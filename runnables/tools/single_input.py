"""`Tool`: a function of one string."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from runnables.core.signatures import is_async
from runnables.core.typevars import Output
from runnables.core.values import show
from runnables.errors import ConfigError
from runnables.tools.arguments import ArgsSchema, CheckedArguments, arguments_error, validated
from runnables.tools.base import BaseTool, ErrorHandling, ResponseFormat
from runnables.tools.function_calls import FunctionCalls, check_functions

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from runnables.core.handlers import Callbacks
    from runnables.tools.approval import NeedsApproval
    from runnables.tools.results import ToolInvocation

_ONLY = "tool_input"
"""The name by which a model writes the string."""


class Tool(BaseTool[Output], internal=True):
    """A function of one string that a model can call by name.

    It takes the string, or a dict with one item, whatever its key; and a tool call, as every tool
    does (`BaseTool`). For a function of more arguments, take `StructuredTool` or `@tool`.

    Args:
        name: the name by which the model calls it.
        func: the function; an async one becomes the `coroutine`. None where there is a `coroutine`.
        description: tells the model what the tool is for.
        coroutine: the async function. Without one, an awaited tool runs `func` in a worker thread.
        return_direct: whether its answer ends the work of an agent.
        args_schema: the schema of the one argument, by which it is checked.
        response_format: see `StructuredTool`.
        handle_tool_error: see `StructuredTool`.
        handle_validation_error: see `StructuredTool`.
        needs_approval: see `BaseTool`.
        tags: see `BaseTool`, as for the next three.
        metadata: see `BaseTool`.
        callbacks: see `BaseTool`.
        verbose: see `BaseTool`.

    Raises:
        ConfigError: no function, or one that needs more than one argument.

    Example:
        >>> search = Tool(name="search", func=lambda query: f"no {query}", description="Search.")
        >>> search.invoke("sails"), search.run({"query": "sails"})
        ('no sails', 'no sails')
        >>> search.args
        {'tool_input': {'type': 'string'}}
    """

    def __init__(
        self,
        name: str,
        func: Callable[..., Output] | None,
        description: str,
        coroutine: Callable[..., Awaitable[Output]] | None = None,
        return_direct: bool = False,
        args_schema: ArgsSchema | None = None,
        *,
        response_format: ResponseFormat = "content",
        handle_tool_error: ErrorHandling = False,
        handle_validation_error: ErrorHandling = False,
        needs_approval: NeedsApproval = False,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        callbacks: Callbacks = None,
        verbose: bool = False,
    ) -> None:
        if func is None and coroutine is None:
            raise ConfigError(f"Tool({name!r}) needs a function: func, coroutine, or both.")
        if func is not None and coroutine is None and is_async(func):
            func, coroutine = None, cast("Any", func)
        check_functions(func, coroutine)
        self.func = func
        self.coroutine = coroutine
        self._set_up(
            name=name,
            description=description,
            args_schema=args_schema,
            return_direct=return_direct,
            response_format=response_format,
            handle_tool_error=handle_tool_error,
            handle_validation_error=handle_validation_error,
            needs_approval=needs_approval,
            tags=tags,
            metadata=metadata,
            callbacks=callbacks,
            verbose=verbose,
        )
        self._check_one()

    @classmethod
    def from_function(
        cls,
        func: Callable[..., Any] | None,
        name: str,
        description: str,
        return_direct: bool = False,
        args_schema: ArgsSchema | None = None,
        coroutine: Callable[..., Awaitable[Any]] | None = None,
        **options: Any,
    ) -> Tool[Any]:
        """Make a tool as the class does.

        Args:
            func: see the class, as for all of these.
            name: see the class.
            description: see the class.
            return_direct: see the class.
            args_schema: see the class.
            coroutine: see the class.
            **options: the other keywords of the class.
        """
        return Tool[Any](name, func, description, coroutine, return_direct, args_schema, **options)

    def __repr__(self) -> str:
        functions = {"func": self.func, "coroutine": self.coroutine}
        shown = [f"{key}={show(value)}" for key, value in functions.items() if value is not None]
        return f"Tool({', '.join([*self._keywords({}), *shown])})"

    def _own_schema(self) -> ArgsSchema:
        return {"type": "object", "properties": {_ONLY: {"type": "string"}}, "required": [_ONLY]}

    @property
    def injected_args(self) -> frozenset[str]:
        """Return the names of arguments that the program passes: none."""
        return frozenset()

    def _check_one(self) -> None:
        """Refuse a function or a schema of several arguments.

        Raises:
            ConfigError: the function needs several, or the schema has none or several.
        """
        needed = self._calls.signature(self._calls.function).required
        if len(needed) > 1 or len(self.args) != 1:
            names = ", ".join(needed if len(needed) > 1 else self.args) or "none"
            raise ConfigError(
                f"Tool({self.name!r}) takes one argument, and this has: {names}. Take "
                "StructuredTool.from_function, or @tool, for a function of several."
            )

    def _check_arguments(
        self, invocation: ToolInvocation, kwargs: dict[str, Any]
    ) -> CheckedArguments:
        for name in kwargs:
            raise ConfigError(f"The tool {self.name!r} takes no option {name!r}.")
        (own_name,) = self.args
        value = invocation.arguments
        if isinstance(value, Mapping):
            named = cast("Mapping[str, Any]", value)
            if len(named) != 1:
                known = ", ".join(map(str, named)) or "none"
                raise arguments_error(self.name, f"expected one argument, got: {known}")
            (value,) = named.values()
        schema = self._arguments_schema
        if isinstance(schema, dict):
            return [value], {}
        checked = validated(self.name, schema, {own_name: value})
        return [getattr(checked, name) for name in type(checked).model_fields], {}

    def _check_by_json_schema(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if len(arguments) != 1:
            return arguments
        return dict(zip(self.args, arguments.values(), strict=True))  # it takes any name

    def _make_calls(self) -> FunctionCalls:
        return FunctionCalls(
            self.get_name(),
            self.func,
            self.coroutine,
            description=self.description,
            args_schema=vars(self)["args_schema"],
            infer_schema=False,
            signatures=self._signatures,
        )
