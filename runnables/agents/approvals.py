"""Approvals: calls of tools that wait for a person, and the answers to them.

An agent that comes to a call which needs approval ends its run with an `ApprovalRequest` for it.
The conversation is the whole state: the next run gets it again, with the answers, and goes on.
"""

from __future__ import annotations

import contextvars
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from runnables.core.values import show
from runnables.engine.contexts import keep_private
from runnables.errors import ApprovalError, ToolArgumentsError
from runnables.messages.roles import ToolMessage
from runnables.tools.approval import aapproval_need, approval_need
from runnables.tools.results import ToolInvocation

if TYPE_CHECKING:
    from runnables.agents.conversation import ToolRequest
    from runnables.tools.approval import ApprovalNeed
    from runnables.tools.base import BaseTool

ApprovalAnswer: TypeAlias = bool | str
"""The answer to a request: True approves the call; False denies it, or a string with the reason."""


@dataclass(frozen=True)
class ApprovalRequest:
    """A call of a tool that has not run, as a person must approve it first.

    Attributes:
        call_id: the id of the call, by which it is answered.
        tool: the name of the tool.
        arguments: the arguments, as the model has written them.
        reason: why it needs approval; empty where the tool does not say.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> @tool(needs_approval=lambda arguments: arguments["euros"] > 100)
        ... def pay(euros: int) -> str:
        ...     '''Pay a bill.'''
        ...     return f"paid {euros}"
        >>> call = tool_call(name="pay", args={"euros": 250}, id="call_1")
        >>> model = ScriptedChatModel([AIMessage(tool_calls=[call]), "It is paid."])
        >>> agent = create_agent(model, [pay])
        >>> state = agent.invoke("Pay my bill.")
        >>> state["approval_requests"]
        [ApprovalRequest(call_id='call_1', tool='pay', arguments={'euros': 250}, reason='')]
        >>> state = agent.invoke({**state, "approvals": {"call_1": True}})
        >>> [message.text for message in state["messages"][2:]]
        ['paid 250', 'It is paid.']
    """

    call_id: str
    tool: str
    arguments: dict[str, Any]
    reason: str = ""


@dataclass(frozen=True)
class Approvals:
    """What a call of an agent knows of approvals, beside those in its input.

    Attributes:
        answers: answers to requests, by the ids of the calls; others than the open ones are for
            other agents.
        may_ask: whether there is a person to ask; where there is none, what needs approval is
            denied at once.
        trusts_input: whether the answers in the input count.
    """

    answers: Mapping[str, ApprovalAnswer] = field(default_factory=dict[str, ApprovalAnswer])
    may_ask: bool = True
    trusts_input: bool = True


class UntrustedApprovals(ApprovalError):
    """Answers in the input of an agent, where such answers do not count."""


_BY_STATE: Final = Approvals()
_NO_ASKING: Final = Approvals(may_ask=False)

_current: contextvars.ContextVar[Approvals] = contextvars.ContextVar(
    "runnables_approvals", default=_BY_STATE
)
keep_private(_current)
current_approvals = _current.get
"""Return what the call around the caller knows of approvals."""


class with_approvals:
    """A context manager: the agents that are called inside know this of approvals."""

    __slots__ = ("_approvals", "_token")

    def __init__(self, approvals: Approvals) -> None:
        self._approvals = approvals

    def __enter__(self) -> None:
        self._token = _current.set(self._approvals)

    def __exit__(self, *_: object) -> None:
        try:
            _current.reset(self._token)
        except ValueError:  # a generator went on in another task, whose context ends with it
            pass


def without_asking() -> with_approvals:
    """Return a block in which agents deny what needs approval, as they cannot ask.

    A tool runs in one: what an agent inside it would ask could not be answered, as the call of the
    tool itself ends with its result.
    """
    return with_approvals(_NO_ASKING)


# -- messages for the model


def error_result(request: ToolRequest, problem: str) -> ToolMessage:
    """Return the message that tells the model why a call has no result."""
    call_id, name = request["id"] or "", request["name"]
    return ToolMessage(problem, tool_call_id=call_id, name=name, status="error")


