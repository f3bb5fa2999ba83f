"""What is sent to Anthropic, as plain data."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from runnables import AIMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage
from runnables.errors import InvalidRequestError
from runnables.messages import BaseMessage, convert_to_messages, invalid_tool_call, tool_call
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.anthropic.requests import MAX_TOKENS

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n....").decode()
EPHEMERAL = {"type": "ephemeral"}


def body(*messages: Any, **options: Any) -> dict[str, Any]:
    """The request of a call."""
    model = ChatAnthropic("claude-x", api_key="k")
    found = convert_to_messages(list(messages))
    return dict(model._exchange(found, model._options(options)).body(streamed=False))


def sent(*messages: BaseMessage | tuple[str, Any]) -> list[dict[str, Any]]:
    """The turns of a conversation."""
    turns: list[dict[str, Any]] = body(*messages)["messages"]
    return turns


def content(*blocks: Any) -> Any:
    """What a person's blocks are sent as."""
    return sent(HumanMessage(list(blocks)))[0]["content"]


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


# -- system prompts and turns


def test_a_text_stays_a_text() -> None:
    """The smallest request has nothing that nobody asked for, but for the limit."""
    assert body(("human", "Hi")) == {
        "model": "claude-x",
        "max_tokens": MAX_TOKENS,
        "messages": [{"role": "user", "content": "Hi"}],
    }


def test_a_system_message_is_the_system_prompt() -> None:
    asked = body(("system", "Be brief."), ("human", "Hi"))
    assert asked["system"] == "Be brief."
    assert asked["messages"] == [{"role": "user", "content": "Hi"}]


def test_several_system_messages_are_one_prompt_of_blocks() -> None:
    """Wherever they stand, in their order, with what they say of the cache."""
    cached = {**text("Know this."), "cache_control": EPHEMERAL}
    asked = body(SystemMessage([cached]), ("human", "Hi"), ("system", "Be brief."))
    assert asked["system"] == [cached, text("Be brief.")]
    assert len(asked["messages"]) == 1


def test_a_chat_message_of_the_system_stays_where_it_is() -> None:
    """Newer models take instructions in the midst of a conversation."""
    turns = sent(("human", "Hi"), ChatMessage("Now in French.", role="system"))
    assert turns[1] == {"role": "system", "content": "Now in French."}


def test_messages_of_one_side_in_a_row_are_one_turn() -> None:
    turns = sent(("human", "One"), ("human", "Two"), ("ai", "Yes"), ("ai", "And"), ("human", "?"))
    assert turns == [
        {"role": "user", "content": [text("One"), text("Two")]},
        {"role": "assistant", "content": [text("Yes"), text("And")]},
        {"role": "user", "content": "?"},
    ]


def test_names_are_not_sent() -> None:
    """The API has no place for them, and would refuse the request."""
    assert sent(HumanMessage("Hi", name="ann")) == [{"role": "user", "content": "Hi"}]


def test_an_unknown_role_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequestError, match="Did you mean 'assistant'"):
        sent(("human", "Hi"), ChatMessage("Hm", role="asistant"))


def test_what_a_model_said_in_blank_is_left_out() -> None:
    """The API refuses blank texts; a message of nothing else says nothing."""
    turns = sent(("human", "Hi"), AIMessage(["\n\n", text("Yes")]), ("human", "?"))
    assert turns[1]["content"] == [text("Yes")]
    assert sent(("human", "Hi"), AIMessage(""), ("human", "Hm?")) == [
        {"role": "user", "content": [text("Hi"), text("Hm?")]}
    ]


def test_a_blank_message_of_a_person_is_for_the_service_to_refuse() -> None:
    assert sent(("human", "")) == [{"role": "user", "content": ""}]


# -- blocks


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "url", "url": "https://x.org/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "f"}, "cache_control": EPHEMERAL},
        {"type": "document", "source": {"type": "content", "content": [text("a")]}, "title": "T"},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "Grass is green."},
            "citations": {"enabled": True},
            "context": "From a book.",
        },
        {"type": "search_result", "source": "s", "title": "t", "content": [text("a")]},
        {"type": "container_upload", "file_id": "f"},
        {"type": "a_block_of_next_year", "thing": [1]},
        {**text("Hi"), "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    ],
)
def test_anthropics_own_blocks_go_out_as_they_are(block: dict[str, Any]) -> None:
    assert content({**block, "index": 3}, "?") == [block, text("?")]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "base64": PNG, "mime_type": "image/png"},
        {"type": "image", "base64": PNG},
        {"type": "image", "url": f"data:image/png;base64,{PNG}"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"},
        {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
        {"type": "file", "base64": PNG, "mime_type": "image/png"},
        {"type": "media", "mime_type": "image/png", "data": PNG},
    ],
)
def test_images_of_any_form_are_understood(block: dict[str, Any]) -> None:
    """Canonical, OpenAI's, LangChain's older one and Google's."""
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    assert content(block) == [{"type": "image", "source": source}]


