"""Values from the beginning of a JSON text."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given

from runnables.messages.partial_json import parse_partial_json
from tests.messages.arbitrary import json_objects


def is_beginning(part: Any, whole: Any) -> bool:
    """Tell whether a value has nothing that the whole value does not have."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and is_beginning(part[key], whole[key]) for key in part)
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) <= len(whole) and all(map(is_beginning, part, whole))
    if isinstance(part, str) and isinstance(whole, str):
        return whole.startswith(part)
    return type(part) is type(whole) and bool(part == whole)


@given(json_objects)
def test_every_beginning_of_a_json_text_can_be_read(value: dict[str, Any]) -> None:
    """Each prefix is read as a part of the value, which grows with the text up to the value."""
    for ensure_ascii in (True, False):
        text = json.dumps(value, ensure_ascii=ensure_ascii)
        found = [parse_partial_json(text[:end]) for end in range(1, len(text) + 1)]
        assert all(is_beginning(part, value) for part in found)
        assert all(is_beginning(part, more) for part, more in itertools.pairwise(found))
        assert found[-1] == value


@pytest.mark.parametrize(
    "text",
    ["", " ", "abc", '{"a" 1', '{"a": 1]', "{1", '{"a": .', "[1,,", '{"a": tru,', '"\\x', "{} x"],
)
def test_a_string_that_does_not_begin_as_json_is_an_error(text: str) -> None:
    """No value is guessed."""
    with pytest.raises(ValueError):
        parse_partial_json(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 12', {}),
        ('{"a": 12,', {"a": 12}),
        ('{"a": true', {"a": True}),
        ('{"a": tr', {}),
        ('{"a": "x\\', {"a": "x"}),
        ('{"a": "x\\\\', {"a": "x\\"}),
        ('{"a": "\\u00e', {"a": ""}),
        ('{"a": "\\ud83d', {"a": ""}),
        ('{"a": "\\ud83d\\ude00', {"a": "😀"}),
        ('{"a": "two\nlines', {"a": "two\nlines"}),
        ('["a", {"b', ["a", {}]),
    ],
)
def test_an_unfinished_token_is_left_out(text: str, value: Any) -> None:
    """Numbers, words, keys and escapes that may go on have no value yet."""
    assert parse_partial_json(text) == value


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    """A string made to exhaust the stack is refused."""
    with pytest.raises(ValueError, match="deep"):
        parse_partial_json("[" * 100_000)