def denial(answer: ApprovalAnswer = False) -> str:
    """Return what the model reads of a call that was denied, with the reason where there is one."""
    reason = f" The reason: {answer}" if isinstance(answer, str) and answer else ""
    return f"This call was denied, and was not run.{reason}"


LEFT_BEHIND: Final = "This call was not run: the conversation went on without an answer to it."
_CANNOT_ASK: Final = (
    "This call was not run: it needs the approval of a person, who cannot be asked here."
)
_SHARED_ID: Final = (
    "This call was not run: it needs the approval of a person, and another call has the same id."
)


# -- one answer of the model


def checked_answers(name: str, given: Any, requests: Sequence[ToolRequest]) -> dict[str, Any]:
    """Return the answers of an input, each of which must be one to an open call.

    Args:
        name: the name of the agent, for errors.
        given: the answers.
        requests: the calls without results at the end of the conversation.

    Raises:
        ApprovalError: they are no answers, or are to calls that are not open.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ApprovalError(
            f"{name}: approvals={show(given)}: expected a dict of the ids of calls and answers"
        )
    answers: dict[str, Any] = dict(cast("Any", given))
    open_ids = dict.fromkeys(request["id"] for request in requests)
    for call_id, answer in answers.items():
        if call_id not in open_ids:
            known = ", ".join(map(repr, open_ids)) or "none"
            raise ApprovalError(
                f"{name}: approvals has an answer for the call {call_id!r}, which is not open at "
                f"the end of the conversation. Open calls: {known}."
            )
        if not isinstance(answer, (bool, str)):
            raise ApprovalError(
                f"{name}: approvals[{call_id!r}] is {show(answer)}: expected True, False, or a "
                "string with the reason of the denial"
            )
    return answers


class Gate:
    """What decides which calls of one answer run.

    Args:
        approvals: the answers, and whether there may be questions.
        requests: the calls.
    """

    def __init__(self, approvals: Approvals, requests: Sequence[ToolRequest]) -> None:
        self._approvals = approvals
        counts = Counter(request["id"] for request in requests)
        self._shared_ids = {call_id for call_id, count in counts.items() if count > 1}

    def hold(self, tool: BaseTool[Any], request: ToolRequest) -> Any:
        """Return what stands in place of a result, so that the tool must not run; None: it may run.

        It is an `ApprovalRequest`, or a message for the model.
        """
        answer = self._approvals.answers.get(request["id"] or "")
        if answer is not None:
            return self._answered(tool, request, answer)
        try:
            return self._asked(request, approval_need(tool, cast("Any", request["args"])))
        except ToolArgumentsError as error:
            return _handled(tool, request, error)

    async def ahold(self, tool: BaseTool[Any], request: ToolRequest) -> Any:
        """Do what `hold` does, async."""
        answer = self._approvals.answers.get(request["id"] or "")
        if answer is not None:
            return self._answered(tool, request, answer)
        try:
            return self._asked(request, await aapproval_need(tool, cast("Any", request["args"])))
        except ToolArgumentsError as error:
            return _handled(tool, request, error)

    def _answered(
        self, tool: BaseTool[Any], request: ToolRequest, answer: ApprovalAnswer
    ) -> ToolMessage | None:
        if answer is not True:
            return error_result(request, denial(answer))
        is_unclear = request["id"] in self._shared_ids and tool.needs_approval is not False
        return error_result(request, _SHARED_ID) if is_unclear else None

    def _asked(
        self, request: ToolRequest, need: ApprovalNeed
    ) -> ApprovalRequest | ToolMessage | None:
        if need is False:
            return None
        if not self._approvals.may_ask:
            return error_result(request, _CANNOT_ASK)
        if request["id"] in self._shared_ids:
            return error_result(request, _SHARED_ID)
        reason = need if isinstance(need, str) else ""
        call_id, name = request["id"] or "", request["name"] or ""
        return ApprovalRequest(call_id, name, dict(cast("Any", request["args"])), reason)


def _handled(tool: BaseTool[Any], request: ToolRequest, error: ToolArgumentsError) -> Any:
    """Return the message for arguments that do not fit; no person is asked about such a call."""
    handling = tool.handle_validation_error
    return cast("Any", tool)._handle(ToolInvocation(request), error, handling)
