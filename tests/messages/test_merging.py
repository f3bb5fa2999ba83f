"""Merging of message chunks, and of the chunks of tool calls."""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from runnables.engine.merging import RESET, merge_chunks
from runnables.errors import MergeError
from runnables.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessageChunk,
    HumanMessageChunk,
    ToolMessageChunk,
    text_chunk,
    text_message,
    tool_call,
    tool_call_chunk,
)
from runnables.messages.ai import AIFields
from tests.messages import arbitrary


def grouped(draw: st.DrawFn, chunks: list[Any]) -> Any:
    """The sum of the chunks, by a tree of additions of any shape."""
    if len(chunks) == 1:
        return chunks[0]
    cuts = draw(st.sets(st.integers(1, len(chunks) - 1), min_size=1, max_size=3))
    edges = [0, *sorted(cuts), len(chunks)]
    parts = [grouped(draw, chunks[a:b]) for a, b in itertools.pairwise(edges)]
    return type(chunks[0]).merge_chunks(parts)


@given(st.lists(arbitrary.ai_chunks, min_size=1, max_size=7), st.data())
def test_any_grouping_of_ai_chunks_merges_to_the_same(
    chunks: list[AIMessageChunk], data: st.DataObject
) -> None:
    """Addition is associative, also for streams that no sane server sends."""
    at_once = AIMessageChunk.merge_chunks(chunks)
    in_any_order = AIMessageChunk.merge_chunks([grouped(data.draw, chunks)])
    assert in_any_order == at_once


@given(st.lists(arbitrary.human_chunks, min_size=1, max_size=6), st.data())
def test_any_grouping_of_human_chunks_merges_to_the_same(
    chunks: list[HumanMessageChunk], data: st.DataObject
) -> None:
    """The fields that all chunks have add associatively."""
    at_once = HumanMessageChunk.merge_chunks(chunks)
    assert HumanMessageChunk.merge_chunks([grouped(data.draw, chunks)]) == at_once


@given(st.lists(arbitrary.ai_chunks, min_size=1, max_size=5))
def test_plus_is_merge_chunks(chunks: list[AIMessageChunk]) -> None:
    """Adding one after another is merging all at once."""
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    assert AIMessageChunk.merge_chunks([total]) == AIMessageChunk.merge_chunks(chunks)


@given(arbitrary.ai_chunks)
def test_an_empty_chunk_changes_nothing(chunk: AIMessageChunk) -> None:
    """The empty chunk is neutral on both sides."""
    alone = AIMessageChunk.merge_chunks([chunk])
    assert AIMessageChunk() + chunk == alone
    assert chunk + AIMessageChunk() == alone


@given(st.text(), st.data())
def test_a_string_in_any_chunks_merges_to_the_string(text: str, data: st.DataObject) -> None:
    """Contents that are strings are joined."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=5)))
    edges = [0, *cuts, len(text)]
    chunks = [AIMessageChunk(text[a:b]) for a, b in itertools.pairwise(edges)]
    assert AIMessageChunk.merge_chunks(chunks).content == text


@given(st.lists(arbitrary.tool_calls, min_size=1, max_size=3), st.data())
def test_interleaved_chunks_assemble_to_their_calls(calls: list[Any], data: st.DataObject) -> None:
    """Chunks of several calls may come in any interleaving, with ids that come late."""
    whole = AIMessageChunk(tool_calls=calls).tool_call_chunks
    chunks = [_cut(data.draw, index, call) for index, call in enumerate(whole)]
    stream: list[AIMessageChunk] = [
        AIMessageChunk(tool_call_chunks=[of_call.pop(0)]) for of_call in chunks
    ]
    while any(chunks):
        of_call = data.draw(st.sampled_from([of_call for of_call in chunks if of_call]))
        stream.append(AIMessageChunk(tool_call_chunks=[of_call.pop(0)]))
    stream.append(AIMessageChunk(chunk_position="last"))
    assert AIMessageChunk.merge_chunks(stream).tool_calls == calls


def _cut(draw: st.DrawFn, index: int, call: Any) -> list[Any]:
    """Return the chunks of a call, with the name in the first and the id in any of them."""
    args = call["args"]
    cuts = sorted(draw(st.sets(st.integers(0, len(args)), max_size=4)))
    edges = [0, *cuts, len(args)]
    parts = [args[start:end] for start, end in itertools.pairwise(edges)]
    with_id = draw(st.integers(0, len(parts) - 1))
    return [
        tool_call_chunk(
            name=call["name"] if number == 0 else None,
            args=part,
            id=call["id"] if number == with_id else None,
            index=index,
        )
        for number, part in enumerate(parts)
    ]


def assembled(*call_chunks: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the name, arguments and id of each call that a stream of chunks makes."""
    chunks = [AIMessageChunk(tool_call_chunks=[chunk]) for chunk in call_chunks]  # type: ignore[list-item]
    whole = AIMessageChunk.merge_chunks(chunks)
    return [(call["name"], call["args"], call["id"]) for call in whole.tool_call_chunks]


