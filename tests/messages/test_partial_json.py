"""The incremental JSON reader: json.loads, one piece at a time."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables.messages.partial_json import MAX_DEPTH
from runnables.parsers import (
    JsonError,
    JsonExtractor,
    JsonReader,
    parse_json_markdown,
    parse_partial_json,
)
from runnables.parsers.json import SnapshotBudget
from tests.parsers.answers import JSON, JSON_NOISE, cut


def read(pieces: list[str]) -> Any:
    reader = JsonReader()
    rest = "".join(reader.feed(piece) if not reader._done else piece for piece in pieces)
    value = reader.finish()
    assert not rest.strip(" \t\r\n"), "more behind the value"
    return value


@given(cut(st.builds(json.dumps, JSON, ensure_ascii=st.booleans(), indent=st.none() | st.just(1))))
def test_it_reads_what_json_loads_reads(pieces: list[str]) -> None:
    """Documents of all kinds, cut anywhere: within escapes, surrogate pairs, numbers, words."""
    assert repr(read(pieces)) == repr(json.loads("".join(pieces)))


@given(cut(JSON_NOISE))
def test_it_refuses_what_json_loads_refuses(pieces: list[str]) -> None:
    """Only JSON is JSON; `strict=False`, since models write real line breaks into strings."""
    try:
        expected = repr(json.loads("".join(pieces), strict=False))
    except ValueError:
        with pytest.raises((JsonError, AssertionError)):
            read(pieces)
    else:
        assert repr(read(pieces)) == expected


def size(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(size(child) + len(key) for key, child in value.items())
    if isinstance(value, list):
        return 1 + sum(size(child) for child in value)
    return 1 + (len(value) if isinstance(value, str) else 0)


def grew(before: Any, after: Any) -> bool:
    """Whether a snapshot has everything that an earlier one had."""
    if isinstance(before, dict):
        return isinstance(after, dict) and all(
            key in after and grew(child, after[key]) for key, child in before.items()
        )
    if isinstance(before, list):
        return (
            isinstance(after, list)
            and len(after) >= len(before)
            and all(grew(old, new) for old, new in zip(before, after, strict=False))
        )
    if isinstance(before, str):
        return isinstance(after, str) and after.startswith(before)
    return repr(before) == repr(after)


@given(cut(st.builds(json.dumps, JSON, ensure_ascii=st.booleans())))
def test_snapshots_only_grow_and_stay_as_they_are(pieces: list[str]) -> None:
    """Each has all of the one before it, and nothing is changed after it was handed out."""
    reader, snapshots = JsonReader(), list[tuple[Any, str]]()
    for piece in pieces:
        reader.feed(piece)
        if reader._changes:
            snapshot = reader.snapshot()
            snapshots.append((snapshot, repr(snapshot)))
    shown = [snapshot for snapshot, _ in snapshots] + [reader.finish()]
    assert all(grew(one, next_) for one, next_ in itertools.pairwise(shown))
    assert all(repr(snapshot) == was for snapshot, was in snapshots)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1, "b": "x', {"a": 1, "b": "x"}),
        ('{"a": 12', {}),  # may become 123
        ('{"a": tru', {}),
        ('{"a": true', {"a": True}),
        ('{"a": 1, "b', {"a": 1}),  # a key is not shown before its value
        ('{"a": 1, "b":', {"a": 1}),
        ('[1, [2, {"a": [', [1, [2, {"a": []}]]),
        ('["a\\', ["a"]),
        ('["a\\u00', ["a"]),
        ('["\\ud83d', [""]),  # the first half of a character
        ('["\\ud83d\\ude0', [""]),
        ('["\\ud83d\\ude00', ["😀"]),
        ('["\\ud83dx', ["\ud83dx"]),  # it stays half, as in json.loads
        ('["one\ntwo', ["one\ntwo"]),
        ('"te', "te"),
        ("42", 42),
        (" [1] \n", [1]),
    ],
)
def test_the_beginning_of_a_text_says_what_it_can(text: str, value: Any) -> None:
    """Open strings and containers are closed; what may still become something else is left out."""
    assert parse_partial_json(text) == value


@pytest.mark.parametrize("text", ["", " ", "tru", "{1", "[1] x", "{,", '{"a" 1', "[1 2", '["\\x'])
def test_what_says_nothing_or_is_wrong_is_an_error(text: str) -> None:
    """A ValueError, as from json.loads."""
    with pytest.raises(ValueError, match=r"expected|before there is a value"):
        parse_partial_json(text)


@pytest.mark.parametrize("pieces", [1, 10_000])
def test_too_deep_is_an_error_of_ours(pieces: int) -> None:
    """Not a RecursionError somewhere behind; the limit is the same for every cut."""
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.dumps(read(_in_pieces(deep, pieces))) == deep
    with pytest.raises(JsonError, match="deeper than 200 levels"):
        read(_in_pieces(f"[{deep}]", pieces))
    with pytest.raises(JsonError, match="deeper than 200 levels"):
        read(_in_pieces("[" * 100_000, pieces))


def _in_pieces(text: str, pieces: int) -> list[str]:
    step = max(1, len(text) // pieces)
    return [text[at : at + step] for at in range(0, len(text), step)]


def test_a_number_of_thousands_of_digits_is_an_error_of_ours() -> None:
    """Python refuses to read it, with a ValueError of its own."""
    with pytest.raises(JsonError, match="a number of 5000 digits"):
        read(["[" + "9" * 5000 + "]"])


DOCUMENTS = {
    "many fields": lambda n: json.dumps({f"key{at}": f"value {at}" for at in range(n // 24)}),
    "one long string": lambda n: json.dumps({"text": "lorem ipsum " * (n // 12)}),
    "list of objects": lambda n: json.dumps([{"id": at, "ok": True} for at in range(n // 24)]),
    "list of numbers": lambda n: json.dumps(list(range(n // 6))),
    "nested": lambda n: '{"a": ' * (MAX_DEPTH - 1) + '{"b": "' + "x" * n,
}


def _work(text: str) -> tuple[int, int]:
    """References copied for snapshots, and snapshots shown, at four characters a piece."""
    found, pace, copied, shown = JsonExtractor(), SnapshotBudget(), 0, 0
    for at in range(0, len(text), 4):
        found.feed(text[at : at + 4])
        if found.reader and pace.allows(4, cost := found.reader._snapshot_cost()):
            copied, shown = copied + cost, shown + 1
    return copied, shown


@pytest.mark.parametrize("name", DOCUMENTS)
def test_snapshots_cost_no_more_than_the_text_is_long(name: str) -> None:
    """Counted, not timed: copying is bounded by a constant for each character read."""
    for n in (1_000, 10_000, 100_000):
        text = DOCUMENTS[name](n)
        copied, shown = _work(text)
        assert copied <= 128 * len(text)
        assert shown >= len(text) // 4 // (1 if n == 1_000 else 2 if n == 10_000 else 20)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('```\n{"a": 1}\n```', {"a": 1}),
        ('```json {"a": 1}```', {"a": 1}),
        ('Sure:\n```JSON\n{"a": "```"}\n```\nDone {x}.', {"a": "```"}),
        ('It is {"a": 1}, I think.', {"a": 1}),
        ('`{"a": 1}`', {"a": 1}),
        ('As in [1] and [2]:\n```json\n{"a": 1}\n```', {"a": 1}),
        ('As in [1]: {"a": 1}', {"a": 1}),
        ("The items: [1, 2]", [1, 2]),
        ("The items:\n\n  [1, 2]", [1, 2]),
        ("Sets {a, b} are\n```json\n[3]\n```", [3]),
        ('```python\nx = {"no": 1}\n```\n```json\n{"a": 1}\n```', {"a": 1}),
        ('```\nplain text\n```\n{"a": 1}', {"a": 1}),
        ('3 items: {"a": 1}', {"a": 1}),
        ('"Quoted" words: {"a": 1}', {"a": 1}),
        ('{"a": 1}{"b": 2}', {"a": 1}),
        ("\ufeff 42 \n", 42),
        ("```json\n42\n```", 42),
        ("null", None),
        ("NaN is not here: [NaN]"[17:], [float("nan")]),
    ],
)
def test_the_value_is_found_in_what_models_write(text: str, value: Any) -> None:
    """In fences and prose, with anything behind it."""
    found = JsonExtractor()
    found.feed(text)
    assert repr(found.finish()) == repr(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no JSON in the text"),
        ("I cannot do that.", "there is no JSON in the text"),
        ("42 is the answer", "there is no JSON in the text"),
        ('{"a": [1, 2', "the text ends within a list, under ['a']"),
        ('{"a": "x', "the text ends within a string"),
        ("{a: 1}", "expected a key in double quotes, found 'a: 1}'"),
        ('{a: {"b": 1}}', "expected a key in double quotes"),  # not {"b": 1}
        ("```json\n{'a': 1}\n```\n```json\n{}\n```", "expected a key in double quotes"),
        ('{"a": 1,}', "expected a key in double quotes, found '}'"),
        ("[1, 2,]", "expected a value, found ']'"),
    ],
)
def test_what_is_wrong_with_a_text_is_said(text: str, message: str) -> None:
    """A malformed value is an error, never a part of it."""
    found = JsonExtractor()
    found.feed(text)
    with pytest.raises(JsonError) as caught:
        found.finish()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('Here:\n```json\n{"a": [1, "x', {"a": [1, "x"]}),
        ('```\n{"a": 1}\n```\n', {"a": 1}),
        ("7", 7),
    ],
)
def test_an_answer_that_was_cut_off_says_what_it_can(text: str, value: Any) -> None:
    """The tolerant reading, for those who ask for it."""
    assert parse_json_markdown(text) == value
    with pytest.raises(ValueError, match="no JSON"):
        parse_json_markdown("none")
