"""Calls and their results stay together, however a conversation is trimmed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    tool_call,
    trim_messages,
)
from runnables.messages.exchanges import exchanges_in


def asks(*ids: str | None, text: str = "") -> AIMessage:
    return AIMessage(text, tool_calls=[tool_call(name="f", args={}, id=id) for id in ids])


def answers(id: str, text: str = "r") -> ToolMessage:
    return ToolMessage(text, tool_call_id=id)


def problems(messages: list[BaseMessage]) -> Iterator[str]:
    """Yield what a service would refuse: it looks at the calls right before the results."""
    waiting: set[str] = set()
    for message in messages:
        if isinstance(message, ToolMessage):
            if message.tool_call_id not in waiting:
                yield f"result {message.tool_call_id} without a call"
            waiting.discard(message.tool_call_id)
        else:
            yield from (f"call {id} without a result" for id in sorted(waiting))
            waiting = set()
        if isinstance(message, AIMessage):
            calls = [*message.tool_calls, *message.invalid_tool_calls]
            waiting = {str(call["id"]) for call in calls}
    yield from (f"call {id} without a result" for id in sorted(waiting))


@st.composite
def conversations(draw: st.DrawFn, *, unique: bool = False) -> list[BaseMessage]:
    """Conversations as services take them, with parallel calls and ids that may come again."""
    talk: list[BaseMessage] = draw(st.lists(st.just(SystemMessage("s")), max_size=1))
    strings = st.sampled_from(["", "a", "b\nc", "d\ne\nf"])
    for turn in range(draw(st.integers(0, 5))):
        talk += draw(st.lists(st.builds(HumanMessage, strings), min_size=0, max_size=2))
        ids = draw(st.lists(st.sampled_from("123"), unique=True, max_size=3))
        ids = [f"{turn}-{id}" for id in ids] if unique else ids
        if ids:
            invalid = draw(st.booleans()) and len(ids) > 1
            message = asks(*ids[invalid:], text=draw(strings))
            if invalid:
                message.invalid_tool_calls = [
                    {
                        "name": "f",
                        "args": "{",
                        "id": ids[0],
                        "error": "x",
                        "type": "invalid_tool_call",
                    }
                ]
            talk.append(message)
            talk += [answers(id, draw(strings)) for id in draw(st.permutations(ids))]
        talk += draw(st.lists(st.builds(AIMessage, strings), max_size=1))
    return talk


KINDS: Any = st.sampled_from([None, "human", "ai", "tool", ("human", "tool"), "system"])


def size(messages: list[BaseMessage]) -> int:
    return sum(1 + len(message.text) for message in messages)


@given(
    conversations(), st.integers(0, 25), st.sampled_from([len, size]), st.booleans(), KINDS, KINDS,
    st.booleans(),
)  # fmt: skip
def test_the_end_is_a_conversation_that_services_take(
    talk: list[BaseMessage],
    limit: int,
    counter: Any,
    partial: bool,
    start_on: Any,
    end_on: Any,
    system: bool,
) -> None:
    """With every option, every limit and every counter."""
    assert not list(problems(talk))
    kept = trim_messages(
        talk, max_tokens=limit, token_counter=counter, allow_partial=partial,
        start_on=start_on, end_on=end_on, include_system=system,
    )  # fmt: skip
    assert not list(problems(kept))
    if not any((partial, start_on, end_on)) and counter(talk) <= limit:
        assert kept == talk
    if end_on == "tool" and kept and not (system and len(kept) == 1):
        assert isinstance(kept[-1], ToolMessage)


@given(
    conversations(), st.integers(0, 25), st.sampled_from([len, size]), st.booleans(), KINDS
)  # fmt: skip
def test_the_beginning_is_a_conversation_that_services_take(
    talk: list[BaseMessage], limit: int, counter: Any, partial: bool, end_on: Any
) -> None:
    """With every option, every limit and every counter."""
    kept = trim_messages(
        talk, max_tokens=limit, token_counter=counter, allow_partial=partial,
        end_on=end_on, strategy="first",
    )  # fmt: skip
    assert not list(problems(kept))
    assert counter(kept) <= limit


def separated(messages: list[BaseMessage]) -> set[str]:
    """Return the ids of calls and results whose counterpart is missing."""
    called = {str(one["id"]) for message in messages if isinstance(message, AIMessage)
              for one in [*message.tool_calls, *message.invalid_tool_calls]}  # fmt: skip
    answered = {message.tool_call_id for message in messages if isinstance(message, ToolMessage)}
    return called ^ answered


@given(
    conversations(unique=True), st.data(), st.integers(0, 25), st.sampled_from(["first", "last"])
)
def test_a_damaged_conversation_is_repaired(
    talk: list[BaseMessage], data: st.DataObject, limit: int, strategy: Any
) -> None:
    """Where messages are missing, their counterparts are dropped; a call at the end may wait."""
    left = [message for message in talk if data.draw(st.integers(0, 3))]
    kept = trim_messages(left, max_tokens=limit, token_counter=len, strategy=strategy)
    parts = exchanges_in(kept)
    assert not separated([message for part in parts[:-1] for message in part])
    assert kept == [message for part in parts for message in part]
    if parts and separated(parts[-1]):  # a call that waits for results
        assert parts[-1] == left[-len(parts[-1]) :]


def test_calls_at_the_end_may_wait_for_results() -> None:
    """They are kept with the results that are there; in the middle they are dropped."""
    for talk in (
        [HumanMessage("q"), asks("1", "2")],
        [HumanMessage("q"), asks("1", "2"), answers("2")],
    ):
        assert trim_messages(talk, max_tokens=9, token_counter=len) == talk
        assert trim_messages([*talk, HumanMessage("go on")], max_tokens=9, token_counter=len) == [
            HumanMessage("q"),
            HumanMessage("go on"),
        ]


def test_calls_without_ids_and_calls_in_blocks_have_results_too() -> None:
    """Ids may be missing; Anthropic's blocks are calls and results inside of messages."""
    without: list[BaseMessage] = [HumanMessage("q"), asks(None, None), answers(""), answers("")]
    blocks: list[BaseMessage] = [
        HumanMessage("q"),
        AIMessage([{"type": "tool_use", "id": "1", "name": "f", "input": {}}]),
        HumanMessage([{"type": "tool_result", "tool_use_id": "1", "content": "r"}]),
    ]
    for talk in (without, blocks):
        whole = [*talk, AIMessage("a")]
        assert [len(part) for part in exchanges_in(whole)] == [1, len(talk) - 1, 1]
        for limit in range(1, len(talk)):
            kept = trim_messages(whole, max_tokens=limit, token_counter=len)
            assert kept == [AIMessage("a")]
    assert exchanges_in([answers("9"), HumanMessage("q")]) == [[HumanMessage("q")]]


def test_what_stands_between_a_call_and_its_result_stays_with_them() -> None:
    """A person may have spoken before the last result came."""
    talk = [asks("1", "2"), answers("1"), HumanMessage("wait"), answers("2"), AIMessage("a")]
    assert [len(part) for part in exchanges_in(talk)] == [4, 1]
    assert trim_messages(talk, max_tokens=4, token_counter=len) == talk[4:]
    assert trim_messages(talk, max_tokens=5, token_counter=len) == talk


@pytest.mark.parametrize("strategy", ["first", "last"])
def test_only_a_result_is_cut_of_a_call_with_results(strategy: Any) -> None:
    """The call stays whole, and so do the other results."""
    talk = [HumanMessage("q"), asks("1", "2"), answers("1", "a\nb\nc"), answers("2", "d")]
    kept = trim_messages(
        talk, max_tokens=9 if strategy == "first" else 7, token_counter=size, strategy=strategy,
        allow_partial=True,
    )  # fmt: skip
    assert not list(problems(kept))
    results = [message.text for message in kept if isinstance(message, ToolMessage)]
    assert results == (["a\n", "d"] if strategy == "first" else ["b\nc", "d"])
