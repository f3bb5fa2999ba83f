"""Messages as chat completions take them.

What the service sent beside the text and the calls of an answer (reasoning, signatures, images,
blocks of its own) goes back to it as it came. Another service gets the text, refusals and calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.messages import AIMessage, BaseMessage
from runnables.messages.convert import DEVELOPER
from runnables.messages.normalize import canonical_block
from runnables.messages.openai import openai_dicts
from runnables_providers._remote.json_values import list_of, object_of
from runnables_providers._remote.origins import Origin, origin_of
from runnables_providers.openai.media import check_media

if TYPE_CHECKING:
    from runnables.messages.blocks import Block, Content

FUNCTION_KEY: Final = "function"
"""The key of a call's extras that holds more keys of its `function`."""
CUSTOM_TYPE: Final = "custom"
"""The `type` of a call whose input is a string; our call has it as the argument "input"."""

_NOT_OF_THE_SERVICE: Final = frozenset(
    {DEVELOPER, "tool_calls", "refusal", "audio", "message_item"}
)
"""Additional fields that are no fields of the message, or that are written elsewhere."""
_REASONING_FIELDS: Final = ("reasoning_content", "reasoning", "reasoning_details", "extra_content")
"""Fields that go back also where an answer does not say where it came from."""
_COMMON: Final = frozenset({"text", "refusal", "tool_call", "invalid_tool_call"})
"""The canonical blocks of an answer that every service understands."""
_MEDIA: Final = frozenset({"image", "audio", "video", "file", "text-plain"})


def completion_messages(
    messages: Sequence[BaseMessage], *, provider: str, endpoint: str, official: bool
) -> list[dict[str, Any]]:
    """Return a conversation as chat completions take it.

    Args:
        messages: the conversation.
        provider: the provider, as its answers name it in their metadata.
        endpoint: the endpoint, as its answers name it in their metadata.
        official: whether the service is OpenAI's own, which refuses what it does not know.

    Raises:
        ConfigError: chat completions have no type for a medium.
    """
    written: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        if isinstance(message, AIMessage):
            origin = origin_of(message, provider, endpoint)
            written.extend(_answer(index, message, origin, official))
        else:
            written.extend(
                openai_dicts(_question(message, official), index, cache_marks=not official)
            )
    return written


def _question(message: BaseMessage, official: bool) -> BaseMessage:
    """Return a message of another role than the model's, with its blocks checked."""
    content = message.content
    if isinstance(content, str):
        return message
    check_media(content, takes_urls=not official)
    if not any(_is_wrapped(item) for item in content):
        return message
    unwrapped = [cast("Block", item)["value"] if _is_wrapped(item) else item for item in content]
    return message.model_copy(update={"content": unwrapped})


def _is_wrapped(item: str | Block) -> bool:
    is_wrapped = isinstance(item, Mapping) and item.get("type") == "non_standard"
    return is_wrapped and isinstance(cast("Block", item).get("value"), Mapping)


def _answer(
    index: int, message: AIMessage, origin: Origin, official: bool
) -> Iterable[dict[str, Any]]:
    if not isinstance(message.content, str):
        content = _kept_content(message.content, origin)
        check_media(content, takes_urls=not official)
        message = message.model_copy(update={"content": content or ""})
    written = openai_dicts(message, index, cache_marks=not official)
    if written and written[0]["role"] == "assistant":
        _add_own_fields(written[0], message, origin, official)
    return written


def _kept_content(content: Sequence[str | Block], origin: Origin) -> Content:
    """Return the items of an answer's content that the service understands."""
    if origin is Origin.SAME:
        return [item if isinstance(item, str) else _without_index(item) for item in content]
    kinds = _COMMON | _MEDIA if origin is Origin.UNKNOWN else _COMMON
    return [
        item for item in content if isinstance(item, str) or canonical_block(item)["type"] in kinds
    ]


def _without_index(block: Block) -> Block:
    """Return a block as the service sent it, without the numbers that merged its chunks."""
    return {key: _without_indexes(block[key]) for key in block if key != "index"}


def _without_indexes(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [
        _without_index(dict(object_of(part))) if isinstance(part, Mapping) else part
        for part in list_of(value)
    ]


def _add_own_fields(
    written: dict[str, Any], message: AIMessage, origin: Origin, official: bool
) -> None:
    """Add what the service itself sent beside the text and the calls."""
    more = message.additional_kwargs
    if origin is Origin.SAME:
        written |= {key: more[key] for key in more if key not in _NOT_OF_THE_SERVICE}
        if audio := more.get("audio"):  # OpenAI takes its id alone
            written["audio"] = {"id": audio["id"]} if audio.get("id") else audio
        calls = (*message.tool_calls, *message.invalid_tool_calls)
        for call, made in zip(calls, written.get("tool_calls") or (), strict=False):
            _add_call_fields(made, call)
    elif origin is Origin.UNKNOWN and not official:
        written |= {key: more[key] for key in _REASONING_FIELDS if more.get(key)}


def _add_call_fields(written: dict[str, Any], call: Mapping[str, Any]) -> None:
    extras: dict[str, Any] = dict(call.get("extras") or {})
    if extras.get("type") == CUSTOM_TYPE:
        del written["function"]
        args: Any = call["args"]
        text = args if isinstance(args, str) else object_of(args).get("input", "")
        written[CUSTOM_TYPE] = {"name": call["name"], "input": text}
    elif function := extras.pop(FUNCTION_KEY, None):
        written["function"] |= function
    written |= extras
