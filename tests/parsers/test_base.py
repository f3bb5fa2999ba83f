"""The base classes of parsers, and parsers that users write."""

from __future__ import annotations

import pytest

from runnables.errors import ConfigError, OutputParserException
from runnables.messages import AIMessage, AIMessageChunk
from runnables.parsers import (
    BaseOutputParser,
    StrOutputParser,
)
from tests.both_modes import Call


def test_text_passes_as_it_comes(call: Call) -> None:
    """Chunk by chunk; chunks without text are dropped, unless there are no others."""
    chunks = [AIMessageChunk(content=text) for text in ("", "a", "", "b")]
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
    """It then reads messages, streams its one value, and its error gets the text."""
    parser = YesNo(no="no")
    assert call.invoke(parser, AIMessage(content="yes")) is True
    assert call.transform(parser, ["n", "o"]) == [False]
    with pytest.raises(OutputParserException, match="'maybe' is neither") as caught:
        call.invoke(parser, "maybe")
    assert caught.value.llm_output == "maybe"


def test_annotated_names_are_the_options_of_a_users_parser() -> None:
    """They are settings like any others; an unknown or missing one is an error at once."""
    assert YesNo(no="no", yes="y") == YesNo(yes="y", no="no")
    assert repr(YesNo(no="no")) == "YesNo(no='no')"
    assert YesNo(no="no").OutputType is bool
    with pytest.raises(ConfigError, match=r"YesNo has no option 'noo'\. Did you mean 'no'"):
        YesNo(noo="no")  # type: ignore[call-arg]  # the point of the test
    with pytest.raises(TypeError, match="YesNo needs the option 'no'"):
        YesNo()  # type: ignore[call-arg]  # the point of the test


class Unfinished(BaseOutputParser[str]):
    """A parser whose author misspelled `parse`."""

    def prase(self, text: str) -> str:
        return text


def test_a_parser_without_parse_says_what_to_write(call: Call) -> None:
    """It returns no None for the value that was never parsed."""
    with pytest.raises(NotImplementedError, match="Unfinished does not define `parse`: write it"):
        call.invoke(Unfinished(), "yes")
