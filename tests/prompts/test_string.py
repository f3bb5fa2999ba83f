"""String prompts: variables, partial variables, sums and errors."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from runnables.errors import ConfigError, PromptError
from runnables.messages import HumanMessage, StringPromptValue
from runnables.prompts import MissingVariableError, PromptInputError, PromptTemplate
from runnables.prompts.formats.registry import compile_template
from tests.both_modes import Call

GREETING = PromptTemplate("Dear {name}, {text}")


def test_variables_are_found_in_the_template() -> None:
    """They are in alphabetical order, each once."""
    assert PromptTemplate("{b} {a} {b}").input_variables == ["a", "b"]
    assert PromptTemplate.from_template("{b}") == PromptTemplate("{b}", input_variables=["b"])


def test_invoke_returns_a_prompt_value(call: Call) -> None:
    """It is a string and a message of the user; the dict may hold more than is needed."""
    value = call.invoke(GREETING, {"name": "Ann", "text": "hi", "more": 1, 2: "x"})
    assert value == StringPromptValue(text="Dear Ann, hi")
    assert value.to_messages() == [HumanMessage("Dear Ann, hi")]


def test_the_value_of_the_only_variable_needs_no_name(call: Call) -> None:
    """Partial variables do not count."""
    assert call.invoke(GREETING.partial(name="Ann"), 5).to_string() == "Dear Ann, 5"
    assert call.stream(PromptTemplate("{x}"), ["a"]) == [StringPromptValue(text="['a']")]


@pytest.mark.parametrize("text", ["{a} {b}", "none"])
def test_a_value_without_a_name_needs_exactly_one_variable(text: str, call: Call) -> None:
    """The error is a TypeError, too, and names the needed values."""
    with pytest.raises(PromptInputError, match="takes a dict of values by name") as caught:
        call.invoke(PromptTemplate(text), "x")
    assert isinstance(caught.value, TypeError)


def test_a_missing_value_is_reported_with_all_received_names(call: Call) -> None:
    """The error has the template, the missing and the received names, and the likely typo."""
    with pytest.raises(MissingVariableError) as caught:
        call.invoke(GREETING, {"nmae": "Ann", "text": "hi"})
    assert isinstance(caught.value, PromptError | KeyError)
    assert str(caught.value) == (
        "PromptTemplate 'Dear {name}, {text}' is missing a value for 'name'; it received "
        "'nmae', 'text'. Did you mean 'name' by 'nmae'?"
    )


def test_a_missing_value_may_be_a_literal() -> None:
    """Where no name is close, the error shows how to write braces."""
    with pytest.raises(MissingVariableError, match=r"write its braces twice: '\{\{text\}\}'"):
        GREETING.format(name="Ann")


@pytest.mark.parametrize("use", [GREETING.format, GREETING.format_prompt, GREETING.partial])
def test_unknown_keywords_are_refused_with_a_suggestion(use: Any) -> None:
    """A keyword is meant for this template, so none is ignored."""
    with pytest.raises(PromptError, match=r"no variable 'nmae'\. Did you mean 'name'\?"):
        use(nmae="Ann", text="hi")


def test_options_of_other_steps_are_refused(call: Call) -> None:
    """A prompt reads no options; they are meant for a model."""
    with pytest.raises(ConfigError, match="takes no options, and received 'stop'"):
        call.invoke(GREETING, {"name": "Ann", "text": "hi"}, stop=["x"])


def test_any_name_can_be_a_variable() -> None:
    """That includes names that Python and pydantic use themselves."""
    names = ["self", "cls", "config", "values", "given", "stop", "schema", "model_config", "_x"]
    prompt = PromptTemplate(" ".join(f"{{{name}}}" for name in names))
    values = {name: str(number) for number, name in enumerate(names)}
    assert prompt.format(**values) == "0 1 2 3 4 5 6 7 8"
    assert prompt.input_schema.model_validate(values).model_dump(by_alias=True) == values


def test_a_value_for_a_variable_that_is_not_there_is_refused() -> None:
    """The error is raised at construction."""
    with pytest.raises(PromptError, match="no variable 'nam'"):
        PromptTemplate("{name} {text}", partial_variables={"nam": 1})


def test_partial_variables_are_values_or_functions() -> None:
    """Functions are called at each use, and only where no value is passed."""
    calls: list[int] = []

    def count() -> int:
        calls.append(1)
        return len(calls)

    prompt = GREETING.partial(text=count)
    assert [prompt.format(name="a"), prompt.format(name="b")] == ["Dear a, 1", "Dear b, 2"]
    assert prompt.format(name="c", text="hi") == "Dear c, hi"
    assert len(calls) == 2
    assert (prompt.input_variables, GREETING.input_variables) == (["name"], ["name", "text"])


def test_an_async_partial_variable_is_refused_with_the_way_out(call: Call) -> None:
    """A prompt does not await it, sync or async."""

    async def late() -> str:
        return "x"

    with pytest.raises(PromptError, match=r"'text' is an async function.*assign\(text=\.\.\.\)"):
        call.invoke(GREETING.partial(text=late), "Ann")


def test_templates_add_up() -> None:
    """Strings and templates can be added; partial variables are kept."""
    both = GREETING.partial(name="Ann") + " and {more}" + PromptTemplate("!{end}").partial(end="!")
    assert both.format(text="hi", more="bye") == "Dear Ann, hi and bye!!"


@pytest.mark.parametrize(
    "other",
    [
        PromptTemplate("{{x}}", template_format="mustache"),
        PromptTemplate("{name}").partial(name="Bob"),
    ],
)
def test_templates_that_conflict_do_not_add(other: PromptTemplate) -> None:
    """Two formats, or two values of one partial variable, are errors."""
    with pytest.raises(PromptError, match=r"Cannot add templates|fill in the variable 'name'"):
        GREETING.partial(name="Ann") + other


@pytest.mark.parametrize(
    "prompt",
    [
        GREETING,
        GREETING.partial(name="Ann"),
        PromptTemplate("{{x}}", template_format="mustache", name="ask"),
        PromptTemplate("{x}", input_types={"x": int}),
    ],
)
def test_a_prompt_is_a_value(prompt: PromptTemplate) -> None:
    """It compares, hashes and pickles by its configuration, also after use."""
    prompt.format(**dict.fromkeys(prompt.input_variables, "x"))
    restored = pickle.loads(pickle.dumps(prompt))
    assert restored == prompt
    assert hash(restored) == hash(prompt)
    assert restored != prompt.partial(**dict.fromkeys(prompt.input_variables, 1))
    assert restored.format(**dict.fromkeys(prompt.input_variables, "x"))


@pytest.mark.parametrize(
    "code",
    [
        "PromptTemplate('Dear {name}')",
        "PromptTemplate('{{x}}', template_format='mustache', partial_variables={'x': 1}, name='n')",
    ],
)
def test_a_prompt_prints_as_the_code_that_makes_it(code: str) -> None:
    """Defaults are left out."""
    assert repr(eval(code)) == code


def test_a_template_is_read_from_a_file(tmp_path: Path) -> None:
    """The encoding is UTF-8 by default."""
    file = tmp_path / "prompt.txt"
    file.write_text("Größe: {x}", encoding="utf-8")
    assert PromptTemplate.from_file(file).format(x=1) == "Größe: 1"


def test_the_schema_has_a_field_for_each_variable() -> None:
    """Required ones are strings, or of their `input_types`; filled ones are left out."""
    schema = PromptTemplate("{b} {a} {c}", input_types={"b": int}).partial(c=1).input_schema
    assert schema.model_json_schema() == {
        "properties": {
            "b": {"title": "B", "type": "integer"},
            "a": {"title": "A", "type": "string"},
        },
        "required": ["a", "b"],
        "title": "PromptInput",
        "type": "object",
    }


def test_a_template_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Formatting does not parse again."""
    prompt = PromptTemplate("{x}")
    monkeypatch.setattr("runnables.prompts.string.compile_template", None)
    assert prompt.format(x=1) == compile_template("{x}").render({"x": 1})
