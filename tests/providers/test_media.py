"""Media that cannot be sent, and how the error says the way out, the same for all services."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import ConfigError, HumanMessage
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.google import ChatGoogleGenerativeAI
from runnables_providers.ollama import ChatOllama
from runnables_providers.openai import ChatOpenAI
from tests.both_modes import Call

MODELS: dict[str, Any] = {
    "chat completions": ChatOpenAI,
    "responses": lambda *args, **settings: ChatOpenAI(*args, use_responses_api=True, **settings),
    "anthropic": ChatAnthropic,
    "google": ChatGoogleGenerativeAI,
    "ollama": ChatOllama,
}


def ask(make: Any, block: dict[str, Any], call: Call) -> None:
    model = make("m", api_key="k", base_url="http://127.0.0.1:1", max_retries=0)
    call.invoke(model, [HumanMessage([block])])


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_picture_that_is_nowhere_is_an_error_before_anything_is_sent(
    make: Any, call: Call
) -> None:
    """It names the keys that it has, and those that it needs."""
    needs = "of type 'image' has 'path': it needs 'url', 'base64' or 'file_id'"
    with pytest.raises(ConfigError, match=needs):
        ask(make, {"type": "image", "path": "cat.png"}, call)


@pytest.mark.parametrize(
    ("block", "way"),
    [
        (
            {"type": "file", "url": "http://a/b.pdf"},
            "give it 'base64' or 'file_id', or .*responses",
        ),
        ({"type": "audio", "url": "http://a/b.wav"}, "with 'url': give it 'base64'"),
        ({"type": "video", "url": "http://a/b.mp4"}, "with 'url': leave it out"),
    ],
)
def test_chat_completions_refuse_media_that_they_have_no_form_for(
    block: dict[str, Any], way: str, call: Call
) -> None:
    """Canonical ones; what somebody writes in a form of their own goes out as it stands."""
    with pytest.raises(ConfigError, match=way):
        ask(ChatOpenAI, block, call)
