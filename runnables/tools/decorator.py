"""`@tool`: a function as a tool, as a decorator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast, overload

from runnables.compose.runnable import Runnable
from runnables.errors import ConfigError
from runnables.tools.function_tool import StructuredTool
from runnables.tools.runnable_tool import RunnableTool

if TYPE_CHECKING:
    from runnables.tools.arguments import ArgsSchema
    from runnables.tools.base import BaseTool, Handle, ResponseFormat

Out = TypeVar("Out")


class ToolMaker(Protocol):
    """What `@tool(...)` gives: it makes a tool of the function below it."""

    @overload
    def __call__(self, func: Runnable[Any, Out], /) -> RunnableTool[Out]: ...
    @overload
    def __call__(self, func: Callable[..., Awaitable[Out]], /) -> StructuredTool[Out]: ...
    @overload
    def __call__(self, func: Callable[..., Out], /) -> StructuredTool[Out]: ...
    def __call__(self, func: Any, /) -> Any: ...


class PairToolMaker(Protocol):
    """What `@tool(response_format="content_and_artifact")` gives: the first of a pair comes out."""

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
    handle_tool_error: Handle = False,
    handle_validation_error: Handle = False,
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
    handle_tool_error: Handle = False,
    handle_validation_error: Handle = False,
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
    handle_tool_error: Handle = False,
    handle_validation_error: Handle = False,
) -> Any:
    """Make a tool of a function, as a decorator: `@tool`, `@tool("name")`, `@tool(...)`.

    Args:
        name_or_callable: the function, or a name for the tool; the function's own by default.
        runnable: a runnable that becomes the tool of that name: `tool("name", runnable)`.
        description: what the model is told of it; by default, what the docstring says.
        return_direct: as of `StructuredTool`, like all that follow.
        args_schema: likewise.
        infer_schema: likewise; not of runnables.
        response_format: likewise.
        parse_docstring: likewise; not of runnables.
        error_on_invalid_docstring: likewise; not of runnables.
        handle_tool_error: likewise.
        handle_validation_error: likewise.

    Raises:
        ConfigError: neither a function nor a name.
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
