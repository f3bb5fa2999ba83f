"""The base of language models that are reached over HTTP.

A provider writes an `ApiCall`: how to build a request, and how to read a response and an event, as
plain data. `HTTPModel` sends the requests of all providers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from runnables.core.signatures import setting_names
from runnables.errors import ModelConnectionError
from runnables.messages import AIMessage
from runnables.models import ChatModel
from runnables.models.calls import join_answer
from runnables.models.language_model import LanguageModel
from runnables.models.options import BASE_OPTIONS, merged_options
from runnables.models.own_handlers import Answer
from runnables.redaction import SecretDict, SecretHeaders, remember_secrets
from runnables_providers._http import (
    BoundedBody,
    Reply,
    Request,
    asend,
    astream,
    send,
    stream,
)
from runnables_providers._remote.error_bodies import ServiceError, error_in, status_of
from runnables_providers._remote.json_values import parse_json
from runnables_providers._remote.keys import Key
from runnables_providers._remote.other_names import our_options
from runnables_providers._remote.request_bodies import guarded, merged_body, revealed
from runnables_providers._remote.service import Remote, is_string_mapping, is_success, no_model
from runnables_providers._remote.stream_decoding import JSONEvents, is_start_of_stream

if TYPE_CHECKING:
    from runnables.cache import BaseCache
    from runnables.core.handlers import Callbacks
    from runnables.messages import AIMessageChunk, BaseMessage
    from runnables.models.rate_limits import BaseRateLimiter
    from runnables_providers._http import Timeouts
    from runnables_providers._remote.keys import Key

REMOTE_OPTIONS = BASE_OPTIONS | {"extra_body", "extra_headers"}
"""The options of a call of any remote model; `extra_body` is merged into the body."""


class ApiCall(ABC):
    """Call in the format of a service: the body to send, and the reader of what comes back.

    An object reads one response or one stream: `feed` and `finish` depend on the events before.

    Attributes:
        done: whether the stream has said "[DONE]", by which OpenAI's interfaces end one.
    """

    done = False

    @abstractmethod
    def body(self, *, streamed: bool) -> Mapping[str, Any]:
        """Return the body of the request."""

    @abstractmethod
    def answer(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> AIMessage:
        """Return the message of a response that is not streamed."""

    def stream_error(self, event: Mapping[str, Any]) -> ServiceError | None:
        """Return the error that an event reports; None if it reports none."""
        return error_in(event)

    def answer_error(self, body: Mapping[str, Any]) -> ServiceError | None:
        """Return the error in the body of a successful response; None if there is none."""
        return error_in(body)

    @abstractmethod
    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """Return the chunks of an event."""

    @abstractmethod
    def finish(self, headers: Mapping[str, str]) -> Sequence[AIMessageChunk] | None:
        """Return the last chunks; None if the stream ended before the answer did."""


class HTTPModel(Remote, LanguageModel[Answer], internal=True):
    """A language model that is reached over HTTP; the base of `HTTPChatModel`, `HTTPTextModel`.

    Args:
        model: the name of the model; a call may name another.
        api_key: the key, or a function that returns the current key, called in the thread or loop
            of each call; None: the key is looked up in the environment at each call; an empty
            string: no key, whatever the environment has.
        base_url: another base URL than that of the service.
        temperature: the sampling temperature, from 0 (the most likely token) up.
        max_tokens: the most tokens in an answer.
        stop: stop sequences; an answer ends before the first of them.
        seed: the seed of the sampling, for repeatable answers, if the service supports it.
        top_p: the total probability of the most likely tokens to sample from.
        timeout: seconds to wait for the first byte of a response, and for each chunk after it; or
            `Timeouts`, which has each limit by name.
        max_retries: how often a request is repeated after an error that may pass; None: never.
        max_retry_delay: the longest delay, in seconds, that the service may ask for before a retry;
            60 by default.
        rate_limiter: spaces the requests of all models that share it.
        cache: the cache of answers, which is read first; see `RequestPolicy`.
        callbacks: handlers that receive the events of its runs.
        default_headers: more headers of each request; no repr shows their values.
        extra_body: more keys of each request body; objects in it are merged into those of the
            request, and anything else overrides.
        name: the name in traces.
        **options: defaults of other options of a call (`known_options`).

    Raises:
        AuthenticationError: the service requires a key, and there is none.
        ConfigError: an option is unknown, or a URL is invalid.
    """

    known_options: ClassVar[frozenset[str]] = REMOTE_OPTIONS
    _other_names: ClassVar[Mapping[str, str]] = {}
    lines: ClassVar[bool] = False
    """Whether streams are lines of JSON; else they are server-sent events."""
    if TYPE_CHECKING:
        model_name: str | None  # the other name of `model`; see `other_names`

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
        callbacks: Callbacks = None,
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
            callbacks=callbacks,
        )
        is_mapping = isinstance(extra_body, Mapping)
        self._check_type("extra_body", extra_body, is_mapping, "a dict")
        self.extra_body = None if extra_body is None else SecretDict(extra_body)
        # Defaults of options are settings, too; an unknown one raises here.
        known = {*self.known_options, *setting_names(type(self))} if options else ()
        defaults = merged_options(type(self).__name__, known, {}, options)
        if is_string_mapping(headers := revealed(defaults.get("extra_headers"))):
            defaults["extra_headers"] = SecretHeaders(headers)
        vars(self).update(defaults)
        remember_secrets(self.extra_body)
        self._connect(api_key, base_url, timeout, default_headers)

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        if given:
            given = our_options(type(self), given)
        return guarded(super()._options(given))

    def _bindable(self, options: dict[str, Any]) -> dict[str, Any]:
        return guarded(super()._bindable(our_options(type(self), options)))

    def _exchange(self, messages: list[BaseMessage], options: dict[str, Any]) -> ApiCall:
        """Return the call for these messages in the format of the service."""
        raise NotImplementedError

    def _path(self, options: Mapping[str, Any], *, streamed: bool) -> str:
        """Return the path after the base URL, or a whole URL."""
        raise NotImplementedError

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        call, request = self._build_request(messages, options, streamed=False)
        reply = send(request, self._client_config(), self.service.name)
        return self._read(call, reply)

    async def _agenerate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        call, request = self._build_request(messages, options, streamed=False)
        reply = await asend(request, self._client_config(), self.service.name)
        return self._read(call, reply)

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        call, request = self._build_request(messages, options, streamed=True)
        with stream(request, self._client_config(), self.service.name) as reply:
            if not is_success(reply.status):
                raise self._refusal_error(Reply(reply.status, reply.headers, reply.read()))
            reader = _StreamReader(self, call, reply.headers)
            for data in reply:
                for chunk in reader.feed(data):
                    yield chunk
            for chunk in reader.finish():
                yield chunk

    async def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        call, request = self._build_request(messages, options, streamed=True)
        async with await astream(request, self._client_config(), self.service.name) as reply:
            if not is_success(reply.status):
                raise self._refusal_error(Reply(reply.status, reply.headers, await reply.read()))
            reader = _StreamReader(self, call, reply.headers)
            async for data in reply:
                for chunk in reader.feed(data):
                    yield chunk
            for chunk in reader.finish():
                yield chunk

    def _build_request(
        self, messages: list[BaseMessage], options: dict[str, Any], *, streamed: bool
    ) -> tuple[ApiCall, Request]:
        options = SecretDict(options)  # a retry uses the caller's dict again
        extra_body = options.pop("extra_body", None)
        extra_headers = revealed(options.pop("extra_headers", None))
        if others := [tool for tool in options.get("tools", ()) if tool.get("type") != "function"]:
            remember_secrets(others)  # of MCP servers
            options["tools"] = [revealed(tool) for tool in options["tools"]]
        if extra_headers is not None:
            is_mapping = is_string_mapping(extra_headers)
            self._check_type("extra_headers", extra_headers, is_mapping, "a dict of strings")
        call = self._exchange(messages, options)
        body = call.body(streamed=streamed)
        if extra_body is not None:
            self._check_type("extra_body", extra_body, isinstance(extra_body, Mapping), "a dict")
            remember_secrets(extra_body)
            body = merged_body(body, revealed(extra_body))
        if not (options.get("model") or body.get("model")):
            raise no_model(type(self).__name__)
        return call, self._post(self._path(options, streamed=streamed), body, extra_headers)

    def _read(self, call: ApiCall, reply: Reply) -> AIMessage:
        body = self._parse_reply(reply)
        with self._raises_server_error(reply.body, reply.headers):
            if error := call.answer_error(body):
                raise self._error(status_of(error.codes), error, reply.headers)
            return call.answer(body, reply.headers)

    def _read_any(self, call: ApiCall, reply: Reply) -> AIMessage:
        """Return the answer of a reply that was read completely: a stream, or not."""
        if not is_success(reply.status) or not is_start_of_stream(reply.body, lines=self.lines):
            return self._read(call, reply)
        reader = _StreamReader(self, call, reply.headers)
        return join_answer([*reader.feed(reply.body), *reader.finish()])

    def _not_a_stream_error(self, call: ApiCall, reply: Reply) -> Exception:
        """Return the error for a successful response that is no stream."""
        with self._raises_server_error(reply.body, reply.headers):
            if error := call.answer_error(parse_json(reply.body)):
                return self._error(status_of(error.codes), error, reply.headers)
        return self._unreadable_error(reply.body, reply.headers)


class HTTPChatModel(HTTPModel[AIMessage], ChatModel, internal=True):
    """A chat model that is reached over HTTP; see `HTTPModel`."""


class _StreamReader:
    """Reader of the bytes of one streamed answer.

    Some servers name another content type than that of a stream, or none: then the first bytes tell
    whether it is one.
    """

    def __init__(self, model: HTTPModel[Any], call: ApiCall, headers: Mapping[str, str]) -> None:
        self._model = model
        self._call = call
        self._headers = headers
        self._events = JSONEvents(lines=model.lines)
        self._not_a_stream = BoundedBody(model.service.name)
        wanted = "json" if model.lines else "text/event-stream"
        named = wanted in headers.get("content-type", "")
        self._is_stream = True if named else None  # None: no byte has come yet

    def feed(self, data: bytes) -> Iterator[AIMessageChunk]:
        """Take bytes; yield the chunks that they complete, also those before an error."""
        if self._is_stream is None and data.strip():
            self._is_stream = is_start_of_stream(data, lines=self._model.lines)
        if self._is_stream is False:
            self._not_a_stream.add(data)
            return
        with self._model._raises_server_error(data, self._headers):
            for event in self._events.feed(data):
                yield from self._chunks(event)

    def finish(self) -> Iterator[AIMessageChunk]:
        """End the stream; yield the last chunks.

        Raises:
            ModelConnectionError: the stream ended before the answer did.
            ModelError: it was no stream.
        """
        if self._is_stream is False:
            reply = Reply(200, self._headers, self._not_a_stream.join())
            raise self._model._not_a_stream_error(self._call, reply)
        with self._model._raises_server_error(b"", self._headers):
            for event in self._events.finish():
                yield from self._chunks(event)
            self._call.done = self._events.done
            last = self._call.finish(self._headers)
        if last is None:
            raise ModelConnectionError(
                f"{self._model._service_label()}: the stream ended before the answer did.",
                provider=self._model.service.name,
                request_id=self._model._request_id(self._headers),
            )
        yield from last

    def _chunks(self, event: Any) -> Sequence[AIMessageChunk]:
        if error := self._call.stream_error(event):
            raise self._model._error(status_of(error.codes), error, self._headers)
        return self._call.feed(event)
