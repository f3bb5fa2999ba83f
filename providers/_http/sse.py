"""Server-sent events."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event."""

    event: str
    data: str
    id: str


class SSEDecoder:
    """Provisional."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """Take bytes."""
        *whole, self._rest = (self._rest + piece).replace(b"\r\n", b"\n").split(b"\n\n")
        return [it for it in map(self._event, whole) if it]

    def _event(self, block: bytes) -> ServerSentEvent | None:
        event, data = "", list[str]()
        for line in block.decode().split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                event = value
            elif name == "data":
                data.append(value)
        return ServerSentEvent(event or "message", "\n".join(data), "") if data else None

    def finish(self) -> list[ServerSentEvent]:
        """The end."""
        return []
