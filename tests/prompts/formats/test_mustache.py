"""Templates in the format of Mustache, as far as prompts need it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables.errors import PromptError
from runnables.prompts.formats.mustache import Mustache
from runnables.prompts.formats.registry import join_templates


def render(template: str, **values: Any) -> str:
    return Mustache(template).render(values)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{name}} {{ name }} {{{name}}} {{&name}}", "<A&B> <A&B> <A&B> <A&B>"),
        ("{{user.name}} {{user.address.town}}", "Ann Ulm"),
        ("{{#items}}{{.}},{{/items}}", "1,2,"),
        ("{{#users}}{{name}} knows {{item}}; {{/users}}", "Ann knows x; Bob knows x; "),
        ("{{#user}}{{name}} of {{#address}}{{town}}{{/address}}{{/user}}", "Ann of Ulm"),
        ("{{^none}}nothing{{/none}}{{#none}}something{{/none}}", "nothing"),
        ("{{#yes}}shown{{/yes}}{{^yes}}hidden{{/yes}}", "shown"),
        ("{{#name}}{{.}} is given{{/name}}", "<A&B> is given"),
        ("{{none}}|{{zero}}|{{no}}", "|0|False"),
        ("{{#lists}}{{#.}}{{.}}{{/.}};{{/lists}}", "12;3;"),
        ("a{{! a comment\n with }} lines }}b", "a lines }}b"),
        ("{{=<% %>=}}<%name%> {{name}}<%={{ }}=%> {{name}}", "<A&B> {{name}} <A&B>"),
        ('{"a": {"b": 1}} {{name}}', '{"a": {"b": 1}} <A&B>'),
        ("{{größe-1}}", "L"),
    ],
)
def test_the_language_works(template: str, expected: str) -> None:
    """Values, dotted names, sections, inverted sections, comments, delimiters, single braces."""
    values: dict[str, Any] = {
        "name": "<A&B>",
        "user": {"name": "Ann", "address": {"town": "Ulm"}},
        "users": [{"name": "Ann"}, {"name": "Bob"}],
        "items": [1, 2],
        "item": "x",
        "lists": [(1, 2), [3]],
        "none": [],
        "zero": 0,
        "no": False,
        "yes": True,
        "größe-1": "L",
    }
    values["none"] = None if "{{none}}" in template else []
    assert render(template, **values) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("A\n{{#items}}\n- {{.}}\n{{/items}}\nB", "A\n- 1\n- 2\nB"),
        ("A\n  {{! note }}  \nB", "A\nB"),
        ("A\r\n{{! note }}\r\nB", "A\r\nB"),
        ("{{#items}}\n{{.}}\n{{/items}}", "1\n2\n"),
        ("A {{! note }}\nB", "A \nB"),
        ("  {{name}}\nB", "  x\nB"),
        ("A\n{{#items}}{{.}}{{/items}}\nB", "A\n12\nB"),
    ],
)
def test_a_tag_alone_on_its_line_takes_the_line_with_it(template: str, expected: str) -> None:
    """Sections and comments leave no empty lines; values stay where they are."""
    assert render(template, items=[1, 2], name="x") == expected


@pytest.mark.parametrize(
    ("template", "place", "reason"),
    [
        ('x\n{{"a": 1}}', "Line 2, column 1", "is not a name"),
        ("{{#each items}}{{/each}}", "Line 1, column 1", "'each items' is not a name"),
        ("{{a..b}}", "Line 1, column 1", "'a..b' is not a name"),
        ("{{}}", "Line 1, column 1", "'' is not a name"),
        ("{{> header}}", "Line 1, column 1", "partials are not supported"),
        ("ab {{#a}}", "Line 1, column 4", "'a' is never closed"),
        ("{{/a}}", "Line 1, column 1", "no section is open"),
        ("{{#a}}\n{{/b}}", "Line 2, column 1", "the open section is 'a'"),
        ("{{a", "Line 1, column 1", "without a '}}'"),
        ("{{.}}", "Line 1, column 1", "no section is open"),
        ("{{=<%=}}", "Line 1, column 1", "takes two of them"),
    ],
)
def test_an_invalid_template_is_refused_with_place_and_reason(
    template: str, place: str, reason: str
) -> None:
    """The error comes at construction, with line and column."""
    with pytest.raises(PromptError) as caught:
        Mustache(template)
    assert place in str(caught.value)
    assert reason in str(caught.value)


def test_names_outside_of_sections_are_required_and_those_inside_are_optional() -> None:
    """Names inside of a section come from its data, or from the caller."""
    variables = Mustache(
        "{{a.x}}{{#b}}{{c}}{{a.y}}{{^d.e}}{{.}}{{/d.e}}{{/b}}{{^f}}{{/f}}"
    ).variables
    assert sorted(variables.required) == ["a", "b", "f"]
    assert sorted(variables.optional) == ["c", "d"]


@pytest.mark.parametrize("value", [SimpleNamespace(name="x"), "text", [{"name": "x"}], 1])
def test_attributes_and_indices_are_out_of_reach(value: Any) -> None:
    """A dotted name looks into dicts only."""
    with pytest.raises(PromptError, match=r"the data has no 'user\.name'"):
        render("{{user.name}}", user=value)


def test_a_name_that_an_item_lacks_is_named_with_its_place() -> None:
    """A typo within a section is an error, and not an empty string."""
    with pytest.raises(PromptError, match=r"Line 2, column 1 .*no 'nmae'\. Did you mean 'name'\?"):
        render("{{#users}}\n{{nmae}}{{/users}}", users=[{"name": "Ann"}])


def test_a_section_within_a_section_may_name_absent_data() -> None:
    """It is left out: so optional parts of data can be shown."""
    template = "{{#users}}{{name}}{{#note}} ({{.}}){{/note}};{{/users}}"
    assert render(template, users=[{"name": "a", "note": "n"}, {"name": "b"}]) == "a (n);b;"


@pytest.mark.parametrize("template", ["{{f}}", "{{#f}}x{{/f}}", "{{^f}}x{{/f}}"])
def test_functions_among_the_values_are_refused(template: str) -> None:
    """A template does not call its values."""
    with pytest.raises(PromptError, match="'f' is a function"):
        render(template, f=lambda: "x")


def test_adding_never_makes_a_tag_of_two_templates() -> None:
    """Where the sum would mean something else, adding is refused."""
    with pytest.raises(PromptError, match="would be a tag"):
        join_templates("a {", "{x}}", "mustache")
    with pytest.raises(PromptError, match="other delimiters"):
        join_templates("{{=<% %>=}}", "{{x}}", "mustache")
    assert join_templates("{{a}}", "{{b}}", "mustache") == "{{a}}{{b}}"


@given(st.text(alphabet="{}#^/!&>=.ab \n", max_size=16))
def test_any_text_is_a_template_or_an_error_with_its_place(text: str) -> None:
    """Parsing ends, and an error has its place."""
    try:
        template = Mustache(text)
    except PromptError as error:
        assert str(error).startswith("Line ")
    else:
        template.render(dict.fromkeys(template.variables.names, "value"))


@given(st.text(), st.lists(st.text()))
def test_values_are_inserted_unchanged(value: str, items: list[str]) -> None:
    """No value is escaped, trimmed, or read as a template."""
    assert render("{{v}}", v=value) == value
    assert render("{{#items}}{{.}}{{/items}}", items=items) == "".join(items)
