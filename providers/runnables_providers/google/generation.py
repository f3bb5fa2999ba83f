"""Gemini's generateContent: requests, answers and events, as plain data.

An event of a stream has the structure of an answer, with the new part of it; its token counts are
totals so far (https://ai.google.dev/api/generate-content).
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
"""Models that do not require signatures; those since Gemini 3 do."""

_REFUSED: Final = frozenset(
    "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT "
    "IMAGE_RECITATION ESCALATION MODEL_ARMOR PUP_LIMITED_DISABLED".split()
)
"""Finish reasons of an answer that the service withholds."""

_BROKEN_CALLS: Final = frozenset({"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"})
"""Finish reasons that concern a call; `finishMessage` has the text of the model."""

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
        self._id: str | None = None
        self._metadata: dict[str, Any] = {}
        self._usage: UsageMetadata | None = None
        self._refusal: str | None = None
        self._calls = 0
        self._reasoning_blocks = 0
        self._in_reasoning = False

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
        chunks = [*self.feed(body), self._last(headers)]
        joined = AIMessageChunk.merge_chunks(chunks)
        return cast("AIMessage", message_chunk_to_message(joined))

    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """Return a chunk for each part; the last chunk has the metadata."""
        self._id = self._id or event.get("responseId")
        self._usage = _usage(event.get("usageMetadata")) or self._usage
        if "modelVersion" in event:
            self._metadata["model_name"] = event["modelVersion"]
        self._take_feedback(event.get("promptFeedback"))
        candidates: Sequence[Mapping[str, Any]] = event.get("candidates") or [{}]
        candidate = candidates[0]
        content: Mapping[str, Any] = candidate.get("content") or {}
        found = [self._chunk(part) for part in content.get("parts") or ()]
        found.append(self._outcome(candidate))
        return [chunk for chunk in found if chunk is not None]

    def finish(self, headers: Mapping[str, str]) -> Sequence[AIMessageChunk] | None:
        """Return the last chunk; None where no event had a reason for the end."""
        if "finish_reason" not in self._metadata and self._refusal is None:
            return None
        return [self._last(headers)]

    def _last(self, headers: Mapping[str, str]) -> AIMessageChunk:
        request_id = headers.get("x-request-id")
        refusal = [{"type": "refusal", "refusal": self._refusal}] if self._refusal else ""
        return AIMessageChunk(
            cast("Any", refusal),
            id=self._id,
            usage_metadata=self._usage,
            response_metadata={
                "model_name": self.options.get("model"),
                "model_provider": GOOGLE.name,
                **self._metadata,
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

    def _outcome(self, candidate: Mapping[str, Any]) -> AIMessageChunk | None:
        """Take the metadata of a candidate."""
        for theirs, ours in _FACTS.items():
            if candidate.get(theirs) is not None:
                self._metadata[ours] = candidate[theirs]
        reason, message = candidate.get("finishReason"), candidate.get("finishMessage")
        if reason in _REFUSED:
            self._refusal = message or f"Google withholds the answer ({reason})."
        if reason in _BROKEN_CALLS:
            return self._call_chunk({"args": None}, {}, text=message or reason)
        lists = {
            ours: _lists(candidate[theirs])
            for theirs, ours in _LISTS.items()
            if candidate.get(theirs)
        }
        return AIMessageChunk("", id=self._id, response_metadata=lists) if lists else None

    # -- its parts

    def _chunk(self, part: Mapping[str, Any]) -> AIMessageChunk | None:
        """Return the chunk of a part; a signed part is a block of its own, to be sent back so."""
        rest = {key: part[key] for key in part if key not in PARTS | {"thought"}}
        is_reasoning = bool(part.get("thought")) and "text" in part
        if is_reasoning and (rest or not self._in_reasoning):
            self._reasoning_blocks += 1
        self._in_reasoning = is_reasoning and not rest
        if "functionCall" in part:
            return self._call_chunk(part["functionCall"], rest)
        block = self._block(part, is_reasoning)
        if block["type"] == "text" and not rest:
            return AIMessageChunk(block["text"], id=self._id) if block["text"] else None
        if rest and block["type"] != "non_standard":
            block["extras"] = rest
        return AIMessageChunk([block], id=self._id)

    def _block(self, part: Mapping[str, Any], is_reasoning: bool) -> dict[str, Any]:
        match part:
            case {"text": str(text)} if is_reasoning:
                return {"type": "reasoning", "reasoning": text, "index": self._reasoning_blocks}
            case {"text": str(text)}:
                return {"type": "text", "text": text}
            case {"inlineData": {"mimeType": str(kind), "data": str(data)}}:
                return {"type": _medium(kind), "base64": data, "mime_type": kind}
            case {"fileData": {"fileUri": str(url), **more}}:
                kind = str(more.get("mimeType", ""))
                mime_type = {"mime_type": kind} if kind else {}
                return {"type": _medium(kind), "url": url, **mime_type}
            case _:
                return {"type": "non_standard", "value": dict(part)}

    def _call_chunk(
        self, call: Mapping[str, Any], rest: Mapping[str, Any], text: str | None = None
    ) -> AIMessageChunk:
        """Return the chunk of a complete call; a call without an id gets one."""
        place, self._calls = self._calls, self._calls + 1
        name: str | None = call.get("name")
        args: Mapping[str, Any] = call.get("args") or {}
        made = invented_id(self._id or self.messages, place, name, args)
        chunk = tool_call_chunk(
            name=name,
            args=json.dumps(args, ensure_ascii=False) if text is None else text,
            id=call.get("id") or made,
            index=place,
        )
        if rest:
            chunk["extras"] = dict(rest)
        return AIMessageChunk("", id=self._id, tool_call_chunks=[chunk])


def _lists(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return only the lists; sums with them are of one event, and cannot be joined."""
    return {key: value for key, value in metadata.items() if isinstance(value, list)}


def _medium(mime_type: str) -> str:
    kind = mime_type.partition("/")[0]
    return kind if kind in {"image", "audio", "video"} else "file"


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
