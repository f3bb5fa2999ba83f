"""Arbitrary messages of LangChain, and conversations as services stream them."""

from __future__ import annotations

from typing import Any

import langchain_core.messages as lc
from hypothesis import strategies as st

from tests.messages.arbitrary import (
    contents,
    counts,
    deltas,
    ids,
    invalid_tool_calls,
    json_objects,
    json_values,
    metadata,
    names,
    strings,
    tool_calls,
    usages,
)

provider_blocks: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(
        lambda text, signature: {"type": "thinking", "thinking": text, "signature": signature},
        strings,
        strings,
    ),
    st.builds(
        lambda text, signature: {
            "type": "reasoning",
            "reasoning": text,
            "extras": {"signature": signature},
        },
        strings,
        strings,
    ),
    st.just({"type": "redacted_thinking", "data": "c2VjcmV0"}),
    st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}),
    st.just({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
    st.builds(lambda value: {"type": "of_tomorrow", 1: value}, json_values),
)
their_contents = contents | st.lists(strings | provider_blocks, max_size=4)
# `extra="allow"`: a message of theirs takes any attribute
extras = st.fixed_dictionaries(
    {}, optional={"example": st.booleans(), "of_another_version": json_values}
)
common: dict[str, Any] = {
    "name": names,
    "id": ids,
    "additional_kwargs": json_objects | deltas,
    "response_metadata": json_objects,
}


def _made(cls: Any, **fields: Any) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda more, **given: cls(**given, **more), extras, content=their_contents, **fields
    )


call_chunks = st.builds(
    lambda name, args, id, index: {"name": name, "args": args, "id": id, "index": index},
    st.none() | st.sampled_from(["search", "add"]),
    st.none() | st.sampled_from(["", "{", '"a"', ": 1", "}", "{}"]),
    st.none() | st.sampled_from(["x", "y"]),
    st.none() | st.integers(0, 1),
)
answers = _made(
    lc.AIMessage,
    tool_calls=st.lists(tool_calls, max_size=2),
    invalid_tool_calls=st.lists(invalid_tool_calls, max_size=2),
    usage_metadata=st.none() | usages,
    **common,
)
answer_chunks = _made(
    lc.AIMessageChunk,
    tool_call_chunks=st.lists(call_chunks, max_size=3),
    usage_metadata=st.none() | usages,
    chunk_position=st.none() | st.just("last"),
    **{**common, "response_metadata": metadata},
)
# the calls of a chunk without chunks of them: LangChain makes these
chunks_of_calls = _made(
    lc.AIMessageChunk,
    tool_calls=st.lists(tool_calls, max_size=2),
    invalid_tool_calls=st.lists(invalid_tool_calls, max_size=2),
    **common,
)
results = _made(
    lc.ToolMessage,
    tool_call_id=strings,
    artifact=json_values | st.builds(object),
    status=st.sampled_from(["success", "error"]),
    **common,
)
roles = st.sampled_from(["critic", "judge"])

their_messages: st.SearchStrategy[lc.BaseMessage] = st.one_of(
    _made(lc.HumanMessage, **common),
    _made(lc.SystemMessage, **common),
    _made(lc.ChatMessage, role=roles, **common),
    _made(lc.HumanMessageChunk, **common),
    _made(lc.SystemMessageChunk, **common),
    _made(lc.ChatMessageChunk, role=roles, **common),
    _made(lc.ToolMessageChunk, tool_call_id=strings, **common),
    results,
    answers,
    answer_chunks,
    chunks_of_calls,
)


@st.composite
def streams_of_blocks(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The fields of the chunks of an answer of blocks: reasoning with a signature, then text."""
    fields: list[dict[str, Any]] = [{"content": draw(st.sampled_from(["", []])), "id": "msg_1"}]
    reasoning = draw(st.lists(strings, max_size=2))
    blocks = [{"type": "thinking", "thinking": text, "index": 0} for text in reasoning]
    if reasoning:
        blocks.append({"type": "thinking", "thinking": "", "signature": "s", "index": 0})
    for index in range(draw(st.integers(1, 2))):
        parts = draw(st.lists(strings, min_size=1, max_size=3))
        blocks += [{"type": "text", "text": text, "index": index + 1} for text in parts]
    end = {"content": draw(st.sampled_from(["", []])), "chunk_position": "last"}
    return [*fields, *({"content": [block]} for block in blocks), end]


@st.composite
def streams(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The fields of the chunks of one answer, as services send them.

    Its text and its reasoning come in parts, its calls begin with their id and their name and go on
    with parts of JSON, and the usage and the reason of the end come last.
    """
    id = draw(st.sampled_from(["msg_1", "run-2"]))
    fields: list[dict[str, Any]] = [{"content": "", "id": id}]
    fields += [
        {"content": "", "additional_kwargs": {"reasoning_content": text}, "id": id}
        for text in draw(st.lists(strings, max_size=2))
    ]
    fields += [{"content": text, "id": id} for text in draw(st.lists(strings, max_size=4))]
    for index in range(draw(st.integers(0, 2))):
        first = {"name": "add", "args": "", "id": f"call_{index}", "index": index}
        parts = draw(st.sampled_from([["{}"], ['{"a": ', "1}"], ['{"a', '": "b', '"}'], [""]]))
        rest = [{"name": None, "args": part, "id": None, "index": index} for part in parts]
        fields += [{"content": "", "tool_call_chunks": [part], "id": id} for part in [first, *rest]]
    read, wrote = draw(counts), draw(counts)
    usage = {"input_tokens": read, "output_tokens": wrote, "total_tokens": read + wrote}
    last = {"response_metadata": {"finish_reason": "stop"}, "usage_metadata": usage}
    return [*fields, {"content": "", "chunk_position": "last", "id": id, **last}]
