"""The text of an answer, for what shows nothing else of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runnables.serving.parts import MessageEnd, TextDelta, Value
from runnables.serving.sse import as_json

if TYPE_CHECKING:
    from runnables.serving.parts import Part

_BETWEEN_MESSAGES: Final = "\n\n"
"""What stands between the text of one message and the next of one answer, such as an agent's."""


class PlainText:
    """The text of one answer, part by part.

    A blank line stands between two messages. An output that is no text is JSON.
    """

    def __init__(self) -> None:
        self._has_text = False
        self._ended_message = False

    def read(self, part: Part) -> str:
        """Return the text that a part brings; an empty string for one that brings none."""
        match part:
            case TextDelta():
                return self.add(part.text)
            case MessageEnd():
                self._ended_message = self._has_text
            case Value(is_whole=True):
                return self.add(as_text(part.value))
            case _:
                pass
        return ""

    def add(self, text: str) -> str:
        """Return the text of a delta, after what stands between it and the message before."""
        self._has_text = True
        if not self._ended_message:
            return text
        self._ended_message = False
        return _BETWEEN_MESSAGES + text


def as_text(value: Any) -> str:
    """Return an output as text: strings as they are, others as JSON."""
    return value if isinstance(value, str) else as_json(value).decode()
