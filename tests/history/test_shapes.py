"""Where inputs and outputs have their messages: all forms that LangChain reads, and the errors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    InMemoryHistory,
    RunnableLambda,
    RunnableWithMessageHistory,
    SystemMessage,
)
from tests.both_modes import Call
from tests.history.helpers import ADA

STRINGS = st.text(max_size=5)
NEW = st.lists(
    st.builds(HumanMessage, STRINGS)
    | st.builds(AIMessage, STRINGS)
    | st.builds(SystemMessage, STRINGS),
    max_size=3,
)
KEYS = st.sampled_from(["input", "question", "text"])


@st.composite
def inputs(draw: st.DrawFn) -> tuple[Any, list[BaseMessage]]:
    """Return new messages in one of the forms, and as a list."""
    messages: list[BaseMessage] = draw(NEW)
    contents = [message.text for message in messages]
    forms: list[tuple[Any, list[BaseMessage]]] = [(messages, messages), ([messages], messages)]
    forms.append((tuple(messages), messages))
    forms.append((contents, [HumanMessage(text) for text in contents]))
    if len(messages) == 1:
        forms.append((messages[0], messages))
        forms.append((contents[0], [HumanMessage(contents[0])]))
    return draw(st.sampled_from(forms))


@st.composite
def outputs(draw: st.DrawFn) -> tuple[Any, list[BaseMessage]]:
    """Return an answer in one of the forms, and as messages."""
    text = draw(STRINGS)
    answer = AIMessage(text)
    return draw(
        st.sampled_from(
            [
                (text, [answer]),
                (answer, [answer]),
                (AIMessageChunk(text), [answer]),
                ([answer, answer], [answer, answer]),
                ((answer,), [answer]),
                ([], []),
            ]
        )
    )


@given(
    new=inputs(),
    answer=outputs(),
    input_key=st.none() | KEYS,
    history_key=st.none() | st.just("history"),
    output_key=st.none() | st.sampled_from(["output", "answer"]),
    extra=st.booleans(),
    in_dict=st.booleans(),
)
def test_every_form_is_read(
    call: Call,
    new: tuple[Any, list[BaseMessage]],
    answer: tuple[Any, list[BaseMessage]],
    input_key: str | None,
    history_key: str | None,
    output_key: str | None,
    extra: bool,
    in_dict: bool,
) -> None:
    """The chain gets history and question where it expects them, twice; both turns are stored."""
    value, messages = new
    in_dict = in_dict or bool(input_key or history_key)
    key = input_key or "input"
    if in_dict:
        value = {key: value, **({"manner": "brief"} if extra else {})}
    output = {output_key: answer[0]} if output_key else answer[0]
    if output_key and extra:
        output["more"] = 1
    seen: list[Any] = []
    sessions = InMemoryHistory()
    chat = RunnableWithMessageHistory(
        RunnableLambda(lambda given: (seen.append(given), output)[1]),
        sessions,
        input_messages_key=input_key,
        history_messages_key=history_key,
        output_messages_key=output_key if extra else None,
    )
    turn = [*messages, *answer[1]]
    for before in ([], turn):
        assert call.invoke(chat, value, ADA) == output
        if history_key:
            assert seen.pop() == {**value, "history": before}
        elif input_key:
            assert seen.pop() == {**value, input_key: [*before, *messages]}
        else:
            assert seen.pop() == [*before, *messages]
    assert sessions("ada").get() == [*turn, *turn]


@pytest.mark.parametrize(
    ("value", "keys", "match"),
    [
        (5, {}, "expected a string, a message or a list of messages as its input, got 5"),
        ({"a": 1, "b": 2}, {}, "its input has no key 'input', but 'a', 'b'.*input_messages_key="),
        ({"a": "x"}, {"input_messages_key": "b"}, "its input has no key 'b'"),
        ("x", {"input_messages_key": "b"}, "expected a dict as input"),
        ("x", {"history_messages_key": "b"}, "expected a dict as input"),
    ],
)
def test_an_input_without_messages_is_refused(
    call: Call, value: Any, keys: Any, match: str
) -> None:
    """Before the chain runs; the error says what to set."""
    chat = RunnableWithMessageHistory(
        RunnableLambda(lambda _: pytest.fail("the chain has run")), InMemoryHistory(), **keys
    )
    with pytest.raises(TypeError, match=match):
        call.invoke(chat, value, ADA)


@pytest.mark.parametrize(
    ("output", "match"),
    [
        (5, r"got 5. Put the history around the model alone.*with_history\(prompt \| model\)"),
        ([1], "a list of messages as its output"),
        ({"a": "x", "b": "y"}, "its output has no key 'output'.*output_messages_key="),
    ],
)
def test_an_output_without_messages_is_refused(call: Call, output: Any, match: str) -> None:
    """Nothing is appended, and the error says what to do."""
    sessions = InMemoryHistory()
    chat = RunnableWithMessageHistory(RunnableLambda(lambda _: output), sessions)
    with pytest.raises(TypeError, match=match):
        call.invoke(chat, "a", ADA)
    assert sessions("ada").get() == []


@pytest.mark.parametrize(
    ("keys", "properties"),
    [
        ({}, None),
        ({"input_messages_key": "input"}, {"input"}),
        ({"input_messages_key": "input", "history_messages_key": "history"}, {"input"}),
    ],
)
def test_its_input_schema_shows_where_messages_go(keys: Any, properties: Any) -> None:
    """Under the key that is set; the history is no part of the input."""
    chat = RunnableWithMessageHistory(RunnableLambda(str), InMemoryHistory(), **keys)
    schema = chat.get_input_jsonschema()
    assert schema["title"] == "RunnableWithChatHistoryInput"
    assert set(schema.get("properties", ())) == (properties or set())
    assert "string" in str(schema)


def test_an_output_with_a_key_for_messages_is_a_dict() -> None:
    """Its schema says so where the chain says nothing; what the chain says goes before."""
    step = RunnableLambda(lambda _: {"answer": "Hi"})
    declared = step.with_types(output_type=dict[str, str])
    chat, kept = (
        RunnableWithMessageHistory(
            chain, lambda session_id: InMemoryHistory(), output_messages_key="answer"
        )
        for chain in (step, declared)
    )
    schema = chat.get_output_jsonschema()
    assert (schema["type"], schema["title"]) == ("object", "RunnableWithChatHistoryOutput")
    assert kept.get_output_jsonschema()["additionalProperties"] == {"type": "string"}