def test_chunks_without_an_index_continue_the_last_call() -> None:
    """Where a server sends no index, a new id or name starts a call."""
    assert assembled(
        {"name": "f", "id": "1"},
        {"args": "{}"},
        {"name": "g", "id": "2"},
        {"args": "{"},
        {"args": "}"},
    ) == [("f", "{}", "1"), ("g", "{}", "2")]


def test_a_chunk_without_an_index_is_added_by_its_id() -> None:
    """Ids separate interleaved chunks without an index."""
    assert assembled(
        {"name": "f", "id": "1"},
        {"name": "g", "id": "2"},
        {"args": "{}", "id": "1"},
        {"args": "[]", "id": "2"},
    ) == [("f", "{}", "1"), ("g", "[]", "2")]


def test_complete_calls_under_one_index_stay_separate() -> None:
    """Servers that give every call the index 0 still make several calls."""
    assert assembled(
        {"name": "f", "id": "1", "index": 0, "args": "{}"},
        {"name": "f", "id": "2", "index": 0, "args": ""},
        {"args": "{}", "index": 0},
    ) == [("f", "{}", "1"), ("f", "{}", "2")]


def test_complete_calls_without_ids_stay_separate() -> None:
    """A complete call is not continued by another one of the same name."""
    assert assembled(
        {"name": "f", "index": 0, "args": "{}"}, {"name": "f", "index": 0, "args": "{}"}
    ) == [("f", "{}", None), ("f", "{}", None)]


def test_a_new_id_with_every_chunk_is_still_one_call() -> None:
    """Some servers make up an id for each chunk; the first one is the call's."""
    assert assembled(
        {"name": "f", "id": "1", "index": 0},
        {"args": "{", "id": "2", "index": 0},
        {"args": "}", "id": "3", "index": 0},
    ) == [("f", "{}", "1")]


def test_a_name_that_is_repeated_is_not_doubled() -> None:
    """Some servers send the name with every chunk."""
    assert assembled(
        {"name": "f", "index": 0, "args": '{"a"'}, {"name": "f", "index": 0, "args": ": 1}"}
    ) == [("f", '{"a": 1}', None)]


def test_a_name_in_chunks_is_one_name() -> None:
    """A name may be streamed too, before the arguments."""
    assert assembled({"name": "get_", "id": "1", "index": 0}, {"name": "time", "index": 0}) == [
        ("get_time", "", "1")
    ]


def test_calls_are_readable_while_they_stream() -> None:
    """Arguments can be used as far as they have arrived."""
    chunk = AIMessageChunk(tool_call_chunks=[tool_call_chunk(name="f", args='{"a": 1, "b": "hel')])
    assert chunk.tool_calls == [
        {"name": "f", "args": {"a": 1, "b": "hel"}, "id": None, "type": "tool_call"}
    ]


def test_a_call_that_was_cut_off_is_invalid_at_the_end() -> None:
    """Arguments that end early never count as complete."""
    begun = AIMessageChunk(tool_call_chunks=[tool_call_chunk(name="f", args='{"a": 1', index=0)])
    whole = begun + AIMessageChunk(chunk_position="last")
    assert begun.tool_calls
    assert whole.tool_calls == []
    assert whole.invalid_tool_calls[0]["args"] == '{"a": 1'
    assert "not valid JSON" in str(whole.invalid_tool_calls[0]["error"])


@pytest.mark.parametrize("args", ["abc", "[1]", '{"a" 1', '{"a": 1} x', '{"a": tru}'])
def test_malformed_arguments_are_kept_as_invalid_calls(args: str) -> None:
    """A string that can never become an object is invalid at once, with a reason."""
    chunk = AIMessageChunk(tool_call_chunks=[tool_call_chunk(name="f", args=args, id="1")])
    assert chunk.tool_calls == []
    [invalid] = chunk.invalid_tool_calls
    assert (invalid["name"], invalid["args"], invalid["id"]) == ("f", args, "1")
    assert invalid["error"]


