"""Chat models: what they do by themselves, whichever hooks a provider wrote."""

from __future__ import annotations

import asyncio
import itertools
import json
import pickle
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables.engine.merging import merge_chunks
from runnables.errors import ConfigError, RateLimitError, SyncAsyncError
from runnables.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatPromptValue,
    HumanMessage,
    StringPromptValue,
    SystemMessage,
    convert_to_messages,
    tool_call_chunk,
)
from runnables.messages.call_ids import has_all_ids, with_ids
from runnables.models import ChatModel, StopSequenceFilter, truncate_at_stop
from runnables.models.calls import join_answer
from runnables.models.options import BASE_OPTIONS
from runnables.models.usage import Usage, track_usage
from runnables.parsers import StrOutputParser
from runnables_providers.scripted import Delay, ScriptedChatModel
from tests.both_modes import Call
from tests.messages import arbitrary


class WritesGenerate(ChatModel):
    """A provider with a plain client."""

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        return AIMessage(f"{messages[-1].text} {options.get('temperature')}")


class WritesStream(ChatModel):
    """A provider that streams, in a plain client."""

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        yield AIMessageChunk(f"{messages[-1].text} ")
        yield AIMessageChunk(str(options.get("temperature")))


class WritesBoth(WritesGenerate, WritesStream):
    """A provider that wrote two hooks."""


class WritesAsyncGenerate(ChatModel):
    """A provider with an async client only."""

    async def _agenerate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        return AIMessage(f"{messages[-1].text} {options.get('temperature')}")


class WritesAsyncStream(ChatModel):
    """A provider that streams, in an async client only."""

    async def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        yield AIMessageChunk(f"{messages[-1].text} ")
        yield AIMessageChunk(str(options.get("temperature")))


@pytest.mark.parametrize("model", [WritesGenerate(), WritesStream(), WritesBoth()], ids=repr)
def test_one_hook_is_enough(model: ChatModel, call: Call) -> None:
    """The other hooks follow from it: every method works, sync and async."""
    answer = AIMessage("hi 0.5")
    assert call.invoke(model, "hi", temperature=0.5) == answer
    assert merge_chunks(call.stream(model, "hi", temperature=0.5), model.merge) == answer
    assert call.batch(model, ["hi"], temperature=0.5) == [answer]


@pytest.mark.parametrize("model", [WritesAsyncGenerate(), WritesAsyncStream()], ids=repr)
async def test_an_async_model_names_the_method_to_use(model: ChatModel) -> None:
    """It can be awaited; the error of a sync call names the async method."""
    assert await model.ainvoke("hi") == AIMessage("hi None")
    chunks = [chunk async for chunk in model.astream("hi")]
    assert merge_chunks(chunks, model.merge) == AIMessage("hi None")
    with pytest.raises(SyncAsyncError, match="ainvoke"):
        model.invoke("hi")
    with pytest.raises(SyncAsyncError, match="astream"):
        list(model.stream("hi"))


def test_a_model_without_hooks_names_the_hook_to_write(call: Call) -> None:
    """The error is for the author of a provider."""

    class Nothing(ChatModel):
        pass

    with pytest.raises(TypeError, match="Nothing has no hook that answers: write `_generate`"):
        call.invoke(Nothing(), "hi")


@pytest.mark.parametrize(
    "input",
    [
        "hi",
        [("human", "hi")],
        [HumanMessage("hi")],
        [{"role": "user", "content": "hi"}],
        StringPromptValue(text="hi"),
        ChatPromptValue(messages=[HumanMessage("hi")]),
    ],
    ids=str,
)
def test_hooks_get_messages_of_any_input(input: Any) -> None:
    """Strings, lists, dicts and prompt values become the same messages."""
    model = ScriptedChatModel(["ok"])
    model.invoke(input)
    assert model.calls[0].messages == [HumanMessage("hi")]


def test_a_conversation_without_messages_is_an_error(call: Call) -> None:
    """The error says that there is no message to answer."""
    with pytest.raises(ConfigError, match="no message to answer"):
        call.invoke(ScriptedChatModel(), [])


