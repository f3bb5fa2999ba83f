"""The state of one call of an `AgentExecutor`; nothing here waits or runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.agents.actions import (
    STEPS,
    AgentAction,
    AgentFinish,
    AgentStep,
    format_to_tool_messages,
)
from runnables.engine.addable import AddableDict
from runnables.errors import StepLimitError
from runnables.messages.roles import ToolMessage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnables.agents.conversation import ToolRequest
    from runnables.agents.executor import AgentExecutor
    from runnables.agents.toolbox import Toolbox

STOPPED: Final = "Agent stopped due to iteration limit or time limit."
"""The output that programs written for LangChain compare with."""


class FinalChunk(AddableDict):
    """The last chunk of an executor's stream, which knows the whole output.

    Attributes:
        output: what `invoke` returns.
    """

    output: dict[str, Any]


def join_chunks(chunks: Sequence[AddableDict]) -> dict[str, Any]:
    """Return the output of an executor; of a stream that has not ended, the sum of its chunks."""
    last = chunks[-1]
    return dict(last.output if isinstance(last, FinalChunk) else sum(chunks, AddableDict()))


class Progress:
    """The steps of an agent so far, and what comes next: its decision, tools, or the end.

    Args:
        executor: the executor.
        tools: its tools.
        inputs: its input.

    Attributes:
        tools: the tools.
        requests: the calls of tools that run next.
        last: the last chunk of the stream, once the agent has finished.
    """

    def __init__(self, executor: AgentExecutor, tools: Toolbox, inputs: Mapping[str, Any]) -> None:
        self.tools = tools
        self.requests: list[ToolRequest] = []
        self.last: FinalChunk | None = None
        self._executor = executor
        self._inputs = dict(inputs)
        self._steps: list[tuple[AgentAction, Any]] = []
        self._actions: list[AgentAction] = []
        self._results: list[Any] = []
        self._count = 1
        self._began = time.monotonic()

    @property
    def step(self) -> str:
        """Return the name of the current step, for error notes and tags."""
        return f"step {self._count}"

    def agent_input(self) -> dict[str, Any]:
        """Return the input of the agent."""
        return {**self._inputs, STEPS: list(self._steps)}

    def add_decision(self, decision: Any) -> list[AddableDict]:
        """Take what the agent has decided; return the chunks of the stream.

        Raises:
            TypeError: it is no decision.
        """
        self.requests, self._actions, self._results = [], [], []
        if isinstance(decision, AgentFinish):
            self._finish(decision)
            return []
        if isinstance(decision, AgentStep):  # nothing is run for it
            return [self._add_step(decision)]
        actions: Any = [decision] if isinstance(decision, AgentAction) else decision
        if not _are_actions(actions):
            raise TypeError(
                f"{self._executor.get_name()}: expected its agent to return AgentActions or an "
                f"AgentFinish, got {decision!r}"
            )
        self._actions = cast("list[AgentAction]", actions)
        self.requests = [_request(action) for action in self._actions]
        return [AddableDict(actions=[a], messages=list(a.messages)) for a in self._actions]

    def add_result(self, result: Any) -> AddableDict:
        """Take the result of the next tool; return the chunk of the stream."""
        action = self._actions[len(self._results)]
        self._results.append(result)
        observation = result.content if isinstance(result, ToolMessage) else result
        return self._add_step(AgentStep(action, observation))

    def _add_step(self, step: AgentStep) -> AddableDict:
        self._steps.append((step.action, step.observation))
        return AddableDict(steps=[step], messages=list(step.messages))

    def end_step(self) -> None:
        """End a step, whose results were all added.

        Raises:
            StepLimitError: a limit is reached.
        """
        if self.last is not None:
            return
        if len(self.requests) == 1 and self.tools.ends(self.requests, self._results):
            self._finish(AgentFinish({"output": self._steps[-1][1]}, ""))
        elif limit := self._limit():
            if self._executor.early_stopping_method is None:
                raise StepLimitError(
                    f"{self._executor.get_name()}: its agent has not finished within {limit}. Raise"
                    " the limit, or pass early_stopping_method='force' for a sentence as the "
                    "output. The `messages` of this error are those of its steps.",
                    format_to_tool_messages(self._steps),
                )
            self._finish(AgentFinish({"output": STOPPED}, ""))
        self._count += 1

    def _limit(self) -> str:
        """Return the limit that is reached, in words; empty where none is."""
        steps, seconds = self._executor.max_iterations, self._executor.max_execution_time
        if steps is not None and self._count >= steps:
            return f"max_iterations={steps}"
        if seconds is not None and time.monotonic() - self._began >= seconds:
            return f"max_execution_time={seconds}"
        return ""

    def _finish(self, finish: AgentFinish) -> None:
        output = dict(finish.return_values)
        if self._executor.return_intermediate_steps:
            output[STEPS] = list(self._steps)
        self.last = FinalChunk({**output, "messages": list(finish.messages)})
        self.last.output = {**self._inputs, **output}


def _are_actions(value: object) -> bool:
    is_list = isinstance(value, list) and bool(cast("Any", value))
    return is_list and all(isinstance(action, AgentAction) for action in cast("Any", value))


def _request(action: AgentAction) -> ToolRequest:
    """Return an action as the call of a tool, whose arguments may be one string."""
    call_id = getattr(action, "tool_call_id", None)
    call = {"type": "tool_call", "name": action.tool, "args": action.tool_input, "id": call_id}
    return cast("ToolRequest", call)
