"""Tools of LangChain as ours.

The tool does all of its own work: it checks the arguments, gets the config and the id of the call,
and handles its errors as it was set to. Its run is ours. A model sees the schema that it would see
of the tool itself; what the tool marks as passed by the program is passed by ours, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, cast

from langchain_core import tools as theirs
from pydantic import BaseModel, ValidationError, create_model

from runnables.errors import ConfigError, SyncAsyncError, ToolException, did_you_mean
from runnables.interop.langchain.open_runs import as_open_run
from runnables.interop.langchain.values import from_value, to_value
from runnables.tools.arguments import ArgsSchema, CheckedArguments, arguments_error
from runnables.tools.base import BaseTool
from runnables.tools.invalid_arguments import missing_argument
from runnables.tools.signature import InjectedToolArg, is_injected

if TYPE_CHECKING:
    from runnables.core.config import Scope
    from runnables.tools.results import ToolInvocation

_BY_THEM: Final = frozenset({"callbacks", "run_manager", "config"})
"""The names that a tool of theirs gets from its own call."""

_OF_FUNCTIONS: Final = (theirs.StructuredTool, theirs.Tool)
"""Their tools that call a function, `func`, or in async calls another, `coroutine`."""


def from_theirs(tool: theirs.BaseTool) -> LangChainTool:
    """Return a tool of LangChain as one of ours.

    Raises:
        ConfigError: its schema is none of pydantic.
    """
    return LangChainTool(tool)


class LangChainTool(BaseTool[Any], internal=True):
    """A tool of LangChain that models and agents of this library can call.

    Its answers, artifacts and errors are what the tool of LangChain gives: a `ToolException` of
    theirs is one of ours, and arguments that do not fit are a `ToolArgumentsError`. A tool of
    LangGraph that returns a `Command` returns it as it is.

    Args:
        original: the tool.

    Attributes:
        original: the tool.
        hidden: the arguments that the model does not see, each with how it is passed: "id" for the
            id of the call, "required" for one that the program must pass, "" for one that it may.
    """

    _adapts: ClassVar[str] = "original"

    def __init__(self, original: theirs.BaseTool) -> None:
        self.original = original
        self.hidden = _hidden_names(original)
        self._set_up(
            name=original.name,
            description=original.description,
            args_schema=_schema_of(original, self.hidden),
            return_direct=original.return_direct,
            response_format=original.response_format,
            # it handles its errors itself
            handle_tool_error=False,
            handle_validation_error=False,
            needs_approval=False,
            tags=original.tags,
            metadata=original.metadata,
        )

    def __repr__(self) -> str:
        return f"LangChainTool({self.name!r}, {type(self.original).__name__})"

    @property
    def injected_args(self) -> frozenset[str]:
        """Return the names of the arguments that the program passes and the model never sees."""
        return frozenset(self.hidden)

    def _result_type(self) -> Any:
        return Any

    def _with_injected(self, schema: type[BaseModel]) -> type[BaseModel]:
        return schema

    def _check_arguments(
        self, invocation: ToolInvocation, kwargs: dict[str, Any]
    ) -> CheckedArguments:
        """Return the input of the tool of LangChain, which checks the arguments itself."""
        for name in kwargs:
            if name not in self.hidden:
                raise ConfigError(
                    f"The tool {self.name!r} takes no option {name!r}."
                    f"{did_you_mean(name, self.hidden)} Options are arguments that the model "
                    f"does not see; here: {', '.join(sorted(self.hidden)) or 'none'}."
                )
        arguments = {**self._by_name(invocation.arguments), **kwargs}
        for name, required in self.hidden.items():
            if required and name not in arguments and not (invocation.is_call and required == "id"):
                raise missing_argument(_missing(self.name, name, required), name)
        named = {name: to_value(value) for name, value in arguments.items()}
        if not invocation.is_call:
            return named, {}
        call = {"type": "tool_call", "name": self.original.name, "args": named}
        return {**call, "id": invocation.id or ""}, {}

    def _by_name(self, value: Any) -> dict[str, Any]:
        """Return the arguments by name; a bare value is that of the only, or only required, one."""
        if isinstance(value, Mapping):
            return dict(cast("Mapping[str, Any]", value))
        schema = self.args_jsonschema
        names = list(schema["properties"])
        if not names and isinstance(value, str):
            return {}
        only: list[str] = names if len(names) == 1 else schema.get("required", [])
        if len(only) != 1:
            known = ", ".join(names) or "none"
            raise arguments_error(
                self.name, f"expected a dict of arguments ({known}), got {value!r}"
            )
        return {only[0]: value}

    def _call(self, arguments: CheckedArguments, scope: Scope | None) -> Any:
        if _is_async(self.original):  # LangChain's own error names neither the tool nor the way out
            raise SyncAsyncError(
                f"The tool {self.name!r} is async, so a sync call cannot run it. Use `ainvoke`."
            )
        try:
            with as_open_run(scope) as config:
                return self.original.invoke(arguments[0], config)
        except (theirs.ToolException, ValidationError) as error:
            raise self._as_ours(error) from error

    async def _acall(self, arguments: CheckedArguments, scope: Scope | None) -> Any:
        try:
            with as_open_run(scope) as config:
                return await self.original.ainvoke(arguments[0], config)
        except (theirs.ToolException, ValidationError) as error:
            raise self._as_ours(error) from error

    def _as_ours(self, error: theirs.ToolException | ValidationError) -> Exception:
        """Return an error that the tool has not handled, as ours where it is one for the model."""
        if isinstance(error, theirs.ToolException):
            return ToolException(*error.args)
        if error.title != _title(self.original):
            return error
        details = error.errors(include_url=False)
        return arguments_error(self.name, "; ".join(map(_shown, details)), details)

    def _answer(self, invocation: ToolInvocation, result: Any) -> Any:
        """Return the result: for a tool call a message, which the tool has made."""
        return from_value(result)


def _is_async(tool: theirs.BaseTool) -> bool:
    """Tell whether a tool has an async function alone, as those of an MCP server have."""
    functions: Any = tool
    return isinstance(tool, _OF_FUNCTIONS) and functions.func is None


def _hidden_names(tool: theirs.BaseTool) -> dict[str, str]:
    """Return the arguments that the model does not see, each with how it is passed.

    That is "id" for one that gets the id of the call, "required" for one that must be passed, and
    an empty string for one that may be.
    """
    hidden: dict[str, str] = {}
    schema: Any = tool.args_schema
    if _is_model(schema):
        for name, field in schema.model_fields.items():
            hint = Annotated[(field.annotation, *field.metadata)] if field.metadata else None
            if is_injected(hint or field.annotation):
                kind = "id" if _gets_id(field.metadata) else "required"
                hidden[field.alias or name] = kind if field.is_required() else ""
    for name in cast("Any", tool)._injected_args_keys:
        hidden.setdefault(name, "id" if name == "tool_call_id" else "")
    return {name: kind for name, kind in hidden.items() if name not in _BY_THEM}


def _gets_id(metadata: list[Any]) -> bool:
    marks = (mark if isinstance(mark, type) else type(mark) for mark in metadata)
    return any(issubclass(mark, theirs.InjectedToolCallId) for mark in marks)


def _schema_of(tool: theirs.BaseTool, hidden: Mapping[str, str]) -> ArgsSchema:
    """Return the schema of a tool's arguments, with marks of ours on those that are hidden.

    A pydantic model stays the base of the result, with its validators. Of any other schema, it is
    the JSON schema of what the model sees.
    """
    schema: Any = tool.args_schema
    if not _is_model(schema):
        return _json_schema(tool)
    fields = {
        name: (Annotated[field.annotation, InjectedToolArg], field)
        for name, field in schema.model_fields.items()
        if (field.alias or name) in hidden
    }
    if not fields:
        return cast("ArgsSchema", schema)
    made: Any = create_model(
        schema.__name__, __base__=schema, __doc__=schema.__doc__, **cast("Any", fields)
    )
    return cast("ArgsSchema", made)


def _json_schema(tool: theirs.BaseTool) -> dict[str, Any]:
    if isinstance(tool, theirs.Tool) and tool.args_schema is None:  # a function of one string
        return {"type": "object", "properties": tool.args, "required": list(tool.args)}
    shown: Any = tool.tool_call_schema
    if isinstance(shown, dict):
        return dict(cast("dict[str, Any]", shown))
    if _is_model(shown):
        return _without_config(shown.model_json_schema())
    return cast("dict[str, Any]", shown.schema())  # a model of pydantic's first version


def _without_config(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a method of a class without what LangChain passes to it, not a model."""
    properties = {key: part for key, part in schema["properties"].items() if key not in _BY_THEM}
    required = [key for key in schema.get("required", ()) if key not in _BY_THEM]
    rest = {key: part for key, part in schema.items() if key not in ("properties", "required")}
    if len(properties) < len(schema["properties"]):
        rest.pop("$defs", None)
    return {**rest, "properties": properties, **({"required": required} if required else {})}


def _is_model(schema: Any) -> bool:
    return isinstance(schema, type) and issubclass(schema, BaseModel)


def _title(tool: theirs.BaseTool) -> str:
    """Return the title of the errors that pydantic raises for arguments of a tool."""
    schema: Any = tool.args_schema
    if not _is_model(schema):
        return ""
    return str(schema.model_config.get("title") or schema.__name__)


def _shown(error: Any) -> str:
    place = ".".join(map(str, error["loc"]))
    return f"{place}: {error['msg']}" if place else str(error["msg"])


def _missing(tool: str, name: str, kind: str) -> str:
    if kind == "id":
        return (
            f"The tool {tool!r} needs the id of a tool call. Invoke it with one: "
            '{"type": "tool_call", "name": ..., "args": {...}, "id": ...}.'
        )
    return (
        f"The tool {tool!r} needs {name!r}, which the program passes: tool.bind({name}=...), or "
        "among the arguments. A graph of LangGraph passes its state, store and runtime itself."
    )
