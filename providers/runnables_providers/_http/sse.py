"""Server-sent events, as the HTML standard has them (WHATWG, "Server-sent events"), without I/O."""

from __future__ import annotations

from typing import Final, NamedTuple

from runnables_providers._http.lines import Lines

_BOM: Final = b"\xef\xbb\xbf"


class ServerSentEvent(NamedTuple):
    """One event.

    Attributes:
        event: its type; "message" where it says none.
        data: its lines of data, with line feeds between them.
        id: the last id that this stream has told, with this event or before it.
    """

    event: str
    data: str
    id: str


class SSEDecoder:
    """From bytes, however they were cut, to events. The time is linear in the bytes.

    One deviation from the standard: an event whose lines are whole counts also where the stream
    ends without the empty line after it, as some servers leave the last one out. What ends within
    a line is dropped.

    Attributes:
        retry: milliseconds to wait before asking again, where the stream said so.
    """

    def __init__(self) -> None:
        self.retry: int | None = None
        self._lines = Lines()
        self._began = False
        self._event = ""
        self._data: list[str] = []
        self._id = ""

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """Take bytes; the events that they complete."""
        found: list[ServerSentEvent] = []
        for line in self._lines.feed(piece):
            if not self._began:
                self._began = True
                line = line.removeprefix(_BOM)
            if line:
                self._take(line)
            elif self._data:
                found.append(self._made())
            else:
                self._event = ""
        return found

    def finish(self) -> list[ServerSentEvent]:
        """The end of the stream; the event that has no empty line after it."""
        return [self._made()] if self._data else []

    def _take(self, line: bytes) -> None:
        name, _, raw = line.partition(b":")
        value = raw.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value
        elif name == b"id" and "\0" not in value:
            self._id = value
        elif name == b"retry" and value.isascii() and value.isdigit():
            self.retry = int(value)

    def _made(self) -> ServerSentEvent:
        event = ServerSentEvent(self._event or "message", "\n".join(self._data), self._id)
        self._event = ""
        self._data = []
        return event
