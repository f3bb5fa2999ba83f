"""OpenAI's text completions: requests, answers and events, as plain data.

https://platform.openai.com/docs/api-reference/completions describes them. They are chat completions
but for two things: a prompt takes the place of the messages, and a choice has its text directly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runnables_providers.openai.completions import Completion
from runnables_providers.openai.settings import TextOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnables.messages import AIMessage, AIMessageChunk

OPTIONS: Final = TextOptions.__optional_keys__
"""The names of the options that a call may have beyond those of every model of text."""


class TextCompletion(Completion):
    """One text completion; the only message has the prompt. See `Completion`."""

    def body(self, *, streamed: bool) -> Mapping[str, Any]:
        """Return the request."""
        request = {"prompt": self.messages[0].content, **self.options}
        return {**request, **self._streaming()} if streamed else request

    def answer(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> AIMessage:
        """Return the text of the first choice as a message."""
        choices = [{**choice, "message": _content(choice["text"])} for choice in body["choices"]]
        return super().answer({**body, "choices": choices}, headers)

    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """Return the chunks of an event."""
        choices = [
            {**choice, "delta": _content(choice.get("text"))}
            for choice in event.get("choices") or ()
        ]
        return super().feed({**event, "choices": choices})


def _content(text: Any) -> dict[str, Any]:
    """Return the fields of a message that has this text.

    Raises:
        TypeError: it is no string.
    """
    if text is not None and not isinstance(text, str):
        raise TypeError(f"{text!r} is no text")
    return {"content": text}
