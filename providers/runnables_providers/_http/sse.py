"""A decoder of server-sent events (HTML standard of WHATWG, "Server-sent events"), without I/O."""

from __future__ import annotations

from typing import Final, NamedTuple

from runnables_providers._http.lines import MAX_BYTES, LineSplitter

_BOM: Final = b"\xef\xbb\xbf"


class ServerSentEvent(NamedTuple):
    """Server-sent event.

    Attributes:
        event: the type; "message" by default.
        data: the lines of data, joined by line feeds.
        id: the last id in the stream, of this event or of an earlier one.
    """

    event: str
    data: str
    id: str


class SSEDecoder:
    """Decoder of bytes, split anywhere, into events. The time is linear in the bytes.

    It differs from the standard in two points. An event whose lines are complete counts, even if
    the stream ends without the empty line after it, since some servers leave out the last one. An
    incomplete line at the end is dropped. And the field "error" is the data of an error event:
    llama.cpp of 2025 wrote so, and then "[DONE]", as if half of an answer were a whole one.

    Args:
        empty_events: whether an event that has a type and no data counts, too.

    Attributes:
        retry: the milliseconds to wait before a retry, if the stream set them.
    """

    def __init__(self, *, empty_events: bool = False) -> None:
        self.retry: int | None = None
        self._empty_events = empty_events
        self._lines = LineSplitter()
        self._began = False
        self._event = ""
        self._data: list[str] = []
        self._size = 0
        self._id = ""

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Take bytes; return the events that they complete.

        Raises:
            ValueError: an event has no end within 64 MB.
        """
        events: list[ServerSentEvent] = []
        for line in self._lines.feed(data):
            if not self._began:
                self._began = True
                line = line.removeprefix(_BOM)
            if line:
                self._read_field(line)
            elif self._data or (self._event and self._empty_events):
                events.append(self._complete())
            else:
                self._event = ""
        return events

    def finish(self) -> list[ServerSentEvent]:
        """End the stream; return the event that has no empty line after it."""
        return [self._complete()] if self._data or (self._event and self._empty_events) else []

    def _read_field(self, line: bytes) -> None:
        name, _, raw = line.partition(b":")
        value = raw.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data" or name == b"error":
            self._data.append(value)
            self._event = "error" if name == b"error" else self._event
            self._size += len(line)
            if self._size > MAX_BYTES:
                raise ValueError(f"an event of more than {MAX_BYTES:,} bytes")
        elif name == b"event":
            self._event = value
        elif name == b"id" and "\0" not in value:
            self._id = value
        elif name == b"retry" and value.isascii() and value.isdigit():
            self.retry = int(value)

    def _complete(self) -> ServerSentEvent:
        event = ServerSentEvent(self._event or "message", "\n".join(self._data), self._id)
        self._event = ""
        self._data = []
        self._size = 0
        return event
