"""The answers of a served chain: values, streams of chunks, errors. Nothing here waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.engine.merging import DELTAS, Accumulator, Merge
from runnables.errors import ModelConnectionError
from runnables.messages.ai import AIMessageChunk
from runnables.messages.base import BaseMessage
from runnables.models.calls import ANSWER_CHUNKS
from runnables.serving.chunk_merges import ChunkReceiver
from runnables_providers._http import SSEDecoder
from runnables_providers._remote.error_bodies import ServiceError, parse_error_body
from runnables_providers._remote.json_values import list_of, object_of, parse_json

if TYPE_CHECKING:
    from runnables.engine.stream import StreamInfo
    from runnables_providers.remote.runnable import RemoteRunnable


class ChunkReader:
    """The state of one streamed answer, from bytes to chunks.

    Args:
        remote: the runnable, which makes the errors.
        headers: the headers of the answer.
        info: where to say how the chunks merge, before the first of them.
    """

    def __init__(
        self, remote: RemoteRunnable[Any, Any], headers: Mapping[str, str], info: StreamInfo
    ) -> None:
        self._remote = remote
        self._headers = headers
        self._info = info
        self._events = SSEDecoder(empty_events=True)  # LangServe's `end` has no data
        self._chunks = ChunkReceiver()
        self._is_declared = False
        self._has_ended = False
        self._first: list[Any] = []  # a chunk that may be the whole output
        self._has_begun = False

    def feed(self, data: bytes) -> Iterator[Any]:
        """Take bytes; yield the chunks that they complete, also those before an error."""
        with self._remote._raises_server_error(data, self._headers):
            for event in self._events.feed(data):
                yield from self._read(event.event, event.data)

    def finish(self) -> Iterator[Any]:
        """End the stream; yield the last chunk, where it was held back.

        Raises:
            ModelConnectionError: the answer was cut.
        """
        with self._remote._raises_server_error(b"", self._headers):
            for event in self._events.finish():
                yield from self._read(event.event, event.data)
        if not self._has_ended:
            raise ModelConnectionError(
                f"{self._remote._service_label()}: the stream ended before the answer did.",
                provider=self._remote.service.name,
            )
        for chunk in self._first:
            yield self._remote._typed(chunk)

    def _read(self, name: str, data: str) -> Iterator[Any]:
        match name:
            case "metadata":
                form = object_of(parse_json(data)).get("merge")
                if form is not None:
                    self._is_declared = True
                    self._chunks.learn(form)
                    self._declare(self._chunks.merge)
            case "data":
                yield from self._pass_on(self._chunks.chunk(parse_json(data)))
            case "restart":
                for chunk in self._chunks.resets(list_of(parse_json(data))):
                    yield from self._pass_on(chunk)
            case "error":
                raise self._remote._error_in(object_of(parse_json(data)), self._headers)
            case "end":
                self._has_ended = True
            case _:
                pass

    def _pass_on(self, chunk: Any) -> Iterator[Any]:
        """Yield a chunk, and the one before it if that was held back."""
        if not self._has_begun:
            self._has_begun = True
            if not self._is_declared:
                is_answer = isinstance(chunk, AIMessageChunk) and self._remote.merge is DELTAS
                self._declare(ANSWER_CHUNKS if is_answer else self._remote.merge)
            if self._remote.output_type is not None and not _comes_as_it_is(chunk):
                self._first = [chunk]
                return
        yield from self._first
        self._first = []
        yield chunk

    def _declare(self, merge: Merge) -> None:
        typed = self._remote.output_type is not None
        self._info.merge = TypedMerge(merge, self._remote._typed) if typed else merge


def _comes_as_it_is(chunk: Any) -> bool:
    return isinstance(chunk, (str, BaseMessage))


class TypedMerge:
    """A merge whose value is of the type that the caller expects; its chunks are as JSON has them.

    Args:
        inner: how the chunks merge.
        typed: makes the value.
    """

    def __init__(self, inner: Merge, typed: Callable[[Any], Any]) -> None:
        self.inner = inner
        self.typed = typed

    def accumulator(self) -> Accumulator:
        """Return an accumulator whose value is of the type."""
        return _TypedAccumulator(self.inner.accumulator(), self.typed)

    def __repr__(self) -> str:
        return f"TypedMerge({self.inner!r})"


class _TypedAccumulator:
    """An accumulator that makes a typed value of what another one has."""

    def __init__(self, inner: Accumulator, typed: Callable[[Any], Any]) -> None:
        self._inner = inner
        self._typed = typed

    @property
    def empty(self) -> bool:
        return self._inner.empty

    def add(self, chunk: Any) -> None:
        self._inner.add(chunk)

    def value(self) -> Any:
        return self._typed(self._inner.value())


# -- errors


_MAX_SHOWN: Final = 5
"""How many problems of an input an error names."""


def service_error(body: Any) -> ServiceError:
    """Return the error in a body or an event: `{"detail": ...}`, `{"message": ...}`, or a string.

    LangServe lists what is wrong with an input, each with its place and the input itself. The place
    is named, and the input is not.
    """
    fields = object_of(body)
    message = fields.get("message") or fields.get("detail")
    if isinstance(message, list):
        message = "; ".join(_problems(cast("Iterable[Any]", message)))
    if not isinstance(message, str):
        return parse_error_body(body)
    run_id = fields.get("run_id")
    code = fields.get("code")
    codes = (code,) if isinstance(code, str) else ()
    # the id would make one error of two runs two; it is an attribute of the error
    return ServiceError(message.removesuffix(f" (run {run_id})"), codes, fields)


def _problems(details: Iterable[Any]) -> list[str]:
    problems: list[str] = []
    for detail in list(details)[:_MAX_SHOWN]:
        fields = object_of(detail)
        place = [str(key) for key in list_of(fields.get("loc")) if key not in ("body", "__root__")]
        words = str(fields.get("msg", "invalid"))
        problems.append(f"{'.'.join(place)}: {words}" if place else words)
    return problems
