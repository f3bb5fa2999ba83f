"""The variables that a prompt is declared to have, and the checks of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runnables.errors import PromptError
from runnables.prompts import (
    ChatPromptTemplate,
    FewShotPromptTemplate,
    FewShotPromptWithTemplates,
    HumanMessagePromptTemplate,
    PromptTemplate,
    StringPromptTemplate,
)
from tests.both_modes import Call

PAIR = PromptTemplate("{q}: {a}")


def few_shot(**options: Any) -> FewShotPromptTemplate:
    return FewShotPromptTemplate(example_prompt=PAIR, examples=[], suffix="{name}", **options)


def with_templates(**options: Any) -> FewShotPromptTemplate:
    suffix = PromptTemplate("{name}")
    return FewShotPromptWithTemplates(
        example_prompt=PAIR, examples=[{"q": 1, "a": 2}], suffix=suffix, **options
    )


def string(**options: Any) -> PromptTemplate:
    return PromptTemplate("{name}", **options)


def chat(**options: Any) -> ChatPromptTemplate:
    return ChatPromptTemplate(["{name}"], **options)


ALL = pytest.mark.parametrize("make", [string, chat, few_shot, with_templates])


@ALL
def test_other_variables_than_those_declared_are_a_warning(make: Callable[..., Any]) -> None:
    """The template's own variables count, and the warning says what differs."""
    with pytest.warns(UserWarning, match=r"Missing variables: {'name'} Extra variables: {'nam'}"):
        assert make(input_variables=["nam"]).input_variables == ["name"]
    with pytest.warns(UserWarning, match=r"Extra variables: {'nam'}\. Did you mean 'name'\?"):
        make(input_variables=["name", "nam"], validate_template=False)


@ALL
@pytest.mark.parametrize("declared", [[], ["nam"], ["name", "more"]])
def test_they_are_an_error_where_validation_is_asked_for(
    make: Callable[..., Any], declared: list[str]
) -> None:
    """The error is raised at construction, and shows what was declared."""
    with pytest.raises(PromptError, match="Leave input_variables out") as caught:
        make(input_variables=declared, validate_template=True)
    assert str(declared) in str(caught.value)


@ALL
def test_the_variables_of_the_template_are_accepted(make: Callable[..., Any]) -> None:
    """Those that are filled in already may be among them, or not."""
    for declared in ([], ["name"]):
        options: Any = {"partial_variables": {"name": "Ann"}, "validate_template": True}
        assert make(input_variables=declared, **options).input_variables == []
    assert make(input_variables=["name"], validate_template=True).input_variables == ["name"]


@pytest.mark.skipif(not importlib.util.find_spec("jinja2"), reason="an extra")
def test_of_a_jinja_template_they_are_a_warning_in_any_case() -> None:
    """A branch may set a name, so what the template needs is an estimate."""
    with pytest.warns(UserWarning, match="Missing variables: {'name'}"):
        PromptTemplate(
            "{{ name }}", template_format="jinja2", input_variables=[], validate_template=True
        )


def test_a_message_from_a_file_takes_its_variables_as_second_argument(tmp_path: Path) -> None:
    """It is the same message with and without them."""
    file = tmp_path / "prompt.txt"
    file.write_text("Größe: {x}", encoding="utf-8")
    message = HumanMessagePromptTemplate.from_template_file(file, ["x"])
    assert message == HumanMessagePromptTemplate.from_template("Größe: {x}")
    with pytest.warns(UserWarning, match="Missing variables: {'x'}"):
        HumanMessagePromptTemplate.from_template_file(file, ["y"])


def test_prefix_and_suffix_may_be_templates(call: Call) -> None:
    """The examples are between them."""
    prompt = with_templates(prefix=PromptTemplate("For {whom}:"), example_separator=" ")
    assert isinstance(prompt, StringPromptTemplate)
    assert prompt.input_variables == ["name", "whom"]
    assert call.invoke(prompt, {"name": "N", "whom": "W"}).to_string() == "For W: 1: 2 N"


def test_a_template_of_examples_joins_them() -> None:
    """Prefix, examples and suffix are one template."""
    prompt = PromptTemplate.from_examples(["a {x}", "b"], "{y}", ["x", "y"], "|", "p")
    assert prompt == PromptTemplate("p|a {x}|b|{y}")
