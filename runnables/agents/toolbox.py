"""The tools of an agent: they run the model's requests, and errors become messages for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from runnables.compose.runnable import Runnable
from runnables.core.error_notes import add_location
from runnables.errors import (
    ConfigError,
    SyncAsyncError,
    ToolArgumentsError,
    ToolException,
    did_you_mean,
)
from runnables.messages.roles import ToolMessage
from runnables.tools.function_tool import StructuredTool
from runnables.tools.results import as_content
from runnables.tools.runnable_tool import RunnableTool, tool_inside

if TYPE_CHECKING:
    from runnables.agents.conversation import ToolRequest
    from runnables.core.config import RunnableConfig
    from runnables.tools.base import BaseTool


class Toolbox:
    """The tools of an agent, by name.

    Args:
        tools: tools, other runnables, functions; dicts for tools on the provider's servers.
        handle_errors: whether the model gets every error of a tool, not only those that are meant
            for it.

    Attributes:
        offered: the tools that the model is bound to.
        runnables: the runnables of those that run here, by name.

    Raises:
        ConfigError: something that is no tool, or two tools of one name.
    """

    def __init__(self, tools: Iterable[Any], *, handle_errors: bool) -> None:
        self.offered: list[Any] = []
        self.runnables: dict[str, Runnable[Any, Any]] = {}
        self._tools: dict[str, BaseTool[Any]] = {}
        self._handle_errors = handle_errors
        for tool in tools:
            self._add(tool)

    def _add(self, value: Any) -> None:
        if isinstance(value, Mapping) and "type" in value and value["type"] != "function":
            self.offered.append(value)
            return
        runnable = _as_runnable(value)
        tool = tool_inside(runnable)
        if tool is None:
            runnable = tool = RunnableTool[Any](runnable)
        name = tool.get_name()
        if name in self._tools:
            raise ConfigError(f"Two tools have the name {name!r}; the model could not say which.")
        self.offered.append(runnable)
        self.runnables[name], self._tools[name] = runnable, tool

    def run(self, request: ToolRequest, config: RunnableConfig | None) -> ToolMessage:
        """Run the tool of a request; return its result, or an error that the model may know.

        Raises:
            Exception: the error of a tool, if it is not for the model.
        """
        if problem := self._problem(request):
            return _failure(request, problem)
        tool = self.runnables[request["name"] or ""]
        try:
            return _result(request, tool.invoke(request, config))
        except Exception as error:
            return self._error_message(request, error)

    async def arun(self, request: ToolRequest, config: RunnableConfig | None) -> ToolMessage:
        """Do what `run` does, async."""
        if problem := self._problem(request):
            return _failure(request, problem)
        tool = self.runnables[request["name"] or ""]
        try:
            return _result(request, await tool.ainvoke(request, config))
        except Exception as error:
            return self._error_message(request, error)

    def _problem(self, request: ToolRequest) -> str:
        """Return why a request cannot be run, in words for the model; empty where it can."""
        name = request["name"] or ""
        if name not in self._tools:
            known = ", ".join(self._tools) or "none"
            return (
                f"There is no tool {name!r}.{did_you_mean(name, self._tools)} Known tools: {known}."
            )
        args: object = request["args"]
        if not isinstance(args, Mapping):
            reason = cast("Any", request).get("error") or "they are no JSON object"
            return f"The arguments of the call of {name!r} cannot be read: {reason}"
        if hidden := self._tools[name].injected_args & cast("Mapping[str, Any]", args).keys():
            return f"The tool {name!r} has no argument {sorted(hidden)[0]!r}."
        return ""

    def _error_message(self, request: ToolRequest, error: Exception) -> ToolMessage:
        """Return the message for an error of a tool; raise one that is not for the model."""
        if isinstance(error, (ToolException, ToolArgumentsError)):
            return _failure(request, str(error) or type(error).__name__)
        if self._handle_errors and not isinstance(error, (SyncAsyncError, ConfigError)):
            return _failure(request, f"{type(error).__name__}: {error}")
        add_location(error, tool_label(request))
        raise error

    def ends(self, requests: Sequence[ToolRequest], results: Sequence[ToolMessage]) -> bool:
        """Tell whether these results end the work: all of `return_direct` tools, and no error."""
        tools = [self._tools.get(request["name"] or "") for request in requests]
        succeeded = all(result.status == "success" for result in results)
        return succeeded and all(tool is not None and tool.return_direct for tool in tools)


def tool_label(request: ToolRequest) -> str:
    """Return the name of a tool call, for error notes and tags."""
    return f'tool "{request["name"]}"'


def _result(request: ToolRequest, result: Any) -> ToolMessage:
    """Return the message for the result of a tool, which may be one already."""
    if isinstance(result, ToolMessage):
        return result
    call_id, name = request["id"] or "", request["name"]
    return ToolMessage(as_content(result), tool_call_id=call_id, name=name)


def _failure(request: ToolRequest, problem: str) -> ToolMessage:
    call_id, name = request["id"] or "", request["name"]
    return ToolMessage(problem, tool_call_id=call_id, name=name, status="error")


def _as_runnable(value: Any) -> Runnable[Any, Any]:
    if isinstance(cast("object", value), Runnable):
        return cast("Runnable[Any, Any]", value)
    if isinstance(value, type) or not callable(value):
        raise ConfigError(
            f"{value!r} cannot be a tool of an agent: expected a tool, a runnable or a function, "
            "or a dict of a tool that the provider's own server runs."
        )
    return StructuredTool.from_function(cast("Callable[..., Any]", value))
