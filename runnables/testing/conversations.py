"""Plain talk: what is asked arrives, and what is answered is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.errors import ConfigError
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.roles import HumanMessage, SystemMessage
from runnables.parsers.base import StrOutputParser
from runnables.prompts.chat import ChatPromptTemplate
from runnables.testing.base import Harness, ModelTests, joined
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
"""A picture of one red dot."""


class Conversations(ModelTests):
    """Answers, whole."""

    def test_a_text_is_answered(self, call: SyncAsyncCall, stage: Harness) -> None:
        """The answer is an AIMessage with a text."""
        answer = call.value(stage.brief(HELLO), "Say hello.")
        assert type(answer) is AIMessage
        assert answer.text.strip()
        assert answer.tool_calls == []
        stage.assert_request_contains("Say hello.")
        if stage.replayed:
            assert answer.text == HELLO.text

    def test_a_text_arrives_as_it_is(self, call: SyncAsyncCall, stage: Harness) -> None:
        """Whatever letters, quotes and line breaks it has."""
        text = 'Grüße 车 😀 "quoted" \\ back\n\ttab {braces} </s> \u2028 end'
        assert call.value(stage.brief(HELLO), text).text
        stage.assert_request_contains(text)

    def test_a_conversation_is_read(self, call: SyncAsyncCall, stage: Harness) -> None:
        """Every turn, in order; the answer goes on from the last."""
        turns = [("human", "My name is Bob."), ("ai", "Hello Bob!"), ("human", "What is my name?")]
        assert call.value(stage.brief(HELLO), turns).text.strip()
        stage.assert_request_contains(*(text for _, text in turns))

    def test_a_system_message_is_read(self, call: SyncAsyncCall, stage: Harness) -> None:
        """It costs tokens, or is in the request."""
        model = stage.brief(HELLO)
        plain = call.value(model, "Say hello.")
        told = call.value(model, [SystemMessage(LONG), HumanMessage("Say hello.")])
        assert told.text.strip()
        if stage.replayed:
            assert stage.server.last.says(LONG)
            assert stage.server.last.says("Say hello.")
        else:
            _assert_more_was_read(told, plain)

    def test_names_are_accepted(self, call: SyncAsyncCall, stage: Harness) -> None:
        """A message may say whose it is; a service without names does not hear of it."""
        model = stage.brief(HELLO)
        asked = [
            HumanMessage("Hi, I am Ann.", name="ann"),
            AIMessage("Hello.", name="helper"),
            HumanMessage("And I am Bob.", name="bob"),
        ]
        assert call.value(model, asked).text.strip()
        stage.assert_request_contains("Hi, I am Ann.", "Hello.", "And I am Bob.")

    def test_one_role_may_speak_several_times(self, call: SyncAsyncCall, stage: Harness) -> None:
        """People, models and systems; nothing is lost, and nothing changes its place."""
        model = stage.brief(HELLO)
        asked = [
            SystemMessage("Be kind."),
            SystemMessage("Be brief."),
            HumanMessage("One."),
            HumanMessage("Two."),
            AIMessage("Three."),
            AIMessage("Four."),
            HumanMessage("Five."),
        ]
        assert call.value(model, asked).text.strip()
        stage.assert_request_contains("One.", "Two.", "Three.", "Four.", "Five.")
        if stage.replayed:
            assert stage.server.last.says("Be kind.")
            assert stage.server.last.says("Be brief.")

    def test_content_may_be_blocks_of_text(self, call: SyncAsyncCall, stage: Harness) -> None:
        """Of people and of models."""
        said = AIMessage([{"type": "text", "text": "Red."}])
        blocks: list[Any] = [{"type": "text", "text": "Which"}, {"type": "text", "text": "colour?"}]
        asked = [HumanMessage(blocks), said, HumanMessage("And now?")]
        assert call.value(stage.brief(HELLO), asked).text.strip()
        stage.assert_request_contains("Which", "colour?", "Red.", "And now?")

    def test_an_answer_may_go_on_with_the_conversation(
        self, call: SyncAsyncCall, stage: Harness
    ) -> None:
        """What the model said can be given back to it, with all that the message holds."""
        model = stage.brief(HELLO)
        answer = call.value(model, "Say hello.")
        again = call.value(model, [HumanMessage("Say hello."), answer, HumanMessage("Again.")])
        assert again.text.strip()
        stage.assert_request_contains("Say hello.", answer.text, "Again.")

    def test_images_are_sent(self, call: SyncAsyncCall, stage: Harness) -> None:
        """As bytes; in the place in which they stand, where the service can be told."""
        self.needs(self.supports_images, "images")
        self.needs(stage.replayed or self.supports_live_images, "images in the live model")
        blocks: list[Any] = [
            {"type": "text", "text": "What is this?"},
            {"type": "image", "base64": PIXEL, "mime_type": "image/png"},
            {"type": "text", "text": "One word."},
        ]
        assert call.value(stage.brief(HELLO), [HumanMessage(blocks)]).text.strip()
        if self.keeps_image_places:
            stage.assert_request_contains("What is this?", PIXEL, "One word.")
        else:
            stage.assert_request_contains("What is this?")
            stage.assert_request_contains("One word.")
            stage.assert_request_contains(PIXEL)

    # -- what is told beside the text

    def test_usage_is_told(self, call: SyncAsyncCall, stage: Harness) -> None:
        """Tokens that were read, written, and in all; more text costs more."""
        model = stage.brief(HELLO)
        answer = call.value(model, "Say hello.")
        usage = _usage(answer)
        assert usage["input_tokens"] > 0
        assert usage["output_tokens"] > 0
        assert usage["total_tokens"] >= usage["input_tokens"] + usage["output_tokens"]
        if stage.replayed:
            assert (usage["input_tokens"], usage["output_tokens"]) == (11, 7)
        else:
            _assert_more_was_read(call.value(model, LONG), answer)

    def test_an_answer_says_whose_it_is(self, call: SyncAsyncCall, stage: Harness) -> None:
        """The model and the provider stand in `response_metadata`, whole and streamed."""
        model = stage.brief(HELLO)
        for answer in (
            call.value(model, "Say hello."),
            joined(call.chunks(model, "Say hello.")),
        ):
            facts = answer.response_metadata
            assert facts["model_name"]
            assert facts["model_provider"]
            if stage.replayed:
                assert facts["model_name"] == HELLO.model

    # -- options

    def test_an_answer_ends_before_a_stop_text(self, call: SyncAsyncCall, stage: Harness) -> None:
        """Given in a call, bound, or as a setting; the text itself is not in the answer."""
        self.needs(self.supports_stop, "stop")
        if stage.replayed:
            self._assert_stop_is_sent_or_done(call, stage)
            return
        model = stage.brief().bind(**self.steady)
        words = call.value(model, "Say hello.").text.split()
        stop = words[min(2, len(words) - 1)]
        for stopping in (
            model.bind(stop=[stop]),
            model.bind(stop=stop),
            stage.brief(stop=[stop]).bind(**self.steady),
        ):
            assert stop not in call.value(stopping, "Say hello.").text
            assert stop not in joined(call.chunks(stopping, "Say hello.")).text

    def _assert_stop_is_sent_or_done(self, call: SyncAsyncCall, stage: Harness) -> None:
        said = ScriptedReply("One two STOP three")
        for settings, options in ({"stop": ["STOP"]}, {}), ({}, {"stop": ["STOP"]}):
            model = stage.brief(said, **settings).bind(**options)
            for text in (call.value(model, "Go.").text, joined(call.chunks(model, "Go.")).text):
                assert text == "One two " or stage.server.last.says("STOP"), text

    def test_an_answer_is_no_longer_than_allowed(self, call: SyncAsyncCall, stage: Harness) -> None:
        """`max_tokens` as a setting and in a call."""
        self.needs(self.supports_max_tokens, "max_tokens")
        for model in (stage.brief(HELLO, max_tokens=3), stage.brief(HELLO).bind(max_tokens=3)):
            answer = call.value(model, "Write a long story.")
            if stage.replayed:
                assert ": 3" in repr(stage.server.last.body), "3 is not in the request"
            else:
                assert _usage(answer)["output_tokens"] <= 3

    def test_a_call_may_name_another_model(self, call: SyncAsyncCall, stage: Harness) -> None:
        """It reaches the service, for that call only."""
        self.needs(self.supports_model_override, "model= in a call")
        model = stage.brief(HELLO)
        assert call.value(model, "Say hello.", model="another-1").text.strip()
        if stage.replayed:
            assert stage.server.last.says("another-1")
            call.value(model, "Say hello.")
            assert not stage.server.last.says("another-1")

    def test_slips_are_refused_before_anything_is_sent(
        self, call: SyncAsyncCall, stage: Harness
    ) -> None:
        """An option that is mistyped, a conversation without a message."""
        model = stage.brief(HELLO)
        with pytest.raises(ConfigError, match="temperature"):
            call.value(model, "Say hello.", temperatur=0)
        with pytest.raises(ConfigError, match="no message"):
            call.value(model, [])
        if stage.replayed:
            assert stage.server.asked == []

    # -- streams

    def test_a_stream_adds_up_to_the_answer(self, call: SyncAsyncCall, stage: Harness) -> None:
        """Several pieces, which make the same text, and count the same tokens."""
        model = stage.brief(HELLO).bind(**({} if stage.replayed else self.steady))
        chunks = call.chunks(model, "Say hello.")
        answer = call.value(model, "Say hello.")
        assert all(isinstance(chunk, AIMessageChunk) for chunk in chunks)
        assert joined(chunks).text == answer.text
        assert _counts(joined(chunks)) == _counts(answer)
        assert [it.chunk_position for it in chunks].count("last") == 1
        if self.supports_streaming:
            assert sum(1 for it in chunks if it.text) > 1, "the text comes in one piece"
        if stage.replayed:
            assert joined(chunks).text == HELLO.text

    def test_a_chain_streams(self, call: SyncAsyncCall, stage: Harness) -> None:
        """Prompt, model and parser; the pieces are texts."""
        prompt = ChatPromptTemplate.from_template("Say {word}.")
        chain = prompt | stage.brief(HELLO) | StrOutputParser()
        pieces = call.chunks(chain, {"word": "hello"})
        assert all(isinstance(piece, str) for piece in pieces)
        assert "".join(pieces).strip()
        stage.assert_request_contains("Say hello.")

    def test_two_questions_are_answered_at_once(self, call: SyncAsyncCall, stage: Harness) -> None:
        """`batch` gives an answer for each, in their order."""
        answers = call.values(stage.brief(HELLO), ["Say hello.", LONG])
        assert [type(it) for it in answers] == [AIMessage, AIMessage]
        assert all(it.text.strip() for it in answers)
        if not stage.replayed:
            _assert_more_was_read(answers[1], answers[0])


def _usage(answer: AIMessage) -> dict[str, Any]:
    assert answer.usage_metadata is not None, "the answer does not say what it took"
    return {**answer.usage_metadata}


def _counts(answer: AIMessage) -> tuple[int, ...]:
    usage = _usage(answer)
    return tuple(usage[f"{kind}_tokens"] for kind in ("input", "output", "total"))


def _assert_more_was_read(long: AIMessage, short: AIMessage) -> None:
    more = _usage(long)["input_tokens"] - _usage(short)["input_tokens"]
    assert more > 20, f"the longer conversation cost {more} tokens more"
