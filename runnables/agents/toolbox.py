"""The tools of an agent: they run the model's requests, and errors become messages for it."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    Callable,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from runnables.agents.approvals import error_result, without_asking
from runnables.agents.conversation import ResultOrder
from runnables.compose.runnable import Runnable
from runnables.compose.wrappers import Wrapper
from runnables.core.batching import enter_limit
from runnables.core.config import CURRENT_SCOPE
from runnables.core.error_notes import add_location
from runnables.core.foreign import from_foreign, is_control_flow
from runnables.engine.interleave import ainterleave, interleave
from runnables.engine.stream import owned
from runnables.engine.task_fan_out import TaskFanOut
from runnables.engine.thread_fan_out import ThreadFanOut
from runnables.errors import (
    ConfigError,
    SyncAsyncError,
    ToolArgumentsError,
    ToolException,
    did_you_mean,
)
from runnables.messages.roles import ToolMessage
from runnables.tools.function_tool import StructuredTool
from runnables.tools.results import as_content, is_foreign_answer
from runnables.tools.runnable_tool import RunnableTool, tool_inside

if TYPE_CHECKING:
    from runnables.agents.approvals import Gate
    from runnables.agents.conversation import ToolRequest
    from runnables.core.config import RunnableConfig, Scope
    from runnables.engine.contexts import Receiver
    from runnables.tools.base import BaseTool


class Toolbox:
    """The tools of an agent, by name.

    Args:
        tools: tools, other runnables, functions; dicts for tools on the provider's servers.
        handle_errors: whether the model gets every error of a tool, not only those that are meant
            for it.
        bare: whether results are what the tools return, and not messages; errors for the model are
            messages all the same, with their status. Tools with injected arguments need the whole
            call, and answer it with a message. An `AgentExecutor` has them so.

    Attributes:
        offered: the tools that the model is bound to.
        runnables: the runnables of those that run here, by name.

    Raises:
        ConfigError: something that is no tool, two tools of one name, or, bare, one that needs
            approval.
    """

    def __init__(self, tools: Iterable[Any], *, handle_errors: bool, bare: bool = False) -> None:
        self.offered: list[Any] = []
        self.runnables: dict[str, Runnable[Any, Any]] = {}
        self._tools: dict[str, BaseTool[Any]] = {}
        self._handle_errors = handle_errors
        self._bare = bare
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
        if tool.needs_approval is False and (hidden := _need_in_fallbacks(runnable)):
            raise ConfigError(
                f"The tool {name!r} has the fallback {hidden!r}, which needs approval; but only "
                f"the tool itself is asked for. Set needs_approval of {name!r}, too."
            )
        if self._bare and tool.needs_approval is not False:
            raise ConfigError(
                f"The tool {name!r} needs approval, and an AgentExecutor cannot ask for it: its "
                "steps are no conversation to go on with later. Use create_agent."
            )
        self.offered.append(runnable)
        self.runnables[name], self._tools[name] = runnable, tool

    @property
    def may_ask(self) -> bool:
        """Tell whether a tool may need approval."""
        return any(tool.needs_approval is not False for tool in self._tools.values())

    # -- all requests of one answer

    def run_all(
        self, requests: Sequence[ToolRequest], scope: Scope | None, gate: Gate
    ) -> list[Any]:
        """Run the tools of these requests; return their results in the same order.

        Args:
            requests: the calls.
            scope: the scope of the agent's run.
            gate: decides which of them run; the others have an `ApprovalRequest` as their result.
        """
        slots, owns_limit, scope = enter_limit(scope)

        def work(_: int, request: ToolRequest) -> Any:
            return self._run(request, scope, gate)

        fan_out = ThreadFanOut(work, iter(requests), slots, owns_limit=owns_limit)
        fan_out.set_context(CURRENT_SCOPE, scope)
        return fan_out.run(len(requests))

    async def arun_all(
        self, requests: Sequence[ToolRequest], scope: Scope | None, gate: Gate
    ) -> list[Any]:
        """Do what `run_all` does, async."""
        slots, owns_limit, scope = enter_limit(scope)

        async def work(_: int, request: ToolRequest) -> Any:
            return await self._arun(request, scope, gate)

        fan_out = TaskFanOut(work, iter(requests), slots, owns_limit=owns_limit)
        fan_out.set_context(CURRENT_SCOPE, scope)
        return await fan_out.run(len(requests))

    def stream_all(
        self,
        requests: Sequence[ToolRequest],
        scope: Scope | None,
        gate: Gate | None,
        outer: Receiver | None,
    ) -> Generator[Any, None, None]:
        """Yield the results of the tools, each when those before it are there."""
        slots, owns_limit, scope = enter_limit(scope)
        makers = {
            index: partial(self._results, request, scope, gate)
            for index, request in enumerate(requests)
        }
        ordered = ResultOrder()
        pairs = interleave(makers, slots, outer, owns_limit=owns_limit)
        try:
            for index, result in pairs:
                yield from ordered.add(index, result)
        finally:
            pairs.close()

    async def astream_all(
        self,
        requests: Sequence[ToolRequest],
        scope: Scope | None,
        gate: Gate | None,
        outer: Receiver | None,
    ) -> AsyncGenerator[Any, None]:
        """Yield the results of the tools, each when those before it are there."""
        slots, owns_limit, scope = enter_limit(scope)
        makers = {
            index: partial(self._aresults, request, scope, gate)
            for index, request in enumerate(requests)
        }
        ordered = ResultOrder()
        pairs = ainterleave(makers, slots, outer, owns_limit=owns_limit)
        try:
            async for index, result in owned(pairs):
                for ready in ordered.add(index, result):
                    yield ready
        finally:
            await pairs.aclose()

    def _results(
        self, request: ToolRequest, scope: Scope, gate: Gate | None
    ) -> Generator[Any, None, None]:
        yield self._run(request, scope, gate)

    async def _aresults(
        self, request: ToolRequest, scope: Scope, gate: Gate | None
    ) -> AsyncGenerator[Any, None]:
        yield await self._arun(request, scope, gate)

    # -- one request

    def _run(self, request: ToolRequest, scope: Scope, gate: Gate | None) -> Any:
        """Run the tool of a request; return its result, or an error that the model may know.

        A call that waits for approval does not run: the request for it is returned.

        Raises:
            Exception: the error of a tool, if it is not for the model.
        """
        if problem := self._problem(request):
            return error_result(request, problem)
        config = child_config(scope, tool_label(request))
        tool = self.runnables[request["name"] or ""]
        try:
            held = gate.hold(self._tools[request["name"] or ""], request) if gate else None
            if held is not None:
                return held
            with without_asking():
                return self._result(request, tool.invoke(self._input(request), config))
        except Exception as error:
            return self._error_message(request, error)

    async def _arun(self, request: ToolRequest, scope: Scope, gate: Gate | None) -> Any:
        """Do what `_run` does, async."""
        if problem := self._problem(request):
            return error_result(request, problem)
        config = child_config(scope, tool_label(request))
        tool = self.runnables[request["name"] or ""]
        try:
            held = await gate.ahold(self._tools[request["name"] or ""], request) if gate else None
            if held is not None:
                return held
            with without_asking():
                return self._result(request, await tool.ainvoke(self._input(request), config))
        except Exception as error:
            return self._error_message(request, error)

    def _input(self, request: ToolRequest) -> Any:
        """Return the input of the tool of a request."""
        needs_call = not self._bare or self._tools[request["name"] or ""].injected_args
        return request if needs_call else request["args"]

    def _result(self, request: ToolRequest, result: Any) -> Any:
        return result if self._bare else _message(request, result)

    def _problem(self, request: ToolRequest) -> str:
        """Return why a request cannot be run, in words for the model; empty where it can."""
        name = request["name"] or ""
        if name not in self._tools:
            known = ", ".join(self._tools) or "none"
            return (
                f"There is no tool {name!r}.{did_you_mean(name, self._tools)} Known tools: {known}."
            )
        args: object = request["args"]
        if self._bare and isinstance(args, str):
            return ""  # the value of the only argument
        if not isinstance(args, Mapping):
            reason = cast("Any", request).get("error") or "they are no JSON object"
            return f"The arguments of the call of {name!r} cannot be read: {reason}"
        if hidden := self._tools[name].injected_args & cast("Mapping[str, Any]", args).keys():
            return f"The tool {name!r} has no argument {sorted(hidden)[0]!r}."
        return ""

    def _error_message(self, request: ToolRequest, error: Exception) -> ToolMessage:
        """Return the message for an error of a tool; raise one that is not for the model."""
        if is_control_flow(error):
            raise error
        if isinstance(error, (ToolException, ToolArgumentsError)):
            return error_result(request, str(error) or type(error).__name__)
        if self._handle_errors and not isinstance(error, (SyncAsyncError, ConfigError)):
            return error_result(request, f"{type(error).__name__}: {error}")
        add_location(error, tool_label(request))
        raise error

    def ends(self, requests: Sequence[ToolRequest], results: Sequence[Any]) -> bool:
        """Tell whether these results end the work: all of `return_direct` tools, and no error."""
        tools = [self._tools.get(request["name"] or "") for request in requests]
        messages = [result for result in results if isinstance(result, ToolMessage)]
        succeeded = all(message.status == "success" for message in messages)
        return succeeded and all(tool is not None and tool.return_direct for tool in tools)


def tool_label(request: ToolRequest) -> str:
    """Return the name of a tool call, for error notes and tags."""
    return f'tool "{request["name"]}"'


def child_config(scope: Scope | None, label: str) -> RunnableConfig | None:
    """Return the config for a call inside of an agent."""
    tag = "agent:" + label.replace(" ", ":").replace('"', "")
    return None if scope is None else scope.for_step(tag, label).config


def _message(request: ToolRequest, result: Any) -> ToolMessage:
    """Return the message for the result of a tool, which may be one already."""
    if isinstance(result, ToolMessage):
        return result
    if is_foreign_answer(result):  # no message: that is one of ours by now
        raise ConfigError(
            f"The tool {request['name']!r} returned a command to a graph, {result!r}, which an "
            "agent cannot carry out. Return a message, or run the tool in LangGraph's ToolNode."
        )
    call_id, name = request["id"] or "", request["name"]
    return ToolMessage(as_content(result), tool_call_id=call_id, name=name)


def _as_runnable(value: Any) -> Runnable[Any, Any]:
    value = from_foreign(value)
    if isinstance(cast("object", value), Runnable):
        return cast("Runnable[Any, Any]", value)
    if isinstance(value, type) or not callable(value):
        raise ConfigError(
            f"{value!r} cannot be a tool of an agent: expected a tool, a runnable or a function, "
            "or a dict of a tool that the provider's own server runs."
        )
    return StructuredTool.from_function(cast("Callable[..., Any]", value))


def _need_in_fallbacks(runnable: Any) -> str | None:
    """Return the name of a tool among the fallbacks of another one that needs approval, if any."""
    inner: Any = runnable
    while isinstance(inner, Wrapper):
        for other in cast("Any", inner)._children():
            tool = tool_inside(other)
            if tool is not None and tool.needs_approval is not False:
                return tool.get_name()
        inner = cast("Any", inner)._wrapped()
    return None
