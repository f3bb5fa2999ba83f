"""Answers that are damaged on their way: each is read, or is a typed error, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, strategies as st

from runnables import AIMessage
from runnables.errors import ModelConnectionError, ModelError
from runnables.models.calls import join_answer
from tests.providers.anthropic_events import answer, events, sse
from tests.providers.damage import changed
from tests.providers.test_anthropic_answers import (
    CITATION,
    FOUND,
    HEADERS,
    MODEL,
    NOTHING,
    REDACTED,
    SEARCH,
    THOUGHT,
    USE,
    chunks,
    exchange,
    text,
)

BODY = answer(THOUGHT, REDACTED, SEARCH, FOUND, text("So", CITATION), text("."), USE, NOTHING)
EVENTS = events(BODY)
BYTES = sse(EVENTS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.sampled_from(["", "text", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=3,
)


def read(*pieces: bytes) -> AIMessage | ModelError:
    try:
        return join_answer(chunks(pieces))
    except ModelError as error:
        return error


@given(start=st.integers(0, len(BYTES)), length=st.integers(0, 400), put=st.binary(max_size=20))
def test_bytes_that_are_lost_orchanged(start: int, length: int, put: bytes) -> None:
    """Anywhere in a stream: an answer without a part, or an error, but no crash."""
    read(BYTES[:start] + put + BYTES[start + length :])


@given(end=st.integers(0, len(BYTES) - 3))
def test_a_stream_that_is_cut_is_always_an_error(end: int) -> None:
    """At every byte before the last event is whole."""
    assert isinstance(read(BYTES[:end]), ModelConnectionError)


@given(order=st.permutations(range(len(EVENTS))), kept=st.integers(0, len(EVENTS)))
def test_events_in_any_order(order: list[int], kept: int) -> None:
    read(sse(EVENTS[at] for at in order[:kept]))


@given(data=st.data(), value=JSON)
def test_values_of_another_kind(data: st.DataObject, value: Any) -> None:
    """In any field of any event, and in any field of a whole answer."""
    told = changed(data, EVENTS, value)
    read(b"".join(f"data: {json.dumps(it)}\n\n".encode() for it in told))
    body = changed(data, BODY, value)
    try:
        with MODEL._raises_server_error(b"", HEADERS):
            exchange().answer(body, HEADERS)
    except ModelError:
        pass
