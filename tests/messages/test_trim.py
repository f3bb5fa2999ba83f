"""Trimming of conversations to a number of tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    trim_messages,
)
from runnables.messages.exchanges import exchanges_in
from tests.messages.arbitrary import histories

limits = st.integers(0, 60)


def words(messages: list[BaseMessage]) -> int:
    """Count one token for each message and each of its letters."""
    return sum(1 + len(message.text) for message in messages)


def is_part(part: BaseMessage, whole: BaseMessage) -> bool:
    """Tell whether the text of a message is a part of another one's text."""
    return type(part) is type(whole) and part.text in whole.text


def is_cut_once(kept: list[BaseMessage], whole: list[BaseMessage]) -> bool:
    """Tell whether messages are the same, but for one that may be a part of the other."""
    pairs = list(zip(kept, whole, strict=True))
    cut = [part for part, message in pairs if part != message]
    return len(cut) <= 1 and all(is_part(part, message) for part, message in pairs)


@given(histories(), limits, st.booleans(), st.booleans(), st.sampled_from([None, "human"]))
def test_the_end_of_a_conversation_fits(
    history: list[BaseMessage],
    limit: int,
    partial: bool,
    system: bool,
    start_on: str | None,
) -> None:
    """It never exceeds the limit, is in order, ends with the last message, and is maximal.

    One message may be cut; the next message, or the next call with its results, would not fit.
    """
    trimmed = trim_messages(
        history,
        max_tokens=limit,
        token_counter=words,
        allow_partial=partial,
        include_system=system,
        start_on=start_on,
        text_splitter=list,
    )
    head = history[:1] if system and history and isinstance(history[0], SystemMessage) else []
    assert trimmed[: len(head)] == head
    kept = trimmed[len(head) :]
    assert words(trimmed) <= max(limit, words(head))
    assert is_cut_once(kept, history[len(history) - len(kept) :])
    if start_on:
        assert not kept or isinstance(kept[0], HumanMessage)
    elif not partial and len(kept) < len(history) - len(head):
        size = next(  # of the next exchange, which ends where `kept` begins
            size
            for exchange in reversed(exchanges_in(history))
            for size in [len(exchange)]
            if exchange[-1] is history[-len(kept) - 1]
        )
        assert words([*head, *history[len(history) - len(kept) - size :]]) > limit


@given(histories(), limits, st.booleans())
def test_the_beginning_of_a_conversation_fits(
    history: list[BaseMessage], limit: int, partial: bool
) -> None:
    """It never exceeds the limit, and is the beginning."""
    trimmed = trim_messages(
        history,
        max_tokens=limit,
        token_counter=words,
        strategy="first",
        allow_partial=partial,
        text_splitter=list,
    )
    assert words(trimmed) <= limit
    assert is_cut_once(trimmed, history[: len(trimmed)])


@given(histories(), limits)
def test_every_tool_message_follows_its_call(history: list[BaseMessage], limit: int) -> None:
    """`start_on="human"` keeps the call of each tool message."""
    trimmed = trim_messages(history, max_tokens=limit, token_counter=words, start_on="human")
    called: set[Any] = set()
    for message in trimmed:
        if isinstance(message, AIMessage):
            called |= {call["id"] for call in message.tool_calls}
        if isinstance(message, ToolMessage):
            assert message.tool_call_id in called


CHAT: list[BaseMessage] = [
    SystemMessage("be nice"),
    HumanMessage("hello"),
    AIMessage("hi"),
    HumanMessage("one\ntwo"),
    AIMessage("three"),
]


def count_letters(message: BaseMessage) -> int:
    """Count the letters of a single message, as the annotation says."""
    return len(message.text)


class Model:
    """An object that counts like a model."""

    def get_num_tokens_from_messages(self, messages: list[BaseMessage]) -> int:
        return sum(map(count_letters, messages))


@pytest.mark.parametrize("counter", [count_letters, Model()], ids=["function of one", "model"])
def test_functions_of_one_message_and_models_count_tokens(counter: Any) -> None:
    """Both are recognized, and count alike."""
    assert trim_messages(CHAT, max_tokens=12, token_counter=counter) == CHAT[3:]


def test_len_counts_messages_and_approximate_estimates() -> None:
    """Both are accepted as `token_counter`."""
    assert trim_messages(CHAT, max_tokens=2, token_counter=len) == CHAT[3:]
    assert trim_messages(CHAT, max_tokens=1000, token_counter="approximate") == CHAT


def test_a_message_is_cut_next_to_the_kept_ones() -> None:
    """A string is cut by lines, a list by blocks, from the end or from the beginning."""
    options: Any = {"token_counter": count_letters, "allow_partial": True}
    assert trim_messages(CHAT, max_tokens=9, **options) == [
        HumanMessage("two"),
        CHAT[4],
    ]
    one_message = [HumanMessage("one\ntwo")]
    assert trim_messages(one_message, max_tokens=5, strategy="first", **options) == [
        HumanMessage("one\n")
    ]
    blocks = [HumanMessage(["aaa", "bb", "c"])]
    assert trim_messages(blocks, max_tokens=3, **options) == [HumanMessage(["bb", "c"])]
    assert trim_messages(blocks, max_tokens=5, strategy="first", **options) == [
        HumanMessage(["aaa", "bb"])
    ]


def test_both_ends_can_be_chosen_by_kind() -> None:
    """`end_on` comes before the fitting of the end, and after that of the beginning."""
    options: Any = {"token_counter": len}
    assert trim_messages(CHAT, max_tokens=2, end_on="human", **options) == CHAT[2:4]
    assert (
        trim_messages(CHAT, max_tokens=4, end_on="ai", start_on=HumanMessage, **options)
        == (CHAT[1:])
    )
    assert trim_messages(CHAT, max_tokens=4, strategy="first", end_on=["ai"], **options) == CHAT[:3]
    assert trim_messages(CHAT, max_tokens=2, include_system=True, **options) == [
        CHAT[0],
        CHAT[4],
    ]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"strategy": "lst"}, "Did you mean 'last'"),
        ({"strategy": "first", "start_on": "human"}, "start_on goes with strategy='last'"),
        ({"strategy": "first", "include_system": True}, "include_system goes with"),
        ({"start_on": "humn"}, "Did you mean 'human'"),
        ({"token_counter": "exact"}, "'exact'"),
        ({"token_counter": 3}, "token_counter=3"),
        ({"max_tokens": -1}, "max_tokens=-1"),
        ({"max_tokens": "5"}, "max_tokens='5'"),
    ],
    ids=str,
)
def test_wrong_options_are_errors_before_a_conversation_is_passed(
    options: dict[str, Any], reason: str
) -> None:
    """A step with wrong options cannot be made."""
    with pytest.raises(ValueError, match=reason):
        trim_messages(**{"max_tokens": 1, "token_counter": len, **options})


def test_an_unknown_option_is_an_error() -> None:
    """The error names it."""
    with pytest.raises(TypeError, match="max_token"):
        trim_messages(CHAT, max_token=3, token_counter=len)  # type: ignore[call-overload]
