"""The parser of XML."""

from __future__ import annotations

from typing import Any

import pytest

from runnables.errors import ConfigError, OutputParserException
from runnables.parsers import (
    XMLOutputParser,
)
from tests.both_modes import Call


def test_xml_is_shown_as_it_grows(call: Call) -> None:
    """Open elements are shown, too; what follows the outermost is ignored."""
    chunks = ["Sure:\n```xml\n<a><b>on", "e</b><c/>", "<d>tw", "o</d></a>\n```", " a < b"]
    assert call.transform(XMLOutputParser(), chunks) == [
        {"a": [{"b": "on"}]},
        {"a": [{"b": "one"}, {"c": None}]},
        {"a": [{"b": "one"}, {"c": None}, {"d": "tw"}]},
        {"a": [{"b": "one"}, {"c": None}, {"d": "two"}]},
    ]


def test_mixed_xml_loses_nothing_but_blanks() -> None:
    """Strings are kept among the elements."""
    text = "<p>Hello <b>big</b>\n world<br/>\n</p>"
    assert XMLOutputParser().parse(text) == {
        "p": ["Hello ", {"b": "big"}, "\n world", {"br": None}]
    }


LAUGHS = "".join(f'<!ENTITY l{depth + 1} "{f"&l{depth};" * 10}">' for depth in range(9))


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
    """Where tags are passed."""
    request = XMLOutputParser(tags=["movie", "year"]).get_format_instructions()
    assert request.startswith("Answer with XML with the elements movie, year and")


def test_langchains_names_of_xml_readers_mean_the_same_reader(call: Call) -> None:
    """Other names are refused."""
    for name in ("defusedxml", "xml"):
        assert call.invoke(XMLOutputParser(parser=name), "<a>b</a>") == {"a": "b"}
    with pytest.raises(ConfigError, match="expected one of"):
        XMLOutputParser(parser="lxml")  # type: ignore[arg-type]
