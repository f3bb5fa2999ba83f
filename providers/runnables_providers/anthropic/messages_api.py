"""One call of the Messages API: its request, and how its answer is read.

https://platform.claude.com/docs/en/api/messages and
https://platform.claude.com/docs/en/build-with-claude/streaming describe them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runnables.messages import AIMessage, AIMessageChunk, BaseMessage
from runnables.messages.merging import join_contents
from runnables.messages.tool_call_merging import merge_tool_call_chunks
from runnables.messages.tool_calls import parse_tool_calls
from runnables_providers._remote.chat import ApiCall
from runnables_providers._remote.error_bodies import ServiceError, error_in, unnamed_error
from runnables_providers.anthropic.answers import (
    Addition,
    AnswerReader,
    metadata_of,
    refusal_of,
    usage_metadata_of,
    usage_of,
)
from runnables_providers.anthropic.conversations import container_of, system_of, turns_of
from runnables_providers.anthropic.requests import blank_stops, body_of, takes_citations

if TYPE_CHECKING:
    from runnables.messages.blocks import Content


class MessagesCall(ApiCall):
    """One answer of Claude.

    Args:
        messages: the conversation.
        options: the options of the call.
        provider: the provider that answers name in their metadata.
        unsigned: whether the service takes back reasoning that it has not signed.

    Raises:
        InvalidRequestError: Claude cannot read a part of the conversation.
        ConfigError: the API does not support one of the options.
    """

    def __init__(
        self,
        messages: Sequence[BaseMessage],
        options: Mapping[str, Any],
        *,
        provider: str,
        unsigned: bool = False,
    ) -> None:
        self.provider = provider
        system = system_of(messages)
        self._request = {
            **body_of(options, container_of(messages)),
            **({"system": system} if system else {}),
            "messages": turns_of(messages, unsigned=unsigned),
        }
        self._reader = AnswerReader(cited=takes_citations(self._request), stop=blank_stops(options))
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._unread: list[Mapping[str, Any]] = []
        self._stopped = False

    def body(self, *, streamed: bool) -> Mapping[str, Any]:
        """Return the request."""
        return {**self._request, "stream": True} if streamed else self._request

    # -- a non-streamed answer

    def answer_error(self, body: Mapping[str, Any]) -> ServiceError | None:
        """Return the error in the body of a successful response; None if there is none."""
        return error_in(body) or (None if "content" in body else unnamed_error(body))

    def answer(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> AIMessage:
        """Return the message."""
        self._begin(body)
        additions: list[Addition] = []
        for index, block in enumerate(body["content"]):
            additions += [self._reader.start(index, block), self._reader.stop(index)]
        contents: list[Content] = [content for content, _ in additions]
        chunks = [chunks for _, chunks in additions if chunks]
        calls, invalid = parse_tool_calls(merge_tool_call_chunks(chunks), last=True)
        return AIMessage(
            join_contents([*contents, *self._rest()]),
            id=body.get("id"),
            tool_calls=calls,
            invalid_tool_calls=invalid,
            usage_metadata=usage_of(self._usage),
            response_metadata=self._metadata(headers),
        )

    # -- a streamed answer

    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """Return the chunks of an event; unknown ones are no error, but metadata."""
        match event.get("type"):
            case "content_block_delta":
                return self._chunks(self._reader.delta(_index(event), event["delta"]))
            case "content_block_start":
                return self._chunks(self._reader.start(_index(event), event["content_block"]))
            case "content_block_stop":
                return self._chunks(self._reader.stop(_index(event)))
            case "message_start":
                self._begin(event["message"])
            case "message_delta":
                beside = {key: event[key] for key in event if key != "delta"}
                self._message |= metadata_of(beside) | metadata_of(event["delta"])
                self._count(event.get("usage"))
            case "message_stop":
                self._stopped = True
            case "ping":
                pass
            case _:
                self._unread.append(event)
        return ()

    def finish(self, headers: Mapping[str, str]) -> Sequence[AIMessageChunk] | None:
        """Return the last chunk, with usage and metadata; None before the message stopped."""
        if not self._stopped:
            return None
        last = AIMessageChunk(
            join_contents(self._rest()),
            id=self._message.get("id"),
            usage_metadata=usage_of(self._usage),
            response_metadata=self._metadata(headers),
            chunk_position="last",
        )
        return [last]

    def _chunks(self, addition: Addition) -> Sequence[AIMessageChunk]:
        content, calls = addition
        if not (content or calls):
            return ()
        return [AIMessageChunk(content, id=self._message.get("id"), tool_call_chunks=calls)]

    # -- for both

    def _begin(self, message: Mapping[str, Any]) -> None:
        self._message = {"id": message.get("id"), "model": message.get("model")}
        self._message |= metadata_of(message)
        self._count(message.get("usage"))

    def _rest(self) -> list[Content]:
        refusal = refusal_of(self._message)
        return [self._reader.finish(), [refusal] if refusal else ""]

    def _metadata(self, headers: Mapping[str, str]) -> dict[str, Any]:
        request_id = headers.get("request-id")
        unread = [*self._unread, *self._reader.unread]
        return {
            **metadata_of(self._message),
            **usage_metadata_of(self._usage),
            "model_name": self._message.get("model"),
            "model_provider": self.provider,
            **({"unknown_events": unread} if unread else {}),
            **({"request_id": request_id} if request_id else {}),
        }

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        """Take counts. Each is a total of the answer so far, so that the last one is right."""
        known = {key: count for key, count in (usage or {}).items() if count is not None}
        self._usage |= known


def _index(event: Mapping[str, Any]) -> int:
    if not isinstance(index := event["index"], int):
        raise TypeError("a block whose index is no number")
    return index
