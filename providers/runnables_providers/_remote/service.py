"""The base of models that are reached over HTTP: keys, URLs, errors.

A model is configuration. Its key is a setting, or is looked up in the environment at each call, so
that a model that is pickled for another process uses the key of that process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import SecretStr

from runnables.core.bounds import check_seconds
from runnables.errors import (
    AuthenticationError,
    ConfigError,
    ModelError,
    RunnablesError,
    ServerError,
)
from runnables.models import model_error, retry_after
from runnables.redaction import (
    HIDDEN,
    RECENT_SECRETS,
    SecretHeaders,
    hide_in_text,
    remember_secrets,
)
from runnables_providers._http import (
    ClientConfig,
    Reply,
    Request,
    Timeouts,
    asend,
    require_http,
    send,
)
from runnables_providers._remote.error_bodies import (
    ServiceError,
    error_in,
    parse_error_body,
    status_of,
)
from runnables_providers._remote.json_values import parse_json, to_json_bytes
from runnables_providers._remote.keys import Key, hidden, key_of, keys_in_headers
from runnables_providers._remote.request_bodies import revealed

T = TypeVar("T")

_MAX_SHOWN_BODY = 300
"""The most characters of an unreadable response that its error shows."""
_DEFAULT_CONFIG = ClientConfig()
_MAX_MESSAGE = 5_000
"""The most characters of a service's message that an error shows."""


@dataclass(frozen=True)
class Service:
    """Service that hosts models.

    Attributes:
        name: the name, as in "name:model" and in errors.
        display_name: the name as its makers write it.
        url: the base URL, without a slash at the end.
        url_variables: environment variables that may hold another base URL.
        key_variables: environment variables that may hold the key.
        id_headers: response headers that may hold the id of the request.
        requires_key: whether the service needs a key; a compatible one at another URL may not.
        extra: the extra to install; None: the same as `name`.
    """

    name: str
    display_name: str
    url: str
    url_variables: tuple[str, ...] = ()
    key_variables: tuple[str, ...] = ()
    id_headers: tuple[str, ...] = ("x-request-id", "request-id")
    requires_key: bool = True
    extra: str | None = None


