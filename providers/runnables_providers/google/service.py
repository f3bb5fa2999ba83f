"""The URLs of Gemini's models, and Google's error details.

https://ai.google.dev/api and https://cloud.google.com/apis/design/errors describe them.
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
"""The version that Google's documentation shows; "v1" has only the stable part of the API."""

_SECONDS: Final = re.compile(r"(\d+(?:\.\d+)?)s")
_KEY_REASONS: Final = {"API_KEY_INVALID", "API_KEY_EXPIRED"}
"""Reasons for a 400 of Google that is a 401 elsewhere."""


class GoogleRemote(Remote):
    """A model of Google, chat or embeddings."""

    service: ClassVar[Service] = GOOGLE
    api_version: str

    def _model_path(self, model: Any, method: str) -> str:
        """Return the path of a method of a model."""
        return f"/{self.api_version}/{resource(model)}:{method}"

    def _auth(self, key: str) -> Mapping[str, str]:
        return {"x-goog-api-key": key}  # never in the URL, which servers log

    def _error(self, status: int, error: ServiceError, headers: Mapping[str, str]) -> ModelError:
        found = super()._error(status, error, headers)
        if any(detail.get("reason") in _KEY_REASONS for detail in _details(error)):
            return AuthenticationError(
                str(found), provider=found.provider, status=status, request_id=found.request_id
            )
        return found

    def _delay(self, error: ServiceError, headers: Mapping[str, str]) -> float | None:
        delay = super()._delay(error, headers)
        return _retry_delay(_details(error)) if delay is None else delay

    def _is_used_up(self, error: ServiceError) -> bool:
        return super()._is_used_up(error) or _is_daily(_details(error))


def resource(model: Any) -> str:
    """Return the name of a model in the service's paths; `model` may omit "models/".

    Raises:
        ConfigError: there is no model, or it cannot be a name.
    """
    if not isinstance(model, str) or not model or ".." in model:
        raise ConfigError(
            f"model={model!r}: expected the name of a model of Google's, such as "
            "'gemini-3-flash-preview'."
        )
    return quote(model if "/" in model else f"models/{model}", safe="/-._~@")


def _details(error: ServiceError) -> Sequence[Mapping[str, Any]]:
    """Return the typed details of an error; none where it has another structure."""
    body: Any = error.details.get("error")
    has_fields = isinstance(body, Mapping)
    details: Any = cast("Mapping[str, Any]", body).get("details") if has_fields else None
    items = cast("Sequence[Any]", details) if isinstance(details, list) else ()
    return [cast("Mapping[str, Any]", item) for item in items if isinstance(item, Mapping)]


def _retry_delay(details: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the delay of a RetryInfo ("45.8s") in seconds."""
    for detail in details:
        if found := _SECONDS.fullmatch(str(detail.get("retryDelay", ""))):
            return float(found[1])
    return None


def _is_daily(details: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether the quota of a day is used up, though a RetryInfo may name a few seconds."""
    violations: list[Any] = [
        violation for detail in details for violation in detail.get("violations") or ()
    ]
    return any("PerDay" in str(violation.get("quotaId")) for violation in violations)
