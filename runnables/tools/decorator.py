"""`@tool`, a decorator that makes a tool of a function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast, overload

from runnables.compose.runnable import Runnable
from runnables.errors import ConfigError
from runnables.tools.function_tool import StructuredTool
from runnables.tools.runnable_tool import RunnableTool

if TYPE_CHECKING:
    from runnables.tools.approval import NeedsApproval
    from runnables.tools.arguments import ArgsSchema
    from runnables.tools.base import BaseTool, ErrorHandling, ResponseFormat

Out = TypeVar("Out")


class ToolMaker(Protocol):
    """A decorator that makes a tool, returned by `@tool(...)`."""

    @overload
    def __call__(self, func: Runnable[Any, Out], /) -> RunnableTool[Out]: ...
    @overload
    def __call__(self, func: Callable[..., Awaitable[Out]], /) -> StructuredTool[Out]: ...
    @overload
    def __call__(self, func: Callable[..., Out], /) -> StructuredTool[Out]: ...
    def __call__(self, func: Any, /) -> Any: ...


class PairToolMaker(Protocol):
    """A decorator for a function that returns pairs, of which the tool returns the first."""

    @overload
    def __call__(
        self, func: Callable[..., Awaitable[tuple[Out, Any]]], /
    ) -> StructuredTool[Out]: ...
    @overload
    def __call__(self, func: Callable[..., tuple[Out, Any]], /) -> StructuredTool[Out]: ...
    def __call__(self, func: Any, /) -> Any: ...


@overload
def tool(name_or_callable: str, runnable: Runnable[Any, Out], /) -> RunnableTool[Out]: ...
@overload
def tool(name_or_callable: Callable[..., Awaitable[Out]], /) -> StructuredTool[Out]: ...
@overload
def tool(name_or_callable: Callable[..., Out], /) -> StructuredTool[Out]: ...
@overload
def tool(
    name_or_callable: str | None = None,
    /,
    *,
    response_format: Literal["content_and_artifact"],
    description: str | None = None,
    return_direct: bool = False,
    args_schema: ArgsSchema | None = None,
    infer_schema: bool = True,
    parse_docstring: bool | None = None,
    error_on_invalid_docstring: bool = True,
    handle_tool_error: ErrorHandling = False,
    handle_validation_error: ErrorHandling = False,
    needs_approval: NeedsApproval = False,
) -> PairToolMaker: ...
@overload
def tool(
    name_or_callable: str | None = None,
    /,
    *,
    description: str | None = None,
    return_direct: bool = False,
    args_schema: ArgsSchema | None = None,
    infer_schema: bool = True,
    response_format: Literal["content"] = "content",
    parse_docstring: bool | None = None,
    error_on_invalid_docstring: bool = True,
    handle_tool_error: ErrorHandling = False,
    handle_validation_error: ErrorHandling = False,
    needs_approval: NeedsApproval = False,
) -> ToolMaker: ...
def tool(
    name_or_callable: Any = None,
    runnable: Runnable[Any, Any] | None = None,
    /,
    *,
    description: str | None = None,
    return_direct: bool = False,
    args_schema: ArgsSchema | None = None,
    infer_schema: bool = True,
    response_format: ResponseFormat = "content",
    parse_docstring: bool | None = None,
    error_on_invalid_docstring: bool = True,
    handle_tool_error: ErrorHandling = False,
    handle_validation_error: ErrorHandling = False,
    needs_approval: NeedsApproval = False,
) -> Any:
    """Make a tool of a function, as a decorator: `@tool`, `@tool("name")`, `@tool(...)`.

    The model sees the function's name, its docstring, and its parameters with their types.

    Args:
        name_or_callable: the function, or a name for the tool; the function's own by default.
        runnable: a runnable that becomes the tool of that name: `tool("name", runnable)`.
        description: tells the model what the tool is for; by default, the docstring up to its
            first section.
        return_direct: whether its answer ends the work of an agent.
        args_schema: the schema of the arguments, in place of the signature: a pydantic model, or
            a JSON schema, of which only the names are checked.
        infer_schema: whether to read the signature; with False the tool takes one string. Not for
            runnables.
        response_format: "content_and_artifact" for a function that returns pairs of content for
            the model and an artifact for the program.
        parse_docstring: whether to read the descriptions of the arguments from the docstring. By
            default they are read; True also requires that they are parameters; False makes the
            whole docstring the description. Not for runnables.
        error_on_invalid_docstring: whether `parse_docstring=True` also requires an `Args:`
            section. Not for runnables.
        handle_tool_error: how a `ToolException` is handled: False raises it; True returns its
            message to the model; a string is returned in its place; a function of the error
            returns the answer.
        handle_validation_error: how arguments that do not fit are handled; the same values.
        needs_approval: which of its calls an agent runs only when a person has approved them: all
            (True, or a string that tells why), none, or those for which a function of the dict of
            the arguments returns True or the reason.

    Raises:
        ConfigError: neither a function nor a name.

    Example:
        >>> @tool
        ... def add(a: int, b: int) -> int:
        ...     '''Add two numbers.'''
        ...     return a + b
        >>> add.name, add.description, add.args["a"]
        ('add', 'Add two numbers.', {'title': 'A', 'type': 'integer'})
        >>> add.invoke({"a": 1, "b": 2})
        3
        >>> add.invoke(tool_call(name="add", args={"a": 1, "b": 2}, id="call_1")).content
        '3'
    """
    name = name_or_callable if isinstance(name_or_callable, str) else None
    options: dict[str, Any] = {
        "name": name,
        "description": description,
        "return_direct": return_direct,
        "args_schema": args_schema,
        "response_format": response_format,
        "handle_tool_error": handle_tool_error,
        "handle_validation_error": handle_validation_error,
        "needs_approval": needs_approval,
    }

    def make(function: Any) -> BaseTool[Any]:
        if isinstance(function, Runnable):
            return RunnableTool[Any](function, **options)
        return StructuredTool.from_function(
            function,
            infer_schema=infer_schema,
            parse_docstring=parse_docstring,
            error_on_invalid_docstring=error_on_invalid_docstring,
            **options,
        )

    if runnable is not None:
        if name is None or not isinstance(cast("object", runnable), Runnable):
            raise ConfigError(
                f"tool({name_or_callable!r}, {runnable!r}): expected a name and a runnable. "
                'Write @tool, @tool("name"), or tool("name", runnable).'
            )
        return make(runnable)
    if name is not None or name_or_callable is None:
        return make
    return make(name_or_callable)
