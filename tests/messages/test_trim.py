"""Trimming, filtering and merging conversations."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    count_tokens_approximately,
    filter_messages,
    merge_message_runs,
    trim_messages,
)
from tests.both_modes import Call
from tests.messages.arbitrary import histories

limits = st.integers(0, 60)


def words(messages: list[BaseMessage]) -> int:
    """A counter that is easy to follow: each message is one token and its letters."""
    return sum(1 + len(message.text) for message in messages)


def is_part(part: BaseMessage, whole: BaseMessage) -> bool:
    """Whether one message says a part of what the other one says."""
    return type(part) is type(whole) and part.text in whole.text


@given(histories(), limits, st.booleans(), st.booleans(), st.sampled_from([None, "human"]))
def test_the_end_of_a_conversation_fits(
    history: list[BaseMessage],
    limit: int,
    partial: bool,
    system: bool,
    start_on: str | None,
) -> None:
    """It never exceeds the limit, is in order, ends with the last message, and is maximal."""
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
    assert kept[1:] == history[len(history) - len(kept) :][1:]
    assert not kept or is_part(kept[0], history[len(history) - len(kept)])
    if start_on:
        assert not kept or isinstance(kept[0], HumanMessage)
    elif not partial and len(kept) < len(history) - len(head):
        assert words([*head, history[-len(kept) - 1], *kept]) > limit


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
    assert trimmed[:-1] == history[: max(len(trimmed) - 1, 0)]
    assert not trimmed or is_part(trimmed[-1], history[len(trimmed) - 1])


@given(histories(), limits)
def test_no_answer_of_a_tool_stands_without_its_question(
    history: list[BaseMessage], limit: int
) -> None:
    """A conversation that starts with a person has the call for each answer."""
    trimmed = trim_messages(history, max_tokens=limit, token_counter=words, start_on="human")
    asked: set[Any] = set()
    for message in trimmed:
        if isinstance(message, AIMessage):
            asked |= {call["id"] for call in message.tool_calls}
        if isinstance(message, ToolMessage):
            assert message.tool_call_id in asked


TALK: list[BaseMessage] = [
    SystemMessage("be nice"),
    HumanMessage("hello"),
    AIMessage("hi"),
    HumanMessage("one\ntwo"),
    AIMessage("three"),
]


def one(message: BaseMessage) -> int:
    """Counts a single message, as its annotation says."""
    return len(message.text)


class Model:
    """Something that counts like a model."""

    def get_num_tokens_from_messages(self, messages: list[BaseMessage]) -> int:
        return sum(map(one, messages))


@pytest.mark.parametrize("counter", [one, Model()], ids=["function of one", "model"])
def test_tokens_are_counted_by_whatever_counts_them(counter: Any) -> None:
    """Functions of one message and models count alike."""
    assert trim_messages(TALK, max_tokens=12, token_counter=counter) == TALK[3:]


def test_len_counts_messages_and_a_word_counts_roughly() -> None:
    """The two shortcuts."""
    assert trim_messages(TALK, max_tokens=2, token_counter=len) == TALK[3:]
    assert trim_messages(TALK, max_tokens=1000, token_counter="approximate") == TALK


def test_messages_are_cut_at_the_edge_that_is_kept() -> None:
    """By lines, from the end or from the beginning; a list of blocks by its blocks."""
    options: Any = {"token_counter": one, "allow_partial": True}
    assert trim_messages(TALK, max_tokens=9, **options) == [HumanMessage("two"), TALK[4]]
    talk = [HumanMessage("one\ntwo")]
    assert trim_messages(talk, max_tokens=5, strategy="first", **options) == [HumanMessage("one\n")]
    blocks = [HumanMessage(["aaa", "bb", "c"])]
    assert trim_messages(blocks, max_tokens=3, **options) == [HumanMessage(["bb", "c"])]
    assert trim_messages(blocks, max_tokens=5, strategy="first", **options) == [
        HumanMessage(["aaa", "bb"])
    ]


def test_ends_are_chosen_by_kind() -> None:
    """`end_on` comes before the fitting of the end, and after that of the beginning."""
    options: Any = {"token_counter": len}
    assert trim_messages(TALK, max_tokens=2, end_on="human", **options) == TALK[2:4]
    assert (
        trim_messages(TALK, max_tokens=4, end_on="ai", start_on=HumanMessage, **options)
        == (TALK[1:])
    )
    assert trim_messages(TALK, max_tokens=4, strategy="first", end_on=["ai"], **options) == TALK[:3]
    assert trim_messages(TALK, max_tokens=2, include_system=True, **options) == [TALK[0], TALK[4]]


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
def test_wrong_options_are_errors_before_any_work(options: dict[str, Any], reason: str) -> None:
    """Also when the messages come later."""
    with pytest.raises(ValueError, match=reason):
        trim_messages(**{"max_tokens": 1, "token_counter": len, **options})


def test_an_unknown_option_is_an_error() -> None:
    """A typo does not go unnoticed."""
    with pytest.raises(TypeError, match="max_token"):
        trim_messages(TALK, max_token=3, token_counter=len)  # type: ignore[call-overload]


def test_tokens_are_estimated_from_letters() -> None:
    """Four letters make a token; messages and images have their price; parts add up."""
    assert count_tokens_approximately([HumanMessage("a" * 8)]) == 3 + 3
    assert count_tokens_approximately([HumanMessage([{"type": "image", "url": "u"}])]) == 85 + 1 + 3
    assert count_tokens_approximately(TALK) == sum(
        count_tokens_approximately([message]) for message in TALK
    )
    named = HumanMessage("", name="b" * 40)
    assert count_tokens_approximately([named]) - 10 == count_tokens_approximately(
        [named], count_name=False
    )
    call: Any = {"name": "f", "args": {}, "id": "1"}
    assert count_tokens_approximately(
        [AIMessage("", tool_calls=[call])]
    ) > count_tokens_approximately([AIMessage("")])


CAST: list[BaseMessage] = [
    SystemMessage("s", id="0"),
    HumanMessage("a", name="ann", id="1"),
    AIMessage("b", id="2", tool_calls=[{"name": "f", "args": {}, "id": "x"}]),
    ToolMessage("c", tool_call_id="x", id="3"),
    AIMessage("d", id="4", name="bob"),
]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ({}, "01234"),
        ({"include_names": ["ann"]}, "1"),
        ({"include_types": ["system", AIMessage], "exclude_ids": ["2"]}, "04"),
        ({"include_types": "user"}, "1"),
        ({"include_ids": ["1"], "include_names": ["bob"]}, "14"),
        ({"exclude_names": ["ann", "bob"]}, "023"),
        ({"exclude_types": ["ai"]}, "013"),
        ({"exclude_tool_calls": True}, "014"),
        ({"exclude_tool_calls": ["x"]}, "014"),
        ({"exclude_tool_calls": ["y"]}, "01234"),
    ],
    ids=str,
)
def test_messages_are_chosen(options: dict[str, Any], ids: str) -> None:
    """By names, kinds, ids and tool calls; one `include` is enough, no `exclude` may apply."""
    assert "".join(str(message.id) for message in filter_messages(CAST, **options)) == ids


def test_a_message_keeps_the_calls_that_are_not_excluded() -> None:
    """Both among its tool calls and among its blocks."""
    calls: Any = [{"name": "f", "args": {}, "id": id, "type": "tool_call"} for id in "xy"]
    blocks: Any = [{"type": "tool_use", "name": "f", "input": {}, "id": id} for id in "xy"]
    message = AIMessage(["a", *blocks], tool_calls=calls)
    assert filter_messages([message], exclude_tool_calls=["x"]) == [
        AIMessage(["a", blocks[1]], tool_calls=calls[1:])
    ]
    with pytest.raises(ValueError, match="exclude_types: 'humn'"):
        filter_messages([], exclude_types=["humn"])


def test_neighbours_of_one_speaker_become_one_message() -> None:
    """Texts are joined with a separator, lists become one list, calls and usage are kept."""
    call: Any = {"name": "f", "args": {"x": 2}, "id": "1", "type": "tool_call"}
    usage: Any = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    merged = merge_message_runs(
        [
            HumanMessage("a", id="1"),
            HumanMessage("b", id="2"),
            AIMessage("c", tool_calls=[call], usage_metadata=usage, response_metadata={"m": 1}),
            AIMessage([{"type": "text", "text": "d"}], usage_metadata=usage),
            ToolMessage("e", tool_call_id="1"),
            ToolMessage("f", tool_call_id="2"),
            HumanMessage("g", name="ann"),
            HumanMessage("h", name="bob"),
            ChatMessage("i", role="judge"),
            ChatMessage("j", role="critic"),
        ]
    )
    assert merged[:2] == [
        HumanMessage("a\nb", id="1"),
        AIMessage(
            ["c", {"type": "text", "text": "d"}],
            tool_calls=[call],
            usage_metadata={"input_tokens": 2, "output_tokens": 2, "total_tokens": 4},
            response_metadata={"m": 1},
        ),
    ]
    assert [message.text for message in merged[2:]] == list("efghij")
    assert merge_message_runs([HumanMessage("a"), HumanMessage("b")], chunk_separator="") == [
        HumanMessage("ab")
    ]


@given(histories())
def test_merging_runs_keeps_every_word(history: list[BaseMessage]) -> None:
    """Nothing is lost, and no two neighbours are left that could be merged."""
    merged = merge_message_runs(history, chunk_separator="")
    assert "".join(message.text for message in merged) == "".join(
        message.text for message in history
    )
    assert merge_message_runs(merged) == merged


def test_without_messages_they_are_steps_of_a_chain(call: Call) -> None:
    """Each of the three is a runnable then, equal to another one of the same options."""
    history: list[Any] = [("system", "s"), ("human", "a"), ("human", "b"), ("ai", "c")]
    chain = (
        filter_messages(exclude_types=["system"])
        | merge_message_runs(chunk_separator=" ")
        | trim_messages(max_tokens=1, token_counter=len, end_on="human")
    )
    assert call.invoke(chain, history) == [HumanMessage("a b")]


@pytest.mark.parametrize(
    "make",
    [
        lambda: trim_messages(max_tokens=1, token_counter=one, allow_partial=True),
        lambda: filter_messages(include_types=["ai"], exclude_tool_calls=True),
        lambda: merge_message_runs(chunk_separator=" "),
    ],
    ids=["trim", "filter", "merge"],
)
def test_as_steps_they_are_values(make: Any) -> None:
    """Equal to another one of the same options, also after pickling."""
    assert make() == make() == pickle.loads(pickle.dumps(make()))


def test_a_step_that_trims_prints_its_options() -> None:
    """Those that were given."""
    step = trim_messages(max_tokens=1, token_counter=len, start_on="human")
    assert "trim_messages(max_tokens=1, token_counter=len, strategy='last', start_on=" in repr(step)
