"""Our tools as LangChain's.

Our tool does all of the work: it checks the arguments and handles its errors as it was set to. What
is an error for the model, LangChain's tool answers with a message of the status "error", as any
other would end LangGraph's `ToolNode`.
"""

from __future__ import annotations

import sys
from copy import copy
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NoReturn, cast, get_args, get_origin

from langchain_core import tools as theirs
from langchain_core.callbacks import (  # at run time: LangChain reads the types of `_run`
    AsyncCallbackManagerForToolRun,  # noqa: TC002
    CallbackManagerForToolRun,  # noqa: TC002
)
from langchain_core.runnables import RunnableConfig  # noqa: TC002
from pydantic import BaseModel, ConfigDict, create_model

from runnables.core.schemas import is_whole
from runnables.errors import ConfigError, ToolArgumentsError, ToolException
from runnables.interop.langchain.border import config_of_ours
from runnables.interop.langchain.messages import to_theirs as message_to_theirs
from runnables.interop.langchain.values import from_value, to_value
from runnables.messages.roles import ToolMessage
from runnables.tools.arguments import data_name
from runnables.tools.runnable_tool import tool_inside
from runnables.tools.signature import InjectedToolCallId, is_injected

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.tools.base import BaseTool


def to_theirs(runnable: Runnable[Any, Any]) -> RunnablesTool:
    """Return one of our tools as a `StructuredTool` of LangChain.

    Args:
        runnable: a tool, also with bindings or policies around it, such as `tool.with_retry()`.

    Raises:
        ConfigError: it needs approval, for which LangChain's agents do not ask.
    """
    tool = cast("BaseTool[Any]", tool_inside(runnable))
    if tool.needs_approval is not False:
        raise ConfigError(
            f"The tool {tool.name!r} needs approval, and LangChain's agents would run it without. "
            "Set its needs_approval to False, and let LangChain ask: "
            f"HumanInTheLoopMiddleware(interrupt_on={{{tool.name!r}: True}})."
        )
    return RunnablesTool(
        original=runnable,
        name=tool.name,
        description=tool.description,
        args_schema=_schema_of(tool),
        return_direct=tool.return_direct,
        tags=tool.tags,
        metadata=tool.metadata,
        handle_tool_error=True,
        response_format="content_and_artifact",
    )


class RunnablesTool(theirs.StructuredTool):
    """A tool of this library that models and agents of LangChain can call.

    Args:
        original: the tool of this library.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    _adapts: ClassVar[str] = "original"

    original: Any
    """The tool of this library, with what is around it."""

    def _to_args_and_kwargs(
        self, tool_input: str | dict[str, Any], tool_call_id: str | None
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return what `_run` gets: the arguments unchecked, and the id of the call."""
        return (tool_input, tool_call_id), {}

    def _run(  # type: ignore[override]  # it gets what the method above returns
        self,
        tool_input: Any,
        tool_call_id: str | None,
        *,
        config: RunnableConfig,
        run_manager: CallbackManagerForToolRun | None = None,
    ) -> Any:
        value = self._input(tool_input, tool_call_id)
        try:
            return _result(self.original.invoke(value, config_of_ours(run_manager, config)))
        except (ToolException, ToolArgumentsError) as error:
            _raise_theirs(error)

    async def _arun(  # type: ignore[override]  # as above
        self,
        tool_input: Any,
        tool_call_id: str | None,
        *,
        config: RunnableConfig,
        run_manager: AsyncCallbackManagerForToolRun | None = None,
    ) -> Any:
        value = self._input(tool_input, tool_call_id)
        try:
            return _result(await self.original.ainvoke(value, config_of_ours(run_manager, config)))
        except (ToolException, ToolArgumentsError) as error:
            _raise_theirs(error)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run the tool."""
        return theirs.BaseTool.invoke(self, input, config, **kwargs)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run the tool in the loop; a `StructuredTool` without `coroutine` runs in a thread."""
        return await theirs.BaseTool.ainvoke(self, input, config, **kwargs)

    # -- pickling: the class of a schema that was made of a function has no module to load it from

    def __getstate__(self) -> dict[Any, Any]:
        """Return what is pickled: a schema only where its class can be loaded again."""
        state = super().__getstate__()
        if not _can_be_loaded(self.args_schema):
            state["__dict__"] = {**state["__dict__"], "args_schema": None}
        return state

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Restore what was pickled; make a missing schema of the tool again."""
        if state["__dict__"]["args_schema"] is None:
            schema = _schema_of(cast("BaseTool[Any]", tool_inside(state["__dict__"]["original"])))
            state = {**state, "__dict__": {**state["__dict__"], "args_schema": schema}}
        super().__setstate__(state)

    def _input(self, tool_input: Any, tool_call_id: str | None) -> Any:
        """Return the input of our tool: the arguments, or the call that they are part of."""
        value = from_value(tool_input)
        if tool_call_id is None:
            return value
        return {"type": "tool_call", "name": self.name, "args": value, "id": tool_call_id}


def _result(result: Any) -> tuple[Any, Any]:
    """Return a result as the pair that LangChain expects.

    A message goes as the content, and has its artifact with it: LangChain passes it on as it is,
    also with the status of an error that our tool has handled.
    """
    if isinstance(result, ToolMessage):
        return message_to_theirs(result), None
    return to_value(result), None


def _raise_theirs(error: Exception) -> NoReturn:
    """Raise an error for the model as LangChain's, which is answered with a message."""
    raise theirs.ToolException(str(error)) from error


