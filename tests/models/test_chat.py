"""What every chat model does, whatever its provider wrote."""

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
from runnables.models import ChatModel, StopSequenceFilter, truncate_at_stop
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
    """What was not written is made of what was: every call works, in both colours."""
    answer = AIMessage("hi 0.5")
    assert call.invoke(model, "hi", temperature=0.5) == answer
    assert merge_chunks(call.stream(model, "hi", temperature=0.5), model.merge) == answer
    assert call.batch(model, ["hi"], temperature=0.5) == [answer]


@pytest.mark.parametrize("model", [WritesAsyncGenerate(), WritesAsyncStream()], ids=repr)
async def test_an_async_model_says_which_call_to_use(model: ChatModel) -> None:
    """It can be awaited; a sync call names the async one."""
    assert await model.ainvoke("hi") == AIMessage("hi None")
    chunks = [chunk async for chunk in model.astream("hi")]
    assert merge_chunks(chunks, model.merge) == AIMessage("hi None")
    with pytest.raises(SyncAsyncError, match="ainvoke"):
        model.invoke("hi")
    with pytest.raises(SyncAsyncError, match="astream"):
        list(model.stream("hi"))


def test_a_model_without_hooks_says_what_to_write(call: Call) -> None:
    """The mistake of a provider's author is named."""

    class Nothing(ChatModel):
        pass

    with pytest.raises(TypeError, match="Nothing does not say how to answer: write `_generate`"):
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
def test_a_model_reads_every_form_of_a_conversation(input: Any) -> None:
    """Provider hooks get messages, whatever was given."""
    model = ScriptedChatModel(["ok"])
    model.invoke(input)
    assert model.calls[0].messages == [HumanMessage("hi")]


def test_a_conversation_without_messages_is_an_error(call: Call) -> None:
    """There is nothing to answer."""
    with pytest.raises(ConfigError, match="no message to answer"):
        call.invoke(ScriptedChatModel(), [])


def test_options_of_a_call_go_over_the_settings_of_the_model(call: Call) -> None:
    """Settings are defaults; a bound option overrides them, a given one overrides both."""
    model = ScriptedChatModel("ok", cycle=True, temperature=0.1, max_tokens=5, stop="a")
    bound = model.bind(temperature=0.2, seed=1)
    call.invoke(bound, "hi", temperature=0.3, max_tokens=None, stop=["b"])
    assert model.calls[0].options == {"temperature": 0.3, "seed": 1, "stop": ["b"]}
    call.stream(model, "hi")
    assert model.calls[1].options == {"temperature": 0.1, "max_tokens": 5, "stop": ["a"]}


@pytest.mark.parametrize("option", sorted(BASE_OPTIONS))
def test_a_misspelt_option_is_an_error_before_work_starts(option: str, call: Call) -> None:
    """The near name is suggested, and the model is not asked."""
    model = ScriptedChatModel()
    with pytest.raises(ConfigError, match=f"Did you mean '{option}'"):
        call.invoke(model, "hi", **{f"{option}x": 1})
    with pytest.raises(ConfigError):
        call.stream(model, "hi", **{f"{option}x": 1})
    assert model.opened == 0


@pytest.mark.parametrize("stop", [[""], [1], "", 3, {"a": 1}])
def test_stop_sequences_are_texts(stop: Any) -> None:
    """An empty one would stop everything."""
    with pytest.raises(ConfigError, match="stop=.*expected a text, or a list of texts"):
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
def test_numbers_are_looked_at_before_anything_is_asked(
    option: str, wrong: Any, expected: str, call: Call
) -> None:
    """As settings, in a call, and where they are bound."""
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
    """It compares, prints and pickles by its settings; what it was asked is state."""
    model = ScriptedChatModel(["a"], temperature=0.5)
    model.invoke("hi")
    copied = pickle.loads(pickle.dumps(model))
    assert copied == model == ScriptedChatModel(["a"], temperature=0.5)
    assert copied.calls == []
    assert repr(model) == "ScriptedChatModel(temperature=0.5, script=['a'], cycle=False)"


@given(st.lists(arbitrary.ai_chunks, min_size=1, max_size=5))
def test_a_streamed_answer_is_the_whole_answer(chunks: list[AIMessageChunk]) -> None:
    """Merging what `stream` gives is what `invoke` gives: a message, and no chunk."""
    model = ScriptedChatModel([chunks], cycle=True)
    whole = model.invoke("hi")
    assert type(whole) is AIMessage
    assert merge_chunks(model.stream("hi"), model.merge) == whole


@given(arbitrary.ais)
def test_a_whole_answer_survives_being_streamed(answer: AIMessage) -> None:
    """The message that was scripted is the message that comes."""

    class Says(ChatModel):
        def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
            return answer

    assert merge_chunks(Says().stream("hi"), Says.merge) == Says().invoke("hi") == answer


def test_chains_read_models_piece_by_piece(call: Call) -> None:
    """A parser behind a model streams its pieces."""
    chain = ScriptedChatModel("one two", cycle=True) | StrOutputParser()
    assert call.stream(chain, "hi") == ["one", " ", "two"]
    assert call.invoke(chain, "hi") == "one two"


