"""Server-sent events and JSON lines: what the bytes mean does not hang on how they were cut."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables_providers._http import JSONLinesDecoder, ServerSentEvent, SSEDecoder
from runnables_providers._http.lines import LONGEST, Lines


def read(*pieces: bytes) -> list[ServerSentEvent]:
    decoder = SSEDecoder()
    found = [event for piece in pieces for event in decoder.feed(piece)]
    return [*found, *decoder.finish()]


def event(data: str, event: str = "message", id: str = "") -> ServerSentEvent:
    return ServerSentEvent(event, data, id)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(b"data: a\n\n", [event("a")], id="one"),
        pytest.param(b"data:a\n\n", [event("a")], id="without a space"),
        pytest.param(b"data:  a \n\n", [event(" a ")], id="one space belongs to the syntax"),
        pytest.param(b"data: a\r\n\r\ndata: b\r\n\r\n", [event("a"), event("b")], id="CR LF"),
        pytest.param(b"data: a\r\rdata: b\r\r", [event("a"), event("b")], id="CR"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [event("a")], id="a BOM"),
        pytest.param(b"data: \xef\xbb\xbfa\n\n", [event("\ufeffa")], id="a BOM within is text"),
        pytest.param(b": hello\n\ndata: a\n:ping\n\n", [event("a")], id="comments"),
        pytest.param(b"data: a\ndata\ndata: b\n\n", [event("a\n\nb")], id="several lines"),
        pytest.param(b"data\n\n", [event("")], id="an empty line of data"),
        pytest.param(b"event: x\ndata: a\n\ndata: b\n\n", [event("a", "x"), event("b")], id="type"),
        pytest.param(b"event: x\n\ndata: b\n\n", [event("b")], id="a type without data is nothing"),
        pytest.param(
            b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
            [event("a", id="1"), event("b", id="1"), event("c")],
            id="an id stays until another comes",
        ),
        pytest.param(b"id: a\0b\ndata: a\n\n", [event("a")], id="an id with NUL does not count"),
        pytest.param(b"data: a\nother: b\n\n", [event("a")], id="unknown fields"),
        pytest.param(b"data: a:b\n\n", [event("a:b")], id="a colon in the data"),
        pytest.param(b"data: \xff\n\n", [event("\ufffd")], id="what is not UTF-8"),
        pytest.param(b"data: a\n", [event("a")], id="the last empty line is missing"),
        pytest.param(b"data: a\n\ndata: b", [event("a")], id="cut within a line"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_the_standard(stream: bytes, expected: list[ServerSentEvent]) -> None:
    """Whole, byte by byte, and cut in two anywhere."""
    assert read(stream) == expected
    assert read(*(bytes([it]) for it in stream)) == expected
    for at in range(len(stream)):
        assert read(stream[:at], b"", stream[at:]) == expected


def test_the_time_to_wait_is_kept() -> None:
    """Digits only count."""
    decoder = SSEDecoder()
    decoder.feed(b"retry: 1500\nretry: soon\nretry: \xc2\xb2\n")
    assert decoder.retry == 1500


fields = st.sampled_from([b"data", b"data: ", b"event: ", b"id: ", b":", b"retry: 1", b""])
texts = st.text(st.sampled_from("a:é€😀 \ufeff"), max_size=4).map(str.encode)
lines = st.builds(bytes.__add__, fields, texts)
ends = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b"\r\r"])


def pieces(whole: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = [0, *sorted(at % (len(whole) + 1) for at in cuts), len(whole)]
    return [whole[a:b] for a, b in pairwise(places)]


@given(st.lists(st.tuples(lines, ends)), st.lists(st.integers(0, 10**6), max_size=12))
def test_events_do_not_hang_on_how_they_were_cut(
    said: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    """Any bytes, cut anywhere, give the events of the whole."""
    whole = b"".join(line + end for line, end in said)
    assert read(*pieces(whole, cuts)) == read(whole)


@given(
    st.lists(st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=5)),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
    st.booleans(),
    st.lists(st.integers(0, 10**6), max_size=12),
)
def test_values_do_not_hang_on_how_they_were_cut(
    values: list[Any], end: str, ended: bool, cuts: list[int]
) -> None:
    """JSON lines, cut anywhere, with or without an end of the last."""
    whole = end.join(json.dumps(it, ensure_ascii=False) for it in values) + end * ended
    decoder = JSONLinesDecoder()
    found = [it for piece in pieces(whole.encode(), cuts) for it in decoder.feed(piece)]
    assert [*found, *decoder.finish()] == values


def test_a_value_that_was_cut_is_no_value() -> None:
    """The end of a stream within a value raises."""
    decoder = JSONLinesDecoder()
    assert decoder.feed(b'{"a": 1}\n{"a"') == [{"a": 1}]
    with pytest.raises(ValueError, match="Expecting"):
        decoder.finish()


def test_what_is_kept_is_joined_once() -> None:
    """A line in many pieces is put together when it ends, so the time is linear in its bytes."""
    kept = Lines()
    for _ in range(1000):
        assert kept.feed(b"0123456789") == []
    assert len(kept._rest) == 1000
    assert kept.feed(b"\n") == [b"0123456789" * 1000]
    assert kept._rest == []


def test_a_line_without_an_end_is_refused() -> None:
    """Before it fills the memory."""
    kept = Lines()
    million = b"x" * 2**20
    with pytest.raises(ValueError, match="67,108,864 bytes"):
        for _ in range(LONGEST // len(million) + 1):
            kept.feed(million)
