"""Conversations as the Messages API takes them: a system prompt, and alternating turns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.errors import InvalidRequestError, did_you_mean
from runnables.messages import AIMessage, BaseMessage, ChatMessage, SystemMessage, ToolMessage
from runnables.messages.normalize import canonical_block
from runnables_providers.anthropic.blocks import (
    INVALID_JSON_KEY,
    Author,
    call_id,
    request_block,
    text_block,
    tool_use,
)

if TYPE_CHECKING:
    from runnables.messages.blocks import Block

_ROLES: Final[Mapping[str, str]] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "system": "system",
}
"""The roles that a `ChatMessage` may have. A "system" one keeps its place."""

_PROVIDER: Final = "anthropic"

_READABLE: Final = frozenset({"text", "refusal", "tool_call", "invalid_tool_call"})
"""The blocks of other services' answers that are sent. Their reasoning, and the blocks of their own
tools, are for them alone; media are refused in an answer."""


_FROM_USER: Final = Author()


@dataclass
class _Turn:
    """The messages of one role until the next role.

    Attributes:
        role: "user", "assistant" or "system".
        blocks: the content of all its messages.
        text: whether it is one message whose content is a string, which is sent as a string.
    """

    role: str
    blocks: list[Block]
    text: bool

    def as_message(self) -> dict[str, Any]:
        if self.text:
            return {"role": self.role, "content": self.blocks[0]["text"]}
        # The API expects the results of tools before all other blocks.
        self.blocks.sort(key=lambda block: block.get("type") != "tool_result")
        return {"role": self.role, "content": self.blocks}


def system_of(messages: Iterable[BaseMessage]) -> str | list[Block] | None:
    """Return the system prompt: the content of all system messages, wherever they are.

    Most models have no other place for them. A single string stays a string.
    """
    found = [
        (index, message)
        for index, message in enumerate(messages)
        if isinstance(message, SystemMessage)
    ]
    if len(found) == 1 and isinstance(content := found[0][1].content, str):
        return content if content.strip() else None
    return [block for index, message in found for block in _blocks(index, message)] or None


def container_of(messages: Sequence[BaseMessage]) -> str | None:
    """Return the id of the container in which code of the conversation ran last, if any did.

    Its `expires_at` is when it is put aside; a request with the id restores it for 30 days.
    """
    for message in reversed(messages):
        container: Any = message.response_metadata.get("container")
        if _is_own(message) and isinstance(container, Mapping):
            found: str | None = cast("Mapping[str, Any]", container).get("id")
            return found
    return None


def _is_own(message: BaseMessage) -> bool:
    """Tell whether it is an answer of this service."""
    is_answer = isinstance(message, AIMessage)
    return is_answer and message.response_metadata.get("model_provider") == _PROVIDER


def turns_of(messages: Iterable[BaseMessage], *, unsigned: bool = False) -> list[dict[str, Any]]:
    """Return the turns; messages in a row that have the same role are one turn.

    Args:
        messages: the conversation.
        unsigned: whether the service takes back reasoning that it has not signed.

    Raises:
        InvalidRequestError: Claude cannot read a block, or the API does not have a role.
    """
    turns: list[_Turn] = []
    for index, message in enumerate(messages):
        if isinstance(message, SystemMessage):
            continue
        author = Author(isinstance(message, AIMessage), _is_own(message), unsigned)
        role, blocks = _role(index, message), _blocks_of(index, message, author)
        if turns and turns[-1].role == role:
            turns[-1].blocks.extend(blocks)
            turns[-1].text = turns[-1].text and not blocks
        elif blocks:
            turns.append(_Turn(role, blocks, _is_text(message, blocks)))
    return [turn.as_message() for turn in turns]


def _is_text(message: BaseMessage, blocks: Sequence[Block]) -> bool:
    return (
        isinstance(message.content, str)
        and not isinstance(message, ToolMessage)
        and [block.get("type") for block in blocks] == ["text"]
        and blocks[0]["text"] == message.content
    )


def _role(index: int, message: BaseMessage) -> str:
    if isinstance(message, AIMessage):
        return "assistant"
    if not isinstance(message, ChatMessage):
        return "user"
    if message.role not in _ROLES:
        raise InvalidRequestError(
            f"messages[{index}] has the role {message.role!r}, which the Messages API does not "
            f"know.{did_you_mean(message.role, _ROLES)} Known: {', '.join(_ROLES)}.",
            provider="anthropic",
        )
    return _ROLES[message.role]


def _blocks_of(index: int, message: BaseMessage, author: Author) -> list[Block]:
    if isinstance(message, ToolMessage):
        return _results(index, message)
    if isinstance(message, AIMessage):
        return _answer(index, message, author)
    # An empty message is sent, for the service to refuse it: the user would not notice otherwise.
    return _blocks(index, message) or [{"type": "text", "text": message.text}]


def _blocks(index: int, message: BaseMessage, author: Author = _FROM_USER) -> list[Block]:
    if isinstance(message.content, str):
        block = text_block(message.content)
        return [] if block is None else [block]
    # An answer that names no provider may be of Anthropic.
    is_foreign = author.from_model and message.response_metadata.get("model_provider") is not None
    is_foreign = is_foreign and not author.own
    found = (
        request_block(item, f"messages[{index}].content[{position}]", author)
        for position, item in enumerate(message.content)
        if not is_foreign or canonical_block(item)["type"] in _READABLE
    )
    return [block for block in found if block is not None]


def _results(index: int, message: ToolMessage) -> list[Block]:
    blocks = _blocks(index, message)
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


def _answer(index: int, message: AIMessage, author: Author) -> list[Block]:
    """Return the blocks of an answer: its content, and the calls that are not in its content."""
    calls: list[Mapping[str, Any]] = [
        *message.tool_calls,
        *(
            {**call, "args": {INVALID_JSON_KEY: call["args"]}}
            for call in message.invalid_tool_calls
        ),
    ]
    uses = [tool_use(call, own=author.own) for call in calls]
    missing = {use["id"]: use for use in uses}
    blocks: list[Block] = []
    for block in _blocks(index, message, author):
        if block.get("type") == "tool_use" and block["id"] in missing:
            # where the two differ, the call is right: it is what was run
            block |= {"input": missing.pop(block["id"])["input"]}
        blocks.append(block)
    if not blocks and message.refusal:
        blocks.extend(filter(None, [text_block(message.refusal)]))
    return [*blocks, *(use for use in uses if use["id"] in missing)]
