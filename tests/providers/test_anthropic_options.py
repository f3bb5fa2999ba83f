"""Options of a call to Anthropic, as they are in the request."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from runnables import HumanMessage
from runnables.errors import ConfigError
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.anthropic.messages_api import MessagesCall
from runnables_providers.anthropic.requests import MAX_TOKENS, SAMPLING_VERSION, VERSION, headers_of
from tests.providers.test_anthropic_requests import EPHEMERAL, body


def added_by(**options: Any) -> dict[str, Any]:
    """Return the part of a request that the options add."""
    plain = body(("human", "Hi"))
    return {
        key: value
        for key, value in body(("human", "Hi"), **options).items()
        if plain.get(key) != value
    }


def test_options_have_anthropics_names() -> None:
    """Anthropic's own options are sent unchanged, and others under their names at Anthropic."""
    unchanged: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "thinking": {"type": "adaptive"},
        "metadata": {"user_id": "u"},
        "service_tier": "auto",
        "cache_control": EPHEMERAL,
        "container": "c",
        "speed": "fast",
        "inference_geo": "eu",
    }
    assert added_by(**unchanged) == unchanged
    assert added_by(stop=["END"], max_tokens=5) == {"stop_sequences": ["END"], "max_tokens": 5}
    assert added_by(effort="low") == {"output_config": {"effort": "low"}}


def test_blank_stop_sequences_are_not_sent() -> None:
    """The API refuses them; the client applies them."""
    assert added_by(stop=["\n", "END", "  "]) == {"stop_sequences": ["END"]}
    assert added_by(stop="\n\n") == {}


def test_max_tokens_may_be_zero() -> None:
    """Such a request fills the prompt cache."""
    assert added_by(max_tokens=0) == {"max_tokens": 0}


def test_the_thinking_budget_is_added_to_the_default_limit() -> None:
    """A `max_tokens` that is set stays."""
    thinking = {"type": "enabled", "budget_tokens": 20_000}
    assert added_by(thinking=thinking)["max_tokens"] == MAX_TOKENS + 20_000
    assert added_by(thinking=thinking, max_tokens=21_000)["max_tokens"] == 21_000


def test_sampling_options_select_the_older_version() -> None:
    """The newer version refuses `temperature`, `top_p` and `top_k`."""
    assert headers_of({}) == {"anthropic-version": VERSION}
    for option in ("temperature", "top_p", "top_k"):
        assert headers_of({option: 0}) == {"anthropic-version": SAMPLING_VERSION}


def test_betas_are_a_header() -> None:
    """`betas` are joined by commas."""
    assert headers_of({"betas": ["a-1", "b-2"]})["anthropic-beta"] == "a-1,b-2"


@pytest.mark.parametrize("option", ["seed", "max_token", "frequency_penalty"])
def test_an_unknown_option_is_an_error(option: str) -> None:
    """The error names the option."""
    with pytest.raises(ConfigError, match=f"has no option '{option}'"):
        body(("human", "Hi"), **{option: 1})


def test_a_call_without_a_model_is_an_error() -> None:
    """The error shows how to set one."""
    with pytest.raises(ConfigError, match="model='claude-"):
        MessagesCall([HumanMessage("Hi")], {}, provider="anthropic")


# -- tools


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


INPUT = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
TOOL = {"name": "add", "description": "Add two numbers.", "input_schema": INPUT}


def test_tools_are_sent_in_anthropics_format() -> None:
    """A function becomes a tool with an `input_schema`."""
    assert added_by(tools=[add])["tools"] == [TOOL]


def test_anthropics_own_tools_are_sent_unchanged() -> None:
    """Custom tools keep all their keys, and server tools are passed on."""
    own = {**TOOL, "cache_control": EPHEMERAL, "strict": True}
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    assert added_by(tools=[own, search])["tools"] == [own, search]
    model = ChatAnthropic("claude-x", api_key="k").bind_tools([own], tool_choice="add")
    assert model.kwargs["tools"] == [{"type": "custom", **own}]  # type: ignore[attr-defined]


def test_a_tool_in_openais_format_may_have_more_keys() -> None:
    """Keys such as `cache_control` and `strict` are kept."""
    function = {"name": "add", "parameters": INPUT, "strict": True}
    tool = {"type": "function", "function": function, "cache_control": EPHEMERAL}
    assert added_by(tools=[tool])["tools"] == [
        {"name": "add", "input_schema": INPUT, "cache_control": EPHEMERAL, "strict": True}
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("any", {"type": "any"}),
        ("required", {"type": "any"}),
        (True, {"type": "any"}),
        ("add", {"type": "tool", "name": "add"}),
        ({"type": "function", "function": {"name": "add"}}, {"type": "tool", "name": "add"}),
        ({"type": "tool", "name": "add"}, {"type": "tool", "name": "add"}),
    ],
)
def test_tool_choices_have_anthropics_names(choice: Any, expected: dict[str, Any]) -> None:
    """Every form of `tool_choice` is translated, also without parallel calls."""
    assert added_by(tools=[add], tool_choice=choice)["tool_choice"] == expected
    alone = added_by(tools=[add], tool_choice=choice, parallel_tool_calls=False)["tool_choice"]
    more = {} if expected["type"] == "none" else {"disable_parallel_tool_use": True}
    assert alone == {**expected, **more}


def test_parallel_tool_calls_are_part_of_the_choice() -> None:
    """`parallel_tool_calls=False` disables them in `tool_choice`."""
    expected = {"type": "auto", "disable_parallel_tool_use": True}
    assert added_by(tools=[add], parallel_tool_calls=False)["tool_choice"] == expected
    assert "tool_choice" not in added_by(tools=[add], parallel_tool_calls=True)


def test_a_choice_without_tools_is_left_out() -> None:
    """The API refuses `tool_choice` without tools."""
    assert added_by(tools=[], tool_choice="none") == {}


def test_a_choice_of_an_unknown_tool_is_an_error() -> None:
    """The error suggests the closest name."""
    with pytest.raises(ConfigError, match="Did you mean 'add'"):
        added_by(tools=[add], tool_choice="ad")


# -- structured output


class Person(BaseModel):
    """A person."""

    name: str
    age: int | None = None


def test_a_schema_is_an_output_format() -> None:
    """The schema of `response_format` is sent in `output_config`."""
    response_format = {
        "type": "json_schema",
        "json_schema": {"name": "P", "schema": Person.model_json_schema()},
    }
    assert added_by(response_format=response_format, effort="low")["output_config"] == {
        "effort": "low",
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "title": "Person",
                "description": "A person.",
                "properties": {
                    "name": {"type": "string", "title": "Name"},
                    "age": {
                        "anyOf": [{"type": "integer"}, {"type": "null"}],
                        "default": None,
                        "title": "Age",
                    },
                },
                "required": ["name"],
                "additionalProperties": False,
            },
        },
    }


def test_json_mode_is_an_error() -> None:
    """The error names `json_schema`."""
    model = ChatAnthropic("claude-x", api_key="k")
    with pytest.raises(ConfigError, match="json_schema"):
        model.with_structured_output(Person, method="json_mode")
