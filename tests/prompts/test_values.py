"""Values of prompts that are not what they seem: messages, documents, None, NaN."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from runnables.errors import PromptError
from runnables.messages import (
    AIMessage,
    ChatPromptValue,
    HumanMessage,
    StringPromptValue,
    tool_call,
)
from runnables.prompts import ChatPromptTemplate, FewShotPromptTemplate, PromptTemplate
from tests.both_modes import Call

FORMATS: list[tuple[Any, str]] = [("f-string", "{x}"), ("mustache", "{{x}}"), ("jinja2", "{{ x }}")]


@dataclass
class Document:
    """A document as LangChain has them."""

    page_content: str
    metadata: dict[str, Any] = field(default_factory=dict)


class NAType:
    """What pandas has for a missing value: it cannot be compared."""

    def __eq__(self, other: object) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = None  # type: ignore[assignment]  # as there

    def __repr__(self) -> str:
        return "<NA>"


def render(template: str, template_format: Any, value: Any, call: Call) -> str:
    """Return a string that all kinds of templates agree on."""
    prompt = PromptTemplate(template, template_format=template_format)
    text: str = call.invoke(prompt, {"x": value}).to_string()
    chat = ChatPromptTemplate([("human", template)], template_format=template_format)
    assert call.invoke(chat, {"x": value}).to_messages()[0].text == text
    block = ChatPromptTemplate(
        [("human", [{"type": "note", "note": template}])], template_format=template_format
    )
    assert call.invoke(block, {"x": value}).to_messages()[0].content[0]["note"] == text
    return text


@pytest.mark.parametrize(("template_format", "template"), FORMATS)
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (AIMessage("hello", id="1"), "hello"),
        (HumanMessage([{"type": "text", "text": "a"}, {"type": "image", "url": "u"}]), "a"),
        (AIMessage("b", tool_calls=[tool_call(name="f", args={})]), "b"),
        ([HumanMessage("hi"), AIMessage("hello")], "Human: hi\nAI: hello"),
        (StringPromptValue(text="asked"), "asked"),
        (ChatPromptValue(messages=[HumanMessage("hi")]), "Human: hi"),
        (Document("a page"), "a page"),
        ([Document("one"), Document("two")], "one\n\ntwo"),
        ((Document("one"),), "one"),
        (["a", "b"], "['a', 'b']"),
        (3, "3"),
        (0.5, "0.5"),
        (True, "True"),
        ("", ""),
    ],
    ids=lambda value: str(value)[:30] if not isinstance(value, str) else "",
)
def test_what_has_a_text_is_shown_as_its_text(
    value: Any, text: str, template_format: Any, template: str, call: Call
) -> None:
    """Not by its repr, in each format, in strings, messages and blocks."""
    assert render(template, template_format, value, call) == text


@pytest.mark.parametrize(("template_format", "template"), FORMATS)
@pytest.mark.parametrize("value", [None, math.nan, Decimal("nan"), NAType()], ids=repr)
def test_a_missing_value_is_an_error(
    value: Any, template_format: Any, template: str, call: Call
) -> None:
    """It names the variable; a model would read it as a word. Mustache shows None as nothing."""
    if template_format == "mustache" and value is None:
        assert render(template, template_format, value, call) == ""
        return
    for prompt in (
        PromptTemplate(f"a {template}", template_format=template_format),
        ChatPromptTemplate([("human", template)], template_format=template_format),
        PromptTemplate(template, template_format=template_format).partial(x=value),
    ):
        with pytest.raises(PromptError, match="the value of 'x' is .*empty string"):
            call.invoke(prompt, {"x": value} if prompt.input_variables else {})
    good = PromptTemplate(template, template_format=template_format)
    results = call.batch(good, [{"x": "a"}, {"x": value}, {"x": "b"}], return_exceptions=True)
    assert [type(result) for result in results] == [
        StringPromptValue,
        PromptError,
        StringPromptValue,
    ]


def test_a_word_that_is_meant_can_be_written(call: Call) -> None:
    """A conversion says that the value is shown as it is."""
    assert PromptTemplate("{x!s} {x!r}").invoke({"x": None}).to_string() == "None None"
    jinja = PromptTemplate("{{ x | string }}{% if x %}!{% endif %}", template_format="jinja2")
    assert jinja.invoke({"x": None}).to_string() == "None"
    assert PromptTemplate("{x!r}").invoke(HumanMessage("hi")).to_string() == "HumanMessage('hi')"
    assert PromptTemplate("{x:>7}").invoke(HumanMessage("hi")).to_string() == "     hi"


def test_examples_are_checked_too(call: Call) -> None:
    """A missing value in an example is one in the prompt."""
    prompt = FewShotPromptTemplate(
        example_prompt=PromptTemplate("{a}"), examples=[{"a": None}], suffix="{q}"
    )
    with pytest.raises(PromptError, match="the value of 'a' is None"):
        call.invoke(prompt, {"q": "x"})


def test_what_is_assigned_to_a_template_counts(call: Call) -> None:
    """A new template is read at once; one that is not well formed is refused, and the old stays."""
    prompt = PromptTemplate("old {x}")
    prompt.template = "new {y}"
    assert prompt.input_variables == ["y"]
    assert call.invoke(prompt, "1").to_string() == "new 1"
    with pytest.raises(PromptError, match="single"):
        prompt.template = "broken {"
    assert prompt.template == "new {y}" and call.invoke(prompt, "1").to_string() == "new 1"
    prompt.template_format = "mustache"
    assert prompt.input_variables == []
    prompt.template = "{{z}}"
    prompt.partial_variables = {"z": "2"}
    assert call.invoke(prompt, {}).to_string() == "2"

    chat = ChatPromptTemplate([("human", "old {x}")])
    assert chat.input_variables == ["x"]
    chat.messages = [("system", "s"), ("human", "new {y}")]  # type: ignore[list-item]  # as in the constructor
    assert call.invoke(chat, "1").to_string() == "System: s\nHuman: new 1"
    chat.messages[1].prompt.template = "newer {z}"  # type: ignore[union-attr]  # a part of a template
    assert ChatPromptTemplate(chat.messages).input_variables == ["z"]

    few = FewShotPromptTemplate(
        example_prompt=PromptTemplate("{a}"), examples=[{"a": "1"}], suffix="{q}", prefix="old"
    )
    few.prefix, few.suffix = "new", "{r}"
    assert call.invoke(few, "x").to_string() == "new\n\n1\n\nx"
    with pytest.raises(AttributeError):
        prompt.input_variables = ["a"]  # type: ignore[misc]  # it has no setter
