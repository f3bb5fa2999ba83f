"""The config that functions and methods receive, and which calls their changes reach."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import Runnable, RunnableConfig, RunnableLambda, ensure_config
from runnables.errors import ConfigError
from tests.both_modes import Call
from tests.laws.recorder import Recorder


def look(_: Any, config: RunnableConfig) -> dict[str, Any]:
    """Return a part of the config that the function receives."""
    return {key: config[key] for key in ("tags", "metadata")}  # type: ignore[literal-required]


def write(value: Any, config: RunnableConfig) -> Any:
    config["tags"] = ["mine"]
    config["metadata"]["mine"] = 1
    config.update({"recursion_limit": 7})
    return value


class Writer(Runnable[Any, Any]):
    """A user's class that changes its config."""

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return write(input, config) if config is not None else input


@pytest.mark.parametrize("writer", [RunnableLambda(write), Writer()], ids=["function", "class"])
@pytest.mark.parametrize("observed", [False, True])
def test_a_step_changes_the_config_of_no_other(writer: Any, observed: bool, call: Call) -> None:
    """Neither the steps behind it nor the other items of a batch see its changes."""
    config: Any = {"metadata": {"set": 0}, "callbacks": [Recorder()] if observed else []}
    seen = {"tags": [], "metadata": {"set": 0}}
    assert call.invoke(writer | RunnableLambda(look), 1, config) == seen
    assert call.batch(writer | RunnableLambda(look), [1, 2], config) == [seen, seen]
    assert config["metadata"] == {"set": 0}


def test_a_changed_config_reaches_the_calls_that_it_is_passed_to(call: Call) -> None:
    """Tags, metadata, the name, the limit and handlers reach such a call."""
    recorder = Recorder()

    def outer(value: Any, config: RunnableConfig) -> Any:
        write(value, config)
        config["run_name"] = "named"
        config["callbacks"] = [recorder]
        config["max_concurrency"] = 3
        assert config["max_concurrency"] == 3
        return RunnableLambda(look).invoke(value, config)

    assert call.invoke(RunnableLambda(outer), 1, {"metadata": {"set": 0}}) == {
        "tags": ["mine"],
        "metadata": {"set": 0, "mine": 1},
    }
    assert [(event.kind, event.name) for event in recorder.events] == [
        ("start", "named"),
        ("end", "named"),
    ]


def test_known_keys_have_defaults(call: Call) -> None:
    """Code for LangChain relies on that: `config["configurable"].get(...)`."""

    def read(_: Any, config: RunnableConfig) -> list[Any]:
        keys = ("tags", "metadata", "callbacks", "configurable", "run_name", "recursion_limit")
        return [config[key] for key in keys]  # type: ignore[literal-required]

    assert call.invoke(RunnableLambda(read), 1) == [[], {}, [], {}, None, 25]


@pytest.mark.parametrize("key", ["tag", "nonsense"])
def test_an_unknown_key_is_refused_in_a_function_too(key: str, call: Call) -> None:
    """The error names the key."""

    def mistaken(_: Any, config: Any) -> None:
        config[key] = ["a"]

    with pytest.raises(ConfigError, match=f"Unknown config key '{key}'"):
        call.invoke(RunnableLambda(mistaken), 1)


def test_ensure_config_has_every_key_and_joins_the_call_around() -> None:
    """Outside any call it has the defaults, inside one the config of that call, and its own."""
    plain = ensure_config()
    assert dict(plain) == {
        "tags": [], "metadata": {}, "callbacks": None, "recursion_limit": 25, "configurable": {},
    }  # fmt: skip

    def inside(_: Any) -> dict[str, Any]:
        return dict(ensure_config({"tags": ["inner"]}))

    seen = RunnableLambda(inside).invoke(1, {"tags": ["outer"], "metadata": {"a": 1}})
    assert (seen["tags"], seen["metadata"]) == (["outer", "inner"], {"a": 1})
    with pytest.raises(ConfigError, match="Did you mean 'tags'"):
        ensure_config({"tagss": []})  # type: ignore[typeddict-unknown-key]