def test_options_of_a_call_override_the_settings_of_the_model(call: Call) -> None:
    """Bound options override settings, and those of a call override both."""
    model = ScriptedChatModel("ok", cycle=True, temperature=0.1, max_tokens=5, stop="a")
    bound = model.bind(temperature=0.2, seed=1)
    call.invoke(bound, "hi", temperature=0.3, max_tokens=None, stop=["b"])
    assert model.calls[0].options == {"temperature": 0.3, "seed": 1, "stop": ["b"]}
    call.stream(model, "hi")
    assert model.calls[1].options == {"temperature": 0.1, "max_tokens": 5, "stop": ["a"]}


@pytest.mark.parametrize("option", sorted(BASE_OPTIONS))
def test_a_misspelt_option_is_an_error_before_work_starts(option: str, call: Call) -> None:
    """The error suggests the right name, and the model does not run."""
    model = ScriptedChatModel()
    with pytest.raises(ConfigError, match=f"Did you mean '{option}'"):
        call.invoke(model, "hi", **{f"{option}x": 1})
    with pytest.raises(ConfigError):
        call.stream(model, "hi", **{f"{option}x": 1})
    assert model.opened == 0


@pytest.mark.parametrize("stop", [[""], [1], "", 3, {"a": 1}])
def test_stop_sequences_are_strings_that_are_not_empty(stop: Any) -> None:
    """An empty one would stop everything."""
    with pytest.raises(ConfigError, match="stop=.*expected a string, or a list of strings"):
        ScriptedChatModel().invoke("hi", stop=stop)


@pytest.mark.parametrize(
    ("option", "wrong", "expected"),
    [
        ("temperature", "hot", "expected a number of at least 0"),
        ("temperature", float("nan"), "expected a number"),
        ("temperature", True, "expected a number"),
        ("top_p", 1.5, "expected a number from 0 to 1"),
        ("max_tokens", "5", "expected a whole number of at least 0"),
        ("max_tokens", -1, "expected a whole number of at least 0"),
        ("max_tokens", 5.0, "expected a whole number"),
        ("seed", "x", r"expected a whole number\."),
    ],
)
def test_numbers_are_checked_before_a_model_runs(
    option: str, wrong: Any, expected: str, call: Call
) -> None:
    """They are, as settings, in a call, and where they are bound."""
    model = ScriptedChatModel(["a"])
    for make in (
        lambda: ScriptedChatModel(["a"], **{option: wrong}),
        lambda: call.invoke(model, "hi", **{option: wrong}),
        lambda: call.stream(model, "hi", **{option: wrong}),
        lambda: model.bind_tools([], **{option: wrong}),
    ):
        with pytest.raises(ConfigError, match=f"ScriptedChatModel: {option}=.*: {expected}"):
            make()
    assert model.opened == 0
    assert call.invoke(model, "hi", **{option: None}).text == "a"


def test_a_model_is_a_value() -> None:
    """It compares, prints and pickles by its settings, without its record of calls."""
    model = ScriptedChatModel(["a"], temperature=0.5)
    model.invoke("hi")
    copied = pickle.loads(pickle.dumps(model))
    assert copied == model == ScriptedChatModel(["a"], temperature=0.5)
    assert copied.calls == []
    assert repr(model) == "ScriptedChatModel(temperature=0.5, script=['a'], cycle=False)"


@given(st.lists(arbitrary.ai_chunks, min_size=1, max_size=5))
def test_the_chunks_of_an_answer_merge_to_the_answer(chunks: list[AIMessageChunk]) -> None:
    """`invoke` returns what the chunks of `stream` merge to, as a message and not a chunk."""
    model = ScriptedChatModel([chunks], cycle=True)
    answer = model.invoke("hi")
    assert type(answer) is AIMessage
    assert merge_chunks(model.stream("hi"), model.merge) == answer