def test_extras_of_a_call_survive() -> None:
    """Data that a provider needs back with a call, such as a signature, is kept."""
    call_chunk: Any = {"name": "f", "args": "{}", "id": "1", "extras": {"signature": "s"}}
    whole = AIMessageChunk(tool_call_chunks=[call_chunk]) + AIMessageChunk(chunk_position="last")
    assert whole.tool_calls[0].get("extras") == {"signature": "s"}


def test_text_before_blocks_becomes_an_item() -> None:
    """A stream may begin with text and go on with blocks, and the other way round."""
    block = {"type": "text", "text": "b", "index": 0}
    chunks = [AIMessageChunk("a"), AIMessageChunk([block]), AIMessageChunk([block])]
    assert AIMessageChunk.merge_chunks([*chunks, AIMessageChunk("c")]).content == [
        "a",
        {"type": "text", "text": "bb", "index": 0},
        "c",
    ]


def test_blocks_of_one_index_join_their_strings_apart_from_names() -> None:
    """The `type` and the `id` of a block are not joined."""
    first = {"type": "reasoning", "reasoning": "a", "index": 1, "id": "r", "signature": "s"}
    second = {"type": "reasoning", "reasoning": "b", "index": 1, "id": "r", "signature": "t"}
    whole = AIMessageChunk([first]) + AIMessageChunk([second])
    assert whole.content == [
        {"type": "reasoning", "reasoning": "ab", "index": 1, "id": "r", "signature": "st"}
    ]


def test_metadata_is_not_concatenated() -> None:
    """A model's name that comes twice is not doubled; lists are extended."""
    one = AIMessageChunk("a", response_metadata={"model_name": "m", "logprobs": [1]})
    two = AIMessageChunk("b", response_metadata={"model_name": "m", "logprobs": [2]})
    assert (one + two).response_metadata == {"model_name": "m", "logprobs": [1, 2]}


def test_usage_adds_with_its_details() -> None:
    """Counts of all chunks are summed, by kind of token."""
    first = AIMessageChunk(
        "",
        usage_metadata={
            "input_tokens": 5,
            "output_tokens": 0,
            "total_tokens": 5,
            "input_token_details": {"cache_read": 3},
        },
    )
    second = AIMessageChunk(
        "",
        usage_metadata={
            "input_tokens": 0,
            "output_tokens": 10,
            "total_tokens": 10,
            "input_token_details": {"cache_read": 1},
            "output_token_details": {"reasoning": 4},
        },
    )
    assert (first + second).usage_metadata == {
        "input_tokens": 5,
        "output_tokens": 10,
        "total_tokens": 15,
        "input_token_details": {"cache_read": 4},
        "output_token_details": {"reasoning": 4},
    }


def test_adding_does_not_change_the_chunks() -> None:
    """The sum shares no dict or list with the chunks."""
    one = AIMessageChunk([{"type": "text", "text": "a", "index": 0}], additional_kwargs={"n": {}})
    whole = one + AIMessageChunk([{"type": "text", "text": "b", "index": 0}])
    whole.additional_kwargs["new"] = 1
    assert one == AIMessageChunk(
        [{"type": "text", "text": "a", "index": 0}], additional_kwargs={"n": {}}
    )


class Counted(str):
    """A string that counts how many of its characters `+` copies."""

    copied = 0

    def __add__(self, other: str) -> Counted:
        Counted.copied += len(self)
        return Counted(str(self) + other)


@pytest.mark.parametrize("size", [100, 1000])
def test_merging_joins_strings_once(size: int) -> None:
    """No string is added with `+`: n chunks are joined at once, at a cost of n."""
    Counted.copied = 0
    chunks = [AIMessageChunk("") for _ in range(size)]
    for chunk in chunks:
        chunk.content = Counted("ab")
        chunk.tool_call_chunks = [tool_call_chunk(args=Counted("ab"), index=0)]
    whole = AIMessageChunk.merge_chunks(chunks)
    assert whole.content == "ab" * size
    assert whole.tool_call_chunks[0]["args"] == "ab" * size
    assert Counted.copied == 0


