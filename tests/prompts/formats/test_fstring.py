"""Templates in the format of f-strings, and the place and reason of their errors."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables.errors import PromptError
from runnables.prompts.formats.fstring import FString
from runnables.prompts.formats.registry import compile_template, join_templates

NAMES = st.sampled_from(["a", "b", "name", "_x", "größe"])
PLAIN = st.text(st.characters(exclude_characters="{}", codec="utf-8"), max_size=8)
PARTS = st.one_of(
    PLAIN, st.just("{{"), st.just("}}"), NAMES.map("{{{}}}".format), NAMES.map("{{{}!r:>9}}".format)
)
TEMPLATES = st.lists(PARTS, max_size=6).map("".join)
VALUES = st.fixed_dictionaries(dict.fromkeys(["a", "b", "name", "_x", "größe"], st.text()))


@given(TEMPLATES, VALUES)
def test_a_valid_template_renders_as_str_format_does(template: str, values: Any) -> None:
    """`str.format` is the reference for all templates that are valid here."""
    assert FString(template).render(values) == template.format(**values)


@given(TEMPLATES)
def test_the_variables_are_the_fields(template: str) -> None:
    """Every field is a variable, and nothing else is."""
    fields = {field for _, field, _, _ in string.Formatter().parse(template) if field}
    assert set(FString(template).variables.required) == fields


@given(st.text(alphabet="{}ab.[]!:r0 \n\"'", max_size=12))
def test_any_text_is_a_template_or_an_error_with_its_place(text: str) -> None:
    """Errors of braces come at construction, and not later."""
    try:
        template = FString(text)
    except PromptError as error:
        assert str(error).startswith("Line ")
    else:
        assert all(name.isidentifier() for name in template.variables.required)


@given(TEMPLATES, TEMPLATES, VALUES)
def test_a_sum_renders_as_its_templates_do(left: str, right: str, values: Any) -> None:
    """The string of a sum is the sum of the strings."""
    both = FString(join_templates(left, right, "f-string"))
    assert both.render(values) == FString(left).render(values) + FString(right).render(values)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{user.name}", "attributes and indices"),
        ("{user[0]}", "attributes and indices"),
        ("{user.__class__.__mro__}", "attributes and indices"),
        ("{}", "names, not positions"),
        ("{0}", "names, not positions"),
        ("{ name }", "Write {name}"),
        ("{a:{b}}", "a format cannot hold a variable"),
        ("{a!x}", "'!x' is not a conversion"),
        ("{user-name}", "'user-name' is not a name"),
        ('{"a": 1}', "'\"a\"' is not a name"),
        ("50 } 60", "a single '}'"),
        ("f() {", "a single '{'"),
    ],
)
def test_an_invalid_template_is_refused_with_the_reason(template: str, reason: str) -> None:
    """The error comes at construction, with the way out."""
    with pytest.raises(PromptError) as caught:
        compile_template(template)
    assert reason in str(caught.value)


def test_a_json_example_is_refused_with_its_place() -> None:
    """The error has line and column, shows the line, and says what to write instead."""
    with pytest.raises(PromptError) as caught:
        compile_template('Answer in JSON:\n  {"name": "x"}\nGo!')
    lines = str(caught.value).split("\n")
    assert lines[0].startswith("Line 2, column 3 of the template: ")
    assert "write '{{' and '}}', or use template_format='mustache'" in lines[0]
    assert lines[1:] == ['      {"name": "x"}', "      ^"]


def test_a_long_line_is_shown_around_the_place() -> None:
    """An error stays readable."""
    with pytest.raises(PromptError) as caught:
        compile_template("x" * 500 + "{" + "y" * 500)
    shown, caret = str(caught.value).split("\n")[1:]
    assert len(shown) < 100
    assert shown[caret.index("^")] == "{"


def test_formats_and_conversions_work() -> None:
    """Formats follow a colon; conversions are `!r`, `!s`, `!a`."""
    template = FString("{price:.2f} {name!r} {name!s:>4} {name!a} {{{name}}}")
    assert template.render({"price": 2, "name": "é"}) == "2.00 'é'    é '\\xe9' {é}"


def test_a_value_that_its_format_does_not_accept_is_named() -> None:
    """The error names the place, the variable and the type."""
    with pytest.raises(PromptError, match=r"Line 2, column 1 .*'\.2f'.*'price', a str"):
        FString("\n{price:.2f}").render({"price": "much"})


def test_an_unknown_format_is_refused_with_a_suggestion() -> None:
    """The error lists the three formats."""
    with pytest.raises(PromptError, match=r"Unsupported template format: mustach.*'mustache'"):
        compile_template("", "mustach")


def test_a_template_that_is_no_string_is_refused() -> None:
    """A forgotten argument does not become a template."""
    with pytest.raises(PromptError, match="Invalid template: None"):
        compile_template(None)  # type: ignore[arg-type]
