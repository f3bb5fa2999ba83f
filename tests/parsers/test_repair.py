"""Repair of answers that do not parse, by a model that corrects them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from runnables import Runnable, RunnableLambda
from runnables.engine.merging import RESET
from runnables.errors import ConfigError, OutputParserException
from runnables.messages import AIMessage, PromptValue
from runnables.parsers import (
    BaseOutputParser,
    BaseTransformOutputParser,
    EnumOutputParser,
    JsonOutputParser,
    PydanticOutputParser,
    RepairParser,
)
from tests.both_modes import Call
from tests.parsers.answers import Paint


class Point(BaseModel):
    x: int


class Script(Runnable[Any, Any]):
    """A model with scripted answers, which keeps its prompts."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self._prompts: list[str] = []

    def _next(self, prompt: Any) -> Any:
        assert isinstance(prompt, PromptValue)
        self._prompts.append(prompt.to_string())
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return self._next(input)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return self._next(input)


def test_a_good_answer_costs_no_call(call: Call) -> None:
    """The model is only asked when there is something to repair."""
    model = Script()
    parser = JsonOutputParser().with_repair(model)
    assert call.invoke(parser, "[1]") == [1]
    assert call.transform(parser, ["[1, ", "2]"])[-1] == [1, 2]
    assert model._prompts == []


def test_the_model_sees_the_instructions_its_answer_and_the_error(call: Call) -> None:
    """Each attempt shows the answer of the attempt before."""
    model = Script(AIMessage(content='{"x": "two"}'), '```json\n{"x": 2}\n```')
    parser = PydanticOutputParser(pydantic_object=Point)
    assert call.invoke(parser.with_repair(model, attempts=2), '{"y": 1}') == Point(x=2)
    first, second = model._prompts
    assert parser.get_format_instructions() in first
    assert '<answer>\n{"y": 1}\n</answer>' in first
    assert "- x: Field required" in first
    assert '<answer>\n{"x": "two"}\n</answer>' in second
    assert "unable to parse string as an integer" in second


def test_a_hint_for_the_model_replaces_the_message(call: Call) -> None:
    """A parser's `observation` goes to the model instead of its message."""

    class Picky(BaseOutputParser[str]):
        def parse(self, text: str) -> str:
            if text != "please":
                raise OutputParserException("rude", observation="Say the magic word.")
            return text

    model = Script("please")
    assert call.invoke(Picky().with_repair(model), "now") == "please"
    assert "Say the magic word." in model._prompts[0]
    assert "rude" not in model._prompts[0]
    assert "What was asked for" not in model._prompts[0]  # the parser has no instructions


def test_when_nothing_parses_the_first_error_is_raised(call: Call) -> None:
    """Its cause has those of the repairs, in order, each with a note of its number."""
    parser = EnumOutputParser(enum=Paint).with_repair(Script("violet", "pink"), attempts=2)
    with pytest.raises(OutputParserException, match="'blue' is not one") as caught:
        call.invoke(parser, "blue")
    group = caught.value.__cause__
    assert isinstance(group, ExceptionGroup)
    outputs = [getattr(error, "llm_output", None) for error in group.exceptions]
    assert outputs == ["violet", "pink"]
    assert [error.__notes__[-1] for error in group.exceptions] == [
        "in step 2 of 2 (EnumOutputParser), repair 1",
        "in step 2 of 2 (EnumOutputParser), repair 2",
    ]


def test_an_error_of_the_model_is_raised_as_it_is(call: Call) -> None:
    """A model that fails to answer is no error of the parser."""
    parser = JsonOutputParser().with_repair(Script(ConnectionError("gone")), attempts=3)
    with pytest.raises(ConnectionError, match="gone"):
        call.invoke(parser, "no")


def test_the_repaired_value_is_the_last_snapshot(call: Call) -> None:
    """The chunks before it were yielded as they came."""
    parser = JsonOutputParser().with_repair(Script('{"a": [1, 2]}'))
    assert call.transform(parser, ['{"a": [1, ', "oops]}"]) == [{"a": [1]}, {"a": [1, 2]}]


class Shout(BaseTransformOutputParser[str]):
    def parse(self, text: str) -> str:
        if "?" in text:
            raise OutputParserException("no questions")
        return text.upper()


def test_chunks_that_add_up_wait_for_the_end(call: Call) -> None:
    """They could not be taken back, so a repaired stream has one chunk."""
    parser = Shout().with_repair(Script("fine"))
    assert call.transform(parser, ["why", "?"]) == ["FINE"]
    assert call.transform(Shout().with_repair(Script()), ["a", "b"]) == ["AB"]


def test_a_reset_upstream_starts_the_answer_over(call: Call) -> None:
    """A model that restarts its stream is parsed from its new beginning."""
    parser = JsonOutputParser().with_repair(Script())
    assert call.transform(parser, ['{"a', RESET, "[1", "]"])[-1] == [1]


def test_a_repaired_parser_is_a_step_of_a_chain(call: Call) -> None:
    """A function may be the model, and the repr reads like the code."""
    fix = RunnableLambda(lambda _: "[0]", blocking=False)
    repair = JsonOutputParser().with_repair(fix)
    fixing = "RunnableLambda(lambda _: '[0]')"
    assert repr(repair) == f"JsonOutputParser().with_repair({fixing}, attempts=1)"
    assert call.invoke(RunnableLambda(str, blocking=False) | repair | len, "x") == 1
    assert repair == RepairParser(JsonOutputParser(), fix)


def test_fewer_than_one_attempt_is_refused() -> None:
    """And so is an unknown keyword."""
    with pytest.raises(ConfigError, match=r"attempts=0\): expected at least 1"):
        JsonOutputParser().with_repair(Script(), attempts=0)
    with pytest.raises(ConfigError, match="^with_repair has no option 'attempt'. Did you mean"):
        JsonOutputParser().with_repair(Script(), attempt=2)  # type: ignore[call-arg]


@pytest.mark.parametrize("parser", [JsonOutputParser(), Shout()], ids=repr)
@pytest.mark.parametrize("option", ["nothing", "temperature"])
def test_an_option_is_refused_also_where_nothing_is_repaired(
    parser: Any, option: str, call: Call
) -> None:
    """Nothing would read it; the options of the model are bound to the model."""
    repair = parser.with_repair(Script())
    for run in (call.invoke, call.stream):
        with pytest.raises(ConfigError, match=f"with_repair.*takes no option {option!r}"):
            run(repair, "{}", **{option: 1})