@pytest.mark.parametrize(
    ("given", "source"),
    [
        ({"base64": "JVBERi0="}, ("base64", "media_type", "application/pdf", "data", "JVBERi0=")),
        ({"url": "https://x.org/a.pdf"}, ("url", "url", "https://x.org/a.pdf")),
        ({"file_id": "f1"}, ("file", "file_id", "f1")),
        (
            {"base64": "R3LDvMOfZQ==", "mime_type": "text/markdown"},
            ("text", "media_type", "text/plain", "data", "Grüße"),
        ),
        (
            {"file": {"file_data": "data:application/pdf;base64,JVBERi0="}},
            ("base64", "media_type", "application/pdf", "data", "JVBERi0="),
        ),
    ],
)
def test_files_are_documents(given: dict[str, Any], source: tuple[str, ...]) -> None:
    kind, *rest = source
    expected = {"type": kind, **dict(zip(rest[::2], rest[1::2], strict=True))}
    assert content({"type": "file", **given}) == [{"type": "document", "source": expected}]


def test_a_document_keeps_its_title_citations_and_cache() -> None:
    """A file's name is its title; a text document is one, too."""
    more = {"citations": {"enabled": True}, "cache_control": EPHEMERAL}
    given = {"type": "file", "url": "https://x.org/a.pdf", "extras": {"filename": "a.pdf", **more}}
    source = {"type": "url", "url": "https://x.org/a.pdf"}
    document = {"type": "document", "source": source, "title": "a.pdf", **more}
    assert content(given) == [document]
    plain = {"type": "text-plain", "text": "Grass.", "title": "T", "context": "C", **more}
    assert content(plain)[0] == {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "Grass."},
        "title": "T",
        "context": "C",
        **more,
    }


@pytest.mark.parametrize(
    "block",
    [
        {"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"},
        {"type": "video", "url": "https://x.org/a.mp4"},
        {"type": "file", "base64": "AAAA", "mime_type": "application/zip"},
        {"type": "file", "base64": "!", "mime_type": "text/plain"},
    ],
)
def test_what_claude_cannot_read_is_refused_with_its_place(block: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=r"messages\[0\]\.content\[1\]"):
        content("Look:", block)


# -- answers that go back


SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "sig=="}
REDACTED = {"type": "redacted_thinking", "data": "xyz"}
ADD = tool_call(name="add", args={"a": 1}, id="toolu_1")
USE = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}}


def test_signed_thoughts_go_back_unchanged_and_in_their_place() -> None:
    said = AIMessage([{**SIGNED, "index": 0}, {**REDACTED, "index": 1}, "So:"], tool_calls=[ADD])
    assert sent(said)[0]["content"] == [SIGNED, REDACTED, text("So:"), USE]


def test_a_canonical_thought_goes_back_with_its_signature() -> None:
    """`content_blocks` of an answer make the same request as its content."""
    said = AIMessage([{**SIGNED, "index": 0}, "So"])
    assert sent(AIMessage(content_blocks=said.content_blocks)) == sent(said)


def test_thoughts_of_other_models_are_left_out() -> None:
    """They have no signature, without which they would be refused."""
    thought = {"type": "reasoning", "reasoning": "Hm."}
    unsigned = {"type": "thinking", "thinking": "Hm."}
    said = AIMessage([thought, unsigned, "So"], additional_kwargs={"reasoning_content": "Hm."})
    assert sent(said)[0]["content"] == [text("So")]


def test_what_only_another_service_can_read_is_left_out() -> None:
    """Its signed thoughts, blocks of its own tools, and what it says of its calls."""
    said = AIMessage(
        [SIGNED, {"type": "web_search_call", "id": "ws_1"}, "So"],
        tool_calls=[{**ADD, "extras": {"thoughtSignature": "abc"}}],
        response_metadata={"model_provider": "google"},
    )
    assert sent(said)[0]["content"] == [text("So"), USE]


