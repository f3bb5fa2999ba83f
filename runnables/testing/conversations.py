"""Tests of plain answers: the request holds the messages, and the response is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.errors import ConfigError
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.roles import HumanMessage, SystemMessage
from runnables.parsers.base import StrOutputParser
from runnables.prompts.chat import ChatPromptTemplate
from runnables.testing.base import Harness, ModelTests, merge_chunks
from runnables.testing.require_pytest import pytest
from runnables.testing.wire_format import ScriptedReply

if TYPE_CHECKING:
    from runnables.testing.sync_async import SyncAsyncCall

HELLO = ScriptedReply("Hello there, Grüße 车 😀, and so on.")
LONG = "Here are some things to know before you answer. " * 5
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJg"
    "gg=="
)
"""A PNG of one red pixel, in base64."""


class Conversations(ModelTests):
    """Tests of answers, of streams, and of the options of a call."""

    def test_a_string_is_answered(self, call: SyncAsyncCall, harness: Harness) -> None:
        """The answer is an AIMessage with text."""
        answer = call.output(harness.brief_model(HELLO), "Say hello.")
        assert type(answer) is AIMessage
        assert answer.text.strip()
        assert answer.tool_calls == []
        harness.assert_request_contains("Say hello.")
        if harness.replayed:
            assert answer.text == HELLO.text

    def test_text_is_sent_unchanged(self, call: SyncAsyncCall, harness: Harness) -> None:
        """Text may hold any letters, quotes and line breaks."""
        text = 'Grüße 车 😀 "quoted" \\ back\n\ttab {braces} </s> \u2028 end'
        assert call.output(harness.brief_model(HELLO), text).text
        harness.assert_request_contains(text)

    def test_a_conversation_is_sent(self, call: SyncAsyncCall, harness: Harness) -> None:
        """The request holds every message, in order."""
        messages = [
            ("human", "My name is Bob."),
            ("ai", "Hello Bob!"),
            ("human", "What is my name?"),
        ]
        assert call.output(harness.brief_model(HELLO), messages).text.strip()
        harness.assert_request_contains(*(text for _, text in messages))

    def test_a_system_message_is_sent(self, call: SyncAsyncCall, harness: Harness) -> None:
        """The request holds it; a live model counts its tokens."""
        model = harness.brief_model(HELLO)
        plain = call.output(model, "Say hello.")
        answer = call.output(model, [SystemMessage(LONG), HumanMessage("Say hello.")])
        assert answer.text.strip()
        if harness.replayed:
            assert harness.server.last.contains(LONG)
            assert harness.server.last.contains("Say hello.")
        else:
            _assert_more_input(answer, plain)

    def test_names_are_accepted(self, call: SyncAsyncCall, harness: Harness) -> None:
        """A message may have a name; it is left out for a service without names."""
        model = harness.brief_model(HELLO)
        messages = [
            HumanMessage("Hi, I am Ann.", name="ann"),
            AIMessage("Hello.", name="helper"),
            HumanMessage("And I am Bob.", name="bob"),
        ]
        assert call.output(model, messages).text.strip()
        harness.assert_request_contains("Hi, I am Ann.", "Hello.", "And I am Bob.")

    def test_consecutive_messages_of_one_role_are_sent(
        self, call: SyncAsyncCall, harness: Harness
    ) -> None:
        """Two messages of one role, whatever the role, are both sent, and stay in order."""
        model = harness.brief_model(HELLO)
        messages = [
            SystemMessage("Be kind."),
            SystemMessage("Be brief."),
            HumanMessage("One."),
            HumanMessage("Two."),
            AIMessage("Three."),
            AIMessage("Four."),
            HumanMessage("Five."),
        ]
        assert call.output(model, messages).text.strip()
        harness.assert_request_contains("One.", "Two.", "Three.", "Four.", "Five.")
        if harness.replayed:
            assert harness.server.last.contains("Be kind.")
            assert harness.server.last.contains("Be brief.")

    def test_content_may_be_text_blocks(self, call: SyncAsyncCall, harness: Harness) -> None:
        """Human and AI messages may hold blocks."""
        previous = AIMessage([{"type": "text", "text": "Red."}])
        blocks: list[Any] = [{"type": "text", "text": "Which"}, {"type": "text", "text": "fruit?"}]
        messages = [HumanMessage(blocks), previous, HumanMessage("And now?")]
        assert call.output(harness.brief_model(HELLO), messages).text.strip()
        harness.assert_request_contains("Which", "fruit?", "Red.", "And now?")

    def test_an_answer_can_be_sent_back(self, call: SyncAsyncCall, harness: Harness) -> None:
        """An answer, with all that the message holds, goes into the next request."""
        model = harness.brief_model(HELLO)
        answer = call.output(model, "Say hello.")
        again = call.output(model, [HumanMessage("Say hello."), answer, HumanMessage("Again.")])
        assert again.text.strip()
        harness.assert_request_contains("Say hello.", answer.text, "Again.")

    def test_images_are_sent(self, call: SyncAsyncCall, harness: Harness) -> None:
        """An image is sent as base64, in its position, if the service knows positions."""
        self.require(self.supports_images, "images")
        self.require(harness.replayed or self.supports_live_images, "images in the live model")
        blocks: list[Any] = [
            {"type": "text", "text": "What is this?"},
            {"type": "image", "base64": PIXEL, "mime_type": "image/png"},
            {"type": "text", "text": "One word."},
        ]
        assert call.output(harness.brief_model(HELLO), [HumanMessage(blocks)]).text.strip()
        if self.keeps_image_positions:
            harness.assert_request_contains("What is this?", PIXEL, "One word.")
        else:
            harness.assert_request_contains("What is this?")
            harness.assert_request_contains("One word.")
            harness.assert_request_contains(PIXEL)

    # -- metadata

    def test_usage_is_reported(self, call: SyncAsyncCall, harness: Harness) -> None:
        """The usage has input, output and total tokens; a longer input counts more."""
        model = harness.brief_model(HELLO)
        answer = call.output(model, "Say hello.")
        usage = _usage(answer)
        assert usage["input_tokens"] > 0
        assert usage["output_tokens"] > 0
        assert usage["total_tokens"] >= usage["input_tokens"] + usage["output_tokens"]
        if harness.replayed:
            assert (usage["input_tokens"], usage["output_tokens"]) == (11, 7)
        else:
            _assert_more_input(call.output(model, LONG), answer)

    def test_an_answer_names_its_model(self, call: SyncAsyncCall, harness: Harness) -> None:
        """`response_metadata` has the model and the provider, also after a stream."""
        model = harness.brief_model(HELLO)
        for answer in (
            call.output(model, "Say hello."),
            merge_chunks(call.chunks(model, "Say hello.")),
        ):
            metadata = answer.response_metadata
            assert metadata["model_name"]
            assert metadata["model_provider"]
            if harness.replayed:
                assert metadata["model_name"] == HELLO.model

    # -- options

    def test_an_answer_ends_before_a_stop_sequence(
        self, call: SyncAsyncCall, harness: Harness
    ) -> None:
        """`stop` works in a call, bound, or as a setting; the answer excludes the sequence."""
        self.require(self.supports_stop, "stop")
        if harness.replayed:
            self._assert_stop_is_sent_or_applied(call, harness)
            return
        model = harness.brief_model().bind(**self.deterministic)
        words = call.output(model, "Say hello.").text.split()
        stop = words[min(2, len(words) - 1)]
        for stopping in (
            model.bind(stop=[stop]),
            model.bind(stop=stop),
            harness.brief_model(stop=[stop]).bind(**self.deterministic),
        ):
            assert stop not in call.output(stopping, "Say hello.").text
            assert stop not in merge_chunks(call.chunks(stopping, "Say hello.")).text

    def _assert_stop_is_sent_or_applied(self, call: SyncAsyncCall, harness: Harness) -> None:
        reply = ScriptedReply("One two STOP three")
        for settings, options in ({"stop": ["STOP"]}, {}), ({}, {"stop": ["STOP"]}):
            model = harness.brief_model(reply, **settings).bind(**options)
            for answer in (call.output(model, "Go."), merge_chunks(call.chunks(model, "Go."))):
                cut = answer.text == "One two "
                assert cut or harness.server.last.contains("STOP"), answer.text

    def test_max_tokens_limits_an_answer(self, call: SyncAsyncCall, harness: Harness) -> None:
        """`max_tokens` works as a setting and in a call."""
        self.require(self.supports_max_tokens, "max_tokens")
        models = (
            harness.brief_model(HELLO, max_tokens=3),
            harness.brief_model(HELLO).bind(max_tokens=3),
        )
        for model in models:
            answer = call.output(model, "Write a long story.")
            if harness.replayed:
                assert ": 3" in repr(harness.server.last.body), "3 is not in the request"
            else:
                assert _usage(answer)["output_tokens"] <= 3

    def test_a_call_may_name_another_model(self, call: SyncAsyncCall, harness: Harness) -> None:
        """The name is sent with that call only."""
        self.require(self.supports_model_override, "model= in a call")
        model = harness.brief_model(HELLO)
        assert call.output(model, "Say hello.", model="another-1").text.strip()
        if harness.replayed:
            assert harness.server.last.contains("another-1")
            call.output(model, "Say hello.")
            assert not harness.server.last.contains("another-1")

    def test_mistakes_raise_before_anything_is_sent(
        self, call: SyncAsyncCall, harness: Harness
    ) -> None:
        """A mistyped option and an empty conversation are errors."""
        model = harness.brief_model(HELLO)
        with pytest.raises(ConfigError, match="temperature"):
            call.output(model, "Say hello.", temperatur=0)
        with pytest.raises(ConfigError, match="no message"):
            call.output(model, [])
        if harness.replayed:
            assert harness.server.requests == []

    # -- streams

    def test_a_stream_adds_up_to_the_answer(self, call: SyncAsyncCall, harness: Harness) -> None:
        """The chunks have the text and the usage of the answer; only the last is marked so."""
        model = harness.brief_model(HELLO).bind(**({} if harness.replayed else self.deterministic))
        chunks = call.chunks(model, "Say hello.")
        answer = call.output(model, "Say hello.")
        assert all(isinstance(chunk, AIMessageChunk) for chunk in chunks)
        assert merge_chunks(chunks).text == answer.text
        assert _counts(merge_chunks(chunks)) == _counts(answer)
        assert [chunk.chunk_position for chunk in chunks].count("last") == 1
        if self.supports_streaming:
            assert sum(1 for chunk in chunks if chunk.text) > 1, "the text comes in one chunk"
        if harness.replayed:
            assert merge_chunks(chunks).text == HELLO.text

    def test_a_chain_streams(self, call: SyncAsyncCall, harness: Harness) -> None:
        """A prompt, a model and a parser stream strings."""
        prompt = ChatPromptTemplate.from_template("Say {word}.")
        chain = prompt | harness.brief_model(HELLO) | StrOutputParser()
        chunks = call.chunks(chain, {"word": "hello"})
        assert all(isinstance(chunk, str) for chunk in chunks)
        assert "".join(chunks).strip()
        harness.assert_request_contains("Say hello.")

    def test_a_batch_is_answered_in_order(self, call: SyncAsyncCall, harness: Harness) -> None:
        """`batch` returns an answer for each input, in their order."""
        answers = call.outputs(harness.brief_model(HELLO), ["Say hello.", LONG])
        assert [type(answer) for answer in answers] == [AIMessage, AIMessage]
        assert all(answer.text.strip() for answer in answers)
        if not harness.replayed:
            _assert_more_input(answers[1], answers[0])


def _usage(answer: AIMessage) -> dict[str, Any]:
    assert answer.usage_metadata is not None, "the answer has no usage_metadata"
    return {**answer.usage_metadata}


def _counts(answer: AIMessage) -> tuple[int, ...]:
    usage = _usage(answer)
    return tuple(usage[f"{kind}_tokens"] for kind in ("input", "output", "total"))


def _assert_more_input(long: AIMessage, short: AIMessage) -> None:
    more = _usage(long)["input_tokens"] - _usage(short)["input_tokens"]
    assert more > 20, f"the longer conversation has only {more} more input tokens"
