"""The parser of XML."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables.compose.functions import RunnableLambda
from runnables.compose.parallel import RunnableParallel
from runnables.compose.passthrough import RunnablePassthrough, RunnablePick
from runnables.engine.merging import merge_chunks
from runnables.errors import ConfigError, OutputParserException
from runnables.parsers import (
    XMLOutputParser,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.parsers.answers import cut


def test_elements_are_streamed_when_they_are_finished(call: Call) -> None:
    """Each once, within those around it; what follows the outermost is ignored."""
    chunks = ["Sure:\n```xml\n<a><b>on", "e</b><c/>", "<d>x<e>tw", "o</e></d></a>\n```", " a < b"]
    assert call.transform(XMLOutputParser(), chunks) == [
        {"a": [{"b": "one"}]},
        {"a": [{"c": None}]},
        {"a": [{"d": ["x"]}]},
        {"a": [{"d": [{"e": "two"}]}]},
    ]
    assert call.transform(XMLOutputParser(), ["<a>on", "e</a>"]) == [{"a": "one"}]


NAMESAKES = "<a><b><c>1</c>x<c>2</c></b><b><c>3</c></b> y <b/></a><d/>"


def test_chunks_add_up_to_the_value(call: Call) -> None:
    """Also with `+`, key by key, and as copies: two elements of one name stay two."""
    value = call.invoke(XMLOutputParser(), NAMESAKES)
    chunks = call.transform(XMLOutputParser(), [*NAMESAKES])
    assert merge_chunks(chunks, XMLOutputParser.merge) == value == sum(chunks[1:], chunks[0])
    assert merge_chunks(pickle.loads(pickle.dumps(chunks))) == value
    assert merge_chunks(copy.deepcopy(chunks)) == value
    picked = call.transform(XMLOutputParser().pick("a"), [*NAMESAKES])
    assert merge_chunks(picked) == value["a"]
    assert type(merge_chunks(chunks, XMLOutputParser.merge)["a"]) is list


def test_later_steps_get_the_value(call: Call) -> None:
    """Whether they take the chunks, the whole, or one key."""
    value = XMLOutputParser().parse(NAMESAKES)
    for step in (
        RunnablePassthrough.assign(names=list),
        RunnablePick(["a"]),
        RunnableParallel(xml=RunnablePassthrough(), names=list),
        RunnableLambda(len),
    ):
        chain = RunnableLambda(str) | XMLOutputParser() | step
        stream = chain.stream(NAMESAKES)
        chunks = list(stream)
        assert merge_chunks(chunks, stream.merge) == call.invoke(chain, NAMESAKES)
    assert call.invoke(XMLOutputParser(), NAMESAKES) == value


def test_what_users_add_to_a_chunk_is_new() -> None:
    """A list of their own has no places, and a chunk that comes twice counts once."""
    (chunk,) = XMLOutputParser().transform(["<a><b>1</b></a>"])
    assert chunk + {"a": [{"b": "2"}]} == {"a": [{"b": "1"}, {"b": "2"}]}
    assert chunk["a"] + ["x", "y"] == [{"b": "1"}, "x", "y"]
    assert chunk + chunk == chunk
    with pytest.raises(TypeError):
        chunk["a"] + 1


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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<name>Ada</name><born>1815</born>", {"name": "Ada", "born": "1815"}),
        ("Sure:\n```xml\n<a>1</a>\n<b><c/></b>\n```\n", {"a": "1", "b": [{"c": None}]}),
        ("1. <a>x</a>\n2. <b x='>'>y</b >\n3. <c/>", {"a": "x", "b": "y", "c": None}),
        ("<a/><b/>", {"a": None, "b": None}),
        ("<a><b/></a> and <c>\u00e9 &lt; 3</c>, I < you", {"a": [{"b": None}], "c": "\u00e9 < 3"}),
        ("<a>1</a>\nI used `<b>` and '<br>'.", {"a": "1"}),
        ("I put it in `<a>` and '<b>':\n<a>1</a>`<b/>`", {"a": "1"}),
        ("- `<a>1</a>`\n- '<b>2</b>', not `<c id=\"x\">`", {"a": "1", "b": "2"}),
        ("`<a/>`", {"a": None}),
        ("`<a>1</a>`", {"a": "1"}),
        ("<!-- <b>no</b> - -> --><a>1<!-- <c/> --></a><!-- <d>", {"a": "1"}),
    ],
)
def test_all_outermost_elements_are_in_the_value(text: str, value: Any, call: Call) -> None:
    """Of different names; streamed in any parts."""

    @given(cut(st.just(text)))
    def law(parts: list[str]) -> None:
        assert call.invoke(XMLOutputParser(), text) == value
        assert merge_chunks(call.transform(XMLOutputParser(), parts)) == value

    law()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<item>red</item>\n<item>blue</item>", "several outermost elements 'item'"),
        ("1. <item>red</item>\n2. <item>blue</item>", "several outermost elements 'item'"),
        ("<a>1</a><b>2", "no element found"),
        ("<a>1</a><b>2</c>", "mismatched tag"),
        ("<a>1</a><!DOCTYPE b><b/>", "document type"),
    ],
)
def test_an_element_that_has_no_place_in_the_value_is_an_error(
    text: str, problem: str, call: Call
) -> None:
    """One that comes twice, or is cut off: nothing is dropped without a word."""
    for run in (
        lambda: call.invoke(XMLOutputParser(["item"]), text),
        lambda: call.transform(XMLOutputParser(["item"]), [*text]),
    ):
        with pytest.raises(
            OutputParserException, match=f"the elements item: .*{problem}"
        ) as caught:
            run()
        assert caught.value.llm_output == text
    repaired = XMLOutputParser().with_repair(ScriptedChatModel(["<list><item>x</item></list>"]))
    assert call.invoke(repaired, text) == {"list": [{"item": "x"}]}
