"""Structured output and tool calls of the real model, which a grammar enforces."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from runnables import (
    AIMessage,
    HumanMessage,
    InvalidRequestError,
    OutputParserException,
    ToolMessage,
)
from runnables_providers.local import LocalChatModel

pytestmark = [
    pytest.mark.local_model,
    pytest.mark.leaks(reason="the loaded model keeps its threads and its socket"),
]


class Person(BaseModel):
    """A person."""

    name: str
    age: int = Field(ge=0, le=120)


class Row(TypedDict):
    """A person, as a dict."""

    name: str
    age: int


@dataclass
class Record:
    """A person, as a dataclass."""

    name: str
    age: int


class Shade(Enum):
    """The color of a thing."""

    RED = "red"
    GREEN = "green"


SCHEMA = {
    "title": "person",
    "description": "A person.",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
WHO = "Anna is 31 years old. Who is it?"
WHO_IN_JSON = 'Anna is 31 years old. Answer with JSON such as {"name": "Bob", "age": 12}.'
ANNA = {"name": "Anna", "age": 31}


@pytest.fixture(scope="module")
def model() -> LocalChatModel:
    """The default model, with enough tokens for an object."""
    return LocalChatModel(max_tokens=60)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param(Person, Person(**ANNA), id="pydantic"),
        pytest.param(Row, ANNA, id="typeddict"),
        pytest.param(Record, Record(**ANNA), id="dataclass"),
        pytest.param(SCHEMA, ANNA, id="dict"),
    ],
)
def test_an_answer_fits_its_schema(
    call: Any, model: LocalChatModel, schema: Any, expected: Any, method: Any
) -> None:
    """Every kind of schema, by every method with a grammar; the last chunk is complete."""
    chain = model.with_structured_output(schema, method=method)
    assert call.stream(chain, WHO)[-1] == expected
    if schema is Person:
        assert call.invoke(chain, WHO) == expected


def test_json_mode_returns_json_which_may_not_fit(call: Any, model: LocalChatModel) -> None:
    """The grammar allows any JSON; the prompt describes the schema, the parser checks it."""
    chain = model.with_structured_output(Person, method="json_mode")
    assert isinstance(call.invoke(chain, WHO_IN_JSON), Person)
    with pytest.raises(OutputParserException, match="Shade"):
        call.invoke(model.with_structured_output(Shade, method="json_mode"), WHO_IN_JSON)


def test_an_enum_returns_one_of_its_members(call: Any, model: LocalChatModel) -> None:
    """The grammar has no other answers."""
    for method in ("json_schema", "function_calling"):
        chain = model.with_structured_output(Shade, method=method)
        assert call.invoke(chain, "What is the color of grass?") in Shade


def test_a_member_may_be_written_as_the_examples_write_it(call: Any, model: LocalChatModel) -> None:
    """With the quotes of JSON or without them: the grammar and the parser take both."""
    for write in (str, json.dumps):
        shots = [
            message
            for thing, shade in (("grass", "green"), ("a fire engine", "red"), ("a frog", "green"))
            for message in (("human", f"What color is {thing}?"), ("ai", write(shade)))
        ]
        chain = model.with_structured_output(Shade, include_raw=True)
        answer = call.invoke(chain, [*shots, ("human", "What color is a leaf?")])
        assert answer["parsed"] in Shade
        assert answer["raw"].text == write(answer["parsed"].value)


def test_a_truncated_object_is_an_error(call: Any) -> None:
    """With too few tokens for the object: an error, or with include_raw the raw answer."""
    short = LocalChatModel(max_tokens=4)
    with pytest.raises(OutputParserException):
        call.invoke(short.with_structured_output(Person), WHO)
    result = call.invoke(short.with_structured_output(Person, include_raw=True), WHO)
    assert result["parsed"] is None
    assert isinstance(result["parsing_error"], OutputParserException)
    assert result["raw"].response_metadata["finish_reason"] == "length"


# -- tools


def weather(city: str) -> str:
    """Return the weather in a city."""
    return "sunny"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_a_named_tool_is_called(call: Any, model: LocalChatModel) -> None:
    """The call has the arguments of the question, a name and an id; the answer has no text."""
    bound = model.bind_tools([weather, add], tool_choice="add")
    answer = call.invoke(bound, "Add 3 and 4.")
    (made,) = answer.tool_calls
    assert (made["name"], made["args"]) == ("add", {"a": 3, "b": 4})
    assert made["id"]
    assert answer.text == ""
    assert answer.response_metadata["finish_reason"] == "tool_calls"


def test_the_arguments_stream(call: Any, model: LocalChatModel) -> None:
    """The arguments of a named tool come in chunks, as they are written."""
    bound = model.bind_tools([weather], tool_choice="weather")
    chunks = call.stream(bound, "What is the weather in Paris?")
    args = [part["args"] for chunk in chunks for part in chunk.tool_call_chunks]
    assert len(args) > 3
    assert json.loads("".join(args)) == {"city": "Paris"}


def test_any_tool_is_called(call: Any, model: LocalChatModel) -> None:
    """A model of this size chooses badly among several; the call fits its tool."""
    bound = model.bind_tools([weather, add], tool_choice="any")
    (made,) = call.invoke(bound, "Add 3 and 4.").tool_calls
    arguments = {"weather": {"city"}, "add": {"a", "b"}}
    assert set(made["args"]) == arguments[made["name"]]


def test_a_choice_that_the_model_cannot_make_is_refused(call: Any, model: LocalChatModel) -> None:
    """Without a place for tools in its template, it cannot choose whether to call one."""
    for choice in (None, "auto"):
        with pytest.raises(InvalidRequestError, match="tool_choice='any' or the name of a tool"):
            call.invoke(model.bind_tools([add], tool_choice=choice), "Hi")
    assert call.invoke(model.bind_tools([add], tool_choice="none"), "Say hello.").text
    named = {"type": "function", "function": {"name": "sub"}}
    with pytest.raises(InvalidRequestError, match="'sub'"):
        call.invoke(model.bind_tools([add], tool_choice=named), "Hi")


CONVERSATION = [
    HumanMessage("What is the weather in Paris?"),
    AIMessage(
        "",
        tool_calls=[{"name": "weather", "args": {"city": "Paris"}, "id": "1", "type": "tool_call"}],
    ),
    ToolMessage("It is sunny, 20 degrees.", tool_call_id="1"),
]


def test_the_results_of_tools_are_read(call: Any, model: LocalChatModel) -> None:
    """Calls and results of a conversation become text."""
    assert "sunny" in call.invoke(model, CONVERSATION).text


TEMPLATE = """{% if tools %}<|im_start|>system
You can call functions: {% for tool in tools %}{{ tool | tojson }} {% endfor %}
For a call answer <tool_call>
{"name": "<function>", "arguments": {"x": 1}}
</tool_call><|im_end|>
{% endif %}{% for message in messages %}{% if message.role == 'tool' %}<|im_start|>user
<tool_response>{{ message.content }}</tool_response><|im_end|>
{% elif message.tool_calls %}<|im_start|>assistant
{% for call in message.tool_calls %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% else %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


@pytest.fixture(scope="module")
def templated() -> LocalChatModel:
    """The default model with a chat template that has a place for tools."""
    return LocalChatModel(chat_template=TEMPLATE, max_tokens=40, context_size=512, parallel=1)


def test_a_template_with_tools_is_used(templated: LocalChatModel) -> None:
    """The tools are in the prompt, whether to call one is left to the model, or it is forced."""
    question = "What is the weather in Paris?"
    plain = templated.invoke(question, max_tokens=2).usage_metadata["input_tokens"]
    free = templated.bind_tools([weather, add]).invoke(question, max_tokens=2)
    assert free.usage_metadata["input_tokens"] > plain + 60
    (made,) = templated.bind_tools([add], tool_choice="add").invoke("Add 3 and 4.").tool_calls
    assert made["args"] == {"a": 3, "b": 4}
    assert templated.invoke(CONVERSATION, max_tokens=8).text
