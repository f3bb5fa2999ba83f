"""Where Gemini's models are reached, and what Google calls its faults.

https://ai.google.dev/api and, for the details of errors,
https://cloud.google.com/apis/design/errors
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast
from urllib.parse import quote

from runnables.errors import AuthenticationError, ConfigError, ModelError
from runnables_providers._remote.service import Remote, Service

if TYPE_CHECKING:
    from runnables_providers._remote.error_bodies import ServiceError

GOOGLE: Final = Service(
    name="google",
    display_name="Google Gemini",
    url="https://generativelanguage.googleapis.com",
    url_variables=("GOOGLE_GEMINI_BASE_URL",),
    key_variables=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
)

API_VERSION: Final = "v1beta"
"""Where Google's documentation shows all of the API; "v1" has what is settled of it."""

_SECONDS: Final = re.compile(r"(\d+(?:\.\d+)?)s")
_KEY_REASONS: Final = {"API_KEY_INVALID", "API_KEY_EXPIRED"}
"""Why Google answers 400 to what other services answer 401 to."""


class GoogleRemote(Remote):
    """A model of Google's, chat or embeddings."""

    service: ClassVar[Service] = GOOGLE
    api_version: str

    def _model_path(self, model: Any, method: str) -> str:
        """The path of a method of a model."""
        return f"/{self.api_version}/{resource(model)}:{method}"

    def _auth(self, key: str) -> Mapping[str, str]:
        return {"x-goog-api-key": key}  # never in the address, which servers write down

    def _error(self, status: int, fault: ServiceError, headers: Mapping[str, str]) -> ModelError:
        error = super()._error(status, fault, headers)
        if any(it.get("reason") in _KEY_REASONS for it in _details(fault)):
            return AuthenticationError(
                str(error), provider=error.provider, status=status, request_id=error.request_id
            )
        return error

    def _delay(self, fault: ServiceError, headers: Mapping[str, str]) -> float | None:
        delay = super()._delay(fault, headers)
        return _told_delay(_details(fault)) if delay is None else delay

    def _is_used_up(self, fault: ServiceError) -> bool:
        return super()._is_used_up(fault) or _is_daily(_details(fault))


def resource(model: Any) -> str:
    """A model as the service names it in its paths, given with or without "models/".

    Raises:
        ConfigError: no model, or what cannot be one.
    """
    if not isinstance(model, str) or not model or ".." in model:
        raise ConfigError(
            f"model={model!r}: expected the name of a model of Google's, such as "
            "'gemini-3-flash-preview'."
        )
    return quote(model if "/" in model else f"models/{model}", safe="/-._~@")


def _details(fault: ServiceError) -> Sequence[Mapping[str, Any]]:
    """The typed details of an error; none where it has another form."""
    error: Any = fault.details.get("error")
    details: Any = cast("Mapping[str, Any]", error).get("details") if error else None
    items = cast("Sequence[Any]", details) if isinstance(details, list) else ()
    return [cast("Mapping[str, Any]", it) for it in items if isinstance(it, Mapping)]


def _told_delay(details: Sequence[Mapping[str, Any]]) -> float | None:
    """The seconds that a RetryInfo asks to wait: "45.8s"."""
    for it in details:
        if found := _SECONDS.fullmatch(str(it.get("retryDelay", ""))):
            return float(found[1])
    return None


def _is_daily(details: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the quota of a day is used up. Then, too, a RetryInfo may name some seconds."""
    found: list[Any] = [it.get("violations") or () for it in details]
    return any("PerDay" in str(each.get("quotaId")) for some in found for each in some)
