"""Members of enums and literals that a model writes without the quotes of JSON."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

import pytest

from runnables import PydanticOutputParser
from runnables.errors import OutputParserException
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.models.structured.examples import OnlyObjects


class Mood(Enum):
    GOOD = "positive"
    BAD = "negative"
    UNSURE = "not sure"


ALIAS: Any = Literal["positive", "negative", "not sure"]
SCHEMA = {"title": "mood", "type": "string", "enum": ["positive", "negative", "not sure"]}
ONE_OF = {"title": "mood", "anyOf": [{"const": "positive"}, {"const": "not sure"}]}
KINDS = [
    pytest.param(Mood, Mood.GOOD, Mood.UNSURE, id="enum"),
    pytest.param(ALIAS, "positive", "not sure", id="literal"),
    pytest.param(ALIAS | None, "positive", "not sure", id="optional"),
    pytest.param(Mood | None, Mood.GOOD, Mood.UNSURE, id="optional enum"),
    pytest.param(SCHEMA, "positive", "not sure", id="schema"),
    pytest.param(ONE_OF, "positive", "not sure", id="options"),
]
GOOD = ["positive", '"positive"', "Positive", " POSITIVE.\n", "**positive**", "`positive`"]
GOOD += ["'positive'", '"Positive"', '"positive."', "<think>negative?</think>\npositive"]
UNSURE = ["not sure", "Not sure.", '"NOT SURE"']


@pytest.mark.parametrize(("kind", "good", "unsure"), KINDS)
def test_a_member_may_be_bare(kind: Any, good: Any, unsure: Any, call: Call) -> None:
    """In any case, decorated, or with a full stop; streamed, too."""
    for answers, member in ((GOOD, good), (UNSURE, unsure)):
        for text in answers:
            model = ScriptedChatModel([[*text]], cycle=True)
            for method in ("json_schema", "json_mode"):
                chain = model.with_structured_output(kind, method=method)
                assert call.invoke(chain, "hi") == member
                assert call.stream(chain, "hi")[-1] == member
    if not isinstance(kind, dict):
        assert call.invoke(PydanticOutputParser(kind), "Positive.") == good


@pytest.mark.parametrize(("kind", "good", "_unsure"), KINDS)
def test_a_member_may_be_bare_where_an_object_was_asked_for(
    kind: Any, good: Any, _unsure: Any, call: Call
) -> None:
    """Of services that take schemas of objects only, by a model that does not follow them."""
    for text in ("Positive.", '{"value": "positive"}'):
        chain = OnlyObjects([[*text]], cycle=True).with_structured_output(kind)
        assert call.invoke(chain, "hi") == good
        assert call.stream(chain, "hi")[-1] == good


@pytest.mark.parametrize("text", ["neutral", "positive or negative", "posit", "", "not", "3"])
@pytest.mark.parametrize(("kind", "_good", "_unsure"), KINDS)
def test_what_names_no_member_or_several_is_an_error(
    kind: Any, _good: Any, _unsure: Any, text: str, call: Call
) -> None:
    """No member is guessed."""
    chain = ScriptedChatModel([text], cycle=True).with_structured_output(kind)
    for run in (call.invoke, call.stream):
        with pytest.raises(OutputParserException) as caught:
            run(chain, "hi")
        assert caught.value.llm_output == text


def test_members_that_differ_in_case_only_are_not_guessed(call: Call) -> None:
    """Each is still read as it is written."""
    kind: Any = Literal["red", "RED"]
    parser = PydanticOutputParser(kind)
    assert [call.invoke(parser, text) for text in ("red", "RED.", '"red"')] == ["red", "RED", "red"]
    with pytest.raises(OutputParserException):
        call.invoke(parser, "Red")


def test_members_that_look_like_json_are_strings_still(call: Call) -> None:
    """The type says what they are."""
    kind: Any = Literal["true", "null", "42"]
    for text in ("true", "null", "42"):
        assert call.invoke(PydanticOutputParser(kind), text) == text
    number: Any = Literal[1, "two"]
    assert [call.invoke(PydanticOutputParser(number), text) for text in ("1", "Two")] == [1, "two"]
