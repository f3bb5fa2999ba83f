"""How an answer that is not read is paused, and goes on.

The runtime writes on while a callback waits, so that an answer is paused by ending it: its words so
far become the beginning of the next request, and the prompt is still in the runtime's memory. The
words of an answer with a seed depend on all draws before them: it is written anew, alone, so that
it has the same words, and those that were read already are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast


class Continuation:
    """What a request has written so far.

    Args:
        max_tokens: the most tokens of the answer.
        anew: whether it has to be written anew after a pause; it is not paused a second time.
        pausable: whether it can be paused at all: an answer in a schema, and a call of a tool,
            cannot be continued.
    """

    def __init__(self, *, max_tokens: int, anew: bool, pausable: bool) -> None:
        self._max_tokens = max_tokens
        self._anew = anew
        self._pausable = pausable
        self._said: list[str] = []
        self._skip = ""
        self._runs = 0
        self._id: Any = None
        self._prompt_tokens = 0
        self._cached_tokens = 0
        self._written = 0
        self._written_before = 0
        self._timings: dict[str, float] = {}
        self._timings_before: dict[str, float] = {}

    def next_request(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the request of the next run: the whole one at first, and then the rest of it."""
        self._runs += 1
        said = "".join(self._said)
        if self._runs == 1:
            return {**request, "timings_per_token": True} if self._pausable else request
        self._timings_before = dict(self._timings)
        if self._anew:
            self._skip, self._written_before = said, 0
            return request
        # Some templates remove white space at the end of a message; the model writes it again.
        beginning = said.rstrip()
        self._skip = said[len(beginning) :]
        self._written_before = self._written
        if not beginning:
            return request
        return {
            **request,
            "messages": _with_beginning(request["messages"], beginning),
            "max_tokens": self._max_tokens - self._written,
            "timings_per_token": True,
            "chat_template_kwargs": {"enable_thinking": False},  # it refuses to continue otherwise
        }

    def can_pause(self, event: Any) -> bool:
        """Tell whether the answer can be paused after this event of the runtime."""
        return (
            self._pausable
            and not (self._anew and self._runs > 1)
            and self._written < self._max_tokens
            and bool(_text_of(event))
        )

    def take(self, event: Any) -> Any:
        """Take an event of the runtime; return it as if there had been no pause."""
        if not isinstance(event, Mapping):
            return event  # an error of the runtime
        found = dict(cast("Mapping[str, Any]", event))
        self._id = self._id or found.get("id")
        if self._runs > 1:
            found = self._adjusted(found)
        timings: Mapping[str, Any] = found.get("timings") or {}
        if timings.get("predicted_n"):
            self._written = self._written_before + int(timings["predicted_n"])
        self._timings = {
            key: timings[key] for key in ("prompt_ms", "predicted_ms") if key in timings
        }
        progress: Mapping[str, Any] = found.get("prompt_progress") or {}
        if self._runs == 1 and progress:
            self._prompt_tokens = int(progress["total"])
            self._cached_tokens = int(progress.get("cache") or 0)
        delta = _delta_of(found)
        if delta.get("reasoning_content"):
            self._pausable = False  # no request can begin with it
        self._said.append(_text_of(found))
        return found

    def _adjusted(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return an event of a later run without the words that were read, and with all counts."""
        event["id"] = self._id
        text = _text_of(event)
        if text and self._skip:
            length = len(_common_beginning(self._skip, text))
            self._skip = self._skip[length:] if length == len(text) else ""
            event = _with_text(event, text[length:])
        if (timings := event.get("timings")) and self._timings_before:
            sums = {
                key: timings[key] + self._timings_before.get(key, 0) for key in self._timings_before
            }
            event["timings"] = {**timings, **sums}
        if (usage := event.get("usage")) and not self._anew and self._prompt_tokens:
            written = int(usage["total_tokens"]) - self._prompt_tokens
            counts = {"prompt_tokens": self._prompt_tokens, "completion_tokens": written}
            details = {"prompt_tokens_details": {"cached_tokens": self._cached_tokens}}
            event["usage"] = {**usage, **counts, **details}
        return event


def _delta_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    choices: Sequence[Mapping[str, Any]] = event.get("choices") or ({},)
    delta: Mapping[str, Any] = choices[0].get("delta") or {}
    return delta


def _text_of(event: Any) -> str:
    if not isinstance(event, Mapping):
        return ""  # an error of the runtime
    return str(_delta_of(cast("Mapping[str, Any]", event)).get("content") or "")


def _with_text(event: dict[str, Any], text: str) -> dict[str, Any]:
    choice = event["choices"][0]
    return {**event, "choices": [{**choice, "delta": {**choice["delta"], "content": text}}]}


def _with_beginning(messages: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """Return a conversation that ends with the beginning of the answer."""
    *before, last = messages
    if last["role"] == "assistant" and isinstance(last.get("content"), str):
        return [*before, {**last, "content": last["content"] + text}]
    return [*messages, {"role": "assistant", "content": text}]


def _common_beginning(one: str, other: str) -> str:
    """Return what two strings begin with alike."""
    length = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        length += 1
    return one[:length]
