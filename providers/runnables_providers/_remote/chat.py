"""Chat models that are reached over HTTP.

A provider says how to build a request and how to read a response and an event, as an `ApiCall`:
plain data in, plain data out. What sends them stands here, once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from runnables.core.signatures import setting_names
from runnables.errors import ModelConnectionError
from runnables.models import ChatModel
from runnables.models.options import BASE_OPTIONS, merged_options
from runnables_providers._http import Reply, Request, asend, astream, send, stream
from runnables_providers._remote.error_bodies import ServiceError, parse_error_body, status_of
from runnables_providers._remote.keys import Key, SecretHeaders
from runnables_providers._remote.service import Remote, is_mapping_of_texts
from runnables_providers._remote.stream_decoding import JSONEvents

if TYPE_CHECKING:
    from runnables.cache import BaseCache
    from runnables.messages import AIMessage, AIMessageChunk, BaseMessage
    from runnables.models.rate_limits import BaseRateLimiter
    from runnables_providers._http import Timeouts

REMOTE_OPTIONS = BASE_OPTIONS | {"extra_body", "extra_headers"}
"""What a call of any remote model may say: `extra_body` is added to the request as it stands."""


class ApiCall(ABC):
    """One call in the words of a service: what to send, and how to read what comes back.

    `feed` and `finish` keep what they need to know of the events before; an exchange reads one
    stream, or one answer.
    """

    @abstractmethod
    def body(self, *, streamed: bool) -> Mapping[str, Any]:
        """What to send."""

    @abstractmethod
    def answer(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> AIMessage:
        """The message that a whole answer stands for."""

    def fault(self, event: Mapping[str, Any]) -> ServiceError | None:
        """What an event says is wrong, if anything."""
        return parse_error_body(event) if event.get("error") else None

    @abstractmethod
    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """The chunks that an event stands for."""

    @abstractmethod
    def finish(self, headers: Mapping[str, str]) -> Sequence[AIMessageChunk] | None:
        """The last chunks; None where the stream ended before the answer did."""


class HTTPChatModel(Remote, ChatModel):
    """A chat model that is reached over HTTP.

    Args:
        model: which model, as the service calls it; a call may name another.
        api_key: the key, or a function that gives the one to use now, asked in the thread or
            loop of each call; by default it is looked up in the environment at each call. An
            empty text: none, whatever the environment has.
        base_url: another address than the service's own.
        temperature: how freely the model chooses, from 0 (the likeliest) up.
        max_tokens: how many tokens an answer may have.
        stop: texts before which an answer ends.
        seed: makes answers repeatable, where the service can.
        top_p: choose among the likeliest tokens of this total probability.
        timeout: seconds to wait for the first byte of an answer, and for each further piece of
            it; or `Timeouts`, which has each limit by name.
        max_retries: how often to try again after an error that may pass; see `RequestPolicy`.
        max_retry_delay: the longest wait, in seconds, that the service may ask for.
        rate_limiter: lets requests go in their turn; see `RequestPolicy`.
        cache: where answers are kept, and looked for first; see `RequestPolicy`.
        default_headers: further headers of each request; their values never print.
        extra_body: further keys of each request, as they stand, over all others.
        name: what observers call the model.
        **options: defaults of further options that calls may give (`known_options`).

    Raises:
        AuthenticationError: no key, for a service that wants one.
        ConfigError: an option that the model does not know, an address that is none.
    """

    known_options: ClassVar[frozenset[str]] = REMOTE_OPTIONS
    lines: ClassVar[bool] = False
    """Whether its streams are lines of JSON; else they are server-sent events."""

    def __init__(
        self,
        model: str | None = None,
        *,
        api_key: Key | None = None,
        base_url: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        stop: Sequence[str] | str | None = None,
        seed: int | None = None,
        top_p: float | None = None,
        timeout: float | Timeouts | None = None,
        max_retries: int | None = 2,
        max_retry_delay: float | None = None,
        rate_limiter: BaseRateLimiter | None = None,
        cache: BaseCache | None = None,
        default_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        name: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            model=model,
            temperature=temperature,
            max_tokens=max_tokens,
            stop=stop,
            seed=seed,
            top_p=top_p,
            name=name,
            max_retries=max_retries,
            max_retry_delay=max_retry_delay,
            rate_limiter=rate_limiter,
            cache=cache,
        )
        is_mapping = isinstance(extra_body, Mapping)
        self._check_kind("extra_body", extra_body, is_mapping, "a dict")
        self.extra_body = None if extra_body is None else dict(extra_body)
        # Defaults of options are settings like the others; an unknown one raises here.
        known = {*self.known_options, *setting_names(type(self))} if options else ()
        defaults = merged_options(type(self).__name__, known, {}, options)
        if is_mapping_of_texts(defaults.get("extra_headers")):
            defaults["extra_headers"] = SecretHeaders(defaults["extra_headers"])
        vars(self).update(defaults)
        self._connect(api_key, base_url, timeout, default_headers)

    def _exchange(self, messages: list[BaseMessage], options: dict[str, Any]) -> ApiCall:
        """How to ask for this answer."""
        raise NotImplementedError

    def _path(self, options: Mapping[str, Any], *, streamed: bool) -> str:
        """Where to send it: what follows the base address, or a whole address."""
        raise NotImplementedError

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        exchange, request = self._build_request(messages, options, streamed=False)
        reply = send(request, self._setup(), self.service.name)
        return self._read(exchange, reply)

    async def _agenerate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        exchange, request = self._build_request(messages, options, streamed=False)
        reply = await asend(request, self._setup(), self.service.name)
        return self._read(exchange, reply)

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        exchange, request = self._build_request(messages, options, streamed=True)
        with stream(request, self._setup(), self.service.name) as reply:
            if self._is_no_stream(reply.status, reply.headers):
                raise self._not_streamed(Reply(reply.status, reply.headers, reply.read()))
            reading = _Reading(self, exchange, reply.headers)
            for piece in reply:
                for chunk in reading.feed(piece):
                    yield chunk
            for chunk in reading.finish():
                yield chunk

    async def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        exchange, request = self._build_request(messages, options, streamed=True)
        async with await astream(request, self._setup(), self.service.name) as reply:
            if self._is_no_stream(reply.status, reply.headers):
                raise self._not_streamed(Reply(reply.status, reply.headers, await reply.read()))
            reading = _Reading(self, exchange, reply.headers)
            async for piece in reply:
                for chunk in reading.feed(piece):
                    yield chunk
            for chunk in reading.finish():
                yield chunk

    def _build_request(
        self, messages: list[BaseMessage], options: dict[str, Any], *, streamed: bool
    ) -> tuple[ApiCall, Request]:
        options = dict(options)  # the caller's own are for the next attempt, too
        extra_body = options.pop("extra_body", None)
        extra_headers = options.pop("extra_headers", None)
        if extra_headers is not None:
            is_texts = is_mapping_of_texts(extra_headers)
            self._check_kind("extra_headers", extra_headers, is_texts, "a dict of texts")
        exchange = self._exchange(messages, options)
        body = exchange.body(streamed=streamed)
        if extra_body is not None:
            self._check_kind("extra_body", extra_body, isinstance(extra_body, Mapping), "a dict")
            body = {**body, **extra_body}
        return exchange, self._post(self._path(options, streamed=streamed), body, extra_headers)

    def _read(self, exchange: ApiCall, reply: Reply) -> AIMessage:
        body = self._json(reply)
        with self._reading(reply.body, reply.headers):
            return exchange.answer(body, reply.headers)

    # -- what streams can have wrong

    def _is_no_stream(self, status: int, headers: Mapping[str, str]) -> bool:
        wanted = "json" if self.lines else "text/event-stream"
        return status != 200 or wanted not in headers.get("content-type", "")

    def _not_streamed(self, reply: Reply) -> Exception:
        if reply.status != 200:
            return self._refused(reply)
        return self._unreadable(reply.body, reply.headers)


class _Reading:
    """Reads the bytes of one streamed answer."""

    def __init__(self, model: HTTPChatModel, exchange: ApiCall, headers: Mapping[str, str]) -> None:
        self._model = model
        self._exchange = exchange
        self._headers = headers
        self._events = JSONEvents(lines=model.lines)

    def feed(self, piece: bytes) -> Iterator[AIMessageChunk]:
        """The chunks that some bytes complete; those before a fault come out before it raises."""
        with self._model._reading(piece, self._headers):
            for event in self._events.feed(piece):
                yield from self._chunks(event)

    def finish(self) -> Iterator[AIMessageChunk]:
        """The rest.

        Raises:
            ModelConnectionError: the stream ended before the answer did.
        """
        with self._model._reading(b"", self._headers):
            for event in self._events.finish():
                yield from self._chunks(event)
            last = self._exchange.finish(self._headers)
        if last is None:
            raise ModelConnectionError(
                f"{self._model._service_label()}: the stream ended before the answer did.",
                provider=self._model.service.name,
                request_id=self._model._request_id(self._headers),
            )
        yield from last

    def _chunks(self, event: Any) -> Sequence[AIMessageChunk]:
        if fault := self._exchange.fault(event):
            raise self._model._error(status_of(fault.codes), fault, self._headers)
        return self._exchange.feed(event)
