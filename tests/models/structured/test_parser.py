"""The parser of structured output: what it refuses, and answers together with their message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from runnables.errors import OutputParserException
from runnables.messages import AIMessage
from runnables.models.structured.json_schema import drop_null_optionals
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.models.structured.examples import PERSON, Car, Keys, Person, ToolsOnly, as_tool_call


def test_an_answer_that_does_not_fit_is_an_error(call: Call) -> None:
    """A string that is no JSON, JSON of another type, no call where one was requested."""
    model = ScriptedChatModel(["no", json.dumps({"age": "x"}), "no call"])
    chain = model.with_structured_output(Person)
    for _ in range(2):
        with pytest.raises(OutputParserException):
            call.invoke(chain, "hi")
    with pytest.raises(
        OutputParserException, match="did not call 'Person'.* The answer: 'no call'"
    ):
        call.invoke(model.with_structured_output(Person, method="function_calling"), "hi")


@pytest.mark.parametrize("key", ["finish_reason", "stop_reason"])
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_the_error_of_an_answer_that_hit_the_token_limit_names_the_limit(
    key: str, method: Any, call: Call
) -> None:
    """And only of such an answer."""
    reason = {"finish_reason": "length", "stop_reason": "max_tokens"}[key]
    for metadata, is_named in (({key: reason}, True), ({key: "stop"}, False)):
        cut = AIMessage('{"name": "A', response_metadata=metadata)
        chain = ScriptedChatModel([cut], cycle=True).with_structured_output(Person, method=method)
        for run in (call.invoke, call.stream):
            with pytest.raises(OutputParserException) as caught:
                run(chain, "hi")
            assert ("raise max_tokens" in str(caught.value)) is is_named


def test_a_call_without_arguments_is_an_empty_object(call: Call) -> None:
    """Some services send no arguments at all for it."""
    model = ToolsOnly([as_tool_call("", "Free")], cycle=True)

    class Free(BaseModel):
        note: str = "none"

    assert call.invoke(model.with_structured_output(Free), "hi") == Free()
    assert call.stream(model.with_structured_output(Free), "hi")[-1] == Free()


def test_another_tool_is_no_answer(call: Call) -> None:
    """The error names the tool that was called instead."""
    model = ToolsOnly([as_tool_call("{}", "other")], cycle=True)
    chain = model.with_structured_output(Car)
    for run in (call.invoke, call.stream):
        with pytest.raises(OutputParserException, match="did not call 'Car'.*'other' instead"):
            run(chain, "hi")


def test_null_means_left_out_for_dicts_too(call: Call) -> None:
    """Of TypedDicts and of JSON schemas."""
    text = '{"name": "a", "seats": null}'
    for schema in (Keys, described := {**_sent_schema(Keys), "title": "keys"}):
        model = ScriptedChatModel([text], cycle=True)
        assert call.invoke(model.with_structured_output(schema), "hi") == {"name": "a"}
    assert drop_null_optionals(
        {"x": None}, {"properties": {"x": {"type": ["null", "string"]}}}
    ) == {"x": None}
    assert drop_null_optionals([{"seats": None}], {"items": described}) == [{}]


def _sent_schema(schema: Any) -> dict[str, Any]:
    return ScriptedChatModel()._structured_request(schema, "json_schema", None)[0][
        "response_format"
    ]["json_schema"]["schema"]


def test_a_raw_answer_has_the_object_or_the_error(call: Call) -> None:
    """Next to the message."""
    model = ScriptedChatModel([PERSON, "no"])
    chain = model.with_structured_output(Person, include_raw=True)
    good, bad = call.invoke(chain, "hi"), call.invoke(chain, "hi")
    assert good == {
        "raw": AIMessage(PERSON),
        "parsed": Person(name="Ann", age=3),
        "parsing_error": None,
    }
    assert (bad["raw"], bad["parsed"]) == (AIMessage("no"), None)
    assert isinstance(bad["parsing_error"], OutputParserException)


def test_the_raw_answer_streams_with_the_object(call: Call) -> None:
    """Each chunk has the message and the object so far; the last is the result of invoke."""
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    model = ScriptedChatModel([['{"name": "a', "b", '"}']], cycle=True, usage=usage)  # type: ignore[arg-type]
    chain = model.with_structured_output(Keys, include_raw=True)
    found = call.stream(chain, "hi")
    assert [chunk["parsed"] for chunk in found[:2]] == [{"name": "a"}, {"name": "ab"}]
    assert [chunk["raw"].text for chunk in found[:2]] == ['{"name": "a', '{"name": "ab']
    assert found[-1] == call.invoke(chain, "hi")
    assert type(found[-1]["raw"]) is AIMessage
    assert found[-1]["raw"].usage_metadata == usage


def test_a_raw_answer_that_does_not_parse_ends_with_its_error(call: Call) -> None:
    """After the chunks before it; nothing is raised."""
    model = ScriptedChatModel([['{"name": "ab', '", "seats": "x"}']], cycle=True)
    *_, last = call.stream(model.with_structured_output(Keys, include_raw=True), "hi")
    assert last["parsed"] is None
    assert "seats" in str(last["parsing_error"])
    assert last["raw"].text == '{"name": "ab", "seats": "x"}'
