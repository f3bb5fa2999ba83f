"""Replies of a model as plain data, and the wire formats that encode them for one service."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast


@dataclass(frozen=True)
class ScriptedToolCall:
    """Tool call in a scripted reply.

    Attributes:
        name: the name of the tool.
        args: the arguments as a string; it need not be valid JSON.
        id: the id of the call.

    Example:
        >>> from runnables.testing import ScriptedToolCall
        >>> ScriptedToolCall("add", '{"a": 1}')
        ScriptedToolCall(name='add', args='{"a": 1}', id='call_1')
    """

    name: str
    args: str = "{}"
    id: str = "call_1"


@dataclass(frozen=True)
class ScriptedReply:
    """Reply of a model, which a `WireFormat` encodes.

    Attributes:
        text: the text.
        tool_calls: the tool calls.
        input_tokens: the number of input tokens.
        output_tokens: the number of output tokens.
        model: the model name that the service reports.

    Example:
        >>> from runnables.testing import ScriptedReply
        >>> ScriptedReply("Hello!").text_chunks()
        ['Hel', 'lo!']
    """

    text: str = ""
    tool_calls: Sequence[ScriptedToolCall] = ()
    input_tokens: int = 11
    output_tokens: int = 7
    model: str = "model-1"

    def text_chunks(self) -> list[str]:
        """Return the text as a service would stream it, three characters at a time."""
        return [self.text[start : start + 3] for start in range(0, len(self.text), 3)]


@dataclass(frozen=True)
class RecordedRequest:
    """Request that a `ReplayServer` received.

    Attributes:
        method: the HTTP method, such as "POST".
        path: the path with the query.
        headers: the headers, by their names in lower case.
        body: the body, parsed as JSON; None if it is empty.

    Example:
        >>> from runnables.testing import RecordedRequest
        >>> request = RecordedRequest("POST", "/chat", {}, {"messages": ["Hi there"]})
        >>> request.strings()
        ['messages', 'Hi there']
        >>> request.contains("Hi")
        True
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any

    def strings(self) -> list[str]:
        """Return every string in the body, in order, with the keys."""
        return list(_strings(self.body))

    def contains(self, text: str) -> bool:
        """Tell whether the text is part of a string in the body, or of the path."""
        return text in self.path or any(text in string for string in self.strings())


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
class Response:
    """HTTP response that is not streamed.

    Attributes:
        body: the body; anything but bytes is sent as JSON.
        status: the HTTP status.
        headers: more headers.
        content_type: the content type.

    Example:
        >>> from runnables.testing import Response
        >>> Response({"error": "busy"}, 503).encoded_body
        b'{"error": "busy"}'
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content_type: str = "application/json"

    @property
    def encoded_body(self) -> bytes:
        """Return the body as bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, ensure_ascii=False).encode()


class Unsupported(Exception):
    """Error of a wire format that cannot encode something; the test is skipped, with the reason."""


class WireFormat(ABC):
    """Encoder of replies for one service, written from the documentation of the service.

    Attributes:
        stream_type: the content type of streams.
        terminal: the number of events that only end a stream; a stream without them was cut off.

    Example:
        >>> from runnables.testing import Response, ScriptedReply, WireFormat, json_line
        >>> class MyFormat(WireFormat):
        ...     stream_type = "application/x-ndjson"
        ...
        ...     def response(self, reply):
        ...         return Response({"text": reply.text})
        ...
        ...     def events(self, reply):
        ...         chunks = [json_line({"text": text}) for text in reply.text_chunks()]
        ...         return [*chunks, json_line({"done": True})]
        ...
        ...     def error(self, status, message):
        ...         return Response({"problem": message}, status)
        >>> MyFormat().events(ScriptedReply("Hello"))
        [b'{"text": "Hel"}\\n', b'{"text": "lo"}\\n', b'{"done": true}\\n']
    """

    stream_type: str = "text/event-stream"
    terminal: int = 1

    def is_streamed(self, request: RecordedRequest) -> bool:
        """Tell whether a request asks for a stream."""
        return bool(request.body and request.body.get("stream"))

    @abstractmethod
    def response(self, reply: ScriptedReply) -> Response:
        """Encode a reply as one response.

        Raises:
            Unsupported: the service cannot express the reply, such as arguments that are not JSON.
        """

    @abstractmethod
    def events(self, reply: ScriptedReply) -> list[bytes]:
        """Encode a reply as the events of a stream, several for the text and for each tool call.

        Raises:
            Unsupported: as in `response`.
        """

    @abstractmethod
    def error(self, status: int, message: str) -> Response:
        """Encode an error response."""

    def stream_error(self, message: str) -> bytes:
        """Encode the event by which the service reports an error in the middle of a stream.

        Raises:
            Unsupported: the service has no such event.
        """
        raise Unsupported("there is no such event")


class EmbeddingsWireFormat(ABC):
    """Decoder of requests and encoder of vectors for one embeddings service.

    Example:
        >>> from runnables.testing import EmbeddingsWireFormat, RecordedRequest, Response
        >>> class MyFormat(EmbeddingsWireFormat):
        ...     def inputs(self, request):
        ...         return request.body["input"]
        ...
        ...     def response(self, vectors, request):
        ...         return Response({"vectors": vectors})
        ...
        ...     def error(self, status, message):
        ...         return Response({"problem": message}, status)
        >>> MyFormat().inputs(RecordedRequest("POST", "/embed", {}, {"input": ["a fox"]}))
        ['a fox']
    """

    @abstractmethod
    def inputs(self, request: RecordedRequest) -> list[str]:
        """Return the strings that a request asks to embed."""

    @abstractmethod
    def response(self, vectors: Sequence[Sequence[float]], request: RecordedRequest) -> Response:
        """Encode the vectors of these inputs, in any order that the service may use."""

    @abstractmethod
    def error(self, status: int, message: str) -> Response:
        """Encode an error response."""


def sse_event(data: Any, event: str | None = None) -> bytes:
    """Encode a server-sent event; data that is not a string is written as JSON.

    Example:
        >>> from runnables.testing import sse_event
        >>> sse_event({"text": "Hi"}, "delta")
        b'event: delta\\ndata: {"text": "Hi"}\\n\\n'
    """
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return (f"event: {event}\n" if event else "").encode() + f"data: {text}\n\n".encode()


def json_line(data: Any) -> bytes:
    """Encode a value as a line of JSON.

    Example:
        >>> from runnables.testing import json_line
        >>> json_line({"text": "Hi"})
        b'{"text": "Hi"}\\n'
    """
    return json.dumps(data, ensure_ascii=False).encode() + b"\n"
