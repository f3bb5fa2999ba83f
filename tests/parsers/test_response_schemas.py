"""The parser of an object whose fields are described one by one."""

from __future__ import annotations

import pytest

from runnables import (
    FakeListChatModel,
    OutputParserException,
    PromptTemplate,
    ResponseSchema,
    StructuredOutputParser,
)
from tests.both_modes import Call

SCHEMAS = [
    ResponseSchema(name="answer", description="the answer"),
    ResponseSchema(name="years", description="the years in it", type="list of integers"),
]


def _parser() -> StructuredOutputParser:
    return StructuredOutputParser.from_response_schemas(SCHEMAS)


@pytest.mark.parametrize(
    "text",
    [
        '{"answer": "yes", "years": [1912]}',
        'Sure.\n```json\n{"answer": "yes", "years": [1912]}\n```',
        'Not {"answer": "no"}. {"answer": "yes", "years": [1912]}',
    ],
    ids=["bare", "fenced", "after a draft that lacks a field"],
)
def test_the_object_with_the_fields_is_found(call: Call, text: str) -> None:
    """Invoked, and streamed in single characters."""
    value = {"answer": "yes", "years": [1912]}
    assert call.invoke(_parser(), text) == value
    assert call.transform(_parser(), list(text))[-1] == value
    assert _parser().parse(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"answer": "yes"}', "lacks the fields years"),
        ("[1]", "not a JSON object"),
        ("no", "not valid JSON"),
        ('{"answer": "y', "not valid JSON"),
    ],
)
def test_an_answer_without_the_fields_is_an_error(call: Call, text: str, reason: str) -> None:
    """Invoked and streamed."""
    with pytest.raises(OutputParserException, match=reason):
        call.invoke(_parser(), text)
    with pytest.raises(OutputParserException, match=reason):
        call.transform(_parser(), list(text))


def test_the_instructions_describe_each_field() -> None:
    """As a value they go into a prompt as they are, with their braces."""
    instructions = _parser().get_format_instructions()
    assert '"years": list of integers  // the years in it' in instructions
    prompt = PromptTemplate(
        template="{question}\n{format}",
        input_variables=["question"],
        partial_variables={"format": instructions},
    )
    assert prompt.format(question="?") == f"?\n{instructions}"
    assert _parser().get_format_instructions(only_json=True).startswith("{\n")


def test_it_is_a_step(call: Call) -> None:
    """Behind a model, as in LangChain's guide."""
    model = FakeListChatModel(['```json\n{"answer": "Paris", "years": []}\n```'])
    assert call.invoke(model | _parser(), "?") == {"answer": "Paris", "years": []}
