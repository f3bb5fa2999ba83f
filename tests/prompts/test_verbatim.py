"""Inserted values are never read as templates: braces in them arrive unchanged."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables.messages import AIMessage, HumanMessage
from runnables.prompts import (
    ChatPromptTemplate,
    DictPromptTemplate,
    FewShotChatMessagePromptTemplate,
    FewShotPromptTemplate,
    MessagesPlaceholder,
    PromptTemplate,
)

HAS_JINJA = importlib.util.find_spec("jinja2") is not None
FIELDS = {"f-string": "{%s}", "mustache": "{{%s}}", "jinja2": "{{ %s }}"}
FORMATS: Any = [
    "f-string",
    "mustache",
    pytest.param("jinja2", marks=pytest.mark.skipif(not HAS_JINJA, reason="an extra")),
]
TRAPS = [
    "{x}",
    "{{x}}",
    "{{{x}}}",
    "{{ y }}",
    "{% raw %}",
    "{{#x}}",
    "{0}",
    "{",
    "}}",
    "{# c #}",
    "<&>",
]
VALUES = st.lists(st.one_of(st.sampled_from(TRAPS), st.text(max_size=4)), max_size=4).map("".join)


def field(name: str, template_format: str) -> str:
    return FIELDS[template_format] % name


@pytest.mark.parametrize("template_format", FORMATS)
@given(x=VALUES, y=VALUES)
def test_values_in_a_string_stay_unchanged(template_format: Any, x: str, y: str) -> None:
    """That holds for partial variables and their functions, too."""
    text = f"<{field('x', template_format)}|{field('y', template_format)}>"
    prompt = PromptTemplate(text, template_format=template_format)
    expected = f"<{x}|{y}>"
    assert prompt.format(x=x, y=y) == expected
    assert prompt.partial(x=x).format(y=y) == expected
    assert prompt.partial(x=lambda: x, y=y).format() == expected
    assert prompt.partial(x=x).invoke(y).to_string() == expected


@pytest.mark.parametrize("template_format", FORMATS)
@given(x=VALUES, y=VALUES)
def test_values_in_a_sum_of_templates_stay_unchanged(template_format: Any, x: str, y: str) -> None:
    """Adding after filling in does not turn the value into a template."""
    first = PromptTemplate(field("x", template_format), template_format=template_format)
    both = first.partial(x=x) + f" and {field('y', template_format)}"
    assert both.format(y=y) == f"{x} and {y}"


@pytest.mark.parametrize("template_format", FORMATS)
@given(x=VALUES, y=VALUES)
def test_values_in_messages_blocks_and_placeholders_stay_unchanged(
    template_format: Any, x: str, y: str
) -> None:
    """Strings, nested blocks and images, and messages in the values and in the template."""
    block = {
        "type": "image",
        "url": field("x", template_format),
        "extras": {"k": [field("y", template_format)]},
    }
    prompt = ChatPromptTemplate(
        [
            ("system", field("x", template_format)),
            HumanMessage(x),
            MessagesPlaceholder("history"),
            (
                "human",
                [{"type": "image_url", "image_url": f"u{field('x', template_format)}"}, block],
            ),
        ],
        template_format=template_format,
    )
    messages = prompt.partial(x=x).format_messages(y=y, history=[("human", y), AIMessage(x), y])
    assert [message.content for message in messages] == [
        *(x, x, y, x, y),
        [
            {"type": "image_url", "image_url": {"url": f"u{x}"}},
            {"type": "image", "url": x, "extras": {"k": [y]}},
        ],
    ]


@pytest.mark.parametrize("template_format", FORMATS)
@given(x=VALUES, y=VALUES)
def test_values_in_examples_stay_unchanged(template_format: Any, x: str, y: str) -> None:
    """Examples are rendered once, and not again with the prefix and suffix."""
    shown = PromptTemplate(f"Q: {field('x', template_format)}.", template_format=template_format)
    prompt = FewShotPromptTemplate(
        example_prompt=shown,
        examples=[{"x": x}, {"x": y}],
        prefix=f"P {field('y', template_format)}",
        suffix=f"S {field('x', template_format)}",
        example_separator=y,
        template_format=template_format,
    )
    assert prompt.format(x=x, y=y) == y.join([f"P {y}", f"Q: {x}.", f"Q: {y}.", f"S {x}"])
    chat = FewShotChatMessagePromptTemplate(
        example_prompt=ChatPromptTemplate(
            [("human", field("x", template_format))], template_format=template_format
        ),
        examples=[{"x": x}, {"x": y}],
    )
    assert [message.text for message in chat.format_messages()] == [x, y]


@given(x=VALUES.filter(lambda x: x != "{x}"))
def test_keys_of_a_dict_template_stay_unchanged(x: str) -> None:
    """Only strings that are values are templates."""
    assert DictPromptTemplate({x: "{x}", "{x}": 1}).format(x=1) == {x: "1", "{x}": 1}
