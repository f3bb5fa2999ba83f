"""Parsers of single values."""

from __future__ import annotations

from datetime import datetime

import pytest

from runnables.errors import OutputParserException
from runnables.parsers import (
    DatetimeOutputParser,
    EnumOutputParser,
)
from tests.both_modes import Call
from tests.parsers.answers import Paint


@pytest.mark.parametrize(
    ("text", "member"),
    [
        ("red", Paint.RED),
        ("**Red.**", Paint.RED),
        ("`DARK RED`\n", Paint.DARK_RED),
        ("3", Paint.THREE),
    ],
)
def test_a_decorated_word_is_still_the_word(text: str, member: Paint, call: Call) -> None:
    """Quotes, asterisks, a full stop and the case of letters are ignored."""
    assert call.invoke(EnumOutputParser(enum=Paint), text) is member


def test_another_word_is_an_error_that_lists_the_words(call: Call) -> None:
    """And suggests the nearest one."""
    with pytest.raises(OutputParserException) as caught:
        call.invoke(EnumOutputParser(enum=Paint), "read")
    assert str(caught.value) == (
        "'read' is not one of the possible values of Paint: red, dark red, 3. Did you mean 'red'?"
    )


def test_dates_are_read_in_the_given_format(call: Call) -> None:
    """As `strptime` reads it; the error quotes the format."""
    assert call.invoke(DatetimeOutputParser("%d.%m.%Y"), " 24.12.2025\n") == datetime(2025, 12, 24)
    with pytest.raises(OutputParserException, match=r"like '%d\.%m\.%Y'"):
        call.invoke(DatetimeOutputParser(format="%d.%m.%Y"), "tomorrow")
