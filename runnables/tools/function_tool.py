"""Tools made of functions."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.compose.runnable import Runnable
from runnables.core.signatures import is_async, target
from runnables.core.typevars import Output
from runnables.core.values import show
from runnables.errors import ConfigError
from runnables.messages.tool_names import service_name
from runnables.tools.base import BaseTool, ErrorHandling, ResponseFormat
from runnables.tools.docstrings import read_docstring, whole_docstring
from runnables.tools.function_calls import FunctionCalls, check_functions

if TYPE_CHECKING:
    from runnables.core.handlers import Callbacks
    from runnables.tools.approval import NeedsApproval
    from runnables.tools.arguments import ArgsSchema


class StructuredTool(BaseTool[Output], internal=True):
    """A function that a model can call by name, with arguments that are checked first.

    It takes and returns what every tool does (`BaseTool`). The model sees the function's
    parameters, with their types and descriptions; of `**options: Unpack[Options]` it sees the keys,
    and `*items` is a list, where it sees no other parameter.
    It sees neither a parameter that gets the config (`config: RunnableConfig`, `callbacks`,
    `run_manager`) nor one that is annotated as `InjectedToolArg`, whose value is one of the
    arguments or an option of the call.

    Args:
        func: the function; an async one becomes the `coroutine`.
        coroutine: the async function. Without one, an awaited tool runs `func` in a worker thread.
        name: the name by which the model calls it; the function's name by default.
        description: tells the model what the tool is for; by default the docstring up to its first
            section, else the description of the `args_schema`.
        return_direct: whether its answer ends the work of an agent.
        args_schema: the schema of the arguments, in place of the signature: a pydantic model, or
            a JSON schema, of which only the names are checked.
        infer_schema: whether to read the signature; with False the tool takes one string.
        response_format: "content_and_artifact" where the function returns pairs of content for
            the model and an artifact for the program.
        parse_docstring: whether to read the descriptions of the arguments from the docstring. By
            default they are read; True also requires that they are parameters; False makes the
            whole docstring the description.
        error_on_invalid_docstring: whether `parse_docstring=True` also requires an `Args:`
            section.
        handle_tool_error: how a `ToolException` is handled: False raises it; True returns its
            message to the model; a string is returned in its place; a function of the error
            returns the answer.
        handle_validation_error: how arguments that do not fit are handled; the same values.
        needs_approval: see `BaseTool`.
        tags: see `BaseTool`, as for the next three.
        metadata: see `BaseTool`.
        callbacks: see `BaseTool`.
        verbose: see `BaseTool`.

    Raises:
        ConfigError: no function, or one whose parameters no model can write; a ValueError.
        ToolArgumentsError: when run, arguments that do not fit; a ValueError.

    Example:
        >>> def add(a: int, b: int = 1) -> int:
        ...     '''Add two numbers.'''
        ...     return a + b
        >>> plus = StructuredTool(add, name="plus")
        >>> plus.invoke({"a": 2}), plus.invoke({"a": "2", "b": 3})
        (3, 5)
        >>> try:
        ...     plus.invoke({"a": "two"})
        ... except ToolArgumentsError as error:
        ...     print(error)
        The tool 'plus' was called with bad arguments: a: Input should be a valid integer, ...
    """

    def __init__(
        self,
        func: Callable[..., Any] | None = None,
        coroutine: Callable[..., Any] | None = None,
        name: str | None = None,
        description: str | None = None,
        return_direct: bool = False,
        args_schema: ArgsSchema | None = None,
        infer_schema: bool = True,
        *,
        response_format: ResponseFormat = "content",
        parse_docstring: bool | None = None,
        error_on_invalid_docstring: bool = True,
        handle_tool_error: ErrorHandling = False,
        handle_validation_error: ErrorHandling = False,
        needs_approval: NeedsApproval = False,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        callbacks: Callbacks = None,
        verbose: bool = False,
    ) -> None:
        if func is not None and coroutine is None and is_async(func):
            func, coroutine = None, func
        self.func = func
        self.coroutine = coroutine
        self.infer_schema = infer_schema
        self.parse_docstring = parse_docstring
        self.error_on_invalid_docstring = error_on_invalid_docstring
        function = _checked_function(func, coroutine)
        if description is None:
            description = _default_description(function, args_schema, parse_docstring)
        self._set_up(
            name=name or _name_of(function),
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
        self._calls.arguments.check(function)

    @classmethod
    def from_function(
        cls,
        func: Callable[..., Any] | None = None,
        coroutine: Callable[..., Any] | None = None,
        name: str | None = None,
        description: str | None = None,
        return_direct: bool = False,
        args_schema: ArgsSchema | None = None,
        infer_schema: bool = True,
        **options: Any,
    ) -> StructuredTool[Any]:
        """Make a tool as the class does, of a function with a docstring or a description.

        Args:
            func: see the class, as for all of these.
            coroutine: see the class.
            name: see the class.
            description: see the class.
            return_direct: see the class.
            args_schema: see the class.
            infer_schema: see the class.
            **options: the keywords of the class.

        Raises:
            ConfigError: there is no description, and nothing to take one from.
        """
        settings = (func, coroutine, name, description, return_direct, args_schema, infer_schema)
        tool = StructuredTool[Any](*settings, **options)
        if not tool.description and description is None:
            raise ConfigError(
                f"The tool {tool.name!r} has no description, so a model does not know what it is "
                'for. Write a docstring, or pass a description; description="" will do.'
            )
        return tool

    # -- a value

    def __repr__(self) -> str:
        functions = [
            show(function) for function in (self.func, self.coroutine) if function is not None
        ]
        description = _default_description(
            self._function, vars(self)["args_schema"], self.parse_docstring
        )
        defaults = {
            **_DEFAULTS,
            "name": service_name(_name_of(self._function)),
            "description": description,
        }
        return f"StructuredTool({', '.join([*functions, *self._keywords(defaults)])})"

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle a decorated function's tool by name: the function's name leads to the tool."""
        function: Any = self._function
        path = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
        if _find_by_name(*path) is self:
            return _find_by_name, path
        return super().__reduce_ex__(protocol)

    # -- arguments

    @property
    def _function(self) -> Callable[..., Any]:
        return cast("Callable[..., Any]", self.func or self.coroutine)

    def _inferred_schema(self) -> ArgsSchema | None:
        return self._arguments_schema if self.infer_schema else None

    def _make_calls(self) -> FunctionCalls:
        return FunctionCalls(
            self.get_name(),
            self.func,
            self.coroutine,
            description=self.description,
            args_schema=vars(self)["args_schema"],
            infer_schema=self.infer_schema,
            parse_docstring=self.parse_docstring,
            error_on_invalid_docstring=self.error_on_invalid_docstring,
            signatures=self._signatures,
        )


