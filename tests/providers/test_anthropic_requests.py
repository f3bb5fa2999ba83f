"""Requests to Anthropic, as plain data."""

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
    """Return the body of the request for a call."""
    model = ChatAnthropic("claude-x", api_key="k")
    converted = convert_to_messages(list(messages))
    return dict(model._exchange(converted, model._options(options)).body(streamed=False))


def sent(*messages: BaseMessage | tuple[str, Any]) -> list[dict[str, Any]]:
    """Return the messages in the request of a conversation."""
    messages: list[dict[str, Any]] = body(*messages)["messages"]
    return messages


def content(*blocks: Any) -> Any:
    """Return the content in the request of a human message with blocks."""
    return sent(HumanMessage(list(blocks)))[0]["content"]


def text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


# -- system prompts and messages


def test_a_string_stays_a_string() -> None:
    """The smallest request has the model, the messages and the default limit."""
    assert body(("human", "Hi")) == {
        "model": "claude-x",
        "max_tokens": MAX_TOKENS,
        "messages": [{"role": "user", "content": "Hi"}],
    }


def test_a_system_message_is_the_system_prompt() -> None:
    """It is a field of its own, not a message."""
    request = body(("system", "Be brief."), ("human", "Hi"))
    assert request["system"] == "Be brief."
    assert request["messages"] == [{"role": "user", "content": "Hi"}]


def test_several_system_messages_are_one_prompt_of_blocks() -> None:
    """They are joined in order from anywhere, and keep `cache_control`."""
    cached = {**text("Know this."), "cache_control": EPHEMERAL}
    request = body(SystemMessage([cached]), ("human", "Hi"), ("system", "Be brief."))
    assert request["system"] == [cached, text("Be brief.")]
    assert len(request["messages"]) == 1


def test_a_chat_message_with_role_system_keeps_its_position() -> None:
    """Newer models accept instructions in the middle of a conversation."""
    messages = sent(("human", "Hi"), ChatMessage("Now in French.", role="system"))
    assert messages[1] == {"role": "system", "content": "Now in French."}


def test_consecutive_messages_of_one_role_are_one_message() -> None:
    """Their blocks are joined in order."""
    messages = sent(
        ("human", "One"), ("human", "Two"), ("ai", "Yes"), ("ai", "And"), ("human", "?")
    )
    assert messages == [
        {"role": "user", "content": [text("One"), text("Two")]},
        {"role": "assistant", "content": [text("Yes"), text("And")]},
        {"role": "user", "content": "?"},
    ]


def test_names_are_not_sent() -> None:
    """The API refuses requests with names."""
    assert sent(HumanMessage("Hi", name="ann")) == [{"role": "user", "content": "Hi"}]


def test_an_unknown_role_is_refused() -> None:
    """The error suggests the closest role."""
    with pytest.raises(InvalidRequestError, match="Did you mean 'assistant'"):
        sent(("human", "Hi"), ChatMessage("Hm", role="asistant"))


def test_blank_text_of_the_model_is_left_out() -> None:
    """The API refuses blank text blocks; a message that is blank is left out."""
    messages = sent(("human", "Hi"), AIMessage(["\n\n", text("Yes")]), ("human", "?"))
    assert messages[1]["content"] == [text("Yes")]
    assert sent(("human", "Hi"), AIMessage(""), ("human", "Hm?")) == [
        {"role": "user", "content": [text("Hi"), text("Hm?")]}
    ]


def test_a_blank_human_message_is_sent() -> None:
    """The service refuses it with its own error."""
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
def test_anthropics_own_blocks_are_sent_unchanged(block: dict[str, Any]) -> None:
    """Only the index of a stream is removed."""
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
def test_images_of_any_format_are_converted(block: dict[str, Any]) -> None:
    """The formats are canonical, or those of OpenAI, Google and older LangChain."""
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
    """A file by base64, URL or id is a document; text files are decoded."""
    kind, *rest = source
    expected = {"type": kind, **dict(zip(rest[::2], rest[1::2], strict=True))}
    assert content({"type": "file", **given}) == [{"type": "document", "source": expected}]


def test_a_document_keeps_its_title_citations_and_cache() -> None:
    """The file name becomes the title; plain text is a document, too."""
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
def test_unsupported_media_are_refused(block: dict[str, Any]) -> None:
    """The error names the position of the block."""
    with pytest.raises(InvalidRequestError, match=r"messages\[0\]\.content\[1\]"):
        content("Look:", block)


# -- answers that are sent back


SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "sig=="}
REDACTED = {"type": "redacted_thinking", "data": "xyz"}
ADD = tool_call(name="add", args={"a": 1}, id="toolu_1")
USE = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}}


def test_signed_reasoning_is_sent_back_unchanged() -> None:
    """Reasoning blocks keep their positions before the text and the tool calls."""
    message = AIMessage([{**SIGNED, "index": 0}, {**REDACTED, "index": 1}, "So:"], tool_calls=[ADD])
    assert sent(message)[0]["content"] == [SIGNED, REDACTED, text("So:"), USE]


