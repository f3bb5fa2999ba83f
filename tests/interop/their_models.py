"""Chat models written against LangChain's own base class, which answer from a script.

LangChain's fakes take no tools, and stream neither usage nor reasoning.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, PrivateAttr

USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}


class TheirModel(BaseChatModel):
    """A model that answers from a script: messages, lists of chunks, strings, or errors.

    Attributes:
        script: the answers, one a call, in a cycle.
        calls: the messages and the keywords of each call.
        open_streams: how many streams have begun and have not been closed.
    """

    script: list[Any]
    model: str = "their-model-1"
    calls: list[tuple[list[BaseMessage], dict[str, Any]]] = Field(default_factory=list)
    open_streams: int = 0
    _numbers: Any = PrivateAttr(default_factory=itertools.count)

    @property
    def _llm_type(self) -> str:
        return "their-model"

    def bind_tools(self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any) -> Any:
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **choice, **kwargs)

    def _next(self, messages: list[BaseMessage], kwargs: dict[str, Any]) -> Any:
        self.calls.append((messages, kwargs))
        answer = self.script[next(self._numbers) % len(self.script)]
        if isinstance(answer, BaseException):
            raise answer
        return AIMessage(answer, usage_metadata=USAGE) if isinstance(answer, str) else answer

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        answer = self._next(messages, {"stop": stop, **kwargs} if stop else kwargs)
        if isinstance(answer, list):
            answer = sum(answer[1:], answer[0])
            answer = AIMessage(
                answer.content,
                tool_calls=answer.tool_calls,
                usage_metadata=answer.usage_metadata,
                response_metadata=answer.response_metadata,
                additional_kwargs=answer.additional_kwargs,
            )
        return ChatResult(generations=[ChatGeneration(message=answer)])

    def _chunks(self, answer: Any) -> list[AIMessageChunk]:
        if isinstance(answer, list):
            return answer
        words = str(answer.text).split(" ") if answer.text else []
        spaced = [word + " " for word in words[:-1]] + words[-1:]
        parts = [AIMessageChunk(word) for word in spaced]
        calls = [
            {"name": call["name"], "args": _json(call["args"]), "id": call["id"], "index": index}
            for index, call in enumerate(answer.tool_calls)
        ]
        last = AIMessageChunk(
            "",
            tool_call_chunks=calls,
            usage_metadata=answer.usage_metadata,
            response_metadata=answer.response_metadata,
            additional_kwargs=answer.additional_kwargs,
            chunk_position="last",
        )
        return [*parts, last]

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        answer = self._next(messages, {"stop": stop, **kwargs} if stop else kwargs)
        self.open_streams += 1
        try:
            for chunk in self._chunks(answer):
                if isinstance(chunk, BaseException):
                    raise chunk
                yield ChatGenerationChunk(message=chunk.model_copy())
        finally:
            self.open_streams -= 1


class AsyncTheirModel(TheirModel):
    """The same, with an async stream and an async call of its own."""

    async def _agenerate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return self._generate(messages, stop, None, **kwargs)

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages, stop, None, **kwargs):
            yield chunk


class PlainTheirModel(BaseChatModel):
    """A model with the one method that LangChain requires: no stream, no async, no tools."""

    text: str = "Ahoy there!"

    @property
    def _llm_type(self) -> str:
        return "plain"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        message = AIMessage(self.text, usage_metadata=USAGE)
        return ChatResult(generations=[ChatGeneration(message=message)])


def _json(args: Any) -> str:
    import json

    return json.dumps(args)


def asks_for(name: str, args: dict[str, Any], call_id: str = "call_1") -> AIMessage:
    """Return an answer that calls a tool."""
    call = {"name": name, "args": args, "id": call_id, "type": "tool_call"}
    return AIMessage("", tool_calls=[call], usage_metadata=USAGE)
