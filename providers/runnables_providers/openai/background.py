"""Answers of Responses that the service makes in the background (`background=True`).

The service answers at once, with a status in place of the answer. So the answer is asked for as a
stream, also by `invoke`: it ends when the answer is there. A server that does not stream is asked
again, a few times. Nothing here sends anything: `ChatOpenAI` does, sync and async.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from runnables_providers._remote.json_values import object_of

if TYPE_CHECKING:
    from runnables.messages import AIMessage

PENDING: Final = ("queued", "in_progress")
"""The statuses of an answer that is not there yet."""

DELAYS: Final = (0.5, 0.75, 1.0, 1.5, 2.0)
"""The seconds before each question to a server that does not stream. What it has not finished then
is returned as it is: its `finish_reason` is the status."""


def is_in_background(options: Mapping[str, Any]) -> bool:
    """Tell whether the options of a call ask for an answer in the background."""
    more = object_of(options.get("extra_body"))
    return bool(options.get("background") or more.get("background"))


def is_pending(answer: AIMessage) -> bool:
    """Tell whether an answer is only the promise of one."""
    return answer.response_metadata.get("status") in PENDING and answer.id is not None


def answer_path(path: str, answer_id: str) -> str:
    """Return the path of a stored answer, from that of a request, which may have a query."""
    head, mark, query = path.partition("?")
    return f"{head}/{quote(answer_id, safe='')}{mark}{query}"
