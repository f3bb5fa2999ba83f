"""Damaged responses of Anthropic: each is read, or raises a typed error, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, strategies as st

from runnables import AIMessage
from runnables.errors import ModelConnectionError, ModelError
from runnables.models.calls import join_answer
from tests.providers.anthropic_events import answer, events, sse
from tests.providers.damage import with_random_change
from tests.providers.test_anthropic_answers import (
    CITATION,
    FOUND,
    HEADERS,
    MODEL,
    NOTHING,
    REDACTED,
    SEARCH,
    THINKING,
    USE,
    api_call,
    chunks,
    text,
)

BODY = answer(THINKING, REDACTED, SEARCH, FOUND, text("So", CITATION), text("."), USE, NOTHING)
EVENTS = events(BODY)
BYTES = sse(EVENTS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.sampled_from(["", "text", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=3,
)


def read(*parts: bytes) -> AIMessage | ModelError:
    try:
        return join_answer(chunks(parts))
    except ModelError as error:
        return error


@given(start=st.integers(0, len(BYTES)), length=st.integers(0, 400), put=st.binary(max_size=20))
def test_lost_or_replaced_bytes_raise_model_errors_only(
    start: int, length: int, put: bytes
) -> None:
    """Bytes are lost or replaced anywhere in a stream."""
    assert isinstance(read(BYTES[:start] + put + BYTES[start + length :]), AIMessage | ModelError)


@given(end=st.integers(0, len(BYTES) - 3))
def test_a_truncated_stream_is_an_error(end: int) -> None:
    """A stream that ends at any byte before its last event raises."""
    assert isinstance(read(BYTES[:end]), ModelConnectionError)


@given(order=st.permutations(range(len(EVENTS))), kept=st.integers(0, len(EVENTS)))
def test_events_in_any_order_raise_model_errors_only(order: list[int], kept: int) -> None:
    """Events are lost or reordered."""
    assert isinstance(read(sse(EVENTS[index] for index in order[:kept])), AIMessage | ModelError)


@given(data=st.data(), value=JSON)
def test_values_of_another_type_raise_model_errors_only(data: st.DataObject, value: Any) -> None:
    """Any field of an event or of a response may have another type."""
    damaged = with_random_change(data, EVENTS, value)
    read(b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in damaged))
    body = with_random_change(data, BODY, value)
    try:
        with MODEL._raises_server_error(b"", HEADERS):
            api_call().answer(body, HEADERS)
    except ModelError:
        pass