def test_canonical_reasoning_is_sent_back_with_its_signature() -> None:
    """`content_blocks` of an answer make the same request as its content."""
    message = AIMessage([{**SIGNED, "index": 0}, "So"])
    assert sent(AIMessage(content_blocks=message.content_blocks)) == sent(message)


def test_reasoning_of_other_models_is_left_out() -> None:
    """It has no signature, and the API refuses unsigned reasoning."""
    reasoning = {"type": "reasoning", "reasoning": "Hm."}
    unsigned = {"type": "thinking", "thinking": "Hm."}
    message = AIMessage([reasoning, unsigned, "So"], additional_kwargs={"reasoning_content": "Hm."})
    assert sent(message)[0]["content"] == [text("So")]


def test_data_for_another_service_is_left_out() -> None:
    """Signed reasoning, blocks of server tools and extras of tool calls are left out."""
    message = AIMessage(
        [SIGNED, {"type": "web_search_call", "id": "ws_1"}, "So"],
        tool_calls=[{**ADD, "extras": {"thoughtSignature": "abc"}}],
        response_metadata={"model_provider": "google"},
    )
    assert sent(message)[0]["content"] == [text("So"), USE]


@pytest.mark.parametrize(
    "message",
    [
        AIMessage("", tool_calls=[ADD]),
        AIMessage([USE], tool_calls=[ADD]),
        AIMessage([USE]),
        AIMessage([{**USE, "input": {}, "partial_json": '{"a": 1}', "index": 1}]),
        AIMessage(content_blocks=[{**ADD, "type": "tool_call"}]),
        AIMessage([{**USE, "input": {"a": 2}}], tool_calls=[ADD]),
    ],
)
def test_tool_calls_are_sent_once(message: AIMessage) -> None:
    """They come from `tool_calls` or from blocks; if both differ, `tool_calls` count."""
    assert sent(message) == [{"role": "assistant", "content": [USE]}]


def test_a_tool_call_keeps_its_position_and_extras() -> None:
    """Keys such as `caller` are sent back."""
    caller = {"type": "direct"}
    message = AIMessage([USE, "and"], tool_calls=[{**ADD, "extras": {"caller": caller}}])
    assert sent(message)[0]["content"] == [USE, text("and")]
    alone = AIMessage("", tool_calls=[{**ADD, "extras": {"caller": caller}}])
    assert sent(alone)[0]["content"] == [{**USE, "caller": caller}]


def test_an_invalid_tool_call_is_sent_back_as_an_object() -> None:
    """The result that reports the error needs its call."""
    broken = invalid_tool_call(name="add", args='{"a": ', id="toolu_1", error="no JSON")
    message = AIMessage("", invalid_tool_calls=[broken])
    messages = sent(message, ToolMessage("No JSON.", tool_call_id="toolu_1", status="error"))
    assert messages[0]["content"] == [{**USE, "input": {"INVALID_JSON": '{"a": '}}]
    assert messages[1]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "No JSON.", "is_error": True}
    ]


def test_ids_of_other_providers_are_made_valid() -> None:
    """A call and its result get the same valid id."""
    call = tool_call(name="add", args={}, id="functions.add:0")
    messages = sent(
        AIMessage("", tool_calls=[call]), ToolMessage("1", tool_call_id="functions.add:0")
    )
    assert messages[0]["content"][0]["id"] == messages[1]["content"][0]["tool_use_id"]
    assert messages[0]["content"][0]["id"] == "functions_add_0"


def test_tool_results_are_first_in_their_message() -> None:
    """A result may hold a string, or blocks with images."""
    image = {"type": "image", "base64": PNG, "mime_type": "image/png"}
    messages = sent(
        ("human", "Look."),
        ToolMessage("1", tool_call_id="a"),
        ToolMessage([image, "seen"], tool_call_id="b"),
        ToolMessage("", tool_call_id="c"),
    )
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    assert messages == [
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


def test_tool_results_in_anthropics_format_are_sent_unchanged() -> None:
    """They may be in tool messages and in human messages."""
    own = {"type": "tool_result", "tool_use_id": "a", "content": "1", "cache_control": EPHEMERAL}
    assert sent(ToolMessage([own], tool_call_id="a"))[0]["content"] == [own]
    assert sent(HumanMessage(["Hm", own]))[0]["content"] == [own, text("Hm")]


def test_citations_are_sent_back_with_answers_only() -> None:
    """The API refuses citations of others, and citations in human messages."""
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


def test_a_refusal_is_sent_back_as_text() -> None:
    """It may be a block, or in `additional_kwargs`."""
    for message in (
        AIMessage([{"type": "refusal", "refusal": "No."}]),
        AIMessage("", additional_kwargs={"refusal": "No."}),
    ):
        assert sent(message) == [{"role": "assistant", "content": [text("No.")]}]


def test_blocks_of_server_tools_are_sent_back_unchanged() -> None:
    """A server tool call and its result keep their positions."""
    use = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "x"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []}
    message = AIMessage([{**use, "index": 0}, {**found, "index": 1}, "So."])
    assert sent(message)[0]["content"] == [use, found, text("So.")]
