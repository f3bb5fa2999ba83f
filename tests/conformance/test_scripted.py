"""The scripted model, as far as a script can stand for a model."""

from __future__ import annotations

from typing import Any

from runnables import AIMessage, BaseMessage, ChatModel
from runnables.testing import ChatModelTests
from runnables_providers.scripted import ScriptedChatModel


def speak(messages: list[BaseMessage]) -> AIMessage:
    """The same words, whatever was asked; what was asked is counted."""
    read = sum(len(it.text.split()) for it in messages)
    usage = {"input_tokens": read, "output_tokens": 5, "total_tokens": read + 5}
    facts = {"model_name": "scripted", "model_provider": "scripted"}
    return AIMessage("Hello there, and so on.", usage_metadata=usage, response_metadata=facts)  # type: ignore[arg-type]


class TestScriptedChatModel(ChatModelTests):
    """It streams, stops, counts, and belongs to nobody."""

    supports_max_tokens = False
    supports_tools = False
    structured_methods = ()

    def make(self, **settings: Any) -> ChatModel:
        return ScriptedChatModel([speak], cycle=True, **settings)
