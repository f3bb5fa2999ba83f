"""Helpers of the round trips: answer -> message -> JSON -> message -> request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st

from runnables import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from runnables.messages import BaseMessage, message_chunk_to_message
from runnables_providers._remote.chat import ApiCall

WORDS: Final = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
KEYS: Final = st.sampled_from(["alpha", "betaGamma", "delta_epsilon", "zeta"])
JSON: Final[st.SearchStrategy[Any]] = st.recursive(
    st.booleans() | st.integers(-99, 99) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)
FIELDS: Final = st.dictionaries(KEYS, JSON, max_size=2)
"""Fields that this library does not know."""
ARGS: Final = st.dictionaries(WORDS, JSON, max_size=3)


def through_json(message: AIMessage) -> AIMessage:
    """Return what a conversation that was stored and loaded has of a message."""
    return AIMessage.model_validate_json(message.model_dump_json())


def streamed(api_call: ApiCall, events: Sequence[Any]) -> AIMessage:
    """Return the message of a stream."""
    chunks = [chunk for event in events for chunk in api_call.feed(event)]
    last = api_call.finish({})
    assert last is not None
    message = message_chunk_to_message(AIMessageChunk.merge_chunks([*chunks, *last]))
    assert isinstance(message, AIMessage)
    return message


def next_turn(answer: AIMessage) -> list[BaseMessage]:
    """Return the conversation with an answer, and a result for each of its calls."""
    calls = [*answer.tool_calls, *answer.invalid_tool_calls]
    results = [ToolMessage("r", tool_call_id=call["id"] or "") for call in calls]
    return [HumanMessage("q"), answer, *results, HumanMessage("and?")]
