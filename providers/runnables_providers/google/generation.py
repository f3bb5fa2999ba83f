"""Gemini's generateContent: requests, answers and events, as plain data.

An event of a stream has the structure of an answer, with the new part of it; its token counts are
totals so far (https://ai.google.dev/api/generate-content).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from runnables.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    UsageMetadata,
    message_chunk_to_message,
)
from runnables_providers._remote.chat import ApiCall
from runnables_providers._remote.error_bodies import ServiceError
from runnables_providers.google.contents import conversation
from runnables_providers.google.generation_config import written_options
from runnables_providers.google.parts import PartReader
from runnables_providers.google.service import GOOGLE

_UNSIGNED: Final = re.compile(r"(models/)?(gemini-[12]\b|gemma|learnlm)")
"""Models that do not require signatures; those since Gemini 3 do."""

_REFUSED: Final = frozenset(
    "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT "
    "IMAGE_RECITATION ESCALATION MODEL_ARMOR PUP_LIMITED_DISABLED".split()
)
"""Finish reasons of an answer that the service withholds."""

_FAILED: Final[Mapping[str, str]] = {
    "MISSING_THOUGHT_SIGNATURE": "INVALID_ARGUMENT",
    "MALFORMED_RESPONSE": "INTERNAL",
}
"""Finish reasons without an answer, and Google's codes of the errors that they are."""

_FACTS: Final[Mapping[str, str]] = {
    "finishReason": "finish_reason",
    "finishMessage": "finish_message",
    "safetyRatings": "safety_ratings",
    "groundingMetadata": "grounding_metadata",
    "urlContextMetadata": "url_context_metadata",
    "avgLogprobs": "avg_logprobs",
    "continuationToken": "continuation_token",
}
"""Metadata of an answer; in a stream, the last event that has it counts."""

_COUNTS: Final = frozenset(
    "promptTokenCount toolUsePromptTokenCount candidatesTokenCount thoughtsTokenCount "
    "totalTokenCount cachedContentTokenCount".split()
)
"""Fields of the usage that are in the message's `usage_metadata`."""

_READ: Final = frozenset(
    "candidates usageMetadata modelVersion responseId promptFeedback error".split()
)
"""Fields of an event that are read; all others go into the metadata unchanged."""

_LISTS: Final[Mapping[str, str]] = {
    "citationMetadata": "citation_metadata",
    "logprobsResult": "logprobs_result",
}
"""Metadata of each event, in lists; those of all events are joined."""


