"""What the sandbox of Jinja refuses, it names as refused, with what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from runnables import PromptError, PromptTemplate


class Person(BaseModel):
    name: str = "Ada"

    @property
    def title(self) -> str:
        raise RuntimeError("templates run no code")


@dataclass
class Ship:
    name: str = "Tern"


def render(template: str, **values: Any) -> str:
    return PromptTemplate(template, template_format="jinja2").format(**values)


def refusal(template: str, **values: Any) -> str:
    with pytest.raises(PromptError) as caught:
        render(template, **values)
    return str(caught.value)


VALUES: dict[str, Any] = {"d": {"a": 1}, "s": "text", "xs": [1, 2], "o": Ship()}


def used(template: str) -> dict[str, Any]:
    """Return the values of the variables of a template."""
    names = PromptTemplate(template, template_format="jinja2").input_variables
    return {name: VALUES[name] for name in names}


@pytest.mark.parametrize(
    ("template", "name", "instead", "right"),
    [
        ("{% for k, v in d.items() %}{{ k }}{% endfor %}", "items", "d|items",
         "{% for k, v in d|items %}{{ k }}{% endfor %}"),
        ("{{ d.keys()|list }}", "keys", "d|list", "{{ d|list }}"),
        ("{{ d.values()|list }}", "values", "d|items|map('last')|list",
         "{{ d|items|map('last')|list }}"),
        ("{{ d.get('b') }}", "get", "d.key|default('')", "{{ d.key|default('') }}"),
        ("{{ d['items'] }}", "items", "d|items", "{{ d|items }}"),
        ("{{ s.upper() }}", "upper", "s|upper", "{{ s|upper }}"),
        ("{{ s.strip() }}", "strip", "s|trim", "{{ s|trim }}"),
        ("{{ s.replace('a', 'b') }}", "replace", "s|replace('a', 'b')",
         "{{ s|replace('a', 'b') }}"),
        ("{{ s.startswith('t') }}", "startswith", "s[:1] == 'x'", "{{ s[:1] == 'x' }}"),
        ("{{ s.format(1) }}", "format", "s|format(x)", "{{ s|format() }}"),
        ("{{ ', '.join(xs) }}", "join", "xs|join(', ')", "{{ xs|join(', ') }}"),
        ("{{ xs.count(1) }}", "count", "xs|select('equalto', x)|list|length",
         "{{ xs|select('equalto', 1)|list|length }}"),
        ("{{ xs.append(3) }}", "append", "{% set xs = xs + [x] %}",
         "{% set xs = xs + [3] %}{{ xs }}"),
        ("{{ xs.index(1) }}", "index", "loop.index0",
         "{% for x in xs %}{{ loop.index0 }}{% endfor %}"),
    ],
)  # fmt: skip
def test_a_method_of_data(template: str, name: str, instead: str, right: str) -> None:
    """The error does not say that there is no such attribute, and what it says works."""
    text = refusal(template, **used(template))
    assert f"{name!r} of" in text
    assert "out of reach" in text
    assert f"Write {instead}" in text
    assert "has no attribute" not in text
    render(right, **used(right))


@pytest.mark.parametrize(
    "thing", [Person(), Ship(), 5, len, object()], ids=lambda x: type(x).__name__
)
@pytest.mark.parametrize("template", ["{{ o.name }}", "{{ o['name'] }}", "{{ o.title }}"])
def test_an_attribute_of_an_object(thing: Any, template: str) -> None:
    """Only dicts and lists are read; a dict of the object will do."""
    text = refusal(template, o=thing)
    assert "out of reach" in text
    assert "Pass a dict" in text


@pytest.mark.parametrize("template", ["{{ d.__class__ }}", "{{ s.__len__() }}", "{{ o._secret }}"])
def test_a_private_name(template: str) -> None:
    """It is out of reach whatever has it."""
    assert "out of reach" in refusal(template, **used(template))


def test_a_function_as_a_value() -> None:
    """It is called before, and its result is passed."""
    assert "Call it first" in refusal("{{ f(1) }}", f=len)


def test_the_filter_that_reaches_attributes() -> None:
    """It is removed, and the error says why."""
    assert "reach no attributes" in refusal("{{ x|attr('a') }}", x=1)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ d.missing }}", "'dict object' has no attribute 'missing'"),
        ("{{ xs[5] }}", "no element 5"),
        ("{{ d.a.b.c }}", "'b' of 'int' is out of reach"),
    ],
)
def test_an_item_that_is_not_there(template: str, reason: str) -> None:
    """Nothing is refused, so Jinja's own words say it."""
    assert reason in refusal(template, **used(template))


def test_data_whose_keys_are_names_of_methods() -> None:
    """An item comes before a method of its name."""
    assert render("{{ d.items }} {{ d.get }}", d={"items": "a", "get": "b"}) == "a b"
