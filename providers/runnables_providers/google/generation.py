"""Gemini's generateContent: requests, answers and events, as plain data.

An event of a stream has the form of an answer, with what is new of it; its counts are those of
the whole so far (https://ai.google.dev/api/generate-content).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from runnables.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    UsageMetadata,
    message_chunk_to_message,
    tool_call_chunk,
)
from runnables_providers._remote.chat import ApiCall
from runnables_providers._remote.tool_calls import invented_id
from runnables_providers.google.contents import PARTS, conversation
from runnables_providers.google.generation_config import written_options
from runnables_providers.google.service import GOOGLE

_UNSIGNED: Final = re.compile(r"(models/)?(gemini-[12]\b|gemma|learnlm)")
"""Models that do not ask for signatures; those since Gemini 3 do."""

_REFUSED: Final = frozenset(
    "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT "
    "IMAGE_RECITATION ESCALATION MODEL_ARMOR PUP_LIMITED_DISABLED".split()
)
"""Reasons to end an answer that withhold it."""

_BROKEN_CALLS: Final = frozenset({"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"})
"""Reasons to end an answer that speak of a call; what the model wrote is in `finishMessage`."""

_FACTS: Final[Mapping[str, str]] = {
    "finishReason": "finish_reason",
    "finishMessage": "finish_message",
    "safetyRatings": "safety_ratings",
    "groundingMetadata": "grounding_metadata",
    "urlContextMetadata": "url_context_metadata",
    "avgLogprobs": "avg_logprobs",
    "continuationToken": "continuation_token",
}
"""What an answer tells of itself; of a stream, the last that was said."""

_LISTS: Final[Mapping[str, str]] = {
    "citationMetadata": "citation_metadata",
    "logprobsResult": "logprobs_result",
}
"""What each event tells of its own piece, in lists; those of all events are put together."""


class Generation(ApiCall):
    """One answer of a model of Google's.

    Args:
        messages: the conversation.
        options: the options of the call.
    """

    def __init__(self, messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> None:
        self.messages = messages
        self.options = options
        self._id: str | None = None
        self._facts: dict[str, Any] = {}
        self._usage: UsageMetadata | None = None
        self._refusal: str | None = None
        self._calls = 0
        self._thoughts = 0
        self._thinks = False

    def body(self, *, streamed: bool) -> Mapping[str, Any]:
        """The request; the address says whether it is streamed, and which model is asked."""
        sign = not _UNSIGNED.match(str(self.options.get("model")))
        return {**conversation(self.messages, sign=sign), **written_options(self.options)}

    # -- the answer

    def answer(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> AIMessage:
        """The message of the first candidate, read as the only event of a stream.

        Raises:
            ValueError: there is neither a candidate nor a reason why there is none.
        """
        if not body.get("candidates") and not body.get("promptFeedback"):
            raise ValueError("an answer without candidates")
        chunks = [*self.feed(body), self._last(headers)]
        joined = AIMessageChunk.merge_chunks(chunks)
        return cast("AIMessage", message_chunk_to_message(joined))

    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """A chunk for each part; what is known at the end only waits for it."""
        self._id = self._id or event.get("responseId")
        self._usage = _usage(event.get("usageMetadata")) or self._usage
        if "modelVersion" in event:
            self._facts["model_name"] = event["modelVersion"]
        self._take_feedback(event.get("promptFeedback"))
        candidates: Sequence[Mapping[str, Any]] = event.get("candidates") or [{}]
        candidate = candidates[0]
        content: Mapping[str, Any] = candidate.get("content") or {}
        found = [self._chunk(part) for part in content.get("parts") or ()]
        found.append(self._outcome(candidate))
        return [chunk for chunk in found if chunk is not None]

    def finish(self, headers: Mapping[str, str]) -> Sequence[AIMessageChunk] | None:
        """The end, which there is only after a reason for it."""
        if "finish_reason" not in self._facts and self._refusal is None:
            return None
        return [self._last(headers)]

    def _last(self, headers: Mapping[str, str]) -> AIMessageChunk:
        facts = {"model_name": self.options.get("model"), "model_provider": GOOGLE.name}
        named = headers.get("x-request-id")
        refusal = [{"type": "refusal", "refusal": self._refusal}] if self._refusal else ""
        return AIMessageChunk(
            cast("Any", refusal),
            id=self._id,
            usage_metadata=self._usage,
            response_metadata={
                **facts,
                **self._facts,
                **({"request_id": named} if named else {}),
            },
            chunk_position="last",
        )

    def _take_feedback(self, feedback: Mapping[str, Any] | None) -> None:
        if not feedback:
            return
        self._facts["prompt_feedback"] = feedback
        if reason := feedback.get("blockReason"):
            said = feedback.get("blockReasonMessage")
            self._refusal = said or f"Google does not answer this prompt ({reason})."

    def _outcome(self, candidate: Mapping[str, Any]) -> AIMessageChunk | None:
        """Take what a candidate tells of itself."""
        for theirs, ours in _FACTS.items():
            if candidate.get(theirs) is not None:
                self._facts[ours] = candidate[theirs]
        reason, said = candidate.get("finishReason"), candidate.get("finishMessage")
        if reason in _REFUSED:
            self._refusal = said or f"Google withholds the answer ({reason})."
        if reason in _BROKEN_CALLS:
            return self._call_chunk({"args": None}, {}, text=said or reason)
        lists = {ours: _lists(candidate[it]) for it, ours in _LISTS.items() if candidate.get(it)}
        return AIMessageChunk("", id=self._id, response_metadata=lists) if lists else None

    # -- its parts

    def _chunk(self, part: Mapping[str, Any]) -> AIMessageChunk | None:
        """A part; signed ones stay apart from others, as the service wants them back so."""
        rest = {key: part[key] for key in part if key not in PARTS | {"thought"}}
        thinks = bool(part.get("thought")) and "text" in part
        if thinks and (rest or not self._thinks):
            self._thoughts += 1
        self._thinks = thinks and not rest
        if "functionCall" in part:
            return self._call_chunk(part["functionCall"], rest)
        block = self._block(part, thinks)
        if block["type"] == "text" and not rest:
            return AIMessageChunk(block["text"], id=self._id) if block["text"] else None
        if rest and block["type"] != "non_standard":
            block["extras"] = rest
        return AIMessageChunk([block], id=self._id)

    def _block(self, part: Mapping[str, Any], thinks: bool) -> dict[str, Any]:
        match part:
            case {"text": str(text)} if thinks:
                return {"type": "reasoning", "reasoning": text, "index": self._thoughts}
            case {"text": str(text)}:
                return {"type": "text", "text": text}
            case {"inlineData": {"mimeType": str(kind), "data": str(data)}}:
                return {"type": _medium(kind), "base64": data, "mime_type": kind}
            case {"fileData": {"fileUri": str(url), **more}}:
                kind = str(more.get("mimeType", ""))
                told = {"mime_type": kind} if kind else {}
                return {"type": _medium(kind), "url": url, **told}
            case _:
                return {"type": "non_standard", "value": dict(part)}

    def _call_chunk(
        self, call: Mapping[str, Any], rest: Mapping[str, Any], text: str | None = None
    ) -> AIMessageChunk:
        """A whole call; where the service gives it no name of its own, one is made."""
        place, self._calls = self._calls, self._calls + 1
        name: str | None = call.get("name")
        args: Mapping[str, Any] = call.get("args") or {}
        made = invented_id(self._id or self.messages, place, name, args)
        piece = tool_call_chunk(
            name=name,
            args=json.dumps(args, ensure_ascii=False) if text is None else text,
            id=call.get("id") or made,
            index=place,
        )
        if rest:
            piece["extras"] = dict(rest)
        return AIMessageChunk("", id=self._id, tool_call_chunks=[piece])


def _lists(told: Mapping[str, Any]) -> dict[str, Any]:
    """The lists of what an event tells; a sum beside them is that of the event alone."""
    return {key: value for key, value in told.items() if isinstance(value, list)}


def _medium(mime_type: str) -> str:
    kind = mime_type.partition("/")[0]
    return kind if kind in {"image", "audio", "video"} else "file"


def _usage(told: Mapping[str, Any] | None) -> UsageMetadata | None:
    """Tokens: thoughts are counted beside the answer, results of server tools beside the prompt."""
    if not told:
        return None

    def count(*names: str) -> int:
        return sum(int(told.get(name) or 0) for name in names)

    read = count("promptTokenCount", "toolUsePromptTokenCount")
    written = count("candidatesTokenCount", "thoughtsTokenCount")
    found = UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=count("totalTokenCount") or read + written,
    )
    into = {
        "cache_read": count("cachedContentTokenCount"),
        "audio": _heard(told.get("promptTokensDetails")),
    }
    out = {
        "reasoning": count("thoughtsTokenCount"),
        "audio": _heard(told.get("candidatesTokensDetails")),
    }
    if any(into.values()):
        found["input_token_details"] = cast("Any", {k: n for k, n in into.items() if n})
    if any(out.values()):
        found["output_token_details"] = cast("Any", {k: n for k, n in out.items() if n})
    return found


def _heard(details: Sequence[Mapping[str, Any]] | None) -> int:
    """The tokens of sound among those of a count."""
    return sum(
        int(it.get("tokenCount") or 0) for it in details or () if it.get("modality") == "AUDIO"
    )
