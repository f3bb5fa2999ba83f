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

strings = st.text(max_size=8)
names = st.none() | st.sampled_from(["ann", "bob"])
ids = st.none() | st.sampled_from(["x", "y"])
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | strings,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(strings, inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(strings, json_values, max_size=3)
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
    st.builds(lambda text: {"type": "text", "text": text}, strings),
    st.builds(
        lambda index, text: {"type": "text", "text": text, "index": index},
        st.integers(0, 2),
        strings,
    ),
    st.builds(
        lambda index, text: {"type": "reasoning", "reasoning": text, "index": index},
        st.integers(0, 1),
        strings,
    ),
    st.just({"type": "image", "url": "https://example.org/cat.png"}),
    st.builds(lambda value: {"type": "odd", "value": value}, json_values),
)
contents = strings | st.lists(strings | blocks, max_size=4)

tool_calls = st.builds(
    lambda name, args, id: {"name": name, "args": args, "id": id, "type": "tool_call"},
    st.sampled_from(["search", "add"]),
    json_objects,
    st.uuids().map(str),
)
invalid_tool_calls = st.builds(
    lambda name, args, id, error: {"name": name, "args": args, "id": id, "error": error},
    st.none() | st.sampled_from(["search", "add"]),
    st.none() | strings,
    ids,
    st.none() | strings,
)
common = {"name": names, "id": ids, "additional_kwargs": json_objects}

humans = st.builds(HumanMessage, contents, **common)
systems = st.builds(SystemMessage, contents, **common)
chats = st.builds(ChatMessage, contents, role=st.sampled_from(["critic", "judge"]), **common)
tools = st.builds(
    ToolMessage,
    contents,
    tool_call_id=strings,
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

# Chunks as bad servers send them: any index or none, ids and names early, late, twice or never.
call_chunks = st.builds(
    tool_call_chunk,
    name=st.none() | st.sampled_from(["", "search", "add"]),
    args=st.none() | st.sampled_from(["", "{", '"a"', ": 1", "}", "{}"]),
    id=st.none() | st.sampled_from(["", "x", "y", "z"]),
    index=st.none() | st.integers(0, 1),
)
metadata = st.fixed_dictionaries(
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
        "reasoning_content": st.none() | strings,
        "id": st.sampled_from(["x", "y"]),
        "parts": st.lists(
            st.builds(
                lambda index, text: {"index": index, "text": text}, st.integers(0, 1), strings
            ),
            max_size=2,
        ),
        "nested": st.fixed_dictionaries({}, optional={"text": strings, "count": counts}),
    },
)
ai_chunks = st.builds(
    AIMessageChunk,
    contents,
    tool_call_chunks=st.lists(call_chunks, max_size=3),
    usage_metadata=st.none() | usages,
    response_metadata=metadata,
    additional_kwargs=deltas,
    id=ids,
    name=names,
    chunk_position=st.none() | st.just("last"),
)
human_chunks = st.builds(
    HumanMessageChunk, contents, response_metadata=metadata, additional_kwargs=deltas, id=ids
)

messages: st.SearchStrategy[BaseMessage] = st.one_of(
    humans, systems, chats, tools, ais, ai_chunks, human_chunks
)


@st.composite
def histories(draw: st.DrawFn) -> list[BaseMessage]:
    """A conversation as applications have them: every tool message follows its call."""
    history: list[BaseMessage] = draw(st.lists(st.builds(SystemMessage, strings), max_size=1))
    for _ in range(draw(st.integers(0, 4))):
        history.append(HumanMessage(draw(strings)))
        for call in draw(st.lists(tool_calls, max_size=2)):
            history.append(AIMessage(draw(strings), tool_calls=[call]))
            history.append(ToolMessage(draw(strings), tool_call_id=call["id"]))
        history.append(AIMessage(draw(strings)))
    return history