class Generation(ApiCall):
    """One answer of a Google model.

    Args:
        messages: the conversation.
        options: the options of the call.
    """

    def __init__(self, messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> None:
        self.messages = messages
        self.options = options
        self._parts = PartReader(messages)
        self._metadata: dict[str, Any] = {}
        self._sums: dict[str, Any] = {}
        self._counts: dict[str, Any] = {}
        self._others: dict[int, dict[str, Any]] = {}
        self._refusal: str | None = None

    def body(self, *, streamed: bool) -> Mapping[str, Any]:
        """Return the request; the URL says which model it is for, and whether it streams."""
        sign = not _UNSIGNED.match(str(self.options.get("model")))
        return {**conversation(self.messages, sign=sign), **written_options(self.options)}

    # -- the answer

    def answer(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> AIMessage:
        """Return the message of the first candidate, read as the only event of a stream.

        Raises:
            ValueError: there is neither a candidate nor a reason for its absence.
        """
        if not body.get("candidates") and not body.get("promptFeedback"):
            raise ValueError("an answer without candidates")
        joined = AIMessageChunk.merge_chunks([*self.feed(body), *self._ending(headers)])
        return cast("AIMessage", message_chunk_to_message(joined))

    def stream_error(self, event: Mapping[str, Any]) -> ServiceError | None:
        """Return the error that an event reports, also as the reason of an empty answer."""
        if error := super().stream_error(event):
            return error
        candidates: Sequence[Mapping[str, Any]] = event.get("candidates") or ()
        for candidate in candidates:
            reason = str(candidate.get("finishReason"))
            content: Mapping[str, Any] = candidate.get("content") or {}
            if reason in _FAILED and not content.get("parts"):
                words = candidate.get("finishMessage") or "no answer"
                return ServiceError(f"{words} ({reason})", (_FAILED[reason],), event)
        return None

    def answer_error(self, body: Mapping[str, Any]) -> ServiceError | None:
        """Return the error in a response; see `stream_error`."""
        return self.stream_error(body)

    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """Return a chunk for each part; the last chunk has the metadata."""
        self._parts.id = self._parts.id or event.get("responseId")
        self._counts = event.get("usageMetadata") or self._counts
        self._metadata |= {key: event[key] for key in event if key not in _READ}
        if "modelVersion" in event:
            self._metadata["model_name"] = event["modelVersion"]
        self._take_feedback(event.get("promptFeedback"))
        found: list[AIMessageChunk | None] = []
        for candidate in event.get("candidates") or ():
            if place := int(candidate.get("index") or 0):
                self._take_other(place, candidate)
                continue
            content: Mapping[str, Any] = candidate.get("content") or {}
            found += [self._parts.read(part) for part in content.get("parts") or ()]
            found.append(self._outcome(candidate))
        return [chunk for chunk in found if chunk is not None]

    def finish(self, headers: Mapping[str, str]) -> Sequence[AIMessageChunk] | None:
        """Return the last chunk; None where no event had a reason for the end."""
        if "finish_reason" not in self._metadata and self._refusal is None:
            return None
        return self._ending(headers)

    def _ending(self, headers: Mapping[str, str]) -> list[AIMessageChunk]:
        rest = self._parts.finish()
        return [*([] if rest is None else [rest]), self._last(headers)]

    def _last(self, headers: Mapping[str, str]) -> AIMessageChunk:
        request_id = headers.get("x-request-id")
        refusal = [{"type": "refusal", "refusal": self._refusal}] if self._refusal else ""
        details = {key: self._counts[key] for key in self._counts if key not in _COUNTS}
        others = [self._others[place] for place in sorted(self._others)]
        return AIMessageChunk(
            cast("Any", refusal),
            id=self._parts.id,
            usage_metadata=_usage(self._counts),
            response_metadata={
                "model_name": self.options.get("model"),
                **self._metadata,
                **self._sums,
                **({"usage": details} if details else {}),
                **({"candidates": others} if others else {}),
                "model_provider": GOOGLE.name,
                **({"request_id": request_id} if request_id else {}),
            },
            chunk_position="last",
        )

    def _take_feedback(self, feedback: Mapping[str, Any] | None) -> None:
        if not feedback:
            return
        self._metadata["prompt_feedback"] = feedback
        if reason := feedback.get("blockReason"):
            message = feedback.get("blockReasonMessage")
            self._refusal = message or f"Google does not answer this prompt ({reason})."

    def _take_other(self, place: int, candidate: Mapping[str, Any]) -> None:
        """Take a candidate besides the first, which goes into the metadata as it came."""
        known = self._others.setdefault(place, {})
        contents: list[Mapping[str, Any]] = [
            known.get("content") or {},
            candidate.get("content") or {},
        ]
        parts: list[Any] = [part for content in contents for part in content.get("parts") or ()]
        known |= candidate
        if parts:
            known["content"] = {**known["content"], "parts": parts}

    def _outcome(self, candidate: Mapping[str, Any]) -> AIMessageChunk | None:
        """Take the metadata of a candidate."""
        for theirs, value in candidate.items():
            if theirs not in ("content", "index", *_LISTS) and value is not None:
                self._metadata[_FACTS.get(theirs, theirs)] = value
        reason, message = candidate.get("finishReason"), candidate.get("finishMessage")
        if reason in _REFUSED:
            self._refusal = message or f"Google withholds the answer ({reason})."
        if reason == "MALFORMED_FUNCTION_CALL" or (
            reason == "UNEXPECTED_TOOL_CALL" and not self._parts.calls
        ):
            return self._parts.broken_call(message or reason)
        return self._lists(candidate)

    def _lists(self, candidate: Mapping[str, Any]) -> AIMessageChunk | None:
        """Return the chunk of the lists in a candidate; sums beside them count at the end."""
        lists: dict[str, Any] = {}
        for theirs, ours in _LISTS.items():
            fields: Mapping[str, Any] = candidate.get(theirs) or {}
            for key, value in fields.items():
                target = lists if isinstance(value, list) else self._sums
                target.setdefault(ours, {})[key] = value
        return AIMessageChunk("", id=self._parts.id, response_metadata=lists) if lists else None


def _usage(usage: Mapping[str, Any] | None) -> UsageMetadata | None:
    """Return the token counts; Google counts reasoning apart from the answer, and results of
    server tools apart from the prompt."""
    if not usage:
        return None

    def count(*names: str) -> int:
        return sum(int(usage.get(name) or 0) for name in names)

    read = count("promptTokenCount", "toolUsePromptTokenCount")
    written = count("candidatesTokenCount", "thoughtsTokenCount")
    found = UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=count("totalTokenCount") or read + written,
    )
    inputs = {
        "cache_read": count("cachedContentTokenCount"),
        "audio": _audio_tokens(usage.get("promptTokensDetails")),
    }
    outputs = {
        "reasoning": count("thoughtsTokenCount"),
        "audio": _audio_tokens(usage.get("candidatesTokensDetails")),
    }
    if any(inputs.values()):
        found["input_token_details"] = cast("Any", {k: n for k, n in inputs.items() if n})
    if any(outputs.values()):
        found["output_token_details"] = cast("Any", {k: n for k, n in outputs.items() if n})
    return found


def _audio_tokens(details: Sequence[Mapping[str, Any]] | None) -> int:
    """Count the tokens of audio."""
    return sum(
        int(detail.get("tokenCount") or 0)
        for detail in details or ()
        if detail.get("modality") == "AUDIO"
    )