@given(arbitrary.ais)
def test_an_answer_without_chunks_can_be_streamed(answer: AIMessage) -> None:
    """Its only chunk merges to the same answer, in which each tool call has an id."""

    class Fixed(ChatModel):
        def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
            return answer

    whole = with_ids(answer, [HumanMessage("hi")])
    assert has_all_ids(whole)
    assert merge_chunks(Fixed().stream("hi"), Fixed.merge) == Fixed().invoke("hi") == whole


def test_chains_stream_the_chunks_of_models(call: Call) -> None:
    """A parser after a model yields a part for each chunk."""
    chain = ScriptedChatModel("one two", cycle=True) | StrOutputParser()
    assert call.stream(chain, "hi") == ["one", " ", "two"]
    assert call.invoke(chain, "hi") == "one two"


@pytest.mark.parametrize("answer", ["text", None, HumanMessage("a")])
def test_a_hook_that_returns_no_answer_is_named(answer: Any, call: Call) -> None:
    """The error is for the author of a provider."""

    class Wrong(ChatModel):
        def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
            return answer  # type: ignore[no-any-return]

    with pytest.raises(TypeError, match=r"Wrong\._generate returned"):
        call.invoke(Wrong(), "hi")


def test_tokens_can_be_counted() -> None:
    """The count is an estimate, which `trim_messages` can use."""
    model = ScriptedChatModel()
    assert model.get_num_tokens("12345") == 2
    assert model.get_num_tokens_from_messages(convert_to_messages("hi")) > 1


# -- stop sequences

letters = st.text("abc", max_size=12)
stops = st.lists(st.text("abc", min_size=1, max_size=4), max_size=3)


