"""Server-sent events and JSON lines: the result does not depend on how the bytes were split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables_providers._http import JSONLinesDecoder, ServerSentEvent, SSEDecoder
from runnables_providers._http.lines import MAX_BYTES, LineSplitter


def read(*chunks: bytes) -> list[ServerSentEvent]:
    decoder = SSEDecoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return [*events, *decoder.finish()]


def event(data: str, event: str = "message", id: str = "") -> ServerSentEvent:
    return ServerSentEvent(event, data, id)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(b"data: a\n\n", [event("a")], id="one event"),
        pytest.param(b"data:a\n\n", [event("a")], id="without a space"),
        pytest.param(b"data:  a \n\n", [event(" a ")], id="one space belongs to the syntax"),
        pytest.param(b"data: a\r\n\r\ndata: b\r\n\r\n", [event("a"), event("b")], id="CR LF"),
        pytest.param(b"data: a\r\rdata: b\r\r", [event("a"), event("b")], id="CR"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [event("a")], id="a BOM"),
        pytest.param(b"data: \xef\xbb\xbfa\n\n", [event("\ufeffa")], id="a BOM inside is text"),
        pytest.param(b": hello\n\ndata: a\n:ping\n\n", [event("a")], id="comments"),
        pytest.param(b"data: a\ndata\ndata: b\n\n", [event("a\n\nb")], id="several lines"),
        pytest.param(b"data\n\n", [event("")], id="an empty line of data"),
        pytest.param(b"event: x\ndata: a\n\ndata: b\n\n", [event("a", "x"), event("b")], id="type"),
        pytest.param(b"event: x\n\ndata: b\n\n", [event("b")], id="a type without data is ignored"),
        pytest.param(
            b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
            [event("a", id="1"), event("b", id="1"), event("c")],
            id="an id stays until another comes",
        ),
        pytest.param(b"id: a\0b\ndata: a\n\n", [event("a")], id="an id with NUL is ignored"),
        pytest.param(b"data: a\nother: b\n\n", [event("a")], id="unknown fields"),
        pytest.param(
            b"data: a\n\nerror: b\n\ndata: c\n\n",
            [event("a"), event("b", "error"), event("c")],
            id="a field of older llama.cpp",
        ),
        pytest.param(b"data: a:b\n\n", [event("a:b")], id="a colon in the data"),
        pytest.param(b"data: \xff\n\n", [event("\ufffd")], id="invalid UTF-8"),
        pytest.param(b"data: a\n", [event("a")], id="the last empty line is missing"),
        pytest.param(b"data: a\n\ndata: b", [event("a")], id="cut off inside a line"),
        pytest.param(b"", [], id="an empty stream"),
    ],
)
def test_events_are_read_as_the_standard_says(
    stream: bytes, expected: list[ServerSentEvent]
) -> None:
    """The stream is fed at once, byte by byte, and split in two anywhere."""
    assert read(stream) == expected
    assert read(*(bytes([byte]) for byte in stream)) == expected
    for index in range(len(stream)):
        assert read(stream[:index], b"", stream[index:]) == expected


def test_an_event_without_data_counts_where_that_is_asked_for() -> None:
    """The standard drops it; LangServe ends its streams so, with CR LF and with the end missing."""
    for data in (b"event: end\n\n", b"event: end\r\n\r\n", b"event: end\n"):
        decoder = SSEDecoder(empty_events=True)
        assert [event.event for event in (*decoder.feed(data), *decoder.finish())] == ["end"]
        plain = SSEDecoder()
        assert [*plain.feed(data), *plain.finish()] == []


def test_the_retry_time_is_read() -> None:
    """Only ASCII digits count."""
    decoder = SSEDecoder()
    decoder.feed(b"retry: 1500\nretry: soon\nretry: \xc2\xb2\n")
    assert decoder.retry == 1500


fields = st.sampled_from(
    [b"data", b"data: ", b"error: ", b"event: ", b"id: ", b":", b"retry: 1", b""]
)
values = st.text(st.sampled_from("a:é€😀 \ufeff"), max_size=4).map(str.encode)
lines = st.builds(bytes.__add__, fields, values)
ends = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b"\r\r"])


def split(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    indexes = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(indexes)]


@given(st.lists(st.tuples(lines, ends)), st.lists(st.integers(0, 10**6), max_size=12))
def test_events_do_not_depend_on_the_chunks(
    pairs: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    """Any bytes, split anywhere, have the same events."""
    data = b"".join(line + end for line, end in pairs)
    assert read(*split(data, cuts)) == read(data)


@given(
    st.lists(st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=5)),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
    st.booleans(),
    st.lists(st.integers(0, 10**6), max_size=12),
)
def test_values_do_not_depend_on_the_chunks(
    values: list[Any], end: str, ended: bool, cuts: list[int]
) -> None:
    """JSON lines are split anywhere, with or without a last line end."""
    data = end.join(json.dumps(value, ensure_ascii=False) for value in values) + end * ended
    decoder = JSONLinesDecoder()
    decoded = [value for chunk in split(data.encode(), cuts) for value in decoder.feed(chunk)]
    assert [*decoded, *decoder.finish()] == values


def test_an_incomplete_value_is_an_error() -> None:
    """The end of a stream inside a value raises."""
    decoder = JSONLinesDecoder()
    assert decoder.feed(b'{"a": 1}\n{"a"') == [{"a": 1}]
    with pytest.raises(ValueError, match="Expecting"):
        decoder.finish()


def test_an_incomplete_line_is_joined_once() -> None:
    """The chunks of a line are joined when it ends, so the time is linear in its bytes."""
    splitter = LineSplitter()
    for _ in range(1000):
        assert splitter.feed(b"0123456789") == []
    assert len(splitter._rest) == 1000
    assert splitter.feed(b"\n") == [b"0123456789" * 1000]
    assert splitter._rest == []


def test_a_line_without_an_end_is_refused() -> None:
    """The splitter raises before the line fills the memory."""
    splitter = LineSplitter()
    mebibyte = b"x" * 2**20
    with pytest.raises(ValueError, match="67,108,864 bytes"):
        for _ in range(MAX_BYTES // len(mebibyte) + 1):
            splitter.feed(mebibyte)


@pytest.mark.parametrize("line", [b"data: " + b"x" * 2**20, b"data:" + b"x" * 999])
@pytest.mark.parametrize("between", [b"", b": ping\n", b"id: 7\n"])
def test_an_event_without_an_end_is_refused(line: bytes, between: bytes) -> None:
    """Lines of one event add up, whatever their length is, and what comes between them."""
    decoder = SSEDecoder()
    many = (line + b"\n" + between) * max(1, 2**20 // len(line))
    with pytest.raises(ValueError, match="an event of more than 67,108,864 bytes"):
        for _ in range(2 * MAX_BYTES // len(many) + 2):
            decoder.feed(many)
    assert decoder._size <= MAX_BYTES + len(line)


def test_the_bound_is_that_of_one_event() -> None:
    """A stream of many events may be of any length."""
    decoder = SSEDecoder()
    event = b"data: " + b"x" * 2**23 + b"\n\n"
    for _ in range(2 * MAX_BYTES // len(event)):
        [decoded] = decoder.feed(event)
        assert len(decoded.data) == 2**23
    assert decoder.finish() == []