def test_streams_merge_by_the_declared_merge() -> None:
    """`merge_chunks` merges message chunks as deltas, and RESET starts over."""
    chunks = [AIMessageChunk("a"), RESET, AIMessageChunk("b"), AIMessageChunk("c")]
    assert merge_chunks(chunks) == AIMessageChunk("bc")


def test_chunks_of_different_messages_do_not_add() -> None:
    """Different classes, roles or tool calls are an error that names them."""
    with pytest.raises(MergeError, match="HumanMessageChunk and a AIMessageChunk"):
        HumanMessageChunk.merge_chunks([HumanMessageChunk("a"), AIMessageChunk("b")])  # type: ignore[list-item]
    with pytest.raises(MergeError, match="role: 'a' and 'b'"):
        ChatMessageChunk("", role="a") + ChatMessageChunk("", role="b")
    with pytest.raises(MergeError, match="tool_call_id"):
        ToolMessageChunk("", tool_call_id="a") + ToolMessageChunk("", tool_call_id="b")
    with pytest.raises(MergeError, match="'k' are of types 'str' and 'list'"):
        AIMessageChunk("", additional_kwargs={"k": "a"}) + AIMessageChunk(
            "", additional_kwargs={"k": []}
        )
    with pytest.raises(TypeError):
        AIMessageChunk("a") + "b"  # type: ignore[operator]


def test_tool_message_chunks_add() -> None:
    """Artifacts are merged, and one chunk with an error makes the message an error."""
    one = ToolMessageChunk("a", tool_call_id="1", artifact=[1])
    two = ToolMessageChunk("b", tool_call_id="1", artifact=[2], status="error")
    assert one + two == ToolMessageChunk("ab", tool_call_id="1", artifact=[1, 2], status="error")


def test_text_chunk_returns_what_the_constructor_returns() -> None:
    """That holds for pydantic's own attributes, too."""
    quick, slow = text_chunk("word", "id-1"), AIMessageChunk("word", id="id-1")
    assert quick == slow
    assert quick.__dict__ == slow.__dict__
    assert list(quick.__dict__) == list(slow.__dict__)
    assert quick.model_fields_set == slow.model_fields_set
    assert quick.model_extra == slow.model_extra
    assert quick.model_dump_json() == slow.model_dump_json()
    assert copy.deepcopy(quick) == pickle.loads(pickle.dumps(quick)) == slow
    assert quick + text_chunk("s") == slow + AIMessageChunk("s")
    assert text_chunk("a").response_metadata is not text_chunk("b").response_metadata


def test_text_chunk_refuses_what_the_constructor_refuses() -> None:
    """A wrong type raises a ValidationError."""
    with pytest.raises(ValidationError):
        text_chunk(5)  # type: ignore[arg-type]  # the mistake that is meant
    with pytest.raises(ValidationError):
        text_message(5)  # type: ignore[arg-type]  # the mistake that is meant


def test_text_message_returns_what_the_constructor_returns() -> None:
    """That holds for pydantic's own attributes, too."""
    fields: AIFields = {
        "id": "id-1",
        "usage_metadata": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        "response_metadata": {"model_name": "m"},
        "tool_calls": [tool_call(name="add", args={"a": 1}, id="1")],
    }
    quick, slow = text_message("word", **fields), AIMessage("word", **fields)
    assert quick == slow
    assert list(quick.__dict__) == list(slow.__dict__)
    assert quick.model_fields_set == slow.model_fields_set
    assert quick.model_dump_json() == slow.model_dump_json()
    assert copy.deepcopy(quick) == pickle.loads(pickle.dumps(quick)) == slow
    assert text_message("a").tool_calls is not text_message("a").tool_calls
    assert text_message("a", id="1") == AIMessage("a", id="1")


def test_metadata_of_different_kinds_lose_no_answer() -> None:
    """The last value is kept, also inside of what agrees."""
    chunks = [
        AIMessageChunk("a", response_metadata={"k": {"list": [1], "same": [1]}, "plain": "x"}),
        AIMessageChunk("b", response_metadata={"k": {"list": {"n": 2}, "same": [2]}, "plain": [3]}),
    ]
    merged = AIMessageChunk.merge_chunks(chunks)
    assert merged.text == "ab"
    assert merged.response_metadata == {"k": {"list": {"n": 2}, "same": [1, 2]}, "plain": [3]}
