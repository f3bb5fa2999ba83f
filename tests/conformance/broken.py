"""Models with one bug each, and a function that runs one test of the suite on a model."""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from runnables import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    InvalidRequestError,
    ModelConnectionError,
    ModelTimeoutError,
    RateLimitError,
    SystemMessage,
    ToolMessage,
)
from runnables.messages import tool_call_chunk
from runnables.models.structured.parser import AnswerParser
from runnables.testing import ChatModelTests, Harness, ReplayServer
from runnables.testing.sync_async import AsyncCall, SyncAsyncCall, SyncCall
from runnables_providers.openai import ChatOpenAI
from tests.conformance.openai_wire_formats import CompletionsWireFormat


class Breakable(ChatOpenAI):
    """Correct model, with one hook each for requests, replies and errors, in sync and async."""

    def change_request(self, messages: list[BaseMessage], options: dict[str, Any]) -> Any:
        """Return the messages and options to send instead."""
        return messages, options

    def change_reply(self, reply: Any) -> Any:
        """Return what replaces a message or a chunk; None drops it."""
        return reply

    def change_error(self, error: Exception) -> Exception | None:
        """Return what to raise instead of an error; None raises nothing."""
        return error

    def _raise(self, error: Exception) -> None:
        other = self.change_error(error)
        if other is not None:
            raise other

    def _generate(self, messages: Any, options: Any) -> Any:
        try:
            return self.change_reply(super()._generate(*self.change_request(messages, options)))
        except Exception as error:
            self._raise(error)
        return AIMessage("")

    async def _agenerate(self, messages: Any, options: Any) -> Any:
        try:
            return self.change_reply(
                await super()._agenerate(*self.change_request(messages, options))
            )
        except Exception as error:
            self._raise(error)
        return AIMessage("")

    def _stream(self, messages: Any, options: Any) -> Iterator[Any]:
        try:
            for chunk in super()._stream(*self.change_request(messages, options)):
                if (reply := self.change_reply(chunk)) is not None:
                    yield reply
        except Exception as error:
            self._raise(error)

    async def _astream(self, messages: Any, options: Any) -> AsyncIterator[Any]:
        try:
            async for chunk in super()._astream(*self.change_request(messages, options)):
                if (reply := self.change_reply(chunk)) is not None:
                    yield reply
        except Exception as error:
            self._raise(error)


class IgnoresDisconnects(Breakable):
    def change_error(self, error: Exception) -> Exception | None:
        return None if isinstance(error, ModelConnectionError) else error


class DropsUsage(Breakable):
    def change_reply(self, reply: Any) -> Any:
        return reply.model_copy(update={"usage_metadata": None})


class CountsStreamsTwice(Breakable):
    def change_reply(self, reply: Any) -> Any:
        usage = reply.usage_metadata
        if isinstance(reply, AIMessageChunk) and usage:
            return reply.model_copy(
                update={"usage_metadata": {key: 2 * count for key, count in usage.items()}}
            )
        return reply


class RaisesPlainExceptions(Breakable):
    def change_error(self, error: Exception) -> Exception | None:
        return Exception(str(error)) if isinstance(error, RateLimitError) else error


class DropsRetryAfter(Breakable):
    def change_error(self, error: Exception) -> Exception | None:
        if isinstance(error, RateLimitError):
            error.retry_after = None
        return error


class NamesKeyInErrors(Breakable):
    def change_error(self, error: Exception) -> Exception | None:
        error.add_note(f"the key was {TestBreakable.key}")
        return error


class RaisesPlainTimeouts(Breakable):
    def change_error(self, error: Exception) -> Exception | None:
        return TimeoutError() if isinstance(error, ModelTimeoutError) else error


class IgnoresStop(Breakable):
    def change_request(self, messages: Any, options: Any) -> Any:
        options.pop("stop", None)
        return messages, options


class IgnoresModelOption(Breakable):
    def change_request(self, messages: Any, options: Any) -> Any:
        return messages, {**options, "model": self.model}


class IgnoresMaxTokens(Breakable):
    def change_request(self, messages: Any, options: Any) -> Any:
        options.pop("max_tokens", None)
        return messages, options


class MergesToolCalls(Breakable):
    def change_reply(self, reply: Any) -> Any:
        if not isinstance(reply, AIMessageChunk) or not reply.tool_call_chunks:
            return reply
        merged = [tool_call_chunk(args=part["args"], index=0) for part in reply.tool_call_chunks]
        if reply.tool_call_chunks[0]["index"] == 0:
            return reply
        return reply.model_copy(update={"tool_call_chunks": merged})


class DropsInvalidToolCalls(Breakable):
    def change_reply(self, reply: Any) -> Any:
        return reply.model_copy(update={"invalid_tool_calls": []})


