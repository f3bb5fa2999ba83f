"""Messages that LangChain has stored, in all of its forms, are read as today's."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from runnables.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    convert_to_messages,
    message_from_dict,
    messages_from_dict,
    tool_call,
    tool_call_chunk,
)
from runnables.models import ChatModel
from runnables.prompts import ChatPromptTemplate, MessagesPlaceholder
from tests.both_modes import Call

OPENAI_CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
CALL = tool_call(name="f", args={"a": 1}, id="1")
COUNTS = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}

STORED: dict[str, tuple[str, str, dict[str, Any], BaseMessage]] = {
    "human": ("human", "HumanMessage", {"content": "h", "example": False}, HumanMessage("h")),
    "system": ("system", "SystemMessage", {"content": "s", "name": None}, SystemMessage("s")),
    "chat": ("chat", "ChatMessage", {"content": "c", "role": "x"}, ChatMessage("c", role="x")),
    "tool": (
        "tool",
        "ToolMessage",
        {"content": "r", "tool_call_id": "1", "artifact": {"x": 1}},
        ToolMessage("r", tool_call_id="1", artifact={"x": 1}),
    ),
    "function": (
        "function",
        "FunctionMessage",
        {"content": "r", "name": "f"},
        ToolMessage("r", name="f", tool_call_id=""),
    ),
    "calls of today": (
        "ai",
        "AIMessage",
        {"content": "", "tool_calls": [dict(CALL)], "invalid_tool_calls": []},
        AIMessage("", tool_calls=[CALL]),
    ),
    "calls in both places": (
        "ai",
        "AIMessage",
        {
            "content": None,
            "tool_calls": [dict(CALL)],
            "additional_kwargs": {"tool_calls": [OPENAI_CALL], "refusal": None},
        },
        AIMessage("", tool_calls=[CALL], additional_kwargs={"refusal": None}),
    ),
    "calls of OpenAI": (
        "ai",
        "AIMessage",
        {"content": "", "additional_kwargs": {"tool_calls": [OPENAI_CALL]}, "example": False},
        AIMessage("", tool_calls=[CALL]),
    ),
    "a function call": (
        "ai",
        "AIMessage",
        {"content": "", "additional_kwargs": {"function_call": OPENAI_CALL["function"]}},
        AIMessage("", tool_calls=[tool_call(name="f", args={"a": 1})]),
    ),
    "usage in the metadata": (
        "ai",
        "AIMessage",
        {
            "content": "a",
            "response_metadata": {"token_usage": {"prompt_tokens": 3, "completion_tokens": 4}},
        },
        AIMessage(
            "a",
            response_metadata={"token_usage": {"prompt_tokens": 3, "completion_tokens": 4}},
            usage_metadata=COUNTS,  # type: ignore[arg-type]  # a dict is one
        ),
    ),
    "usage of Anthropic": (
        "ai",
        "AIMessage",
        {"content": "a", "response_metadata": {"usage": {"input_tokens": 3, "output_tokens": 4}}},
        AIMessage(
            "a",
            response_metadata={"usage": {"input_tokens": 3, "output_tokens": 4}},
            usage_metadata=COUNTS,  # type: ignore[arg-type]  # a dict is one
        ),
    ),
    "a chunk": (
        "AIMessageChunk",
        "AIMessageChunk",
        {
            "content": "x",
            "example": False,
            "tool_calls": [{"name": "f", "args": {}, "id": "1", "type": "tool_call"}],
            "tool_call_chunks": [{"name": "f", "args": "{", "id": "1", "index": 0}],
        },
        AIMessageChunk(
            "x", tool_call_chunks=[tool_call_chunk(name="f", args="{", id="1", index=0)]
        ),
    ),
    "unknown fields": (
        "human",
        "HumanMessage",
        {"content": "h", "audio": {"id": "1"}},
        HumanMessage("h", additional_kwargs={"audio": {"id": "1"}}),
    ),
}


@pytest.mark.parametrize("name", STORED)
def test_every_form_is_read(name: str) -> None:
    """`{"type", "data"}`, flat fields, and objects by class name, alone and in a list."""
    kind, cls, fields, expected = STORED[name]
    forms: list[dict[str, Any]] = [
        {"type": kind, "data": fields},
        {"type": kind, "data": {**fields, "type": kind}},
        {"type": kind, **fields},
        *(
            {"lc": 1, "type": "constructor", "id": ["langchain", *path, cls], "kwargs": fields}
            for path in (["schema", "messages"], ["schema"], [])
        ),
    ]
    for form in forms:
        assert convert_to_messages(form) == [expected]
        assert convert_to_messages([form, form]) == [expected, expected]
        if "data" in form or "lc" in form:
            assert message_from_dict(form) == expected
            assert messages_from_dict([form]) == [expected]


def test_broken_arguments_stay_as_they_were_written() -> None:
    """They are an invalid call, with the reason."""
    broken = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{"}}
    stored = {"content": "", "additional_kwargs": {"tool_calls": [broken]}}
    (message,) = convert_to_messages({"type": "ai", "data": stored})
    assert isinstance(message, AIMessage)
    assert [one["args"] for one in message.invalid_tool_calls] == ["{"]
    assert not message.tool_calls and not message.additional_kwargs


def test_no_class_is_imported_by_its_path() -> None:
    """The name is looked up in a list: another one is refused, whatever module it names."""
    for name, reason in (
        ("Popen", "Unknown class of messages 'Popen'"),
        ("HumanMesage", "Did you mean 'HumanMessage'"),
    ):
        form = {"lc": 1, "type": "constructor", "id": ["antigravity", name], "kwargs": {}}
        with pytest.raises(ValueError, match=reason):
            convert_to_messages([form])
    assert "antigravity" not in sys.modules
    lost = {"lc": 1, "type": "not_implemented", "id": ["x", "HumanMessage"], "repr": "?"}
    with pytest.raises(ValueError, match="has no content"):
        convert_to_messages(lost)


class Echo(ChatModel):
    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        self.seen = messages
        return AIMessage("ok")


def test_a_stored_conversation_is_a_history_and_an_input(call: Call) -> None:
    """A placeholder takes it, and a model; a function's result gets the id of its call."""
    talk = [
        {"type": "human", "data": {"content": "q"}},
        {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "AIMessage"],
         "kwargs": {"content": "",
                    "additional_kwargs": {"function_call": {"name": "f", "arguments": "{}"}}}},
        {"role": "function", "name": "f", "content": "r"},
        {"role": "assistant", "content": None, "function_call": {"name": "g", "arguments": "{}"}},
        {"role": "function", "name": "g", "content": "s"},
    ]  # fmt: skip
    prompt = ChatPromptTemplate([MessagesPlaceholder("history"), ("human", "{q}")])
    model = Echo()
    call.invoke(prompt | model, {"history": talk, "q": "go on"})
    ids: list[Any] = []
    for message in model.seen:
        ids += [one["id"] for one in getattr(message, "tool_calls", ())]
        ids += [message.tool_call_id] if isinstance(message, ToolMessage) else []
    assert ids == [ids[0], ids[0], ids[2], ids[2]] and ids[0] != ids[2] and all(ids)
    prompt_value = {"lc": 1, "type": "constructor", "id": ["langchain", "ChatPromptValue"],
                    "kwargs": {"messages": talk[:1]}}  # fmt: skip
    assert convert_to_messages(prompt_value) == [HumanMessage("q")]


@pytest.mark.parametrize("optional", [True, False])
def test_none_is_no_history_where_a_placeholder_is_optional(optional: bool, call: Call) -> None:
    """Passed, partial, computed or by shorthand; a required one refuses it."""
    prompt = ChatPromptTemplate([MessagesPlaceholder("h", optional=optional), ("human", "{q}")])
    by_hand = ChatPromptTemplate([("placeholder", "{h}" if optional else "{x}"), ("human", "{q}")])
    forms: list[tuple[Any, dict[str, Any]]] = [
        (prompt, {"q": "x", "h": None}),
        (prompt.partial(h=None), {"q": "x"}),
        (prompt.partial(h=lambda: None), {"q": "x"}),
        (MessagesPlaceholder("h", optional=optional, n_messages=2) + "{q}", {"q": "x", "h": None}),
    ]
    if optional:
        forms.append((by_hand, {"q": "x", "h": None}))
    for form, values in forms:
        if optional:
            assert call.invoke(form, values).to_messages() == [HumanMessage("x")]
        else:
            with pytest.raises(ValueError, match="'h' should be a list of messages.*optional=True"):
                call.invoke(form, values)
