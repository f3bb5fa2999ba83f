"""Answers of Responses that the service makes in the background (`background=True`).

The service answers at once, with a status in place of the answer, and is asked for it until it is
there. Nothing here sends anything: `ChatOpenAI` does, sync and async.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from runnables.errors import (
    ModelConnectionError,
    ModelError,
    ModelTimeoutError,
    RateLimitError,
    ServerError,
)

if TYPE_CHECKING:
    from runnables.messages import AIMessage

PENDING: Final = ("queued", "in_progress")
"""The statuses of an answer that is not there yet."""

_FIRST_DELAY: Final = 0.5
_GROWTH: Final = 1.5
_LONGEST_DELAY: Final = 10.0
_TEMPORARY: Final = (ModelConnectionError, ModelTimeoutError, RateLimitError, ServerError)


class BackgroundWait:
    """The wait for one answer: the delays between the questions, and its limits.

    Args:
        provider: the provider, for the error.
        total: the most seconds to wait; None for no limit.
        max_failures: how many questions in a row may fail with an error that may pass.
    """

    def __init__(self, provider: str, total: float | None, max_failures: int) -> None:
        self._provider = provider
        self._total = total
        self._until = None if total is None else time.monotonic() + total
        self._max_failures = max_failures
        self._failures = 0
        self._delay = _FIRST_DELAY

    def next_delay(self) -> float:
        """Return the seconds until the next question.

        Raises:
            ModelTimeoutError: the answer was not there in time.
        """
        delay, self._delay = self._delay, min(self._delay * _GROWTH, _LONGEST_DELAY)
        if self._until is not None and time.monotonic() + delay > self._until:
            raise ModelTimeoutError(
                f"{self._provider}: the answer in the background was not there within "
                f"{self._total:g} s (Timeouts.total). The service works on at it.",
                provider=self._provider,
            )
        return delay

    def note_failure(self, error: ModelError) -> None:
        """Pass over an error that may be temporary: asking again costs nothing, but a retry of the
        call would start the work once more.

        Raises:
            ModelError: the error, if it lasts.
        """
        self._failures += 1
        if not isinstance(error, _TEMPORARY) or self._failures > self._max_failures:
            raise error

    def note_answer(self) -> None:
        """Note that a question was answered."""
        self._failures = 0


def is_pending(answer: AIMessage, options: Mapping[str, Any]) -> bool:
    """Tell whether an answer is only the promise of one."""
    more: Any = options.get("extra_body") or {}
    if not (options.get("background") or more.get("background")):
        return False
    return answer.response_metadata.get("status") in PENDING and answer.id is not None


def answer_path(path: str, answer_id: str) -> str:
    """Return the path of a stored answer, from that of a request, which may have a query."""
    head, mark, query = path.partition("?")
    return f"{head}/{quote(answer_id, safe='')}{mark}{query}"
