"""A decoder of streams of JSON values, as server-sent events or as lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from runnables_providers._http import JSONLinesDecoder, SSEDecoder
from runnables_providers._remote.json_values import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runnables_providers._http import ServerSentEvent


class JSONEvents:
    """Decoder of bytes into JSON values.

    Args:
        lines: whether each line is a value; else the data of each server-sent event is one, except
            for OpenAI's "[DONE]".

    Attributes:
        done: whether "[DONE]" has come.
    """

    def __init__(self, *, lines: bool) -> None:
        self.done = False
        self._decoder = JSONLinesDecoder() if lines else SSEDecoder()
        self._lines = lines

    def feed(self, data: bytes) -> Iterable[Any]:
        """Take bytes; return the values that they complete, each parsed when it is read."""
        decoded = self._decoder.feed(data)
        return decoded if self._lines else self._values(decoded)

    def finish(self) -> Iterable[Any]:
        """End the stream; return the remaining values."""
        decoded = self._decoder.finish()
        return decoded if self._lines else self._values(decoded)

    # One value at a time: each garbage collection would traverse a list of a hundred until the last
    # value is used.
    def _values(self, events: Iterable[ServerSentEvent]) -> Iterator[Any]:
        for event in events:
            if event.event == "error":
                yield _error_event(event.data)
            elif event.data == "[DONE]":
                self.done = True
            elif event.data:
                yield parse_json(event.data)


def _error_event(data: str) -> Any:
    """Return an event of type "error", whose data may be anything, as an object with an `error`."""
    try:
        value: Any = parse_json(data)
    except ValueError:
        value = data or "no reason given"
    if isinstance(value, Mapping) and cast("Mapping[str, Any]", value).get("error"):
        return cast("Any", value)
    return {"type": "error", "error": cast("Any", value)}


def is_start_of_stream(data: bytes, *, lines: bool) -> bool:
    """Tell whether a body that begins with these bytes is a stream: of lines of JSON, or of events.

    Neither HTML nor an object of JSON begins like an event.
    """
    first = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return first == b"{" if lines else first not in b'{[<"'
