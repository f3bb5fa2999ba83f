"""Parsers of tool calls, from messages and while the calls are written."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel, Field

from runnables.engine.merging import SNAPSHOTS, merge_chunks
from runnables.errors import ConfigError, OutputParserException
from runnables.messages import AIMessage, AIMessageChunk, HumanMessage, tool_call, tool_call_chunk
from runnables.parsers import (
    JsonOutputKeyToolsParser,
    JsonOutputToolsParser,
    PydanticToolsParser,
    StrOutputParser,
)
from tests.both_modes import Call
from tests.parsers.answers import JSON, outcome


class Add(BaseModel):
    a: int
    b: int = 0
    note: str = ""


class Search(BaseModel):
    model_config = {"title": "search_web"}

    query: str = Field(min_length=1)
    sites: list[str] = []


PARSERS = [
    JsonOutputToolsParser(),
    JsonOutputToolsParser(return_id=True, first_tool_only=True),
    JsonOutputKeyToolsParser(key_name="Add"),
    JsonOutputKeyToolsParser("search_web", first_tool_only=True),
    PydanticToolsParser(tools=[Add, Search]),
    PydanticToolsParser(tools=[Add, Search], first_tool_only=True),
]


def streamed(calls: list[tuple[str, str]], size: int) -> list[Any]:
    """Return the chunks in which a provider sends these calls, with an answer in words before."""
    chunks = [AIMessageChunk(content="Let me see. ")]
    for index, (name, args) in enumerate(calls):
        parts = [args[start : start + size] for start in range(0, len(args), size)]
        first = tool_call_chunk(name=name, args="", id=f"call-{index}", index=index)
        more = [tool_call_chunk(args=part, index=index) for part in parts]
        chunks += [AIMessageChunk(content="", tool_call_chunks=[part]) for part in (first, *more)]
    return [*chunks, AIMessageChunk(content="", chunk_position="last")]


ARGS = st.one_of(
    st.fixed_dictionaries({"a": st.integers()}, optional={"note": st.text(max_size=5)}).map(
        json.dumps
    ),
    st.fixed_dictionaries({"query": st.text(max_size=5)}).map(json.dumps),
    st.dictionaries(st.text(max_size=3), JSON, max_size=3).map(json.dumps),
    st.sampled_from(["", "{}", '{"a": 1', "[1]", "oops"]),
)
CALLS = st.lists(st.tuples(st.sampled_from(["Add", "search_web", "other"]), ARGS), max_size=3)


@pytest.mark.parametrize("parser", PARSERS, ids=repr)
def test_the_stream_ends_with_what_invoke_gives(parser: Any) -> None:
    """Law 1, for any calls cut anywhere, with errors; earlier chunks stay as they were."""

    @given(CALLS, st.integers(1, 9))
    def law(calls: list[tuple[str, str]], size: int) -> None:
        chunks = streamed(calls, size)
        kept: list[tuple[Any, str]] = []

        def run() -> Any:
            for chunk in parser.transform(iter(chunks)):
                kept.append((chunk, repr(chunk)))
            return merge_chunks([chunk for chunk, _ in kept], SNAPSHOTS)

        whole = AIMessageChunk.merge_chunks(chunks)
        assert outcome(run) == outcome(lambda: parser.invoke(whole))
        assert all(repr(chunk) == was for chunk, was in kept)

    law()


TWO = [("Add", '{"a": 12, "note": "hello"}'), ("search_web", '{"query": "x"}')]


def test_calls_are_shown_while_they_are_written(call: Call) -> None:
    """Arguments as far as they go, then the next call."""
    shown = call.transform(JsonOutputToolsParser(), streamed(TWO, 1))
    assert shown[:2] == [[], [{"type": "Add", "args": {}}]]
    assert all(one != other for one, other in pairwise(shown))
    assert {"type": "Add", "args": {"a": 12, "note": "he"}} in [calls[0] for calls in shown[1:]]
    assert shown[-1] == [
        {"type": "Add", "args": {"a": 12, "note": "hello"}},
        {"type": "search_web", "args": {"query": "x"}},
    ]


def test_partial_objects_are_of_the_tools_class(call: Call) -> None:
    """Their fields fit their types, as with the pydantic parser."""
    shown = call.transform(PydanticToolsParser(tools=[Add, Search]), streamed(TWO, 1))
    assert {type(item) for items in shown for item in items} == {Add, Search}
    assert {items[0].a for items in shown[1:]} == {None, 12}
    assert shown[-1] == [Add(a=12, note="hello"), Search(query="x")]


def test_a_message_without_calls_has_no_results(call: Call) -> None:
    """The result is an empty list, or None for `first_tool_only`."""
    words = AIMessage(content="No tool needed.")
    assert call.invoke(JsonOutputToolsParser(), words) == []
    assert call.invoke(PydanticToolsParser(tools=[Add], first_tool_only=True), words) is None
    assert call.transform(JsonOutputKeyToolsParser("Add"), [words]) == [[]]


def test_ids_are_there_with_return_id(call: Call) -> None:
    """A tool message needs the id of the call that it answers."""
    message = AIMessage(content="", tool_calls=[tool_call(name="Add", args={"a": 1}, id="7")])
    item = {"type": "Add", "args": {"a": 1}, "id": "7"}
    assert call.invoke(JsonOutputToolsParser(return_id=True), message) == [item]
    assert call.invoke(JsonOutputKeyToolsParser("Add", return_id=True), message) == [item]
    assert call.invoke(JsonOutputKeyToolsParser("Add"), message) == [{"a": 1}]


@pytest.mark.parametrize(
    ("name", "args", "error", "text"),
    [
        (
            "Ad",
            '{"a": 1}',
            "There is no tool 'Ad'. Did you mean 'Add'? Known tools: Add, search_web.",
            '{"a": 1}',
        ),
        ("Add", '{"a": "x"}', "The answer does not fit Add:\n- a: ", '{"a": "x"}'),
        ("Add", '{"a": 1', "The tool call of 'Add' cannot be read: ", '{"a": 1'),
    ],
)
def test_a_call_that_cannot_be_read_is_an_error(
    name: str, args: str, error: str, text: str, call: Call
) -> None:
    """An unknown tool, arguments that do not fit, arguments that are no JSON: none is dropped."""
    parser = PydanticToolsParser(tools=[Add, Search])
    with pytest.raises(OutputParserException) as caught:
        call.transform(parser, streamed([(name, args)], 3))
    assert str(caught.value).startswith(error)
    assert caught.value.llm_output == text


@pytest.mark.parametrize("wrong", ["text", HumanMessage(content="hi"), {"name": "Add"}])
def test_only_models_messages_have_calls(wrong: Any, call: Call) -> None:
    """A parser in the wrong place is the caller's error, which names the right one."""
    with pytest.raises(TypeError, match="Put it right after the model"):
        call.invoke(JsonOutputToolsParser(), wrong)


