"""Tools made of runnables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.wrappers import Wrapper
from runnables.core.schemas import fields_schema, is_whole
from runnables.core.subclassing import config_of
from runnables.core.typevars import Output
from runnables.messages.tool_names import service_name
from runnables.tools.arguments import (
    ArgsSchema,
    CheckedArguments,
    hidden_names,
    injected_fields,
    validated,
)
from runnables.tools.base import BaseTool, ErrorHandling, ResponseFormat
from runnables.tools.signature import InjectedToolCallId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel

    from runnables.compose.runnable import Runnable
    from runnables.core.config import Scope
    from runnables.tools.approval import NeedsApproval
    from runnables.tools.results import ToolInvocation


class RunnableTool(BaseTool[Output], internal=True):
    """A runnable that a model can call by name, with arguments that are checked first.

    It takes and returns what every tool does (`BaseTool`). Options of a call go to the runnable.

    Args:
        bound: the runnable; its input is the dict of the arguments, or, where its input type is no
            dict, the value of the one argument "input".
        args_schema: a pydantic model of the arguments, or a JSON schema, by which they are not
            checked; by default the runnable's own.
        name: the name by which the model calls it; the runnable's name by default.
        description: tells the model what the tool is for; the function's docstring by default.
        arg_types: the types of the arguments by name, in place of a model.
        return_direct: whether its answer ends the work of an agent.
        response_format: "content_and_artifact" where the runnable returns pairs of content for the
            model and an artifact for the program.
        handle_tool_error: how a `ToolException` is handled: False raises it; True returns its
            message to the model; a string is returned in its place; a function of the error
            returns the answer.
        handle_validation_error: how arguments that do not fit are handled; the same values.
        needs_approval: see `BaseTool`.

    Raises:
        ToolArgumentsError: when run, arguments that do not fit; a ValueError.
        ValueError: both an `args_schema` and `arg_types`.

    Example:
        >>> chain = ChatPromptTemplate.from_template("Tell a joke about {topic}.") | str
        >>> joke = RunnableTool(chain, name="joke", description="Tell a joke.")
        >>> list(joke.args)
        ['topic']
        >>> RunnableLambda(len).as_tool(name="length").invoke({"input": "ahoy"})
        4
    """

    def __init__(
        self,
        bound: Any,
        *,
        args_schema: ArgsSchema | None = None,
        name: str | None = None,
        description: str | None = None,
        arg_types: Mapping[str, Any] | None = None,
        return_direct: bool = False,
        response_format: ResponseFormat = "content",
        handle_tool_error: ErrorHandling = False,
        handle_validation_error: ErrorHandling = False,
        needs_approval: NeedsApproval = False,
    ) -> None:
        if args_schema is not None and arg_types is not None:
            raise ValueError("as_tool: pass an `args_schema` or `arg_types`, not both")
        self.bound: Runnable[Any, Output] = coerce_to_runnable(bound)
        self.arg_types = None if arg_types is None else dict(arg_types)
        self._set_up(
            name=name or self.bound.get_name(),
            description=description or _default_description(self.bound),
            args_schema=args_schema,
            return_direct=return_direct,
            response_format=response_format,
            handle_tool_error=handle_tool_error,
            handle_validation_error=handle_validation_error,
            needs_approval=needs_approval,
        )

    def __repr__(self) -> str:
        defaults = {
            "name": service_name(self.bound.get_name()),
            "description": _default_description(self.bound),
        }
        return f"RunnableTool({', '.join([repr(self.bound), *self._keywords(defaults)])})"

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (self.bound,)

    def _batch_limit(self) -> int | None:
        return self.bound._batch_limit()

    @property
    def injected_args(self) -> frozenset[str]:
        """Return the names of the arguments that the program passes and the model never sees."""
        return hidden_names(self._arguments_schema)

    def _result_type(self) -> Any:
        return self.bound.OutputType

    def _inferred_schema(self) -> ArgsSchema | None:
        schema = self._arguments_schema
        return schema if isinstance(schema, dict) or not is_whole(schema) else None

    def _own_schema(self) -> ArgsSchema:
        if self.arg_types is None:
            return self.bound.input_schema
        return fields_schema(self.get_name(), self.arg_types, needs_json=True)

    def _with_injected(self, schema: type[BaseModel]) -> type[BaseModel]:
        return schema

    def _call(self, arguments: CheckedArguments, scope: Scope | None) -> Any:
        value, options = arguments
        return self.bound.invoke(value, config_of(scope), **options)

    async def _acall(self, arguments: CheckedArguments, scope: Scope | None) -> Any:
        value, options = arguments
        return await self.bound.ainvoke(value, config_of(scope), **options)

    def _check_arguments(
        self, invocation: ToolInvocation, kwargs: dict[str, Any]
    ) -> CheckedArguments:
        schema = self._arguments_schema
        value = invocation.arguments
        if isinstance(schema, dict):
            return value, kwargs
        is_root = is_whole(schema)
        if is_root and isinstance(value, dict) and set(cast("dict[str, Any]", value)) == {"input"}:
            value = cast("dict[str, Any]", value)["input"]
        if invocation.is_call and (ids := injected_fields(schema, InjectedToolCallId)):
            named: dict[str, Any] = {**value, **dict.fromkeys(ids, invocation.id)}
            value = named
        checked = validated(self.name, schema, value)
        if schema is not self.bound.InputType:
            return (cast("Any", checked).root if is_root else _by_name(checked)), kwargs
        return checked, kwargs


def tool_inside(runnable: Any) -> BaseTool[Any] | None:
    """Return the tool that policies or bindings wrap, or a tool itself; None for all others."""
    inner: Any = runnable
    while isinstance(inner, Wrapper):
        inner = cast("Any", inner)._wrapped()
    return cast("Any", inner) if isinstance(inner, BaseTool) else None


def _by_name(checked: BaseModel) -> dict[str, Any]:
    fields = type(checked).model_fields
    return {field.alias or name: getattr(checked, name) for name, field in fields.items()}


def _default_description(runnable: Runnable[Any, Any]) -> str:
    function = getattr(runnable, "func", None) or getattr(runnable, "afunc", None)
    return (getattr(function, "__doc__", None) or f"Runs {runnable!r}").strip()
