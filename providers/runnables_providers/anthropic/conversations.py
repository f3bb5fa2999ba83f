"""Conversations in the words of the Messages API: a system prompt, and turns that alternate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from runnables.errors import InvalidRequestError, did_you_mean
from runnables.messages import AIMessage, BaseMessage, ChatMessage, SystemMessage, ToolMessage
from runnables.messages.normalize import canonical_block
from runnables_providers.anthropic.blocks import INVALID, call_id, text_block, tool_use, written

if TYPE_CHECKING:
    from runnables.messages.blocks import Block

_ROLES: Final[Mapping[str, str]] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "system": "system",
}
"""What a `ChatMessage` may call its speaker. A "system" one stays where it stands."""

_OWN: Final = (None, "anthropic")
"""Which providers' answers may hold what only Anthropic can read; None: nobody says whose it is."""


@dataclass
class _Turn:
    """What one side says until the other speaks.

    Attributes:
        text: whether it is one message that was given as a text, and goes out as one.
    """

    role: str
    blocks: list[Block]
    text: bool

    def written(self) -> dict[str, Any]:
        if self.text:
            return {"role": self.role, "content": self.blocks[0]["text"]}
        # The API wants the results of tools before anything else that is said with them.
        self.blocks.sort(key=lambda block: block.get("type") != "tool_result")
        return {"role": self.role, "content": self.blocks}


def system_of(messages: Iterable[BaseMessage]) -> str | list[Block] | None:
    """The system prompt: what all system messages say, wherever they stand.

    Most models have no other place for them. A single one that is a text stays one.
    """
    said = [(at, it) for at, it in enumerate(messages) if isinstance(it, SystemMessage)]
    if len(said) == 1 and isinstance(content := said[0][1].content, str):
        return content if content.strip() else None
    return [block for at, it in said for block in _blocks(at, it)] or None


def turns_of(messages: Iterable[BaseMessage]) -> list[dict[str, Any]]:
    """The turns; messages of one side in a row are one.

    Raises:
        InvalidRequestError: a block that Claude cannot read, or a role that there is not.
    """
    turns: list[_Turn] = []
    for at, message in enumerate(messages):
        if isinstance(message, SystemMessage):
            continue
        role, blocks = _role(at, message), _said(at, message)
        if turns and turns[-1].role == role:
            turns[-1].blocks.extend(blocks)
            turns[-1].text = turns[-1].text and not blocks
        elif blocks:
            turns.append(_Turn(role, blocks, _is_text(message, blocks)))
    return [turn.written() for turn in turns]


def _is_text(message: BaseMessage, blocks: Sequence[Block]) -> bool:
    return (
        isinstance(message.content, str)
        and not isinstance(message, ToolMessage)
        and [block.get("type") for block in blocks] == ["text"]
        and blocks[0]["text"] == message.content
    )


def _role(at: int, message: BaseMessage) -> str:
    if isinstance(message, AIMessage):
        return "assistant"
    if not isinstance(message, ChatMessage):
        return "user"
    if message.role not in _ROLES:
        raise InvalidRequestError(
            f"messages[{at}] has the role {message.role!r}, which the Messages API does not know."
            f"{did_you_mean(message.role, _ROLES)} Known: {', '.join(_ROLES)}.",
            provider="anthropic",
        )
    return _ROLES[message.role]


def _said(at: int, message: BaseMessage) -> list[Block]:
    if isinstance(message, ToolMessage):
        return _results(at, message)
    if isinstance(message, AIMessage):
        return _answer(at, message)
    # An empty message is the service's to refuse: left out, nobody would hear of it.
    return _blocks(at, message) or [{"type": "text", "text": message.text}]


def _blocks(at: int, message: BaseMessage, *, answered: bool = False) -> list[Block]:
    if isinstance(message.content, str):
        block = text_block(message.content)
        return [] if block is None else [block]
    strange = answered and message.response_metadata.get("model_provider") not in _OWN
    found = (
        written(item, f"messages[{at}].content[{place}]", answered=answered)
        for place, item in enumerate(message.content)
        if not (strange and _is_private(item))
    )
    return [block for block in found if block is not None]


def _is_private(item: str | Mapping[str, Any]) -> bool:
    """Whether only the service that made it can read it: its thoughts, blocks of its own tools."""
    return canonical_block(item)["type"] in ("reasoning", "non_standard")


def _results(at: int, message: ToolMessage) -> list[Block]:
    blocks = _blocks(at, message)
    if blocks and all(block.get("type") == "tool_result" for block in blocks):
        return blocks
    result: Block = {"type": "tool_result", "tool_use_id": call_id(message.tool_call_id)}
    if isinstance(message.content, str):
        result["content"] = message.content
    elif blocks:
        result["content"] = blocks
    if message.status == "error":
        result["is_error"] = True
    return [result]


def _answer(at: int, message: AIMessage) -> list[Block]:
    """What the model said: its content, with the calls that the content does not have."""
    calls: list[Mapping[str, Any]] = [
        *message.tool_calls,
        *({**call, "args": {INVALID: call["args"]}} for call in message.invalid_tool_calls),
    ]
    uses = [tool_use(call) for call in calls]
    missing = {use["id"]: use for use in uses}
    blocks: list[Block] = []
    for block in _blocks(at, message, answered=True):
        if block.get("type") == "tool_use" and block["id"] in missing:
            # where the two differ, the calls count: they are what was run
            block |= {"input": missing.pop(block["id"])["input"]}
        blocks.append(block)
    if not blocks and message.refusal:
        blocks.extend(filter(None, [text_block(message.refusal)]))
    return [*blocks, *(use for use in uses if use["id"] in missing)]
