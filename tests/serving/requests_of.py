"""A request for a conversation in each protocol, and how its stream ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Protocol:
    """One way to ask a chain.

    Attributes:
        name: its name.
        path: where; "{name}" is the chain.
        streamed: whether the answer comes in parts.
    """

    name: str
    path: str
    streamed: bool

    def body(self, chain: str, text: str) -> dict[str, Any]:
        """Return the body of a request with one message."""
        messages: Any = [{"role": "user", "content": text}]
        match self.name.partition(" ")[0]:
            case "chat":
                return {"model": chain, "messages": messages, "stream": self.streamed}
            case "responses":
                return {"model": chain, "input": messages, "stream": self.streamed}
            case "ui":
                part = {"type": "text", "text": text}
                return {"id": "c", "messages": [{"id": "m", "role": "user", "parts": [part]}]}
            case "ag-ui":
                said = [{"id": "m", "role": "user", "content": text}]
                return {"threadId": "t", "runId": "r", "protocolVersion": "1.0", "messages": said}
            case "batch":
                return {"inputs": [text]}
            case _:
                return {"input": text}


PROTOCOLS = (
    Protocol("chat stream", "/v1/chat/completions", True),
    Protocol("chat whole", "/v1/chat/completions", False),
    Protocol("responses stream", "/v1/responses", True),
    Protocol("responses whole", "/v1/responses", False),
    Protocol("ui", "/{name}/api/chat", True),
    Protocol("ag-ui", "/{name}/ag-ui", True),
    Protocol("stream", "/{name}/stream", True),
    Protocol("stream_events", "/{name}/stream_events", True),
    Protocol("invoke", "/{name}/invoke", False),
    Protocol("batch", "/{name}/batch", False),
)
