"""`parse_result` reads answers as LangChain's results hold them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from runnables import (
    AIMessage,
    JsonOutputKeyToolsParser,
    JsonOutputParser,
    OutputParserException,
    StrOutputParser,
)


def test_the_first_candidate_counts() -> None:
    """It is read as its message, or else as its text."""
    candidates = [SimpleNamespace(text='{"a": 1}'), SimpleNamespace(text="[]")]
    assert JsonOutputParser().parse_result(candidates) == {"a": 1}
    message = AIMessage("", tool_calls=[{"name": "f", "args": {"a": 1}, "id": "1"}])
    result = [SimpleNamespace(message=message, text="")]
    assert JsonOutputKeyToolsParser("f").parse_result(result) == [{"a": 1}]


def test_an_incomplete_answer_is_read_as_far_as_it_goes() -> None:
    """Only where that is asked for."""
    result = [SimpleNamespace(text='{"a": "b')]
    assert JsonOutputParser().parse_result(result, partial=True) == {"a": "b"}
    assert StrOutputParser().parse_result([SimpleNamespace(text="x")], partial=True) == "x"
    with pytest.raises(OutputParserException):
        JsonOutputParser().parse_result(result)