class RaisesForInvalidToolCalls(Breakable):
    def change_reply(self, reply: Any) -> Any:
        if isinstance(reply, AIMessage) and reply.invalid_tool_calls:
            raise InvalidRequestError("bad call")
        return reply


class _Drops(Breakable):
    dropped: type[BaseMessage]

    def change_request(self, messages: Any, options: Any) -> Any:
        kept = [message for message in messages if not isinstance(message, self.dropped)]
        return kept or messages, options


class DropsSystemMessages(_Drops):
    dropped = SystemMessage


class DropsToolResults(_Drops):
    dropped = ToolMessage


class MergesConsecutiveRoles(Breakable):
    def change_request(self, messages: Any, options: Any) -> Any:
        groups = itertools.groupby(messages, key=lambda message: message.type)
        return [list(group)[-1] for _, group in groups], options


class SendsASCII(Breakable):
    def change_request(self, messages: Any, options: Any) -> Any:
        ascii_messages = [
            HumanMessage(message.text.encode("ascii", "replace").decode()) for message in messages
        ]
        return ascii_messages, options


class DropsImages(Breakable):
    def change_request(self, messages: Any, options: Any) -> Any:
        return [HumanMessage(message.text) for message in messages], options


class StreamsOneChunk(Breakable):
    def _stream(self, messages: Any, options: Any) -> Iterator[Any]:
        yield AIMessageChunk.merge_chunks(list(super()._stream(messages, options)))


class TruncatesAsyncStreams(Breakable):
    async def _astream(self, messages: Any, options: Any) -> AsyncIterator[Any]:
        count = 0
        async for chunk in super()._astream(messages, options):
            count += bool(chunk.text)
            if not chunk.text or count < 5:
                yield chunk


class KeepsConnections(Breakable):
    streams: list[Any] = []  # noqa: RUF012

    def _stream(self, messages: Any, options: Any) -> Iterator[Any]:
        stream = iter(ChatOpenAI._stream(self, messages, options))
        self.streams.append(stream)
        while (chunk := next(stream, None)) is not None:
            yield chunk


class IsBoundToALoop(Breakable):
    _loop: Any = None

    async def _agenerate(self, messages: Any, options: Any) -> Any:
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if loop is not self._loop:
            raise RuntimeError("attached to a different loop")
        return await super()._agenerate(messages, options)


class RetriesAlways(Breakable):
    def _generate(self, messages: Any, options: Any) -> Any:
        try:
            return super()._generate(messages, dict(options))
        except Exception:
            return super()._generate(messages, options)


class NeverRetries(Breakable):
    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{**settings, "max_retries": 0})


class ShowsKeyInRepr(Breakable):
    def __repr__(self) -> str:
        return f"ShowsKeyInRepr({self._secret()!r})"


class SkipsSchemaChecks(Breakable):
    def _structured_request(self, schema: Any, method: str, strict: bool | None) -> Any:
        options, parser = super()._structured_request(schema, method, strict)
        return options, AnswerParser({}, tool=parser.tool, wrapped=parser.wrapped)


class MarksNoLastChunk(Breakable):
    def change_reply(self, reply: Any) -> Any:
        return reply.model_copy(update={"chunk_position": None})


class TestBreakable(ChatModelTests):
    """Suite on a model of the class `model_class`."""

    __test__ = False
    live = False
    wire_format = CompletionsWireFormat()
    key = "sk-a-secret-key"
    supports_images = True
    model_class: type[Breakable] = Breakable

    def make(self, **settings: Any) -> Any:
        return self.model_class(**{"model": "gpt-5-mini", "api_key": self.key, **settings})


def run(model_class: type[Breakable], name: str) -> None:
    """Run one test of the suite on a model of a class, with each set of its parameters."""
    tests = TestBreakable()
    tests.model_class = model_class  # type: ignore[misc]
    test = getattr(tests, name)
    names = inspect.signature(test).parameters
    calls: list[SyncAsyncCall] = [SyncCall(), AsyncCall()] if "call" in names else [SyncCall()]
    for call, parameters in itertools.product(calls, _parameter_sets(test)):
        with ReplayServer().listening() as server:
            fixtures = {"call": call, "server": server, "harness": Harness(tests, server)}
            arguments = {**fixtures, **parameters}
            test(**{name: arguments[name] for name in names})


def _parameter_sets(test: Any) -> Iterator[dict[str, Any]]:
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    for combination in itertools.product(*(mark.args[1] for mark in marks)):
        parameters: dict[str, Any] = {}
        for mark, value in zip(marks, combination, strict=True):
            names = [mark.args[0]] if isinstance(mark.args[0], str) else mark.args[0]
            values = value.values if isinstance(value, type(pytest.param())) else value
            parameters.update(
                zip(names, values if len(names) > 1 else _as_tuple(values), strict=True)
            )
        yield parameters


def _as_tuple(value: Any) -> tuple[Any]:
    return value if isinstance(value, tuple) else (value,)