@pytest.mark.parametrize(
    "said",
    [
        AIMessage("", tool_calls=[ADD]),
        AIMessage([USE], tool_calls=[ADD]),
        AIMessage([USE]),
        AIMessage([{**USE, "input": {}, "partial_json": '{"a": 1}', "index": 1}]),
        AIMessage(content_blocks=[{**ADD, "type": "tool_call"}]),
        AIMessage([{**USE, "input": {"a": 2}}], tool_calls=[ADD]),
    ],
)
def test_calls_are_told_once(said: AIMessage) -> None:
    """From the message's calls or its blocks; where they differ, the calls count."""
    assert sent(said) == [{"role": "assistant", "content": [USE]}]


def test_a_call_keeps_its_place_and_what_else_anthropic_said_of_it() -> None:
    caller = {"type": "direct"}
    said = AIMessage([USE, "and"], tool_calls=[{**ADD, "extras": {"caller": caller}}])
    assert sent(said)[0]["content"] == [USE, text("and")]
    alone = AIMessage("", tool_calls=[{**ADD, "extras": {"caller": caller}}])
    assert sent(alone)[0]["content"] == [{**USE, "caller": caller}]


def test_an_invalid_call_goes_back_as_an_object() -> None:
    """So that the result which tells of the mistake does not stand alone."""
    broken = invalid_tool_call(name="add", args='{"a": ', id="toolu_1", error="no JSON")
    said = AIMessage("", invalid_tool_calls=[broken])
    turns = sent(said, ToolMessage("No JSON.", tool_call_id="toolu_1", status="error"))
    assert turns[0]["content"] == [{**USE, "input": {"INVALID_JSON": '{"a": '}}]
    assert turns[1]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "No JSON.", "is_error": True}
    ]


def test_ids_of_other_providers_are_made_fit_on_both_sides() -> None:
    call = tool_call(name="add", args={}, id="functions.add:0")
    turns = sent(AIMessage("", tool_calls=[call]), ToolMessage("1", tool_call_id="functions.add:0"))
    assert turns[0]["content"][0]["id"] == turns[1]["content"][0]["tool_use_id"]
    assert turns[0]["content"][0]["id"] == "functions_add_0"


def test_results_of_tools_come_first_in_one_turn() -> None:
    """With texts or blocks in them, also images."""
    image = {"type": "image", "base64": PNG, "mime_type": "image/png"}
    turns = sent(
        ("human", "Look."),
        ToolMessage("1", tool_call_id="a"),
        ToolMessage([image, "seen"], tool_call_id="b"),
        ToolMessage("", tool_call_id="c"),
    )
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    assert turns == [
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                {
                    "type": "tool_result",
                    "tool_use_id": "b",
                    "content": [{"type": "image", "source": source}, text("seen")],
                },
                {"type": "tool_result", "tool_use_id": "c", "content": ""},
                text("Look."),
            ],
        }
    ]


def test_results_in_anthropics_form_are_passed_on() -> None:
    own = {"type": "tool_result", "tool_use_id": "a", "content": "1", "cache_control": EPHEMERAL}
    assert sent(ToolMessage([own], tool_call_id="a"))[0]["content"] == [own]
    assert sent(HumanMessage(["Hm", own]))[0]["content"] == [own, text("Hm")]


def test_citations_go_back_with_the_answer_and_not_with_a_question() -> None:
    """Only Anthropic's own, and only where the model cited: else they are refused."""
    cited = {
        "type": "char_location",
        "cited_text": "Grass.",
        "document_index": 0,
        "document_title": None,
        "start_char_index": 0,
        "end_char_index": 6,
    }
    theirs = {"type": "url_citation", "url": "https://x.org"}
    block = {**text("Green."), "annotations": [{**cited, "file_id": None}, theirs], "index": 0}
    assert sent(AIMessage([block]))[0]["content"] == [{**text("Green."), "citations": [cited]}]
    assert content(block) == [text("Green.")]


def test_a_refusal_goes_back_as_what_was_said() -> None:
    for said in (
        AIMessage([{"type": "refusal", "refusal": "No."}]),
        AIMessage("", additional_kwargs={"refusal": "No."}),
    ):
        assert sent(said) == [{"role": "assistant", "content": [text("No.")]}]


def test_blocks_of_server_tools_go_back_unchanged() -> None:
    use = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "x"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []}
    said = AIMessage([{**use, "index": 0}, {**found, "index": 1}, "So."])
    assert sent(said)[0]["content"] == [use, found, text("So.")]
