"""What a service would say, in nobody's words yet, and who puts it into those of one service."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast


@dataclass(frozen=True)
class ScriptedToolCall:
    """A tool call of a model.

    Attributes:
        name: the tool.
        args: the text of the arguments; need not be JSON.
        id: the name of the call.
    """

    name: str
    args: str = "{}"
    id: str = "call_1"


@dataclass(frozen=True)
class ScriptedReply:
    """What a model answers.

    Attributes:
        text: its text.
        calls: the tools that it calls.
        input_tokens: how many tokens it read.
        output_tokens: how many it wrote.
        model: what it is called.
    """

    text: str = ""
    calls: Sequence[ScriptedToolCall] = ()
    input_tokens: int = 11
    output_tokens: int = 7
    model: str = "model-1"

    def pieces(self) -> list[str]:
        """The text as a service would stream it: some letters at a time."""
        return [self.text[at : at + 3] for at in range(0, len(self.text), 3)]


@dataclass(frozen=True)
class RecordedRequest:
    """A request, as it came.

    Attributes:
        method: "POST", ...
        path: with the query.
        headers: by their names in lower case.
        body: read as JSON; None where there is none.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any

    def strings(self) -> list[str]:
        """Every text in the body, in order, keys included."""
        return list(_strings(self.body))

    def says(self, text: str) -> bool:
        """Whether a text is in the body, or in the path."""
        return text in self.path or any(text in it for it in self.strings())


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in cast("dict[str, Any]", value).items():
            yield key
            yield from _strings(part)
    elif isinstance(value, list):
        for part in cast("Sequence[Any]", value):
            yield from _strings(part)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whole.

    Attributes:
        status: the HTTP status.
        body: what is no bytes is written as JSON.
        headers: further headers.
        type: the content type.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    type: str = "application/json"

    @property
    def data(self) -> bytes:
        """The body as bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, ensure_ascii=False).encode()


class Unsupported(Exception):
    """A service cannot say this in its words; a test about it is skipped with the reason."""


class WireFormat(ABC):
    """Puts what a model says into the words of one service, as its documentation has them.

    Attributes:
        stream_type: the content type of its streams.
        terminal: how many of the last events of a stream only end it: without them, the stream
            was cut.
    """

    stream_type: str = "text/event-stream"
    terminal: int = 1

    def is_streamed(self, asked: RecordedRequest) -> bool:
        """Whether a request asks for a stream."""
        return bool(asked.body and asked.body.get("stream"))

    @abstractmethod
    def answer(self, said: ScriptedReply) -> Answer:
        """A whole answer.

        Raises:
            Unsayable: arguments that are no JSON, where they are part of the JSON.
        """

    @abstractmethod
    def events(self, said: ScriptedReply) -> list[bytes]:
        """The same as a stream: the bytes of each event, several for the text and for each call.

        Raises:
            Unsayable: as `answer`.
        """

    @abstractmethod
    def error(self, status: int, message: str) -> Answer:
        """An unsuccessful answer."""

    def fault(self, message: str) -> bytes:
        """An event that says, in the middle of a stream, that the service failed.

        Raises:
            Unsayable: the service knows no such event.
        """
        raise Unsupported("there is no such event")


class EmbeddingsWireFormat(ABC):
    """The same for a service of embeddings."""

    @abstractmethod
    def texts(self, asked: RecordedRequest) -> list[str]:
        """The texts that a request asks to embed."""

    @abstractmethod
    def answer(self, vectors: Sequence[Sequence[float]], asked: RecordedRequest) -> Answer:
        """The vectors of these texts, in any order that the service may give them in."""

    @abstractmethod
    def error(self, status: int, message: str) -> Answer:
        """An unsuccessful answer."""


def server_sent(data: Any, event: str | None = None) -> bytes:
    """A server-sent event; what is no text is written as JSON."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return (f"event: {event}\n" if event else "").encode() + f"data: {text}\n\n".encode()


def json_line(data: Any) -> bytes:
    """A line of JSON."""
    return json.dumps(data, ensure_ascii=False).encode() + b"\n"
