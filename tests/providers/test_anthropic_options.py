"""Options of a call to Anthropic, as plain data."""

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


def asked(**options: Any) -> dict[str, Any]:
    """What options add to a request."""
    plain = body(("human", "Hi"))
    return {k: v for k, v in body(("human", "Hi"), **options).items() if plain.get(k) != v}


def test_options_have_anthropics_names() -> None:
    as_it_is: dict[str, Any] = {
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
    assert asked(**as_it_is) == as_it_is
    assert asked(stop=["END"], max_tokens=5) == {"stop_sequences": ["END"], "max_tokens": 5}
    assert asked(effort="low") == {"output_config": {"effort": "low"}}


def test_blank_stops_are_not_for_the_api() -> None:
    """It refuses them; the answer is cut here."""
    assert asked(stop=["\n", "END", "  "]) == {"stop_sequences": ["END"]}
    assert asked(stop="\n\n") == {}


def test_no_tokens_at_all_is_a_limit() -> None:
    """It fills the cache, and says nothing."""
    assert asked(max_tokens=0) == {"max_tokens": 0}


def test_thoughts_take_nothing_from_the_room_of_the_answer() -> None:
    thinking = {"type": "enabled", "budget_tokens": 20_000}
    assert asked(thinking=thinking)["max_tokens"] == MAX_TOKENS + 20_000
    assert asked(thinking=thinking, max_tokens=21_000)["max_tokens"] == 21_000


def test_sampling_asks_for_the_version_that_knows_it() -> None:
    """The newer one refuses `temperature` and its like."""
    assert headers_of({}) == {"anthropic-version": VERSION}
    for option in ("temperature", "top_p", "top_k"):
        assert headers_of({option: 0}) == {"anthropic-version": SAMPLING_VERSION}


def test_betas_are_a_header() -> None:
    assert headers_of({"betas": ["a-1", "b-2"]})["anthropic-beta"] == "a-1,b-2"


@pytest.mark.parametrize("option", ["seed", "max_token", "frequency_penalty"])
def test_what_the_api_does_not_have_is_an_error(option: str) -> None:
    with pytest.raises(ConfigError, match=f"has no option '{option}'"):
        body(("human", "Hi"), **{option: 1})


def test_a_call_without_a_model_is_an_error() -> None:
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


def test_tools_are_told_in_anthropics_form() -> None:
    assert asked(tools=[add])["tools"] == [TOOL]


def test_anthropics_own_tools_go_out_as_they_are() -> None:
    """Those of users with all that they say, and those of Anthropic's servers."""
    own = {**TOOL, "cache_control": EPHEMERAL, "strict": True}
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    assert asked(tools=[own, search])["tools"] == [own, search]
    model = ChatAnthropic("claude-x", api_key="k").bind_tools([own], tool_choice="add")
    assert model.kwargs["tools"] == [{"type": "custom", **own}]  # type: ignore[attr-defined]


def test_a_tool_in_openais_form_may_say_more() -> None:
    function = {"name": "add", "parameters": INPUT, "strict": True}
    tool = {"type": "function", "function": function, "cache_control": EPHEMERAL}
    assert asked(tools=[tool])["tools"] == [
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
def test_choices_have_anthropics_names(choice: Any, expected: dict[str, Any]) -> None:
    assert asked(tools=[add], tool_choice=choice)["tool_choice"] == expected
    alone = asked(tools=[add], tool_choice=choice, parallel_tool_calls=False)["tool_choice"]
    more = {} if expected["type"] == "none" else {"disable_parallel_tool_use": True}
    assert alone == {**expected, **more}


def test_one_call_at_a_time_is_a_choice() -> None:
    expected = {"type": "auto", "disable_parallel_tool_use": True}
    assert asked(tools=[add], parallel_tool_calls=False)["tool_choice"] == expected
    assert "tool_choice" not in asked(tools=[add], parallel_tool_calls=True)


def test_a_choice_without_tools_is_left_out() -> None:
    assert asked(tools=[], tool_choice="none") == {}


def test_a_choice_that_is_none_is_an_error() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'add'"):
        asked(tools=[add], tool_choice="ad")


# -- the form of the answer


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int | None = None


def test_a_form_is_an_output_format() -> None:
    form = {
        "type": "json_schema",
        "json_schema": {"name": "P", "schema": Person.model_json_schema()},
    }
    assert asked(response_format=form, effort="low")["output_config"] == {
        "effort": "low",
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "title": "Person",
                "description": "Somebody.",
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


def test_json_of_no_form_is_an_error_when_it_is_asked_for() -> None:
    model = ChatAnthropic("claude-x", api_key="k")
    with pytest.raises(ConfigError, match="json_schema"):
        model.with_structured_output(Person, method="json_mode")