_PARSE_ERRORS = (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""The errors of reading a response with another structure, a too large number, or deep nesting."""


class _AsServerError:
    """Context of `Remote._raises_server_error`; a class is cheaper, and every chunk enters it."""

    __slots__ = ("_data", "_headers", "_model")

    def __init__(self, model: Remote, data: bytes, headers: Mapping[str, str]) -> None:
        self._model = model
        self._data = data
        self._headers = headers

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, _PARSE_ERRORS) and not isinstance(error, RunnablesError):
            text = str(error)
            unreadable = self._model._unreadable_error(self._data, self._headers)
            # what could not be read may be a part of the response, with a key that it repeats
            raise unreadable from (error if self._model._redact(text) == text else None)


class Remote:
    """Base of models that are reached over HTTP. The attributes are settings; see `_connect`."""

    service: ClassVar[Service]
    _url_setting: ClassVar[str] = "base_url"
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
        """Set and check the settings of the connection.

        Raises:
            AuthenticationError: the service requires a key, and there is none.
            ConfigError: a URL is invalid, or a time limit is not positive.
            MissingExtra: the HTTP library is not installed.
        """
        require_http(type(self).__name__, self.service.extra or self.service.name)
        self._check_type(self._url_setting, base_url, isinstance(base_url, str), "a string")
        is_key = isinstance(api_key, (str, SecretStr)) or callable(api_key)
        self._check_type("api_key", api_key, is_key, "a string, or a function that returns one")
        is_mapping = isinstance(default_headers, Mapping)
        self._check_type("default_headers", default_headers, is_mapping, "a dict of strings")
        self.api_key = hidden(api_key)
        if isinstance(self.api_key, SecretStr) and (own := key_of(self.api_key)):
            RECENT_SECRETS.add(own)
        self.base_url = base_url
        self.timeout = timeout
        self.default_headers = (
            None if default_headers is None else SecretHeaders(revealed(default_headers))
        )
        remember_secrets(self.default_headers)
        headers: Mapping[str, Any] = self.default_headers or {}
        for name, value in headers.items():
            if not isinstance(value, str):
                raise ConfigError(
                    f"{type(self).__name__}: default_headers[{name!r}] is a "
                    f"{type(value).__name__}: expected a string."
                )
        self._client_config()
        self._check_url(self._url())
        self._secret()

    def _check_type(self, name: str, value: Any, fits: bool, expected: str) -> None:
        """Refuse a setting of another type, without showing its value, which may be secret."""
        if value is not None and not fits:
            raise ConfigError(
                f"{type(self).__name__}: {name} is of type {type(value).__name__!r}: "
                f"expected {expected}."
            )

    # -- requests

    def _url(self) -> str:
        """Return the base URL, without a slash at the end."""
        return (self.base_url or variable(*self.service.url_variables) or self.service.url).rstrip(
            "/"
        )

    def _identity(self) -> dict[str, Any]:
        settings: dict[str, Any] = cast("Any", super())._identity()
        return {**settings, "base_url": self._url()}  # it may come from the environment

    def _is_official_url(self) -> bool:
        """Tell whether the URL is that of the service itself, not of a compatible server."""
        return self._url() == self.service.url

    def _service_label(self) -> str:
        """Return the name for errors: that of the service, or the host of a compatible server."""
        if self._is_official_url():
            return self.service.display_name
        return f"{urlsplit(self._url()).netloc} ({self.service.name})"

    def _check_url(self, url: str) -> None:
        setting = f"{type(self).__name__}: {self._url_setting}"
        try:
            parts = urlsplit(url)
            host = parts.hostname if parts.port != 0 else None
        except ValueError:  # brackets, or a port
            parts, host = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not host:
            raise ConfigError(
                f"{setting}={shown_url(url)!r} is not a URL. Write it with "
                "http:// or https:// and a host."
            )
        if parts.password or parts.username:
            raise ConfigError(
                f"{setting} holds a name or password, which would be shown "
                "wherever the model is. Pass it as `api_key` or in `default_headers`."
            )
        if "?" in url or "#" in url:
            raise ConfigError(
                f"{setting}={shown_url(url)!r} has a query or a fragment, "
                "which cannot be followed by the path of a request. Leave it out."
            )

    def _secret(self) -> str | None:
        """Return the key; None if there is none and none is required.

        Raises:
            AuthenticationError: there is none, and the service requires one.
        """
        key = self._configured_key()
        if key or not self.service.requires_key or not self._is_official_url():
            return key or None
        why = "" if self.api_key is None else " (api_key is empty)"
        raise AuthenticationError(
            f"{type(self).__name__} has no key for {self.service.display_name}{why}. "
            "Set the environment "
            f"variable {self.service.key_variables[0]}, or pass api_key=...",
            provider=self.service.name,
        )

    def _configured_key(self) -> str | None:
        """Return the key of the setting, or of the environment."""
        if self.api_key is not None:
            return key_of(self.api_key)
        return key_of(variable(*self.service.key_variables))

    def _auth(self, key: str) -> Mapping[str, str]:
        """Return the headers with the key."""
        return {"authorization": f"Bearer {key}"}

    def _headers(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        key = self._secret()
        if key:
            RECENT_SECRETS.add(key)
        if extra:
            remember_secrets(SecretHeaders(extra))
        headers = {"content-type": "application/json"}
        for more in (self._auth(key) if key else None, self.default_headers, extra):
            if more:
                headers.update(more)
        return headers

    def _client_config(self) -> ClientConfig:
        limit = self.timeout
        if limit is None:
            return _DEFAULT_CONFIG
        if isinstance(limit, Timeouts):
            return ClientConfig(limit)
        setting = f"{type(self).__name__}: timeout={{}}"
        limit = check_seconds(setting, limit, other=", or Timeouts(...)")
        return ClientConfig(Timeouts(connect=min(limit, 10), first=limit, between=limit))

    def _post(
        self, path: str, body: Mapping[str, Any], extra: Mapping[str, str] | None = None
    ) -> Request:
        """Return a POST request with a JSON body; the path may be a whole URL."""
        url = path if path.startswith(("http://", "https://")) else self._url() + path
        return Request("POST", url, self._headers(extra), to_json_bytes(body))

    def _fetch(self, request: Request, read: Callable[[Any], T]) -> T:
        """Send a request; return what `read` makes of the JSON in the reply."""
        return self._decode(send(request, self._client_config(), self.service.name), read)

    async def _afetch(self, request: Request, read: Callable[[Any], T]) -> T:
        """Send a request; return what `read` makes of the JSON in the reply."""
        return self._decode(await asend(request, self._client_config(), self.service.name), read)

    def _decode(self, reply: Reply, read: Callable[[Any], T]) -> T:
        body = self._parse_reply(reply)
        with self._raises_server_error(reply.body, reply.headers):
            if error := error_in(body):
                raise self._error(status_of(error.codes), error, reply.headers)
            return read(body)

    # -- errors

    def _parse_reply(self, reply: Reply) -> Any:
        """Return the JSON of a reply.

        Raises:
            ModelError: the status is an error, or the body is not JSON.
        """
        if not is_success(reply.status):
            raise self._refusal_error(reply)
        try:
            return parse_json(reply.body)
        except ValueError as error:
            raise self._unreadable_error(reply.body, reply.headers) from error

    def _raises_server_error(self, data: bytes, headers: Mapping[str, str]) -> _AsServerError:
        """Return a context that turns errors of reading a response into a ServerError."""
        return _AsServerError(self, data, headers)

    def _unreadable_error(self, body: bytes, headers: Mapping[str, str]) -> ServerError:
        text = self._redact(body.decode("utf-8", "replace"))[:_MAX_SHOWN_BODY]
        kind = headers.get("content-type", "no content type")
        return ServerError(
            f"{self._service_label()} sent a response that cannot be read ({kind}): {text!r}",
            provider=self.service.name,
            request_id=self._request_id(headers),
        )

    def _refusal_error(self, reply: Reply) -> ModelError:
        """Return the error for a reply with an error status."""
        try:
            body: Any = parse_json(reply.body)
        except ValueError:
            body = self._redact(reply.body.decode("utf-8", "replace"))[:_MAX_SHOWN_BODY]
        return self._error(reply.status, parse_error_body(body), reply.headers)

    def _error(self, status: int, error: ServiceError, headers: Mapping[str, str], /) -> ModelError:
        """Return the portable error for an error of the service."""
        message = self._redact(error.message)[:_MAX_MESSAGE] or "no reason given"
        if (status == 404 or 300 <= status < 400) and self._url() != self.service.url:
            message = f"{message.rstrip('.')}. The base URL is {self._url()}"
        return model_error(
            status,
            f"{self._service_label()} answered {status}: {message}",
            provider=self.service.name,
            request_id=self._request_id(headers),
            retry_after=self._delay(error, headers),
            codes=error.codes,
            daily=self._is_used_up(error),
        )

    def _delay(self, error: ServiceError, headers: Mapping[str, str], /) -> float | None:
        """Return the seconds that the service asks to wait before a retry, if it does."""
        return retry_after(headers)

    def _is_used_up(self, error: ServiceError, /) -> bool:
        """Tell whether a quota is used up, so that waiting for minutes does not help."""
        return "insufficient_quota" in error.codes  # OpenAI's code for an account without credit

    def _request_id(self, headers: Mapping[str, str]) -> str | None:
        return next((headers[name] for name in self.service.id_headers if name in headers), None)

    def _redact(self, text: str) -> str:
        """Replace secrets in a message of the service; some repeat a wrong key, or the request."""
        own = key_of(self.api_key) if isinstance(self.api_key, SecretStr) else None
        return hide_in_text(text, [own or "", *keys_in_headers(self.default_headers)])


def shown_url(url: str) -> str:
    """Return a URL without what may be secret in it: the name before the host, and the query."""
    return re.sub(r"[?#].*", "?...", re.sub(r"[^/@]*@", f"{HIDDEN}@", url), flags=re.DOTALL)


def is_success(status: int) -> bool:
    """Tell whether the status is not that of an error."""
    return 200 <= status < 300


def is_string_mapping(value: Any) -> bool:
    """Tell whether a value is a mapping of strings to strings."""
    if not isinstance(value, Mapping):
        return False
    return all(isinstance(part, str) for pair in cast("Any", value.items()) for part in pair)


def variable(*names: str) -> str | None:
    """Return the value of the first of these environment variables that is set."""
    return next((value for name in names if (value := os.environ.get(name))), None)


def no_model(owner: str) -> ConfigError:
    """Return the error for a request that would name no model."""
    return ConfigError(
        f"{owner} has no model to ask. Name one: {owner}(model=...), or model= in the call."
    )
