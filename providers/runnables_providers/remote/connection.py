"""The requests to a served chain, and its answers that are no stream; nothing here waits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import TypeAdapter, ValidationError

from runnables.core.values import show
from runnables.errors import InvalidRequestError, is_retryable
from runnables.models.request_policies import RequestPolicy
from runnables.serving.chunk_merges import MERGES_HEADER
from runnables_providers._http import Reply, Request
from runnables_providers._remote.json_values import object_of, parse_json, to_json_bytes
from runnables_providers._remote.service import Remote, Service, is_success
from runnables_providers.remote.answers import service_error

if TYPE_CHECKING:
    from runnables.compose.policies.attempts import RetryPolicy
    from runnables.core.config import Scope
    from runnables.errors import ModelError
    from runnables_providers._remote.error_bodies import ServiceError

_SENT_CONFIG: Final = ("tags", "metadata", "configurable")
"""The keys of a config that are sent. The server decides which of them count."""

_ASIDE: Final = frozenset({"base_url", "headers", "max_batch_size", "restarts"})
"""Settings that do not change what the chain answers, or are there twice."""

_MAX_SHOWN: Final = 300
"""The most characters of an unreadable refusal that its error shows."""


class Connection(Remote, RequestPolicy):
    """The settings of a served chain, the requests that are made of them, and its errors."""

    service = Service("remote", "A served chain", "", requires_key=False, id_headers=())
    _url_setting = "url"
    output_type: Any
    restarts: bool

    # `Remote` has other names for these two settings.
    @property
    def base_url(self) -> str | None:
        """Return the URL of the chain."""
        return self.url

    @base_url.setter
    def base_url(self, url: str | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride] - it is `url`
        self.url = cast("str", url)

    @property
    def default_headers(self) -> Any:
        """Return the headers of each request."""
        return self.headers

    @default_headers.setter
    def default_headers(self, headers: Any) -> None:  # pyright: ignore[reportIncompatibleVariableOverride] - it is `headers`
        self.headers = headers

    def _request(
        self,
        path: str,
        body: dict[str, Any],
        scope: Scope | None,
        limit: int | None = None,
    ) -> Request:
        try:
            content = to_json_bytes({**body, "config": _config_in(scope, limit), "kwargs": {}})
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidRequestError(
                f"{self!r}: the input has no form in JSON: {error}", provider=self.service.name
            ) from None
        headers = self._headers()
        headers[MERGES_HEADER] = "restarts" if self.restarts else "yes"
        return Request("POST", self._url() + path, headers, content)

    @cached_property
    def _adapter(self) -> TypeAdapter[Any] | None:
        return None if self.output_type is None else TypeAdapter(self.output_type)

    def _typed(self, value: Any) -> Any:
        """Return an output as the type that was passed, if any.

        Raises:
            InvalidRequestError: it does not fit.
        """
        if self._adapter is None:
            return value
        try:
            return self._adapter.validate_python(value)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, problem["loc"])) or "output"
            raise InvalidRequestError(
                f"{self._service_label()}: the output does not fit output_type="
                f"{show(self.output_type)}: {place}: {problem['msg']}",
                provider=self.service.name,
            ) from None

    def _get(self, path: str) -> Request:
        return Request("GET", self._url() + path, self._headers())

    def _not_a_stream(self, reply: Reply) -> ModelError:
        if is_success(reply.status):
            return self._unreadable_error(reply.body, reply.headers)
        return self._refusal_error(reply)

    def _refusal_error(self, reply: Reply) -> ModelError:
        try:
            body: Any = parse_json(reply.body)
        except ValueError:
            body = self._redact(reply.body.decode("utf-8", "replace"))[:_MAX_SHOWN]
        return self._error(reply.status, service_error(body), reply.headers)

    def _error_in(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> ModelError:
        """Return the error in the body of an answer, or in an event."""
        status = body.get("status_code")
        more: Any = {**headers, **object_of(body.get("headers"))}
        return self._error(status if isinstance(status, int) else 500, service_error(body), more)

    def _error(self, status: int, error: ServiceError, headers: Mapping[str, str], /) -> ModelError:
        found = super()._error(status, error, headers)
        if status == 413:  # a body or a batch that is too large, not a conversation
            found = InvalidRequestError(str(found), provider=self.service.name, status=status)
        run_id = error.details.get("run_id")
        found.request_id = run_id if isinstance(run_id, str) else found.request_id
        return found

    def _is_used_up(self, error: ServiceError, /) -> bool:
        return "budget_exceeded" in error.codes

    @cached_property
    def _retry_policy(self) -> RetryPolicy:
        return super()._retry_policy._replace(is_retryable=may_pass)

    def _estimate_tokens(self, *request: Any, **_: Any) -> float:
        return 0.0  # what the chain asks of models is not known here

    def _identity(self) -> dict[str, Any]:
        return {key: value for key, value in super()._identity().items() if key not in _ASIDE}


def is_stream(status: int, headers: Mapping[str, str]) -> bool:
    """Tell whether an answer is a stream of events."""
    return is_success(status) and "text/event-stream" in headers.get("content-type", "")


def may_pass(error: BaseException) -> bool:
    """Tell whether a retry may succeed: not where the chain itself has failed."""
    return is_retryable(error) and getattr(error, "status", None) != 500


def _config_in(scope: Scope | None, limit: int | None) -> dict[str, Any]:
    """Return of a scope what is sent to the server: what has a form in JSON."""
    config: dict[str, Any] = {} if limit is None else {"max_concurrency": limit}
    if scope is None:
        return config
    for key in _SENT_CONFIG:
        value: Any = scope.get(key)
        if key != "tags":
            parts: Mapping[str, Any] = value or {}
            value = {name: part for name, part in parts.items() if _is_json(part)}
        if value:
            config[key] = value
    return config


def _is_json(value: object) -> bool:
    """Tell whether a value is one of JSON."""
    if isinstance(value, Mapping):
        pairs = cast("Any", value).items()
        return all(isinstance(key, str) and _is_json(part) for key, part in pairs)
    if isinstance(value, (list, tuple)):
        return all(map(_is_json, cast("Any", value)))
    return value is None or isinstance(value, (str, int, float, bool))
