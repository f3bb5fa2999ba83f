"""Approvals in pages: what a page has answered, and whether it was asked by this server.

A page sends the whole conversation back, and could change a call, or invent one, before it approves
it. So the id of a request for approval is a signature over what would run: the name of the chain,
the id of the call, the tool and its arguments. An answer counts for the call alone whose signature
it names, and a call at the end of a conversation that no such id belongs to is denied: a page never
gets a signature for a call that it has written itself. Nothing is stored, so that another process
with the same key may take the answer, a day later.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.agents.approvals import ApprovalAnswer, Approvals
from runnables.agents.conversation import unanswered
from runnables.errors import ConfigError
from runnables.serving.failures import RequestError, logger

if TYPE_CHECKING:
    from runnables.messages.base import BaseMessage

KEY_VARIABLE: Final = "RUNNABLES_APPROVAL_KEY"
"""The environment variable with the key of the signatures."""

_SHORTEST: Final = 16
_PROCESS_KEY: Final = secrets.token_bytes(32)
_UNPROVEN: Final = "it has no valid approval"

PageAnswers = Mapping[str, ApprovalAnswer | None]
"""For each id of a request that a page has sent back its answer; None: there is none yet."""


def approval_key() -> bytes:
    """Return the key of the signatures: the one in the environment, else one of this process.

    Raises:
        ConfigError: the one in the environment is too short to keep a secret.
    """
    given = os.environ.get(KEY_VARIABLE)
    if given is None:
        return _PROCESS_KEY
    if len(given) < _SHORTEST:
        raise ConfigError(
            f"{KEY_VARIABLE} has {len(given)} characters: expected {_SHORTEST} or more. Make one: "
            'python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return given.encode()


class ApprovalSigner:
    """The ids of the requests for approval of one chain.

    Args:
        key: the key of the server.
        chain: the name of the chain.
    """

    def __init__(self, key: bytes, chain: str) -> None:
        self._key = key
        self._chain = chain

    def id_of(self, call_id: str, tool: str, arguments: Any) -> str:
        """Return the id of the request for a call, which this key alone can make."""
        signed = ["runnables-approval-1", self._chain, call_id, tool, _plain(arguments)]
        text = json.dumps(signed, sort_keys=True, separators=(",", ":"))
        digest = hmac.digest(self._key, text.encode(), "sha256")
        return "approval_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def answers(
        self, messages: Sequence[BaseMessage], given: PageAnswers
    ) -> dict[str, ApprovalAnswer]:
        """Return the answers to the open calls of a conversation, by the ids of the calls.

        Args:
            messages: the conversation, as the page has sent it.
            given: the answers that it has sent with it.

        Raises:
            RequestError: it approves what this server has not asked for.
        """
        answers: dict[str, ApprovalAnswer] = {}
        left: dict[str, ApprovalAnswer | None] = dict(given)
        for request in unanswered(messages):
            call_id, tool = request["id"] or "", request["name"] or ""
            # A lookup, as a page may send many: its time tells of a hash, which is random here.
            answer = left.pop(self.id_of(call_id, tool, request["args"]), _UNPROVEN)
            if answer is not None:
                answers[call_id] = answer
        if any(answer is True for answer in left.values()):
            logger.warning(
                "an approval for %r was refused: its call was changed, or signed with another key. "
                "Several server processes, and one after a restart, need one key in %s.",
                self._chain,
                KEY_VARIABLE,
            )
            raise RequestError(
                "This server has not asked for what was approved: the call was changed, or the "
                "server has been restarted. Nothing was run.",
                403,
                "approval_refused",
            )
        return answers


def _plain(value: Any) -> Any:
    """Return a value of JSON as it is after a page has read and written it: 1.0 is 1 there."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return {key: _plain(field) for key, field in fields.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("Sequence[Any]", value)]
    return value


@dataclass(frozen=True)
class Asking:
    """How a run asks for approval, and what was answered.

    Attributes:
        signer: makes the ids of requests; None where the protocol has no form for them, so that
            what needs approval is denied.
        answers: the answers to the open calls, by the ids of the calls.
        in_output: whether the requests are in the output, without ids.
        trusts_input: whether the answers in the input of an agent count. They are not signed: a
            browser that reaches the server could approve what this server has not asked for.
    """

    signer: ApprovalSigner | None = None
    answers: Mapping[str, ApprovalAnswer] = field(default_factory=dict[str, ApprovalAnswer])
    in_output: bool = False
    trusts_input: bool = True

    @property
    def approvals(self) -> Approvals:
        """Return what the agents of the run know of it."""
        may_ask = self.signer is not None or self.in_output
        return Approvals(self.answers, may_ask, self.trusts_input)

    def is_denied(self, call_id: str) -> bool:
        """Tell whether a call was denied."""
        return self.answers.get(call_id, True) is not True


NO_ASKING: Final = Asking(trusts_input=False)
"""For a protocol without a form for approvals: it asks for none, so no answer counts."""
