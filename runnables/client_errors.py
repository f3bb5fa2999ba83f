"""Errors of other clients of services, such as those of `openai`, `httpx` and `boto3`.

They are known by their HTTP status, or by the names of their classes: no client is imported.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, Final, cast

_PASSING_STATUS: Final = frozenset({408, 409, 425, 429})

_PASSING_NAMES: Final = frozenset(
    "APIConnectionError APITimeoutError ConnectionError ConnectError ConnectTimeout ReadError "
    "ReadTimeout WriteError WriteTimeout RemoteProtocolError PoolTimeout ServiceUnavailable "
    "DeadlineExceeded ResourceExhausted ClientConnectionError EndpointConnectionError "
    "ChunkedEncodingError".split()
)
"""Errors of clients without a status, by the names of their classes. A name may be a user's own,
so that words as plain as `Timeout` are left out."""

_STATUS_OF_PACKAGE: Final = {"google": "code", "urllib": "code", "aiohttp": "status"}
"""Attributes with the status that other packages use for something else."""


def may_pass(error: Exception) -> bool:
    """Tell whether a retry may succeed soon after an error of a client of a service.

    Args:
        error: an error that is none of ours.
    """
    if _read(error, "code") == "insufficient_quota":  # of OpenAI, with the status 429
        return False
    status = _status(error)
    if status is not None:
        return status in _PASSING_STATUS or status >= 500
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True
    return not _PASSING_NAMES.isdisjoint(base.__name__ for base in type(error).__mro__)


def seconds_until_retry(error: Exception) -> float | None:
    """Return the seconds that a service asks to wait, by the headers of its response.

    Args:
        error: an error that is none of ours; None is the answer where it has no such headers.
    """
    headers = _read(_read(error, "response"), "headers")
    if not _is_mapping(headers):
        return None
    return retry_after({str(name): str(value) for name, value in headers.items()})


def _status(error: Exception) -> int | None:
    """Return the HTTP status of an error; None where it has none."""
    response = _read(error, "response")
    if isinstance(response, dict):  # of botocore
        metadata: Any = cast("dict[str, Any]", response).get("ResponseMetadata")
        found: Any = metadata.get("HTTPStatusCode") if _is_mapping(metadata) else None
    else:
        found = _read(error, "status_code") or _read(response, "status_code")
    if found is None:
        packages = (base.__module__.partition(".")[0] for base in type(error).__mro__)
        name = next((_STATUS_OF_PACKAGE[one] for one in packages if one in _STATUS_OF_PACKAGE), "")
        found = _read(error, name) if name else None
    is_status = isinstance(found, int) and not isinstance(found, bool) and 100 <= found < 600
    return int(found) if is_status else None


def _read(thing: object, name: str) -> Any:
    """Return an attribute; None where there is none, or the user's own class fails to say."""
    try:
        return getattr(thing, name, None)
    except Exception:
        return None


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds after which a service wants the next request; None where it names none.

    Args:
        headers: those of the response. `retry-after-ms` has milliseconds, `retry-after` seconds or
            an HTTP date (RFC 9110, 10.2.3); the finer one counts.
        now: the time to compare a date with; `time.time()` by default.

    Example:
        >>> from runnables.models import retry_after
        >>> retry_after({"Retry-After": "20"})
        20.0
    """
    headers = {name.lower(): value for name, value in headers.items()}
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return max(0.0, milliseconds / 1000)
    text = headers.get("retry-after")
    if text is None:
        return None
    if (seconds := _number(text)) is not None:
        return max(0.0, seconds)
    from email.utils import parsedate_to_datetime  # loads more than all else here

    try:
        until = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, until - (time.time() if now is None else now))


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
