"""The parser of JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runnables.errors import ConfigError, OutputParserException
from runnables.parsers import JsonOutputParser, PydanticOutputParser
from tests.both_modes import Call
from tests.parsers.answers import Address


def test_json_is_shown_as_it_grows(call: Call) -> None:
    """There is one value for every chunk of the input that changes it."""
    chunks = ['```json\n{"na', 'me": "A', "da", '", "year": 18', "15", "}", "\n```"]
    assert call.transform(JsonOutputParser(), chunks) == [
        {},
        {"name": "A"},
        {"name": "Ada"},
        {"name": "Ada", "year": 1815},
    ]


def test_the_error_carries_the_text_of_the_model(call: Call) -> None:
    """`llm_output` is all of it, also when it came in chunks."""
    for run in (
        lambda: call.invoke(JsonOutputParser(), 'Well: {"a": '),
        lambda: call.transform(JsonOutputParser(), ["Well: ", '{"a": ']),
    ):
        with pytest.raises(OutputParserException, match="not valid JSON: the text ends") as caught:
            run()
        assert caught.value.llm_output == 'Well: {"a": '


def test_json_instructions_show_the_schema() -> None:
    """The schema of the parser's type; without one, they ask for any object."""
    assert "one JSON object" in JsonOutputParser().get_format_instructions()
    instructions = JsonOutputParser(pydantic_object=Address).get_format_instructions()
    assert json.dumps(Address.model_json_schema(), ensure_ascii=False) in instructions
    assert instructions == PydanticOutputParser(pydantic_object=Address).get_format_instructions()


Old = type("Old", (type("BaseModel", (), {"__module__": "pydantic.v1.main"}),), {})
"""Looks like a model of pydantic.v1, which newer Pythons import only with a warning."""


@pytest.mark.parametrize("parser", [JsonOutputParser, PydanticOutputParser])
def test_models_of_the_first_pydantic_are_refused_at_once(parser: Any) -> None:
    """The error comes when the parser is made, with the way out."""
    with pytest.raises(ConfigError, match=r"is a model of pydantic\.v1.*subclass pydantic"):
        parser(pydantic_object=Old)
