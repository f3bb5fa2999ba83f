"""Settings of models as types: which keywords a constructor takes, for type checkers and editors.

A class that passes keywords on to its base says `**settings: Unpack[ChatSettings]`. None, where a
type has it, stands for a setting that is not set. At run time the base still refuses unknown
keywords, with the near name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from runnables.cache.stores import BaseCache
    from runnables.core.handlers import Handler
    from runnables.models.rate_limits import BaseRateLimiter


class RequestSettings(TypedDict, total=False):
    """Settings of every model: its name, and how requests are sent (see `RequestPolicy`)."""

    name: str | None
    """The name of the model in traces, events and logs."""
    max_retries: int | None
    """How often a request is repeated after an error that may pass."""
    max_retry_delay: float | None
    """The longest delay, in seconds, that the service may ask for before a retry."""
    rate_limiter: BaseRateLimiter | None
    """Spaces the requests of all models that share it."""


class UnseededChatSettings(RequestSettings, total=False):
    """Settings of chat models of a service that knows no seed."""

    temperature: float | None
    """How freely the model chooses, from 0 (the likeliest token) up."""
    max_tokens: int | None
    """The most tokens that an answer may have."""
    stop: Sequence[str] | str | None
    """Strings before which an answer ends."""
    top_p: float | None
    """Choose among the likeliest tokens of this total probability."""
    cache: BaseCache | None
    """Where answers are stored, and looked for first."""
    callbacks: Sequence[Handler] | None
    """The handlers that receive the events of its runs."""


class ChatSettings(UnseededChatSettings, total=False):
    """Settings of chat models."""

    seed: int | None
    """Makes answers repeatable, where the service can."""
