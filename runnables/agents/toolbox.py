"""The tools of an agent: who is called, and what the model is told where that fails."""

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
    from runnables.tools.base import BaseTool


class Toolbox:
    """Tools by name.

    Args:
        tools: tools, other runnables, functions; dicts for tools on the provider's servers.
        handle_errors: whether the model is told of every error of a tool, not only of those
            that are meant for it.

    Attributes:
        offered: what the model is told of.
        runnables: what is run, by name.

    Raises:
        ConfigError: something that is no tool, or a name that comes twice.
    """

    def __init__(self, tools: Iterable[Any], *, handle_errors: bool) -> None:
        self.offered: list[Any] = []
        self.runnables: dict[str, Runnable[Any, Any]] = {}
        self._tools: dict[str, BaseTool[Any]] = {}
        self._handle_errors = handle_errors
        for one in tools:
            self._add(one)

    def _add(self, given: Any) -> None:
        if isinstance(given, Mapping) and "type" in given and given["type"] != "function":
            self.offered.append(given)
            return
        runnable = _as_runnable(given)
        tool = tool_inside(runnable)
        if tool is None:
            runnable = tool = RunnableTool[Any](runnable)
        name = tool.get_name()
        if name in self._tools:
            raise ConfigError(f"Two tools have the name {name!r}; the model could not say which.")
        self.offered.append(runnable)
        self.runnables[name], self._tools[name] = runnable, tool

    def choose(self, request: ToolRequest) -> Runnable[Any, Any] | None:
        """Who serves this request; None where nobody can."""
        return None if self.refusal(request) else self.runnables[request["name"] or ""]

    def refusal(self, request: ToolRequest) -> str:
        """What the model is told of a request that cannot be served; empty where it can."""
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

    def rejection(self, request: ToolRequest) -> ToolMessage:
        """The answer to a request that cannot be served."""
        return self._failed(request, self.refusal(request))

    def answer(self, request: ToolRequest, result: Any) -> ToolMessage:
        """The answer of a tool, also of one that gave no message."""
        if isinstance(result, ToolMessage):
            return result
        call_id, name = request["id"] or "", request["name"]
        return ToolMessage(as_content(result), tool_call_id=call_id, name=name)

    def error_message(self, request: ToolRequest, error: Exception) -> ToolMessage:
        """The answer where a tool has failed.

        Raises:
            Exception: the error itself, where it is not for the model to know.
        """
        if isinstance(error, (ToolException, ToolArgumentsError)):
            return self._failed(request, str(error) or type(error).__name__)
        if self._handle_errors and not isinstance(error, (SyncAsyncError, ConfigError)):
            return self._failed(request, f"{type(error).__name__}: {error}")
        add_location(error, where(request))
        raise error

    def ends(self, requests: Sequence[ToolRequest], answers: Sequence[ToolMessage]) -> bool:
        """Whether these answers are the last word: all of tools that say so, and no error."""
        tools = [self._tools.get(it["name"] or "") for it in requests]
        good = all(answer.status == "success" for answer in answers)
        return good and all(tool is not None and tool.return_direct for tool in tools)

    def _failed(self, request: ToolRequest, said: str) -> ToolMessage:
        return ToolMessage(
            said, tool_call_id=request["id"] or "", name=request["name"], status="error"
        )


def where(request: ToolRequest) -> str:
    """A call of a tool, for error notes and observers."""
    return f'tool "{request["name"]}"'


def _as_runnable(given: Any) -> Runnable[Any, Any]:
    it: Any = given
    if isinstance(given, Runnable):
        runnable: Runnable[Any, Any] = it
        return runnable
    if isinstance(given, type) or not callable(given):
        raise ConfigError(
            f"{given!r} cannot be a tool of an agent: expected a tool, a runnable or a function, "
            "or a dict that says what the provider's own server runs."
        )
    return StructuredTool.from_function(cast("Callable[..., Any]", given))
