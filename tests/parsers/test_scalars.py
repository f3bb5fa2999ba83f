"""Parsers of texts, lists, single values and XML, and those that users write."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given

from runnables.errors import ConfigError, OutputParserException
from runnables.messages import AIMessage, AIMessageChunk
from runnables.parsers import (
    BaseOutputParser,
    CommaSeparatedListOutputParser,
    DatetimeOutputParser,
    EnumOutputParser,
    ListOutputParser,
    MarkdownListOutputParser,
    NumberedListOutputParser,
    StrOutputParser,
    XMLOutputParser,
)
from tests.both_modes import Call
from tests.parsers.answers import LIST_NOISE, Colour


def test_text_passes_as_it_comes(call: Call) -> None:
    """Chunk by chunk; those without text only where there is nothing else."""
    chunks = [AIMessageChunk(content=it) for it in ("", "a", "", "b")]
    assert call.transform(StrOutputParser(), chunks) == ["a", "b"]
    assert call.transform(StrOutputParser(), chunks[:1]) == [""]
    assert call.invoke(StrOutputParser(), AIMessage(content="ab")) == "ab"


class YesNo(BaseOutputParser[bool]):
    yes: str = "yes"
    no: str

    def parse(self, text: str) -> bool:
        if text not in (self.yes, self.no):
            raise OutputParserException(f"{text!r} is neither")
        return text == self.yes


def test_a_users_parser_needs_parse_only(call: Call) -> None:
    """It reads messages, streams its one value, and its error gets the text."""
    parser = YesNo(no="no")
    assert call.invoke(parser, AIMessage(content="yes")) is True
    assert call.transform(parser, ["n", "o"]) == [False]
    with pytest.raises(OutputParserException, match="'maybe' is neither") as caught:
        call.invoke(parser, "maybe")
    assert caught.value.llm_output == "maybe"


def test_annotated_names_are_the_options_of_a_users_parser() -> None:
    """They are settings like any; a wrong or missing one is an error at once."""
    assert YesNo(no="no", yes="y") == YesNo(yes="y", no="no")
    assert repr(YesNo(no="no")) == "YesNo(no='no')"
    assert YesNo(no="no").OutputType is bool
    with pytest.raises(ConfigError, match=r"YesNo has no option 'noo'\. Did you mean 'no'"):
        YesNo(noo="no")  # type: ignore[call-arg]  # the point of the test
    with pytest.raises(TypeError, match="YesNo needs the option 'no'"):
        YesNo()  # type: ignore[call-arg]  # the point of the test


def test_items_come_one_by_one(call: Call) -> None:
    """Each when it is complete, in a list of its own."""
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
    """Also streamed: a stream that gives nothing would have no value."""
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


def test_a_pattern_of_ones_own_finds_items_in_lines() -> None:
    """It has a group for the item, or it is refused."""
    parser = NumberedListOutputParser(pattern=r"\((\w)\)")
    assert parser.parse("(a) and (b)\n(c)") == ["a", "b", "c"]
    with pytest.raises(ConfigError, match="has no group"):
        MarkdownListOutputParser(pattern="x")


class Words(ListOutputParser):
    def parse(self, text: str) -> list[str]:
        return text.split()


def test_a_users_list_parser_needs_parse_only(call: Call) -> None:
    """It gives its list at the end."""
    assert call.transform(Words(), ["a b", " c"]) == [["a", "b", "c"]]


@pytest.mark.parametrize(
    ("text", "member"),
    [
        ("red", Colour.RED),
        ("**Red.**", Colour.RED),
        ("`DARK RED`\n", Colour.DARK_RED),
        ("3", Colour.THREE),
    ],
)
def test_a_decorated_word_is_still_the_word(text: str, member: Colour, call: Call) -> None:
    """Models like to emphasise."""
    assert call.invoke(EnumOutputParser(enum=Colour), text) is member


def test_another_word_is_an_error_that_lists_the_words(call: Call) -> None:
    """And suggests the nearest."""
    with pytest.raises(OutputParserException) as caught:
        call.invoke(EnumOutputParser(enum=Colour), "read")
    assert str(caught.value) == (
        "'read' is not one of the possible values: red, dark red, 3. Did you mean 'red'?"
    )


def test_dates_are_read_in_the_given_format(call: Call) -> None:
    """As strptime reads it; the error quotes the format."""
    assert call.invoke(DatetimeOutputParser("%d.%m.%Y"), " 24.12.2025\n") == datetime(2025, 12, 24)
    with pytest.raises(OutputParserException, match=r"like '%d\.%m\.%Y'"):
        call.invoke(DatetimeOutputParser(format="%d.%m.%Y"), "tomorrow")


def test_xml_is_shown_as_it_grows(call: Call) -> None:
    """Open elements too; what follows the outermost is ignored."""
    chunks = ["Sure:\n```xml\n<a><b>on", "e</b><c/>", "<d>tw", "o</d></a>\n```", " a < b"]
    assert call.transform(XMLOutputParser(), chunks) == [
        {"a": [{"b": "on"}]},
        {"a": [{"b": "one"}, {"c": None}]},
        {"a": [{"b": "one"}, {"c": None}, {"d": "tw"}]},
        {"a": [{"b": "one"}, {"c": None}, {"d": "two"}]},
    ]


def test_mixed_xml_loses_nothing_but_blanks() -> None:
    """Texts stand among the elements."""
    text = "<p>Hello <b>big</b>\n world<br/>\n</p>"
    assert XMLOutputParser().parse(text) == {
        "p": ["Hello ", {"b": "big"}, "\n world", {"br": None}]
    }


LAUGHS = "".join(f'<!ENTITY l{at + 1} "{f"&l{at};" * 10}">' for at in range(9))
HOSTILE: list[Any] = [
    f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><x>&l9;</x>',
    '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>',
    '<!doctype x SYSTEM "http://localhost/x.dtd"><x/>',
    "<x>" * 300,
    "<x>&nbsp;</x>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_xml_is_refused(text: str, call: Call) -> None:
    """No document brings entities, reads files or exhausts the stack, however it is cut."""
    with pytest.raises(OutputParserException, match="Failed to parse the answer as XML") as caught:
        call.transform(XMLOutputParser(tags=["x"]), list(text))
    assert caught.value.llm_output == text


def test_xml_instructions_name_the_tags() -> None:
    """Where they are given."""
    told = XMLOutputParser(tags=["movie", "year"]).get_format_instructions()
    assert told.startswith("Answer with XML with the elements movie, year and")


def test_xml_readers_of_other_names_are_the_same_reader(call: Call) -> None:
    """LangChain's names for them are taken; others are refused."""
    for name in ("defusedxml", "xml"):
        assert call.invoke(XMLOutputParser(parser=name), "<a>b</a>") == {"a": "b"}
    with pytest.raises(ConfigError, match="expected one of"):
        XMLOutputParser(parser="lxml")  # type: ignore[arg-type]