@given(letters, stops, st.data())
def test_a_stop_sequence_is_found_in_any_split_of_the_text(
    text: str, stop: list[str], data: st.DataObject
) -> None:
    """It may be spread over chunks, or begin another stop sequence."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=4)))
    edges = [0, *cuts, len(text)]
    stop_filter = StopSequenceFilter(stop)
    parts = [stop_filter.feed(text[start:end]) for start, end in itertools.pairwise(edges)]
    assert "".join(parts) + stop_filter.finish() == truncate_at_stop(text, stop)


@given(letters, stops)
def test_no_stop_sequence_is_in_a_truncated_text(text: str, stop: list[str]) -> None:
    """Nothing is lost from a string without a stop sequence."""
    truncated = truncate_at_stop(text, stop)
    assert not any(sequence in truncated for sequence in stop)
    assert text.startswith(truncated)
    assert truncated == text or any(sequence in text for sequence in stop)


def test_a_model_stops_at_a_stop_sequence_and_is_closed(call: Call) -> None:
    """The rest of the answer is not produced."""
    model = ScriptedChatModel(
        [["on", "e S", "TOP two", RateLimitError("never reached")]], cycle=True
    )
    assert call.invoke(model, "hi", stop="STOP").text == "one "
    assert "".join(chunk.text for chunk in call.stream(model, "hi", stop=["STOP"])) == "one "
    assert (model.opened, model.closed) == (2, 2)


# -- the scripted model


def test_a_script_is_played_answer_by_answer(call: Call) -> None:
    """It has strings, messages, chunks, functions and errors; after the last it is an error."""
    calls: Any = [{"name": "f", "args": {}, "id": "1", "type": "tool_call"}]
    model = ScriptedChatModel(
        [
            "a b",
            AIMessage("c", tool_calls=calls),
            ["d", AIMessageChunk(tool_call_chunks=[tool_call_chunk(name="f", args="{}", id="1")])],
            lambda messages: messages[-1].text.upper(),
            RateLimitError("slow down", retry_after=2),
            ["e", ValueError("broken")],
        ]
    )
    assert call.invoke(model, "hi") == AIMessage("a b")
    assert call.invoke(model, "hi") == AIMessage("c", tool_calls=calls)
    assert call.invoke(model, "hi") == AIMessage("d", tool_calls=calls)
    assert call.invoke(model, "hi") == AIMessage("HI")
    with pytest.raises(RateLimitError, match="slow down"):
        call.invoke(model, "hi")
    with pytest.raises(ValueError, match="broken"):
        call.stream(model, "hi")
    with pytest.raises(RuntimeError, match=r"no answer for call 7 \(it has 6\)"):
        call.invoke(model, "hi")
    assert model.opened == model.closed == 7


def test_answers_of_a_script_have_usage_and_metadata(call: Call) -> None:
    """Each answer has them once, also streamed, unless it has its own."""
    usage: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    own: Any = {"input_tokens": 5, "output_tokens": 5, "total_tokens": 10}
    model = ScriptedChatModel(
        ["a b c", ["a", "b"], AIMessage("c", usage_metadata=own)],
        usage=usage,
        response_metadata={"model_name": "m"},
    )
    assert call.invoke(model, "").usage_metadata == usage
    streamed = merge_chunks(call.stream(model, ""), model.merge)
    assert (streamed.usage_metadata, streamed.response_metadata) == (usage, {"model_name": "m"})
    assert call.invoke(model, "").usage_metadata == own


def test_leaving_a_stream_closes_the_answer(call: Call) -> None:
    """No more chunk is produced, and the model counts the closed answer."""
    model = ScriptedChatModel([["a", "b", ValueError("never reached")]])
    assert [chunk.text for chunk in call.stream(model, "hi", take=1)] == ["a"]
    assert (model.opened, model.closed) == (1, 1)


async def test_a_cancelled_call_does_not_wait_for_a_delay() -> None:
    """A delay of an hour ends with the call."""
    model = ScriptedChatModel([["a", Delay(3600)]])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await model.ainvoke("hi")
    assert (model.opened, model.closed) == (1, 1)


def test_mistakes_in_scripts_are_named() -> None:
    """A script needs an answer, and an answer needs chunks."""
    with pytest.raises(ConfigError, match="no answer"):
        ScriptedChatModel([])
    with pytest.raises(TypeError, match="3 is no chunk"):
        ScriptedChatModel([[3]]).invoke("hi")  # type: ignore[list-item]


# -- usage


def test_usage_of_all_models_in_a_block_is_counted(call: Call) -> None:
    """It is counted by model and in total, in chains, batches and streams, too."""
    usage: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    one = ScriptedChatModel("a", cycle=True, usage=usage, response_metadata={"model_name": "one"})
    two = ScriptedChatModel("b", cycle=True, usage=usage, name="two")
    with track_usage() as usages:
        call.invoke(one | StrOutputParser(), "hi")
        call.stream(two, "hi")
        call.batch(two, ["x", "y"])
    call.invoke(one, "not counted")
    assert usages.calls == 4
    assert usages.by_model["one"]["total_tokens"] == 3
    assert usages.by_model["two"]["total_tokens"] == 9
    assert usages.total == {"input_tokens": 4, "output_tokens": 8, "total_tokens": 12}


def test_usage_is_a_handler_too(call: Call) -> None:
    """In the config of a call, it counts that call."""
    usage: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    counter = Usage()
    call.invoke(ScriptedChatModel("a", usage=usage), "hi", {"callbacks": [counter]})
    assert counter.total == usage
    assert "calls=1" in repr(counter)


def test_the_input_schema_of_a_model_reads_json() -> None:
    """A server can validate lists of messages with it."""
    schema = ScriptedChatModel().input_schema
    read = schema.model_validate_json(
        json.dumps([{"type": "system", "content": "be"}, {"type": "human", "content": "hi"}])
    )
    assert read.root == [SystemMessage("be"), HumanMessage("hi")]  # type: ignore[attr-defined]


def test_an_answer_grows_by_more_chunks() -> None:
    """Chunks that are added one by one give what they give together; two answers are an error."""
    a, b, c = (AIMessageChunk(part) for part in "abc")
    grown = join_answer([join_answer([a, b]), c])  # type: ignore[list-item]
    assert grown == join_answer([a, b, c])
    with pytest.raises(TypeError, match="yields AIMessageChunk"):
        join_answer([a, AIMessage("b")])  # type: ignore[list-item]