@pytest.mark.parametrize("answer", ["text", None, HumanMessage("a")])
def test_a_hook_that_gives_no_answer_is_named(answer: Any, call: Call) -> None:
    """The mistake of a provider's author is named."""

    class Wrong(ChatModel):
        def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
            return answer  # type: ignore[no-any-return]

    with pytest.raises(TypeError, match=r"Wrong\._generate gave"):
        call.invoke(Wrong(), "hi")


def test_tokens_can_be_counted() -> None:
    """An estimate, which `trim_messages` takes too."""
    model = ScriptedChatModel()
    assert model.get_num_tokens("12345") == 2
    assert model.get_num_tokens_from_messages(convert_to_messages("hi")) > 1


# --- stop sequences ---------------------------------------------------------------------------

letters = st.text("abc", max_size=12)
stops = st.lists(st.text("abc", min_size=1, max_size=4), max_size=3)


@given(letters, stops, st.data())
def test_a_text_is_cut_alike_however_it_is_streamed(
    text: str, stop: list[str], data: st.DataObject
) -> None:
    """Also where a stop sequence is spread over pieces, or is the beginning of another."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=4)))
    edges = [0, *cuts, len(text)]
    cutter = StopSequenceFilter(stop)
    shown = [cutter.feed(text[a:b]) for a, b in itertools.pairwise(edges)]
    assert "".join(shown) + cutter.finish() == truncate_at_stop(text, stop)


@given(letters, stops)
def test_no_stop_sequence_is_in_what_is_left(text: str, stop: list[str]) -> None:
    """And nothing is lost where there was none."""
    cut = truncate_at_stop(text, stop)
    assert not any(it in cut for it in stop)
    assert text.startswith(cut)
    assert cut == text or any(it in text for it in stop)


def test_a_model_stops_where_it_is_told_and_is_closed(call: Call) -> None:
    """The rest of the answer is not even produced."""
    model = ScriptedChatModel(
        [["on", "e S", "TOP two", RateLimitError("never reached")]], cycle=True
    )
    assert call.invoke(model, "hi", stop="STOP").text == "one "
    assert "".join(chunk.text for chunk in call.stream(model, "hi", stop=["STOP"])) == "one "
    assert (model.opened, model.closed) == (2, 2)


# --- the scripted model -----------------------------------------------------------------------


def test_a_script_is_played_answer_by_answer(call: Call) -> None:
    """Texts, messages, pieces, functions and failures, in their order; then it is over."""
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
    with pytest.raises(RuntimeError, match="has 6 answers, and this is call 7"):
        call.invoke(model, "hi")
    assert model.opened == model.closed == 7


def test_answers_of_a_script_have_usage_and_facts(call: Call) -> None:
    """Once an answer, whole or streamed, unless an answer has its own."""
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
    """Nothing more is produced, and the script knows."""
    model = ScriptedChatModel([["a", "b", ValueError("never reached")]])
    assert [chunk.text for chunk in call.stream(model, "hi", take=1)] == ["a"]
    assert (model.opened, model.closed) == (1, 1)


async def test_a_cancelled_call_does_not_wait_for_a_delay() -> None:
    """A pause of an hour ends with the call."""
    model = ScriptedChatModel([["a", Delay(3600)]])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await model.ainvoke("hi")
    assert (model.opened, model.closed) == (1, 1)


def test_a_script_needs_an_answer_and_pieces_of_answers() -> None:
    """Mistakes in scripts are named."""
    with pytest.raises(ConfigError, match="no answer"):
        ScriptedChatModel([])
    with pytest.raises(TypeError, match="3 is no chunk"):
        ScriptedChatModel([[3]]).invoke("hi")  # type: ignore[list-item]


# --- usage ------------------------------------------------------------------------------------


def test_usage_of_all_models_in_a_block_is_counted(call: Call) -> None:
    """By model and in total, also within chains and batches, whole and streamed."""
    usage: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    one = ScriptedChatModel("a", cycle=True, usage=usage, response_metadata={"model_name": "one"})
    two = ScriptedChatModel("b", cycle=True, usage=usage, name="two")
    with track_usage() as found:
        call.invoke(one | StrOutputParser(), "hi")
        call.stream(two, "hi")
        call.batch(two, ["x", "y"])
    call.invoke(one, "not counted")
    assert found.calls == 4
    assert found.by_model["one"]["total_tokens"] == 3
    assert found.by_model["two"]["total_tokens"] == 9
    assert found.total == {"input_tokens": 4, "output_tokens": 8, "total_tokens": 12}


def test_usage_is_a_handler_too(call: Call) -> None:
    """For a single call, it goes into its config."""
    usage: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    found = Usage()
    call.invoke(ScriptedChatModel("a", usage=usage), "hi", {"callbacks": [found]})
    assert found.total == usage
    assert "calls=1" in repr(found)


def test_the_schema_of_a_model_reads_json() -> None:
    """So that it can be served: prompts, texts and lists of messages."""
    schema = ScriptedChatModel().input_schema
    read = schema.model_validate_json(
        json.dumps([{"type": "system", "content": "be"}, {"type": "human", "content": "hi"}])
    )
    assert read.root == [SystemMessage("be"), HumanMessage("hi")]  # type: ignore[attr-defined]
