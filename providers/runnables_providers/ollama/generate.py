"""Ollama's completions of a prompt: requests, answers and lines, as plain data.

https://docs.ollama.com/api/generate describes them. They are chats but for two things: a prompt
takes the place of the messages, and a line has its text directly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runnables_providers.ollama.exchange import OllamaChat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnables.messages import AIMessage, AIMessageChunk

_MESSAGE: Final = frozenset({"response", "thinking"})
_NOT_READ: Final = frozenset({"context"})
"""The tokens of the prompt and of the answer, which Ollama no longer reads itself."""


class OllamaGenerate(OllamaChat):
    """One completion of a prompt, which the only message has. See `OllamaChat`."""

    def body(self, *, streamed: bool) -> Mapping[str, Any]:
        """Return the request."""
        request = dict(super().body(streamed=streamed))
        del request["messages"]
        return {"prompt": self.messages[0].content, **request}

    def answer(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> AIMessage:
        """Return the text of a response as a message."""
        if "response" not in body:
            raise ValueError("no response")
        return super().answer(_as_chat(body), headers)

    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """Return the chunk of a line."""
        return super().feed(_as_chat(event))


def _as_chat(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line as one of a chat.

    Raises:
        TypeError: its text is no string.
    """
    text = line.get("response", "")
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is no text")
    rest = {key: line[key] for key in line if key not in _MESSAGE | _NOT_READ}
    if "response" not in line:  # of a chat, from a wrong server, or the last line
        return rest
    return {**rest, "message": {"content": text, "thinking": line.get("thinking")}}
