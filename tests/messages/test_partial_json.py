"""The incremental JSON reader, and the extraction of JSON from what models write."""

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


def read(chunks: list[str]) -> Any:
    reader = JsonReader()
    rest = "".join(reader.feed(chunk) for chunk in chunks)
    value = reader.finish()
    assert not rest.strip(" \t\r\n"), "text behind the value"
    return value


@given(cut(st.builds(json.dumps, JSON, ensure_ascii=st.booleans(), indent=st.none() | st.just(1))))
def test_it_reads_what_json_loads_reads(chunks: list[str]) -> None:
    """Documents may be cut anywhere: within escapes, surrogate pairs, numbers, words."""
    assert repr(read(chunks)) == repr(json.loads("".join(chunks)))


@given(cut(JSON_NOISE))
def test_it_refuses_what_json_loads_refuses(chunks: list[str]) -> None:
    """Only JSON is JSON; `strict=False`, since models write real line breaks into strings."""
    try:
        expected = repr(json.loads("".join(chunks), strict=False))
    except ValueError:
        with pytest.raises((JsonError, AssertionError)):
            read(chunks)
    else:
        assert repr(read(chunks)) == expected


def size(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(size(child) + len(key) for key, child in value.items())
    if isinstance(value, list):
        return 1 + sum(size(child) for child in value)
    return 1 + (len(value) if isinstance(value, str) else 0)


def grew(before: Any, after: Any) -> bool:
    """Tell whether a snapshot has everything that an earlier one had."""
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
def test_snapshots_only_grow_and_never_change(chunks: list[str]) -> None:
    """Each has all of the one before it, and no later chunk changes it."""
    reader, snapshots = JsonReader(), list[tuple[Any, str]]()
    for chunk in chunks:
        reader.feed(chunk)
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
def test_the_beginning_of_json_parses_as_far_as_it_is_certain(text: str, value: Any) -> None:
    """Open strings and containers are closed; values that may still change are left out."""
    assert parse_partial_json(text) == value


@pytest.mark.parametrize("text", ["", " ", "tru", "{1", "[1] x", "{,", '{"a" 1', "[1 2", '["\\x'])
def test_a_beginning_without_a_value_or_with_an_error_is_refused(text: str) -> None:
    """It is a ValueError, as from json.loads."""
    with pytest.raises(ValueError, match=r"expected|before there is a value"):
        parse_partial_json(text)


@pytest.mark.parametrize("count", [1, 10_000])
def test_nesting_too_deep_is_a_json_error(count: int) -> None:
    """It is no RecursionError; the limit is the same for any chunks."""
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.dumps(read(_in_chunks(deep, count))) == deep
    with pytest.raises(JsonError, match="deeper than 200 levels"):
        read(_in_chunks(f"[{deep}]", count))
    with pytest.raises(JsonError, match="deeper than 200 levels"):
        read(_in_chunks("[" * 100_000, count))


def _in_chunks(text: str, count: int) -> list[str]:
    size = max(1, len(text) // count)
    return [text[start : start + size] for start in range(0, len(text), size)]


def test_a_number_of_thousands_of_digits_is_a_json_error() -> None:
    """Python raises another ValueError for it."""
    with pytest.raises(JsonError, match="a number of 5000 digits"):
        read(["[" + "9" * 5000 + "]"])


DOCUMENTS = {
    "many fields": lambda n: json.dumps(
        {f"key{index}": f"value {index}" for index in range(n // 24)}
    ),
    "one long string": lambda n: json.dumps({"text": "lorem ipsum " * (n // 12)}),
    "list of objects": lambda n: json.dumps(
        [{"id": index, "ok": True} for index in range(n // 24)]
    ),
    "list of numbers": lambda n: json.dumps(list(range(n // 6))),
    "nested": lambda n: '{"a": ' * (MAX_DEPTH - 1) + '{"b": "' + "x" * n,
}


def _work(text: str) -> tuple[int, int]:
    """Count the references copied and the snapshots shown, at four characters a chunk."""
    found, budget, copied, shown = JsonExtractor(), SnapshotBudget(), 0, 0
    for start in range(0, len(text), 4):
        found.feed(text[start : start + 4])
        budget.earn(4)
        if found.reader and budget.spend(cost := found.reader._snapshot_cost()):
            copied, shown = copied + cost, shown + 1
    return copied, shown


@pytest.mark.parametrize("name", DOCUMENTS)
def test_snapshots_cost_no_more_than_the_text_is_long(name: str) -> None:
    """The copied references are counted: at most a constant for each character read."""
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
        ('{"a": 1}{"b": 2}', [{"a": 1}, {"b": 2}]),
        ("\ufeff 42 \n", 42),
        ("```json\n42\n```", 42),
        ("null", None),
        ("NaN is not here: [NaN]"[17:], [float("nan")]),
    ],
)
def test_the_value_is_found_in_what_models_write(text: str, value: Any) -> None:
    """It may stand in fences and in prose, with prose behind it; values in a row are a list."""
    found = JsonExtractor()
    found.feed(text)
    assert repr(found.finish()) == repr(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it holds no JSON value"),
        ("I cannot do that.", "it holds no JSON value"),
        ("42 is the answer", "it holds no JSON value"),
        ('{"a": [1, 2', "the text ends within a list, under ['a']"),
        ('{"a": "x', "the text ends within a string"),
        ("{a: 1}", "expected a key in double quotes, found 'a: 1}'"),
        ('{a: {"b": 1}}', "expected a key in double quotes"),  # not {"b": 1}
        ("```json\n{'a': 1}\n```\n```json\n{}\n```", "expected a key in double quotes"),
        ('{"a": 1,}', "expected a key in double quotes, found '}'"),
        ("[1, 2,]", "expected a value, found ']'"),
    ],
)
def test_text_without_valid_json_is_an_error_with_the_reason(text: str, message: str) -> None:
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
def test_an_answer_that_was_cut_off_parses_as_far_as_it_goes(text: str, value: Any) -> None:
    """`parse_json_markdown` accepts an open value; text without JSON is an error."""
    assert parse_json_markdown(text) == value
    with pytest.raises(ValueError, match="no JSON"):
        parse_json_markdown("none")