def _checked_function(func: Any, coroutine: Any) -> Callable[..., Any]:
    """Return the function whose signature is the tool's.

    Raises:
        ConfigError: there is no function, or one that cannot be a tool.
    """
    if func is None and coroutine is None:
        raise ConfigError("StructuredTool needs a function: func, coroutine, or both.")
    for function in (func, coroutine):
        if function is None:
            continue
        if isinstance(function, Runnable) or not callable(function):
            raise ConfigError(f"StructuredTool({function!r}): expected a function")
    check_functions(func, coroutine)
    return cast("Callable[..., Any]", func or coroutine)


def _name_of(function: Any) -> str:
    own = getattr(function, "__name__", None) or getattr(target(function), "__name__", None)
    return type(function).__name__ if own in (None, "__call__") else str(own)


def _default_description(
    function: Any, schema: ArgsSchema | None, parse_docstring: bool | None
) -> str:
    """Return the description in a function's docstring, or else in the schema."""
    documented = function if inspect.isroutine(function) else target(function)
    if parse_docstring is False:
        description = whole_docstring(documented)
    else:
        description, _ = read_docstring(documented)
    if description or schema is None:
        return description
    fields: Mapping[str, Any] = schema if isinstance(schema, dict) else vars(schema)
    return inspect.cleandoc(fields.get("description") or fields.get("__doc__") or "")


def _find_by_name(module: str | None, qualname: str | None) -> Any:
    """Return the object with this name in a module; None where there is none."""
    found: Any = importlib.import_module(module) if module and qualname else None
    for part in (qualname or "").split("."):
        found = getattr(found, part, None)
    return found


_DEFAULTS: Final[Mapping[str, Any]] = {
    "infer_schema": True,
    "error_on_invalid_docstring": True,
}
