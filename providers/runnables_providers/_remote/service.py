"""What all services that are reached over HTTP share: keys, addresses, faults.

A model is configuration. Its key may be given, or is looked up in the environment at each call,
so that a model that travels to another process finds the key of that process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import SecretStr

from runnables.errors import (
    AuthenticationError,
    ConfigError,
    ModelError,
    RunnablesError,
    ServerError,
)
from runnables.models import model_error, retry_after
from runnables_providers._http import (
    ClientConfig,
    Reply,
    Request,
    Timeouts,
    asend,
    require_http,
    send,
)
from runnables_providers._remote.error_bodies import ServiceError, parse_error_body
from runnables_providers._remote.json_values import read_json, written_json
from runnables_providers._remote.keys import (
    RECENT_KEYS,
    Key,
    SecretHeaders,
    hidden,
    key_of,
    keys_in_headers,
    redacted,
)

T = TypeVar("T")

_SHOWN = 300
"""How many characters of an answer that cannot be read are shown in its error."""
_USUAL = ClientConfig()
_LONGEST = 5_000
"""How many characters of a service's own reason an error has at most."""


@dataclass(frozen=True)
class Service:
    """Where models are reached.

    Attributes:
        name: as in "name:model", and in errors.
        title: as its makers write it.
        url: the base address, with no slash at the end.
        url_variables: environment variables that may hold another one.
        key_variables: environment variables that may hold the key.
        id_headers: headers of an answer that may hold the name of the request.
        open: whether it needs no key.
        extra: what to install for it, where that is not called as it is.
    """

    name: str
    display_name: str
    url: str
    url_variables: tuple[str, ...] = ()
    key_variables: tuple[str, ...] = ()
    id_headers: tuple[str, ...] = ("x-request-id", "request-id")
    requires_key: bool = False
    extra: str | None = None


