"""Parsers of lists."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given

from runnables.errors import ConfigError
from runnables.parsers import (
    CommaSeparatedListOutputParser,
    ListOutputParser,
    MarkdownListOutputParser,
    NumberedListOutputParser,
)
from tests.both_modes import Call
from tests.parsers.answers import LIST_NOISE


def test_items_come_one_by_one(call: Call) -> None:
    """Each item comes when it is complete, in a list of its own."""
    comma = CommaSeparatedListOutputParser()
    assert call.transform(comma, ["red, gr", "een,", ' "blue, ', 'dark"']) == [
        ["red"],
        ["green"],
        ["blue, dark"],
    ]
    numbered = NumberedListOutputParser()
    assert call.transform(numbered, ["Here:\n1", ". red\n", "2) green\r\n10. ", "blue"]) == [
        ["red"],
        ["green"],
        ["blue"],
    ]
    assert call.transform(MarkdownListOutputParser(), ["- a\n  * b\n---\n+ c"]) == [
        ["a"],
        ["b"],
        ["c"],
    ]


def test_no_items_are_the_empty_list(call: Call) -> None:
    """Also streamed: a stream without chunks would have no value."""
    for parser in (
        CommaSeparatedListOutputParser(),
        NumberedListOutputParser(),
        MarkdownListOutputParser(),
    ):
        assert call.transform(parser, ["", ""]) == [[]]
        assert call.invoke(parser, "") == []


@given(LIST_NOISE)
def test_comma_lists_are_read_as_csv(text: str) -> None:
    """As Python's reader reads them; it refuses a lone carriage return, which ends a line here."""
    if "\r" in text:
        return
    rows = csv.reader(io.StringIO(text), skipinitialspace=True)
    assert CommaSeparatedListOutputParser().parse(text) == [item for row in rows for item in row]


def test_a_custom_pattern_finds_items_in_lines() -> None:
    """A pattern without a group for the item is refused."""
    parser = NumberedListOutputParser(pattern=r"\((\w)\)")
    assert parser.parse("(a) and (b)\n(c)") == ["a", "b", "c"]
    with pytest.raises(ConfigError, match="has no group"):
        MarkdownListOutputParser(pattern="x")


class Words(ListOutputParser):
    def parse(self, text: str) -> list[str]:
        return text.split()


def test_a_users_list_parser_needs_parse_only(call: Call) -> None:
    """It then yields its list at the end."""
    assert call.transform(Words(), ["a b", " c"]) == [["a", "b", "c"]]
