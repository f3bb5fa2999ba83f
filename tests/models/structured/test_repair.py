"""Repair of structured output by the model itself."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import (
    AIMessage,
    HumanMessage,
    ModelRefusalError,
    OutputParserException,
    RateLimitError,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.models.structured.examples import Keys, as_tool_call

BAD, GOOD = '{"name": "a", "seats": "many"}', '{"name": "a", "seats": 5}'


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_a_model_is_sent_its_error_and_corrects_its_answer(method: Any, call: Call) -> None:
    """In the same conversation, with the same schema; the new answer is the result."""
    script = [BAD, GOOD]
    if method == "function_calling":
        script = [as_tool_call(answer, "Keys") for answer in script]  # type: ignore[misc]
    model: Any = ScriptedChatModel(script, cycle=True)
    chain = model.with_structured_output(Keys, method=method, repair=1)
    assert call.invoke(chain, "How many seats?") == {"name": "a", "seats": 5}
    first, second = model.calls
    assert second.options == first.options
    question, answer, request = second.messages
    assert question == HumanMessage("How many seats?")
    assert answer == AIMessage(BAD)
    assert "seats" in request.text
    assert call.stream(chain, "hi")[-1] == {"name": "a", "seats": 5}


def test_a_repair_that_is_not_needed_costs_nothing(call: Call) -> None:
    """There is one call, and one stream that is passed on as it comes."""
    model = ScriptedChatModel([GOOD], cycle=True)
    chain = model.with_structured_output(Keys, repair=3)
    assert call.invoke(chain, "hi")["name"] == "a"
    found = call.stream(chain, "hi", take=1)
    assert found
    assert (model.opened, model.closed) == (2, 2)


@pytest.mark.parametrize("run", ["invoke", "stream"])
def test_where_no_repair_helps_the_first_error_is_raised(run: str, call: Call) -> None:
    """Its cause is the group of the others, each with a note of its repair."""
    model = ScriptedChatModel([BAD, '{"name": 1}', "no"], cycle=True)
    with pytest.raises(OutputParserException, match="seats") as caught:
        getattr(call, run)(model.with_structured_output(Keys, repair=2), "hi")
    group = caught.value.__cause__
    assert isinstance(group, ExceptionGroup)
    assert ["repair" in "".join(error.__notes__) for error in group.exceptions] == [True, True]
    assert len(model.calls) == 3


def test_raw_answers_are_repaired_too(call: Call) -> None:
    """The message is that of the answer which parsed; else the first error is in it."""
    model = ScriptedChatModel([BAD, GOOD], cycle=True)
    chain = model.with_structured_output(Keys, include_raw=True, repair=1)
    for found in (call.invoke(chain, "hi"), call.stream(chain, "hi")[-1]):
        assert (found["raw"].text, found["parsing_error"]) == (GOOD, None)
        assert found["parsed"] == {"name": "a", "seats": 5}
    model = ScriptedChatModel([BAD], cycle=True)
    chain = model.with_structured_output(Keys, include_raw=True, repair=1)
    for found in (call.invoke(chain, "hi"), call.stream(chain, "hi")[-1]):
        assert (found["raw"].text, found["parsed"]) == (BAD, None)
        assert isinstance(found["parsing_error"].__cause__, ExceptionGroup)


@pytest.mark.parametrize("run", ["invoke", "stream"])
def test_only_what_does_not_parse_is_repaired(run: str, call: Call) -> None:
    """A refusal and an error of the service are raised as they are, after one call."""
    refusal = AIMessage("", additional_kwargs={"refusal": "I will not."})
    for answer, kind in ((refusal, ModelRefusalError), (RateLimitError("slow"), RateLimitError)):
        model = ScriptedChatModel([answer, GOOD], max_retries=0)
        with pytest.raises(kind):
            getattr(call, run)(model.with_structured_output(Keys, repair=1), "hi")
        assert len(model.calls) == 1
