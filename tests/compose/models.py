"""A model that the tests of wrappers and of configurable runnables share."""

from __future__ import annotations

from typing import Any

from runnables import AIMessage, AIMessageChunk, ChatModel, StrOutputParser


def weather(city: str) -> str:
    """Return the weather of a city."""
    return city


class Model(ChatModel):
    """A model whose answer names its label and its tools, or that fails."""

    def __init__(self, label: str, fails: bool = False) -> None:
        super().__init__()
        self.label = label
        self.fails = fails

    def _reply(self, options: dict[str, Any]) -> str:
        if self.fails:
            raise OSError(self.label)
        tools = [tool["function"]["name"] for tool in options.get("tools") or ()]
        return f"{self.label}: {', '.join(tools) or 'no tools'}"

    def _generate(self, messages: Any, options: dict[str, Any]) -> Any:
        return AIMessage(self._reply(options))

    def _stream(self, messages: Any, options: dict[str, Any]) -> Any:
        yield AIMessageChunk(self._reply(options))


def answer(runnable: Any, config: Any = None) -> str:
    """Return the text that a model answers."""
    return (runnable | StrOutputParser()).invoke("hi", config)
