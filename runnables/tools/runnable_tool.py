"""Runnables as tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.wrappers import Wrapper
from runnables.core.schemas import fields_schema, is_whole
from runnables.core.subclassing import config_of
from runnables.core.typevars import Output
from runnables.tools.arguments import ArgsSchema, Ready, injected_fields, validated
from runnables.tools.base import BaseTool, Handle, ResponseFormat
from runnables.tools.signature import InjectedToolCallId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel

    from runnables.compose.runnable import Runnable
    from runnables.core.config import Scope
    from runnables.tools.results import ToolInvocation


class RunnableTool(BaseTool[Output], internal=True):
    """A runnable that a model can call by name, with arguments that are checked first.

    Takes and gives what every tool does (`BaseTool`). Options of a call go to the runnable.

    Args:
        bound: the runnable; its input is the arguments, or, where its input is no mapping of
            names, the value of the one argument "input".
        args_schema: a pydantic model of the arguments, or a JSON schema, by which they are not
            checked; by default the runnable's own.
        name: what the model calls it; the runnable's name by default.
        description: what the model is told of it; the function's docstring by default.
        arg_types: the types of the arguments by name, instead of a model.
        return_direct: whether its answer ends the work of an agent.
        response_format: "content_and_artifact" where it gives pairs of what the model gets and
            what the program gets.
        handle_tool_error: what becomes of a `ToolException`: False, it is raised; True, the
            model gets its text; a text; or a function of the error.
        handle_validation_error: what becomes of arguments that do not fit; likewise.

    Raises:
        ToolArgumentsError: when run, arguments that do not fit; a ValueError.
        ValueError: both an `args_schema` and `arg_types`.
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
        handle_tool_error: Handle = False,
        handle_validation_error: Handle = False,
    ) -> None:
        if args_schema is not None and arg_types is not None:
            raise ValueError("as_tool: give an `args_schema` or `arg_types`, not both")
        self.bound: Runnable[Any, Output] = coerce_to_runnable(bound)
        self.arg_types = None if arg_types is None else dict(arg_types)
        super().__init__(
            name=name or _identifier(self.bound.get_name()),
            description=description or _described(self.bound),
            args_schema=args_schema,
            return_direct=return_direct,
            response_format=response_format,
            handle_tool_error=handle_tool_error,
            handle_validation_error=handle_validation_error,
        )

    def __repr__(self) -> str:
        usual = {
            "name": _identifier(self.bound.get_name()),
            "description": _described(self.bound),
        }
        return f"RunnableTool({', '.join([repr(self.bound), *self._unusual(usual)])})"

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (self.bound,)

    def _batch_limit(self) -> int | None:
        return self.bound._batch_limit()

    def _result_type(self) -> Any:
        return self.bound.OutputType

    def _own_schema(self) -> ArgsSchema:
        if self.arg_types is None:
            return self.bound.input_schema
        return fields_schema(self.get_name(), self.arg_types)

    def _run(self, ready: Ready, scope: Scope | None) -> Any:
        value, options = ready
        return self.bound.invoke(value, config_of(scope), **options)

    async def _arun(self, ready: Ready, scope: Scope | None) -> Any:
        value, options = ready
        return await self.bound.ainvoke(value, config_of(scope), **options)

    def _ready(self, asked: ToolInvocation, kwargs: dict[str, Any]) -> Ready:
        schema, given = self.args_schema, asked.given
        if isinstance(schema, dict):
            return given, kwargs
        whole = is_whole(schema)
        if whole and isinstance(given, dict) and set(cast("dict[str, Any]", given)) == {"input"}:
            given = cast("dict[str, Any]", given)["input"]
        if asked.is_call and (ids := injected_fields(schema, InjectedToolCallId)):
            named: dict[str, Any] = {**given, **dict.fromkeys(ids, asked.id)}
            given = named
        checked = validated(self.name, schema, given)
        if schema is not self.bound.InputType:
            return (cast("Any", checked).root if whole else _by_name(checked)), kwargs
        return checked, kwargs


def tool_inside(runnable: Any) -> BaseTool[Any] | None:
    """The tool that policies or bindings stand around, or that this is itself; else None."""
    inside: Any = runnable
    while isinstance(inside, Wrapper):
        inside = cast("Any", inside)._wrapped()
    return cast("Any", inside) if isinstance(inside, BaseTool) else None


def _by_name(checked: BaseModel) -> dict[str, Any]:
    fields = type(checked).model_fields
    return {it.alias or key: getattr(checked, key) for key, it in fields.items()}


def _identifier(name: str) -> str:
    return "".join(it if it.isalnum() or it in "_-" else "_" for it in name).strip("_") or "tool"


def _described(runnable: Runnable[Any, Any]) -> str:
    function = getattr(runnable, "func", None) or getattr(runnable, "afunc", None)
    return (getattr(function, "__doc__", None) or f"Runs {runnable!r}").strip()
