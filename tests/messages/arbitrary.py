"""Arbitrary messages, for laws that must hold for all of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from runnables.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    HumanMessageChunk,
    SystemMessage,
    ToolMessage,
    UsageMetadata,
    tool_call_chunk,
)

texts = st.text(max_size=8)
names = st.none() | st.sampled_from(["ann", "bob"])
ids = st.none() | st.sampled_from(["x", "y"])
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(texts, json_values, max_size=3)
counts = st.integers(0, 50)

usages = st.builds(
    lambda read, wrote, details: UsageMetadata(
        input_tokens=read, output_tokens=wrote, total_tokens=read + wrote, **details
    ),
    counts,
    counts,
    st.fixed_dictionaries(
        {},
        optional={
            "input_token_details": st.dictionaries(
                st.sampled_from(["audio", "cache_read"]), counts
            ),
            "output_token_details": st.dictionaries(st.sampled_from(["reasoning", "odd"]), counts),
        },
    ),
)

blocks: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, texts),
    st.builds(
        lambda index, text: {"type": "text", "text": text, "index": index}, st.integers(0, 2), texts
    ),
    st.builds(
        lambda index, text: {"type": "reasoning", "reasoning": text, "index": index},
        st.integers(0, 1),
        texts,
    ),
    st.just({"type": "image", "url": "https://example.org/cat.png"}),
    st.builds(lambda value: {"type": "odd", "value": value}, json_values),
)
contents = texts | st.lists(texts | blocks, max_size=4)

tool_calls = st.builds(
    lambda name, args, id: {"name": name, "args": args, "id": id, "type": "tool_call"},
    st.sampled_from(["search", "add"]),
    json_objects,
    st.uuids().map(str),
)
invalid_tool_calls = st.builds(
    lambda name, args, id, error: {"name": name, "args": args, "id": id, "error": error},
    st.none() | st.sampled_from(["search", "add"]),
    st.none() | texts,
    ids,
    st.none() | texts,
)
common = {"name": names, "id": ids, "additional_kwargs": json_objects}

humans = st.builds(HumanMessage, contents, **common)
systems = st.builds(SystemMessage, contents, **common)
chats = st.builds(ChatMessage, contents, role=st.sampled_from(["critic", "judge"]), **common)
tools = st.builds(
    ToolMessage,
    contents,
    tool_call_id=texts,
    artifact=json_values,
    status=st.sampled_from(["success", "error"]),
    **common,
)
ais = st.builds(
    AIMessage,
    contents,
    tool_calls=st.lists(tool_calls, max_size=2),
    invalid_tool_calls=st.lists(invalid_tool_calls, max_size=2),
    usage_metadata=st.none() | usages,
    response_metadata=json_objects,
    **common,
)

# Pieces as bad servers send them: any index or none, ids and names early, late, twice or never.
pieces = st.builds(
    tool_call_chunk,
    name=st.none() | st.sampled_from(["", "search", "add"]),
    args=st.none() | st.sampled_from(["", "{", '"a"', ": 1", "}", "{}"]),
    id=st.none() | st.sampled_from(["", "x", "y", "z"]),
    index=st.none() | st.integers(0, 1),
)
facts = st.fixed_dictionaries(
    {},
    optional={
        "model_name": st.sampled_from(["small", "large"]),
        "logprobs": st.lists(st.integers(0, 9), max_size=2),
        "nested": st.fixed_dictionaries({}, optional={"speed": st.integers(0, 9)}),
        "seen": st.none() | st.integers(0, 9),
    },
)
deltas = st.fixed_dictionaries(
    {},
    optional={
        "reasoning_content": st.none() | texts,
        "id": st.sampled_from(["x", "y"]),
        "parts": st.lists(
            st.builds(lambda index, text: {"index": index, "text": text}, st.integers(0, 1), texts),
            max_size=2,
        ),
        "nested": st.fixed_dictionaries({}, optional={"text": texts, "count": counts}),
    },
)
ai_chunks = st.builds(
    AIMessageChunk,
    contents,
    tool_call_chunks=st.lists(pieces, max_size=3),
    usage_metadata=st.none() | usages,
    response_metadata=facts,
    additional_kwargs=deltas,
    id=ids,
    name=names,
    chunk_position=st.none() | st.just("last"),
)
human_chunks = st.builds(
    HumanMessageChunk, contents, response_metadata=facts, additional_kwargs=deltas, id=ids
)

messages: st.SearchStrategy[BaseMessage] = st.one_of(
    humans, systems, chats, tools, ais, ai_chunks, human_chunks
)


@st.composite
def histories(draw: st.DrawFn) -> list[BaseMessage]:
    """A conversation as applications have them: every tool's answer follows its question."""
    found: list[BaseMessage] = draw(st.lists(st.builds(SystemMessage, texts), max_size=1))
    for _ in range(draw(st.integers(0, 4))):
        found.append(HumanMessage(draw(texts)))
        for call in draw(st.lists(tool_calls, max_size=2)):
            found.append(AIMessage(draw(texts), tool_calls=[call]))
            found.append(ToolMessage(draw(texts), tool_call_id=call["id"]))
        found.append(AIMessage(draw(texts)))
    return found