def _schema_of(tool: BaseTool[Any]) -> Any:
    """Return the schema of a tool's arguments, with LangChain's marks on those that are hidden.

    The model is made anew with the marks; what LangChain and LangGraph mark themselves, such as the
    state of a graph, keeps its mark.
    """
    schema = tool.get_input_schema()
    if isinstance(tool._arguments_schema, dict) or is_whole(schema):
        return tool.args_jsonschema
    hidden = set(tool.injected_args)
    if not hidden:
        return schema
    hints = _hints_of(tool)
    fields: dict[str, Any] = {}
    for name, field in schema.model_fields.items():
        known = {name, field.alias or name, data_name(name, field)}
        if hidden & known:
            own: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else None
            plain = copy(field)
            plain.metadata = []  # the annotation has them, and LangGraph refuses a mark twice
            fields[name] = (_marked(hints.get(name, own or field.annotation)), plain)
            hidden -= known
    for name in hidden:
        fields[name] = (_marked(hints.get(name, Any)), None)
    return create_model(schema.__name__, __base__=_taking_any(schema), **fields)


def _can_be_loaded(schema: Any) -> bool:
    """Tell whether pickle can load a schema: a dict, or a class that its module has."""
    if not isinstance(schema, type):
        return True
    return getattr(sys.modules.get(schema.__module__), schema.__name__, None) is schema


def _hints_of(tool: BaseTool[Any]) -> dict[str, Any]:
    """Return the annotations of the function of a tool; nothing for a tool of a runnable."""
    if not hasattr(tool, "func"):
        return {}
    calls = tool._calls
    return dict(calls.signature(calls.function)._hints)


def _taking_any(schema: type[BaseModel]) -> type[BaseModel]:
    """Return a model whose fields may have types that pydantic does not know."""
    made: Any = type(schema.__name__, (schema,), {"__doc__": schema.__doc__, "model_config": _ANY})
    return cast("type[BaseModel]", made)


_ANY = ConfigDict(arbitrary_types_allowed=True)


def _marked(hint: Any) -> Any:
    """Return an annotation with LangChain's mark, where it has none of LangChain's."""
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    if any(issubclass(_class_of(mark), theirs.InjectedToolArg) for mark in marks):
        return hint
    if is_injected(hint, InjectedToolCallId):
        return Annotated[hint, theirs.InjectedToolCallId]
    return Annotated[hint, theirs.InjectedToolArg]


def _class_of(mark: Any) -> type:
    return mark if isinstance(mark, type) else type(mark)
