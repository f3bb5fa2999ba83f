"""Tool calls that come without an id, in several parts of one chunk, and with odd indexes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables.agents import create_agent
from runnables.engine.merging import merge_chunks
from runnables.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    message_chunk_to_message,
    tool_call,
    tool_call_chunk,
)
from runnables.messages.call_ids import made_id, with_call_ids
from runnables.models import ChatModel
from runnables.tools import tool
from tests.both_modes import Call


class Answers(ChatModel):
    """A model that answers with the chunks that it was made with, and then with a string."""

    chunks: Sequence[AIMessageChunk] = ()

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        if messages[-1].type == "tool":
            yield AIMessageChunk("done: " + ", ".join(m.text for m in messages if m.type == "tool"))
        else:
            yield from self.chunks


class AsyncAnswers(Answers):
    """The same, with an async hook, too."""

    async def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        for chunk in self._stream(messages, options):
            yield chunk


class Whole(ChatModel):
    """A model whose answers do not come in chunks."""

    answer: AIMessage = AIMessage()

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        return self.answer


def answering(*chunks: AIMessageChunk, cls: type[Answers] = AsyncAnswers) -> Answers:
    model = cls()
    model.chunks = chunks
    return model


@tool
def add(x: int = -1) -> str:
    """Add."""
    return f"x is {x}"


def part(name: str | None, args: str, id: str | None = None, index: Any = 0) -> Any:
    return tool_call_chunk(name=name, args=args, id=id, index=index)


ONE_CALL = {
    "two parts in one chunk": [[part("add", '{"x"', "1"), part(None, ": 1}")]],
    "three parts in one chunk": [[part("add", "", "1"), part(None, '{"x"'), part(None, ": 1}")]],
    "without an index": [[part("add", '{"x"', "1", None), part(None, ": 1}", None, None)]],
    "an index that is a string": [[part("add", '{"x"', "1", "0")], [part(None, ": 1}", None, "0")]],
    "an index as a number and a string": [
        [part("add", '{"x"', "1", 0), part(None, ": ", None, "0")],
        [part(None, "1}", None, 0)],
    ],
    "a word as the index": [[part("add", '{"x"', "1", "a"), part(None, ": 1}", None, "a")]],
    "the id repeated": [[part("add", '{"x"', "1"), part(None, ": 1}", "1")]],
    "no id": [[part("add", '{"x"'), part(None, ": 1}")]],
    "an empty id": [[part("add", '{"x"', "")], [part(None, ": 1}", "")]],
    "an id that comes later": [[part("add", '{"x"')], [part(None, ": 1}", "1")]],
    "a name that comes later": [[part(None, "", None)], [part("add", '{"x": 1}')]],
}


@pytest.mark.parametrize("name", ONE_CALL)
@pytest.mark.parametrize("cls", [Answers, AsyncAnswers])
def test_the_parts_of_a_call_make_one_call(name: str, cls: type[Answers], call: Call) -> None:
    """They do in an answer, in a merged stream and in an agent, with one id in all of them."""
    chunks = [AIMessageChunk("", tool_call_chunks=parts) for parts in ONE_CALL[name]]
    model = answering(*chunks, cls=cls)
    whole = call.invoke(model, "q")
    merged = merge_chunks(call.stream(model, "q"), model.merge)
    assert [(one["name"], one["args"]) for one in whole.tool_calls] == [("add", {"x": 1})]
    assert whole.tool_calls == merged.tool_calls
    assert whole.tool_calls[0]["id"] == ("1" if "1" in str(ids_in(chunks)) else made(0))
    agent = create_agent(model, [add])
    assert call.invoke(agent, "q")["messages"][-1].text == "done: x is 1"
    assert call.invoke(agent, "q") == merge_chunks(call.stream(agent, "q"), agent.merge)


def ids_in(chunks: Sequence[AIMessageChunk]) -> list[Any]:
    return [part["id"] for chunk in chunks for part in chunk.tool_call_chunks]


def made(place: int) -> str:
    return made_id([HumanMessage("q")], place)


def test_two_calls_in_one_chunk_stay_two(call: Call) -> None:
    """Calls with names of their own are not joined, with and without indexes and ids."""
    for indexes in ((0, 1), (None, None), ("0", "1"), (0, 0)):
        for ids in (("1", "2"), (None, None), ("", "")):
            parts = [
                part("add", '{"x": 1}', ids[0], indexes[0]),
                part("add", '{"x": 2}', ids[1], indexes[1]),
            ]
            model = answering(AIMessageChunk("", tool_call_chunks=parts))
            calls = call.invoke(model, "q").tool_calls
            assert [one["args"]["x"] for one in calls] == [1, 2], (indexes, ids)
            assert len({one["id"] for one in calls}) == 2
            assert all(one["id"] for one in calls)


@given(st.data())
def test_parts_mean_the_same_in_any_chunks(data: st.DataObject) -> None:
    """However the parts are put into chunks, the merged calls are those of one part a chunk."""
    parts: list[Any] = []
    for index in range(data.draw(st.integers(1, 3))):
        text = json.dumps({"x": index, "y": "é" * index})
        cut = data.draw(st.integers(0, len(text)))
        id = data.draw(st.sampled_from([None, "", f"id{index}"]))
        as_word = data.draw(st.booleans())
        parts.append(part("add", text[:cut], id, index))
        parts.append(part(None, text[cut:], None, str(index) if as_word else index))
    alone = [AIMessageChunk("", tool_call_chunks=[one]) for one in parts]
    grouped: list[AIMessageChunk] = []
    rest = list(parts)
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        grouped.append(AIMessageChunk("", tool_call_chunks=rest[:size]))
        rest = rest[size:]
    expected = AIMessageChunk.merge_chunks(alone)
    assert AIMessageChunk.merge_chunks(grouped).tool_calls == expected.tool_calls
    model = answering(*grouped)
    assert [one["args"]["x"] for one in model.invoke("q").tool_calls] == list(
        range(len(parts) // 2)
    )
    assert merge_chunks(model.stream("q"), model.merge).tool_calls == model.invoke("q").tool_calls


def test_whole_answers_get_ids_like_streamed_ones(call: Call) -> None:
    """An answer that came at once has the ids that it has as a stream; those of a service stay."""
    model = Whole()
    model.answer = AIMessage(
        "",
        tool_calls=[
            tool_call(name="add", args={}),
            tool_call(name="add", args={}, id="kept"),
            tool_call(name="add", args={}, id=""),
        ],
        invalid_tool_calls=[{"name": "add", "args": "{", "id": None, "error": "cut"}],
    )
    whole = call.invoke(model, "q")
    assert [one["id"] for one in whole.tool_calls] == [made(0), "kept", made(2)]
    assert whole.invalid_tool_calls[0]["id"] == made(3)
    merged = merge_chunks(call.stream(model, "q"), model.merge)
    assert merged.tool_calls == whole.tool_calls
    assert merged.invalid_tool_calls[0]["id"] == made(3)
    assert model.answer.tool_calls[0]["id"] is None  # the model's own object stays


def test_calls_of_later_turns_have_other_ids(call: Call) -> None:
    """The same call in every turn of an agent has another id each time."""
    chunk = AIMessageChunk("", tool_call_chunks=[part("add", "{}")])
    model = answering(chunk)
    ids: set[str] = set()
    talk: list[BaseMessage] = [HumanMessage("q")]
    for _ in range(3):
        answer = call.invoke(model, talk)
        ids.add(answer.tool_calls[0]["id"])
        talk += [answer, call.invoke(add, answer.tool_calls[0]), HumanMessage("q")]
    assert len(ids) == 3


def test_results_without_ids_answer_calls_in_their_order() -> None:
    """An older conversation in which nothing has an id is completed before it is sent."""
    talk = [
        HumanMessage("q"),
        AIMessage(tool_calls=[tool_call(name="f", args={}), tool_call(name="g", args={}, id="2")]),
        ToolMessage("g's", tool_call_id="2"),
        ToolMessage("f's", tool_call_id=""),
        HumanMessage("q"),
    ]
    filled = with_call_ids(talk)
    ids = [one["id"] for one in filled[1].tool_calls]  # type: ignore[attr-defined]
    assert ids[1] == "2" and ids[0]
    results = [message for message in filled if isinstance(message, ToolMessage)]
    assert [result.tool_call_id for result in results] == ["2", ids[0]]
    assert with_call_ids(filled) == filled
    assert with_call_ids(talk[2:]) == talk[2:]


def test_chunks_that_no_model_made_get_ids_at_their_end() -> None:
    """`message_chunk_to_message` fills them in; other answers and places have other ids."""
    chunk = AIMessageChunk("a", tool_call_chunks=[part("add", "{}"), part("add", "{}", index=1)])
    message = message_chunk_to_message(chunk)
    assert isinstance(message, AIMessage)
    ids = [one["id"] for one in message.tool_calls]
    assert all(ids) and len(set(ids)) == 2
    assert message == message_chunk_to_message(chunk)
    other = message_chunk_to_message(chunk.model_copy(update={"id": "2"}))
    assert isinstance(other, AIMessage) and other.tool_calls[0]["id"] != ids[0]
