"""The scripted model passes what a script can pass."""

from __future__ import annotations

from typing import Any

from runnables import AIMessage, BaseMessage, ChatModel
from runnables.testing import ChatModelTests
from runnables_providers.scripted import ScriptedChatModel


def answer(messages: list[BaseMessage]) -> AIMessage:
    """Return the same words for all messages, with their number of words as usage."""
    words = sum(len(message.text.split()) for message in messages)
    usage = {"input_tokens": words, "output_tokens": 5, "total_tokens": words + 5}
    metadata = {"model_name": "scripted", "model_provider": "scripted"}
    return AIMessage("Hello there, and so on.", usage_metadata=usage, response_metadata=metadata)  # type: ignore[arg-type]


class TestScriptedChatModel(ChatModelTests):
    """Scripted model, which has no tools."""

    supports_max_tokens = False
    supports_tools = False
    structured_methods = ()

    def make(self, **settings: Any) -> ChatModel:
        return ScriptedChatModel([answer], cycle=True, **settings)
