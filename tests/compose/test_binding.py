"""Options that are bound stay bound."""

from __future__ import annotations

from runnables_providers.scripted import ScriptedChatModel


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