_PARSE_ERRORS = (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""What reading an answer of another form raises; too large a number, too many brackets."""


class _AsServerError:
    """`Remote._reading`: not made by `contextmanager`, as streams enter it for every piece."""

    __slots__ = ("_data", "_headers", "_model")

    def __init__(self, model: Remote, data: bytes, headers: Mapping[str, str]) -> None:
        self._model = model
        self._data = data
        self._headers = headers

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, _PARSE_ERRORS) and not isinstance(error, RunnablesError):
            raise self._model._unreadable(self._data, self._headers) from error


class Remote:
    """A model that is reached over HTTP. The attributes are settings; see `_connect`."""

    service: ClassVar[Service]
    api_key: SecretStr | Callable[[], str] | None
    base_url: str | None
    timeout: float | Timeouts | None
    default_headers: SecretHeaders | None

    def _connect(
        self,
        api_key: Key | None,
        base_url: str | None,
        timeout: float | Timeouts | None,
        default_headers: Mapping[str, str] | None,
    ) -> None:
        """Take the settings that tell where to go.

        Raises:
            AuthenticationError: no key, for a service that wants one.
            ConfigError: an address that is none, a limit that is not positive.
            MissingExtra: the HTTP library is not installed.
        """
        require_http(type(self).__name__, self.service.extra or self.service.name)
        self._check_kind("base_url", base_url, isinstance(base_url, str), "a text")
        is_key = isinstance(api_key, (str, SecretStr)) or callable(api_key)
        self._check_kind("api_key", api_key, is_key, "a text, or a function that gives one")
        is_mapping = isinstance(default_headers, Mapping)
        self._check_kind("default_headers", default_headers, is_mapping, "a dict of texts")
        self.api_key = hidden(api_key)
        self.base_url = base_url
        self.timeout = timeout
        self.default_headers = None if default_headers is None else SecretHeaders(default_headers)
        further: Mapping[str, Any] = self.default_headers or {}
        for name, given in further.items():
            if not isinstance(given, str):
                raise ConfigError(
                    f"{type(self).__name__}: default_headers[{name!r}] is a "
                    f"{type(given).__name__}: expected a text."
                )
        self._setup()
        self._check_url(self._url())
        self._secret()

    def _check_kind(self, name: str, value: Any, fits: bool, expected: str) -> None:
        """Refuse a setting of another type; its value may be secret, so it does not show."""
        if value is not None and not fits:
            raise ConfigError(
                f"{type(self).__name__}: {name} is of type {type(value).__name__!r}: "
                f"expected {expected}."
            )

    # -- where, and who asks

    def _url(self) -> str:
        """The base address, with no slash at the end."""
        return (self.base_url or variable(*self.service.url_variables) or self.service.url).rstrip(
            "/"
        )

    def _identity(self) -> dict[str, Any]:
        settings: dict[str, Any] = cast("Any", super())._identity()
        return {**settings, "base_url": self._url()}  # as the environment may say

    def _is_own(self) -> bool:
        """Whether it is the maker's own service, not a compatible one."""
        return self._url() == self.service.url

    def _service_label(self) -> str:
        """Who answers, for errors: the service, or the host that speaks as it does."""
        if self._is_own():
            return self.service.display_name
        return f"{urlsplit(self._url()).netloc} ({self.service.name})"

    def _check_url(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host = parts.hostname if parts.port != 0 else None
        except ValueError:  # of brackets, or of a port
            parts, host = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not host:
            raise ConfigError(
                f"{type(self).__name__}: base_url={url!r} is no address. Write it with "
                "http:// or https:// and a host."
            )
        if parts.password or parts.username:
            raise ConfigError(
                f"{type(self).__name__}: base_url holds a name or password, which would be shown "
                "wherever the model is. Give it as `api_key` or in `default_headers`."
            )
        if "?" in url or "#" in url:
            raise ConfigError(
                f"{type(self).__name__}: base_url={url!r} has a query or a fragment, which cannot "
                "be followed by the path of a request. Leave it out."
            )

    def _secret(self) -> str | None:
        """The key; None where there is none, and the service is not its maker's own.

        Raises:
            AuthenticationError: there is none, and the service wants one.
        """
        key = self._given()
        if key or self.service.requires_key or not self._is_own():
            return key or None
        why = "" if self.api_key is None else " (api_key is empty)"
        raise AuthenticationError(
            f"{type(self).__name__} has no key for {self.service.display_name}{why}. "
            "Set the environment "
            f"variable {self.service.key_variables[0]}, or give api_key=...",
            provider=self.service.name,
        )

    def _given(self) -> str | None:
        if self.api_key is not None:
            return key_of(self.api_key)
        return key_of(variable(*self.service.key_variables))

    def _auth(self, key: str) -> Mapping[str, str]:
        """The headers that carry the key."""
        return {"authorization": f"Bearer {key}"}

    def _headers(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        key = self._secret()
        if key:
            RECENT_KEYS.note(key)
        for word in keys_in_headers(extra) if extra else ():
            RECENT_KEYS.note(word)
        headers = {"content-type": "application/json"}
        for further in (self._auth(key) if key else None, self.default_headers, extra):
            if further:
                headers.update(further)
        return headers

    def _setup(self) -> ClientConfig:
        limit = self.timeout
        if limit is None:
            return _USUAL
        if isinstance(limit, Timeouts):
            return ClientConfig(limit)
        is_number = isinstance(cast("object", limit), (int, float)) and not isinstance(limit, bool)
        if not is_number or not limit > 0:
            raise ConfigError(
                f"{type(self).__name__}: timeout={limit!r}: expected seconds, more than 0, or "
                "Timeouts(...)."
            )
        return ClientConfig(Timeouts(connect=min(limit, 10), first=limit, between=limit))

    def _post(
        self, path: str, body: Mapping[str, Any], extra: Mapping[str, str] | None = None
    ) -> Request:
        """A request with a JSON body; the path may be a whole address."""
        url = path if path.startswith(("http://", "https://")) else self._url() + path
        return Request("POST", url, self._headers(extra), written_json(body))

    def _fetched(self, request: Request, read: Callable[[Any], T]) -> T:
        """What `read` makes of the JSON that a request is answered with."""
        return self._understood(send(request, self._setup(), self.service.name), read)

    async def _afetched(self, request: Request, read: Callable[[Any], T]) -> T:
        """What `read` makes of the JSON that a request is answered with."""
        return self._understood(await asend(request, self._setup(), self.service.name), read)

    def _understood(self, reply: Reply, read: Callable[[Any], T]) -> T:
        body = self._json(reply)
        with self._reading(reply.body, reply.headers):
            return read(body)

    # -- what can be wrong

    def _json(self, reply: Reply) -> Any:
        """The JSON of a reply.

        Raises:
            ModelError: it tells of a fault, or is no JSON.
        """
        if not 200 <= reply.status < 300:
            raise self._refused(reply)
        try:
            return read_json(reply.body)
        except ValueError as error:
            raise self._unreadable(reply.body, reply.headers) from error

    def _reading(self, data: bytes, headers: Mapping[str, str]) -> _AsServerError:
        """Let what is not of the service's own form be an error of the service."""
        return _AsServerError(self, data, headers)

    def _unreadable(self, body: bytes, headers: Mapping[str, str]) -> ServerError:
        text = self._redacted(body.decode("utf-8", "replace"))[:_SHOWN]
        kind = headers.get("content-type", "no content type")
        return ServerError(
            f"{self._service_label()} answered with what cannot be read ({kind}): {text!r}",
            provider=self.service.name,
            request_id=self._request_id(headers),
        )

    def _refused(self, reply: Reply) -> ModelError:
        """The error for a reply that is no success."""
        try:
            body: Any = read_json(reply.body)
        except ValueError:
            body = self._redacted(reply.body.decode("utf-8", "replace"))[:_SHOWN]
        return self._error(reply.status, parse_error_body(body), reply.headers)

    def _error(self, status: int, fault: ServiceError, headers: Mapping[str, str]) -> ModelError:
        """The error for a fault."""
        message = self._redacted(fault.message)[:_LONGEST] or "no reason given"
        if (status == 404 or 300 <= status < 400) and self._url() != self.service.url:
            message = f"{message.rstrip('.')}. Its base address: {self._url()}"
        return model_error(
            status,
            f"{self._service_label()} answered {status}: {message}",
            provider=self.service.name,
            request_id=self._request_id(headers),
            retry_after=self._delay(fault, headers),
            codes=fault.codes,
            daily=self._is_used_up(fault),
        )

    def _delay(self, fault: ServiceError, headers: Mapping[str, str]) -> float | None:
        """Seconds until the service wants to be asked again, where it says so."""
        return retry_after(headers)

    def _is_used_up(self, fault: ServiceError) -> bool:
        """Whether the fault is a limit that waiting for minutes does not mend."""
        return "insufficient_quota" in fault.codes  # OpenAI's, for an account without money

    def _request_id(self, headers: Mapping[str, str]) -> str | None:
        return next((headers[name] for name in self.service.id_headers if name in headers), None)

    def _redacted(self, text: str) -> str:
        """A text of the service without the keys, which some repeat where they are wrong."""
        own = key_of(self.api_key) if isinstance(self.api_key, SecretStr) else None
        return redacted(text, [own or "", *keys_in_headers(self.default_headers)])


def is_mapping_of_texts(value: Any) -> bool:
    """Whether all keys and values are texts."""
    if not isinstance(value, Mapping):
        return False
    return all(isinstance(it, str) for pair in cast("Any", value.items()) for it in pair)


def variable(*names: str) -> str | None:
    """The first of these environment variables that is set."""
    return next((value for name in names if (value := os.environ.get(name))), None)
