"""Media that cannot be sent: the error names the way out, for every service alike."""

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


def call_with(make: Any, block: dict[str, Any], call: Call) -> None:
    model = make("m", api_key="k", base_url="http://127.0.0.1:1", max_retries=0)
    call.invoke(model, [HumanMessage([block])])


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_an_image_without_data_is_an_error(make: Any, call: Call) -> None:
    """The error names the keys of the block, and those that it needs; nothing is sent."""
    needs = "of type 'image' has 'path': it needs 'url', 'base64' or 'file_id'"
    with pytest.raises(ConfigError, match=needs):
        call_with(make, {"type": "image", "path": "cat.png"}, call)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"type": "audio", "url": "http://a/b.wav"}, "with 'url': give it 'base64'"),
        ({"type": "video", "url": "http://a/b.mp4"}, "with 'url': leave it out"),
    ],
)
def test_chat_completions_refuse_unsupported_media(
    block: dict[str, Any], message: str, call: Call
) -> None:
    """Canonical blocks are refused; blocks in OpenAI's format are sent unchanged."""
    with pytest.raises(ConfigError, match=message):
        call_with(ChatOpenAI, block, call)


def test_openai_fetches_no_file_in_chat_completions(call: Call) -> None:
    """The error names the ways out; other servers get the URL, since some fetch it."""
    model = ChatOpenAI("m", api_key="k", max_retries=0)
    with pytest.raises(ConfigError, match="give it 'base64' or 'file_id', or .*responses"):
        call.invoke(model, [HumanMessage([{"type": "file", "url": "http://a/b.pdf"}])])
