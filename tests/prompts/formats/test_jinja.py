"""Templates in the format of Jinja: the language works, and the sandbox protects values."""

from __future__ import annotations

import builtins
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from runnables.errors import MissingExtra, PromptError
from runnables.prompts.formats import jinja
from runnables.prompts.formats.registry import compile_template


def render(template: str, **values: Any) -> str:
    pytest.importorskip("jinja2")
    return compile_template(template, "jinja2").render(values)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ name }} {{ user.name }} {{ user['name'] }} {{ items[0] }}", "<b> Ann Ann 1"),
        (
            "{% for i in items %}{{ loop.index }}:{{ i }}{{ ',' if not loop.last }}{% endfor %}",
            "1:1,2:2",
        ),
        ("{% for i in items %}{{ loop.cycle('a', 'b') }}{% endfor %}", "ab"),
        ("{% if user.age %}old{% else %}young{% endif %}", "old"),
        ("{{ name | upper }} {{ items | join('+') }} {{ items | length }}", "<B> 1+2 2"),
        ("{{ users | map(attribute='name') | join(', ') }}", "Ann, Bob"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}", "<1>"),
        (
            "{% set o = namespace(n=0) %}{% for i in l %}{%- set o.n = i -%}{% endfor %}{{ o.n }}",
            "2",
        ),
        ("{{ range(3) | list }} {{ dict(a=1).a }}", "[0, 1, 2] 1"),
        ("{{ missing | default('none') }} {{ other is defined }}", "none False"),
        ("line\n", "line\n"),
        ("{# a comment #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ],
)
def test_the_language_works(template: str, expected: str) -> None:
    """Items, loops, conditions, filters, macros, namespaces, defaults; nothing is escaped."""
    values = {
        "name": "<b>",
        "user": {"name": "Ann", "age": 9},
        "users": [{"name": "Ann"}, {"name": "Bob"}],
        "items": [1, 2],
        "l": [1, 2],
    }
    assert render(template, **values) == expected


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ user.name }}",
        "{{ user['name'] }}",
        "{{ user.__class__ }}",
        "{{ user['__class__'] }}",
        "{{ text.upper() }}",
        "{{ text.format(user) }}",
        "{{ call() }}",
        "{{ data.items() }}",
        "{{ data.__init__ }}",
        "{{ namespace.__init__ }}",
        "{{ range.__self__ }}",
        "{{ self.__class__ }}",
        "{{ self._TemplateReference__context }}",
        "{% for i in text %}{{ loop.__class__ }}{% endfor %}",
        "{% for i in text %}{{ loop._iterator }}{% endfor %}",
        "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler.__init__ }}",
        "{{ [user] | map(attribute='name') | first | upper | length + 1 }}",
        "{{ [user] | sum(attribute='name') }}",
    ],
)
def test_attributes_and_methods_of_values_are_out_of_reach(template: str) -> None:
    """Neither an expression nor a filter reaches an attribute, a method or a function."""
    values = {"user": SimpleNamespace(name="s3cret"), "text": "t", "call": print, "data": {}}
    with pytest.raises(PromptError, match="cannot be rendered"):
        render(template, **values)


@pytest.mark.parametrize(
    "template", ["{% include 'x' %}", "{% import 'x' as y %}", "{% extends 'x' %}"]
)
def test_other_files_are_refused_at_construction(template: str) -> None:
    """A template is one string."""
    with pytest.raises(PromptError, match="Line 1 of the template: templates cannot load"):
        render(template)


@pytest.mark.parametrize("template", ["a\n{{ x y }}", "a\n{{ x | attr('y') }}", "a\n{% if x"])
def test_a_wrong_template_is_refused_at_construction_with_its_line(template: str) -> None:
    """As in the other formats, errors do not wait for the first use."""
    with pytest.raises(PromptError, match="Line 2 of the template"):
        render(template)


def test_a_variable_with_a_default_is_optional() -> None:
    """So is one that the template tests; all others are required."""
    pytest.importorskip("jinja2")
    text = "{{ a }}{{ b | default('') }}{% if c is defined %}{{ c }}{% endif %}{{ range(2) }}"
    variables = compile_template(text, "jinja2").variables
    assert (sorted(variables.required), sorted(variables.optional)) == (["a"], ["b", "c"])


def test_an_error_in_an_expression_is_a_prompt_error() -> None:
    """Any error of the values while rendering becomes a PromptError."""
    with pytest.raises(PromptError, match=r"cannot be rendered: .*division"):
        render("{{ 1 // n }}", n=0)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is an ImportError that says what to install."""
    real = builtins.__import__

    def absent(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "jinja2":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.split(".")[0] == "jinja2"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MissingExtra, match=r"Install it with: .*\[jinja2\]"):
        jinja.Jinja("{{ x }}")
