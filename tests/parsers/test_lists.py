"""Parsers of lists."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, strategies as st

from runnables.engine.merging import DELTAS, merge_chunks
from runnables.errors import ConfigError, OutputParserException
from runnables.parsers import (
    CommaSeparatedListOutputParser,
    ListOutputParser,
    MarkdownListOutputParser,
    NumberedListOutputParser,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.parsers.answers import LIST_NOISE, cut


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


MARKED = [
    "1. {}",
    "1) {}",
    "(1) {}",
    "1.{}",
    "1: {}",
    "1 - {}",
    "1\\. {}",
    "**1.** {}",
    "__1)__ {}",
    "[1] {}",
    "Step 1: {}",
    "1\ufe0f\u20e3 {}",
    "  1. {}",
    "\t1. {}",
    "1.\n   {}",
    "a) {}",
    "A. {}",
    "(a) {}",
    "- {}",
    "* {}",
    "+ {}",
    "\u2022 {}",
    "\u2022{}",
    "\u25e6 {}",
    "\u2013 {}",
    "\u2014 {}",
    "\u00b7 {}",
    "\u2192 {}",
]
"""Marks of the first item; the second has the next number or letter."""


@pytest.mark.parametrize("mark", MARKED)
@pytest.mark.parametrize("parser", [NumberedListOutputParser(), MarkdownListOutputParser()])
def test_items_of_any_mark_are_read(parser: ListOutputParser, mark: str, call: Call) -> None:
    """A list in another style than the one that was asked for is read, too."""
    second = mark.replace("1", "2").replace("a)", "b)").replace("A.", "B.")
    text = f"Here you are:\n\n{mark.format('red wine')}\n{second.format('blue')}\n\nEnjoy!"
    assert call.invoke(parser, text) == ["red wine", "blue"]
    assert merge_chunks(call.transform(parser, [*text]), DELTAS) == ["red wine", "blue"]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("1. Salt it\n   before it boils\n2. Stir", ["Salt it\nbefore it boils", "Stir"]),
        ("1. a long line\nwraps\n2. b", ["a long line\nwraps", "b"]),
        ("1. **A**\n\n   Ten minutes.\n\n2. **B**", ["**A**\n\nTen minutes.", "**B**"]),
        ("1. A\n\nTen minutes.\n\n2. B\n\nDone.", ["A\n\nTen minutes.", "B\n\nDone."]),
        ("1. A\n   - x\n   - y\n2. B\n- z", ["A\n- x\n- y", "B\n- z"]),
        ("1. Run:\n```\nmake\n2. no\n```\n2. Wait", ["Run:\n```\nmake\n2. no\n```", "Wait"]),
        ("```\n1. a\n2. b\n```\nThat is it.", ["a", "b"]),
        ("1. a\n2. b\n\nHope this helps!", ["a", "b"]),
        ("# Fruit\n1. a\n\n# Other\n2. b", ["a", "b"]),
        ("**Fruit:**\n1. a\n\n**Other:**\n2. b\n", ["a", "b"]),
        (
            "1. at 1.5 bar\n1.5 bar is much\n2. at\n10:30",
            ["at 1.5 bar\n1.5 bar is much", "at\n10:30"],
        ),
        ("**1. A**: x\n**2. B**: y", ["**A**: x", "**B**: y"]),
        ("- note this\n1. a\n2. b", ["note this", "a", "b"]),
        ("1. [ ] a\n2. [x] b", ["[ ] a", "[x] b"]),
        ("<answer>\n1. a\n2. b\n</answer>", ["a", "b"]),
        ("<answer>1. a\n2. b</answer>", ["a", "b"]),
        ("<result>\n<list> - a\n- b</list>\n</result>\n", ["a", "b"]),
        ("So:\n<answer>\n1. a\n2. b</answer>", ["a", "b"]),
        ("<b>1. a</b>\n<b>2. b</b>", ["a</b>\n<b>2. b</b>"]),
        ("1. a\n2. write </b>", ["a", "write </b>"]),
        ("Here you are: 1. a\n2. b", ["a", "b"]),
        ("**Answer:** 1) a\nand more\n2) b", ["a\nand more", "b"]),
        ("Paints: • a\n• b", ["a", "b"]),
        ("The rule is: 1. be short\nSo:\n1. a\n2. b", ["a", "b"]),
        ("\ufeff1. a\n2. b", ["a", "b"]),
        ("\u200b- a\n\u200b- b", ["a", "b"]),
        ("1. a\n2. <p>\nb\n</p>", ["a", "<p>\nb\n</p>"]),
        ("1. a\r\n   b\r\n2. c\r\n", ["a\nb", "c"]),
    ],
)
def test_an_item_has_all_of_its_lines(text: str, items: list[str], call: Call) -> None:
    """What is below an item and no new one is part of it; streamed in any parts."""

    @given(cut(st.just(text)))
    def law(parts: list[str]) -> None:
        chunks = call.transform(NumberedListOutputParser(), parts)
        assert (
            merge_chunks(chunks, DELTAS) == call.invoke(NumberedListOutputParser(), text) == items
        )

    law()


def test_items_of_a_markdown_list_keep_a_numbered_list_within(call: Call) -> None:
    """And a list of the same kind is part of the list, as before."""
    parser = MarkdownListOutputParser()
    assert call.invoke(parser, "- A:\n  1. x\n  2. y\n- B") == ["A:\n1. x\n2. y", "B"]
    assert call.invoke(parser, "- A\n  - x\n- B") == ["A", "x", "B"]


@given(st.lists(st.text(alphabet="abc 12.-*\n", min_size=1, max_size=12), min_size=1, max_size=4))
def test_no_word_of_an_item_is_lost(items: list[str]) -> None:
    """Whatever its lines are, once they are indented as Markdown has it."""
    text = "\n".join(f"1. x{item}".replace("\n", "\n   ") for item in items)
    found = " ".join(NumberedListOutputParser().parse(text))
    wanted = [letter for item in items for letter in item if letter in "abc"]
    assert [letter for letter in found if letter in "abc"] == wanted


@pytest.mark.parametrize("text", ["red and blue", "I cannot do that.", "| 1 | red |", "# Red"])
def test_an_answer_without_items_is_an_error(text: str, call: Call) -> None:
    """It is not taken for an empty list, and it can be repaired."""
    for parser in (NumberedListOutputParser(), MarkdownListOutputParser()):
        for run in (lambda p=parser: call.invoke(p, text), lambda p=parser: call.stream(p, text)):
            with pytest.raises(OutputParserException, match="no items.*The answer: ") as caught:
                run()
            assert caught.value.llm_output == text
        repaired = parser.with_repair(ScriptedChatModel(["1. red\n2. blue"]))
        assert call.invoke(repaired, text) == ["red", "blue"]


class Words(ListOutputParser):
    def parse(self, text: str) -> list[str]:
        return text.split()


def test_a_users_list_parser_needs_parse_only(call: Call) -> None:
    """It then yields its list at the end."""
    assert call.transform(Words(), ["a b", " c"]) == [["a", "b", "c"]]
