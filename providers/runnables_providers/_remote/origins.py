"""Origins of answers: what one service sent goes back to that service, and to no other.

Ids, signatures, encrypted reasoning and blocks of tools that run on a service's side mean something
to their service alone: another one refuses them. So an answer names its endpoint in its metadata.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from runnables.messages import BaseMessage

ENDPOINT_KEY: Final = "model_endpoint"
"""The key of `response_metadata` that names the host and the interface of a service."""


class Origin(Enum):
    """Origin of a message, as seen from the service that it is sent to."""

    SAME = "same"
    """This service made it."""
    UNKNOWN = "unknown"
    """A user made it, or it does not say which of the services with one interface made it."""
    OTHER = "other"
    """Another service made it."""


def endpoint_of(url: str, interface: str) -> str:
    """Return the name of an endpoint.

    Args:
        url: the base URL of the service.
        interface: the path of the interface, such as "/chat/completions".
    """
    return urlsplit(url).netloc + interface


def origin_of(message: BaseMessage, provider: str, endpoint: str) -> Origin:
    """Return whether a message came from this service.

    Args:
        message: the message.
        provider: the name that the provider's answers have as their `model_provider`.
        endpoint: the name that they have as their endpoint.
    """
    metadata = message.response_metadata
    if (known := metadata.get(ENDPOINT_KEY)) is not None:
        return Origin.SAME if known == endpoint else Origin.OTHER
    maker = metadata.get("model_provider")
    return Origin.UNKNOWN if maker is None or maker == provider else Origin.OTHER


def rest_of(fields: Mapping[str, object], known: Iterable[str]) -> dict[str, object]:
    """Return the fields that are not among the known ones, without those that are None."""
    known = known if isinstance(known, (set, frozenset)) else frozenset(known)
    return {key: value for key, value in fields.items() if value is not None and key not in known}