def test_a_tool_that_is_no_model_is_refused() -> None:
    """The error comes when the parser is made."""
    with pytest.raises(ConfigError, match="not a pydantic model class"):
        PydanticToolsParser(tools=[StrOutputParser()])  # type: ignore[list-item]  # the point


def test_printing_a_parser_shows_its_settings() -> None:
    """The repr is the code that makes it."""
    assert repr(JsonOutputToolsParser()) == (
        "JsonOutputToolsParser(return_id=False, first_tool_only=False)"
    )


def test_openais_own_calls_are_read_where_a_message_has_no_others(call: Call) -> None:
    """As another library leaves them in `additional_kwargs`; streamed, they are joined by index."""
    function = {"name": "Person", "arguments": '{"name": "Ada"}'}
    raw = {"tool_calls": [{"id": "1", "type": "function", "function": function}]}
    parser = JsonOutputToolsParser(return_id=True)
    expected = [{"type": "Person", "args": {"name": "Ada"}, "id": "1"}]
    assert call.invoke(parser, AIMessage("", additional_kwargs=raw)) == expected
    parts = [
        {"index": 0, "id": "1", "type": "function", "function": {"name": "Person"}},
        {"index": 0, "id": None, "function": {"name": None, "arguments": '{"name": "A'}},
        {"index": 0, "id": None, "function": {"name": None, "arguments": 'da"}'}},
    ]
    chunks = [AIMessageChunk("", additional_kwargs={"tool_calls": [part]}) for part in parts]
    shown = call.transform(parser, chunks)
    assert [calls[0]["args"].get("name") for calls in shown if calls] == [None, "A", "Ada"]
    own = [{"name": "f", "args": {}, "id": "2"}]
    assert call.invoke(parser, AIMessage("", tool_calls=own, additional_kwargs=raw))[0]["id"] == "2"
