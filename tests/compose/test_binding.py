"""Options that are bound stay bound."""

from __future__ import annotations

from typing import Any

from runnables import RunnableConfig, RunnableLambda
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call


def now() -> str:
    """Return the time."""
    return "noon"


def test_a_method_of_the_bound_model_keeps_what_was_bound() -> None:
    """`bind` before `bind_tools` loses nothing (law 3)."""
    model = ScriptedChatModel(["hello"])
    model.bind(temperature=0.5).bind_tools([now]).invoke("hi")
    (call,) = model.calls
    assert call.options["temperature"] == 0.5
    assert call.options["tools"][0]["function"]["name"] == "now"


def test_the_config_of_a_batch_is_on_top_of_what_is_bound(call: Call) -> None:
    """As in `invoke`: where both have a value, that of the call is taken."""

    def seen(_: int, config: RunnableConfig) -> Any:
        return config.get("metadata"), config.get("tags"), config.get("configurable")

    bound = RunnableLambda(seen).with_config(
        metadata={"a": 1, "b": 1}, tags=["bound"], configurable={"k": 1}
    )
    config: RunnableConfig = {"metadata": {"a": 2}, "tags": ["call"], "configurable": {"k": 2}}
    found = call.invoke(bound, 0, config)
    assert found == ({"a": 2, "b": 1}, ["bound", "call"], {"k": 2})
    assert call.batch(bound, [0], config) == [found]
    assert call.batch(bound, [0], [config]) == [found]
    assert call.batch(bound.bind(), [0], config) == [found]
    assert [pair[1] for pair in call.batch_as_completed(bound, [0], config)] == [found]
