"""The parser of objects of a type: what it validates, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from runnables.errors import OutputParserException
from runnables.parsers import (
    DatetimeOutputParser,
    EnumOutputParser,
    JsonOutputParser,
    PydanticOutputParser,
    XMLOutputParser,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.parsers.answers import Paint, Person, json_parts


def test_a_value_that_does_not_fit_is_an_error_that_lists_every_part(call: Call) -> None:
    """A model can read the message, too; pydantic's own error is its cause."""
    parser = PydanticOutputParser(pydantic_object=Person)
    with pytest.raises(OutputParserException) as caught:
        call.invoke(parser, 'So: {"fullName": "", "home": {"zip": 1}}')
    assert str(caught.value).splitlines() == [
        "The answer does not fit Person:",
        "- fullName: String should have at least 1 character (got '')",
        "- age: Field required",
        "- home.street: Field required",
        """The answer: 'So: {"fullName": "", "home": {"zip": 1}}'""",
    ]
    assert caught.value.llm_output == 'So: {"fullName": "", "home": {"zip": 1}}'
    assert isinstance(caught.value.__cause__, ValidationError)


def test_values_are_validated_by_the_rules_for_json(call: Call) -> None:
    """By these, a strict model takes a tuple from a list."""

    class Strict(BaseModel, strict=True):
        pair: tuple[int, int]

    parser = PydanticOutputParser(pydantic_object=Strict)
    assert call.invoke(parser, '{"pair": [1, 2]}') == Strict(pair=(1, 2))


def test_a_post_init_runs_for_the_validated_object_only() -> None:
    """It may rely on fields that a partial object lacks."""
    runs: list[str] = []

    class Greeting(BaseModel):
        text: str

        def model_post_init(self, context: Any, /) -> None:
            runs.append(self.text.upper())

    chunks = list(
        PydanticOutputParser(pydantic_object=Greeting).transform(json_parts({"text": "hi"}, 1))
    )
    assert len(chunks) > 2
    assert runs == ["HI"]


@pytest.mark.parametrize(
    ("parser", "name"),
    [
        (PydanticOutputParser(Person), "Person"),
        (JsonOutputParser(Person), "Person"),
        (PydanticOutputParser(list[Person]), "list["),
        (EnumOutputParser(Paint), "Paint"),
        (DatetimeOutputParser("%Y"), "%Y"),
        (XMLOutputParser(["sea"]), "sea"),
    ],
    ids=repr,
)
def test_an_error_shows_the_answer_and_names_what_was_asked_for(
    parser: Any, name: str, call: Call
) -> None:
    """The first 200 characters; the model that repairs it is sent the error without them."""
    text = "I cannot do that. " * 100
    with pytest.raises(OutputParserException) as caught:
        call.invoke(parser, text)
    assert name in str(caught.value)
    assert text[:199] in str(caught.value)
    assert text[:220] not in str(caught.value)
    assert caught.value.llm_output == text
    model = ScriptedChatModel(["no"])
    with pytest.raises(OutputParserException):
        call.invoke(parser.with_repair(model), text)
    assert model.calls[0].messages[0].text.count(text) == 1
