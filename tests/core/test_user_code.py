"""The config that functions and methods are handed: what they write, and whom it reaches."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import Runnable, RunnableConfig, RunnableLambda, ensure_config
from runnables.errors import ConfigError
from tests.both_modes import Call
from tests.laws.recorder import Recorder


def look(_: Any, config: RunnableConfig) -> dict[str, Any]:
    """What a function sees of its config."""
    return {key: config[key] for key in ("tags", "metadata")}  # type: ignore[literal-required]


def write(value: Any, config: RunnableConfig) -> Any:
    config["tags"] = ["mine"]
    config["metadata"]["mine"] = 1
    config.update({"recursion_limit": 7})
    return value


class Writer(Runnable[Any, Any]):
    """A class of a user's that changes its config."""

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return write(input, config) if config is not None else input


@pytest.mark.parametrize("writer", [RunnableLambda(write), Writer()], ids=["function", "class"])
@pytest.mark.parametrize("watched", [False, True])
def test_what_a_step_writes_stays_with_it(writer: Any, watched: bool, call: Call) -> None:
    """Neither the steps behind it nor the other items of a batch see it."""
    config: Any = {"metadata": {"given": 0}, "callbacks": [Recorder()] if watched else []}
    seen = {"tags": [], "metadata": {"given": 0}}
    assert call.invoke(writer | RunnableLambda(look), 1, config) == seen
    assert call.batch(writer | RunnableLambda(look), [1, 2], config) == [seen, seen]
    assert config["metadata"] == {"given": 0}


def test_what_a_function_writes_goes_with_the_calls_that_it_makes(call: Call) -> None:
    """Tags, metadata, name, limit and handlers reach the call that the config is passed to."""
    recorder = Recorder()

    def outer(value: Any, config: RunnableConfig) -> Any:
        write(value, config)
        config["run_name"] = "named"
        config["callbacks"] = [recorder]
        config["max_concurrency"] = 3
        assert config["max_concurrency"] == 3
        return RunnableLambda(look).invoke(value, config)

    assert call.invoke(RunnableLambda(outer), 1, {"metadata": {"given": 0}}) == {
        "tags": ["mine"],
        "metadata": {"given": 0, "mine": 1},
    }
    assert [(event.kind, event.name) for event in recorder.events] == [
        ("start", "named"),
        ("end", "named"),
    ]


def test_known_keys_are_there_when_nobody_gave_them(call: Call) -> None:
    """As code written for the peer expects: `config["configurable"].get(...)`."""

    def read(_: Any, config: RunnableConfig) -> list[Any]:
        keys = ("tags", "metadata", "callbacks", "configurable", "run_name", "recursion_limit")
        return [config[key] for key in keys]  # type: ignore[literal-required]

    assert call.invoke(RunnableLambda(read), 1) == [[], {}, None, {}, None, 25]


@pytest.mark.parametrize("key", ["tag", "nonsense"])
def test_a_key_that_nothing_reads_is_refused_in_a_function_too(key: str, call: Call) -> None:
    def slip(_: Any, config: Any) -> None:
        config[key] = ["a"]

    with pytest.raises(ConfigError, match=f"Unknown config key '{key}'"):
        call.invoke(RunnableLambda(slip), 1)


def test_ensure_config_has_every_key_and_joins_the_call_around() -> None:
    """Outside of any call, the defaults; inside one, what holds there, with more on top."""
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
