"""Models with a fault each, and what runs one test of the suite on them."""

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
from tests.conformance.openai_wire_formats import CompletionsWire


class Breakable(ChatOpenAI):
    """A model that is right, and can be made wrong in one place, in both colours."""

    def asks(self, messages: list[BaseMessage], options: dict[str, Any]) -> Any:
        """What is asked instead."""
        return messages, options

    def says(self, said: Any) -> Any:
        """What a message or a chunk becomes; None leaves it out."""
        return said

    def fails(self, error: Exception) -> Exception | None:
        """What an error becomes; None swallows it."""
        return error

    def _raise(self, error: Exception) -> None:
        other = self.fails(error)
        if other is not None:
            raise other

    def _generate(self, messages: Any, options: Any) -> Any:
        try:
            return self.says(super()._generate(*self.asks(messages, options)))
        except Exception as error:
            self._raise(error)
        return AIMessage("")

    async def _agenerate(self, messages: Any, options: Any) -> Any:
        try:
            return self.says(await super()._agenerate(*self.asks(messages, options)))
        except Exception as error:
            self._raise(error)
        return AIMessage("")

    def _stream(self, messages: Any, options: Any) -> Iterator[Any]:
        try:
            for chunk in super()._stream(*self.asks(messages, options)):
                if (said := self.says(chunk)) is not None:
                    yield said
        except Exception as error:
            self._raise(error)

    async def _astream(self, messages: Any, options: Any) -> AsyncIterator[Any]:
        try:
            async for chunk in super()._astream(*self.asks(messages, options)):
                if (said := self.says(chunk)) is not None:
                    yield said
        except Exception as error:
            self._raise(error)


class TruncatesSilently(Breakable):
    def fails(self, error: Exception) -> Exception | None:
        return None if isinstance(error, ModelConnectionError) else error


class DropsUsage(Breakable):
    def says(self, said: Any) -> Any:
        return said.model_copy(update={"usage_metadata": None})


class CountsStreamsTwice(Breakable):
    def says(self, said: Any) -> Any:
        usage = said.usage_metadata
        if isinstance(said, AIMessageChunk) and usage:
            return said.model_copy(
                update={"usage_metadata": {key: 2 * count for key, count in usage.items()}}
            )
        return said


class RaisesAnything(Breakable):
    def fails(self, error: Exception) -> Exception | None:
        return Exception(str(error)) if isinstance(error, RateLimitError) else error


class ForgetsHowLong(Breakable):
    def fails(self, error: Exception) -> Exception | None:
        if isinstance(error, RateLimitError):
            error.retry_after = None
        return error


class TellsItsKey(Breakable):
    def fails(self, error: Exception) -> Exception | None:
        error.add_note(f"the key was {TestBreakable.key}")
        return error


class WaitsInItsOwnWay(Breakable):
    def fails(self, error: Exception) -> Exception | None:
        return TimeoutError() if isinstance(error, ModelTimeoutError) else error


class IgnoresStop(Breakable):
    def asks(self, messages: Any, options: Any) -> Any:
        options.pop("stop", None)
        return messages, options


class IgnoresTheModelOfACall(Breakable):
    def asks(self, messages: Any, options: Any) -> Any:
        return messages, {**options, "model": self.model}


class IgnoresMaxTokens(Breakable):
    def asks(self, messages: Any, options: Any) -> Any:
        options.pop("max_tokens", None)
        return messages, options


class MixesCallsUp(Breakable):
    def says(self, said: Any) -> Any:
        if not isinstance(said, AIMessageChunk) or not said.tool_call_chunks:
            return said
        pieces = [tool_call_chunk(args=it["args"], index=0) for it in said.tool_call_chunks]
        if said.tool_call_chunks[0]["index"] == 0:
            return said
        return said.model_copy(update={"tool_call_chunks": pieces})


class DropsBrokenCalls(Breakable):
    def says(self, said: Any) -> Any:
        return said.model_copy(update={"invalid_tool_calls": []})


class RaisesAtBrokenCalls(Breakable):
    def says(self, said: Any) -> Any:
        if isinstance(said, AIMessage) and said.invalid_tool_calls:
            raise InvalidRequestError("bad call")
        return said


class _Drops(Breakable):
    kind: type[BaseMessage]

    def asks(self, messages: Any, options: Any) -> Any:
        kept = [it for it in messages if not isinstance(it, self.kind)]
        return kept or messages, options


class DropsSystems(_Drops):
    kind = SystemMessage


class DropsResults(_Drops):
    kind = ToolMessage


class HearsTheLastOfARole(Breakable):
    def asks(self, messages: Any, options: Any) -> Any:
        groups = itertools.groupby(messages, key=lambda it: it.type)
        return [list(group)[-1] for _, group in groups], options


class SpeaksASCII(Breakable):
    def asks(self, messages: Any, options: Any) -> Any:
        told = [HumanMessage(it.text.encode("ascii", "replace").decode()) for it in messages]
        return told, options


class SeesNoImages(Breakable):
    def asks(self, messages: Any, options: Any) -> Any:
        return [HumanMessage(it.text) for it in messages], options


class GivesOnePiece(Breakable):
    def _stream(self, messages: Any, options: Any) -> Iterator[Any]:
        yield AIMessageChunk.merge_chunks(list(super()._stream(messages, options)))


class LosesTheEndInAsync(Breakable):
    async def _astream(self, messages: Any, options: Any) -> AsyncIterator[Any]:
        texts = 0
        async for chunk in super()._astream(messages, options):
            texts += bool(chunk.text)
            if not chunk.text or texts < 5:
                yield chunk


class KeepsConnections(Breakable):
    held: list[Any] = []  # noqa: RUF012

    def _stream(self, messages: Any, options: Any) -> Iterator[Any]:
        stream = iter(ChatOpenAI._stream(self, messages, options))
        self.held.append(stream)
        while (chunk := next(stream, None)) is not None:
            yield chunk


class BelongsToALoop(Breakable):
    _loop: Any = None

    async def _agenerate(self, messages: Any, options: Any) -> Any:
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if loop is not self._loop:
            raise RuntimeError("attached to a different loop")
        return await super()._agenerate(messages, options)


class AsksAgain(Breakable):
    def _generate(self, messages: Any, options: Any) -> Any:
        try:
            return super()._generate(messages, dict(options))
        except Exception:
            return super()._generate(messages, options)


class NeverAsksAgain(Breakable):
    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{**settings, "max_retries": 0})


class ShowsItsKey(Breakable):
    def __repr__(self) -> str:
        return f"ShowsItsKey({self._secret()!r})"


class DoesNotCheckForms(Breakable):
    def _structured_request(self, schema: Any, method: str, strict: bool | None) -> Any:
        options, parser = super()._structured_request(schema, method, strict)
        return options, AnswerParser({}, tool=parser.tool, wrapped=parser.wrapped)


class ForgetsToSayItIsOver(Breakable):
    def says(self, said: Any) -> Any:
        return said.model_copy(update={"chunk_position": None})


class TestBreakable(ChatModelTests):
    """The suite on a model that is right; `model` says which one is made."""

    __test__ = False
    live = False
    wire = CompletionsWire()
    key = "sk-a-secret-key"
    supports_images = True
    made: type[Breakable] = Breakable

    def make(self, **settings: Any) -> Any:
        return self.made(**{"model": "gpt-5-mini", "api_key": self.key, **settings})


def run(made: type[Breakable], name: str) -> None:
    """Run one test of the suite, with all its parameters, on a model of a class."""
    tests = TestBreakable()
    tests.made = made  # type: ignore[misc]
    test = getattr(tests, name)
    wanted = inspect.signature(test).parameters
    colours: list[SyncAsyncCall] = [SyncCall(), AsyncCall()] if "call" in wanted else [SyncCall()]
    for colour, values in itertools.product(colours, _parameters(test)):
        with ReplayServer().listening() as server:
            given = {"call": colour, "server": server, "stage": Harness(tests, server), **values}
            test(**{name: given[name] for name in wanted})


def _parameters(test: Any) -> Iterator[dict[str, Any]]:
    marks = [it for it in getattr(test, "pytestmark", []) if it.name == "parametrize"]
    for chosen in itertools.product(*(mark.args[1] for mark in marks)):
        given: dict[str, Any] = {}
        for mark, value in zip(marks, chosen, strict=True):
            names = [mark.args[0]] if isinstance(mark.args[0], str) else mark.args[0]
            values = value.values if isinstance(value, type(pytest.param())) else value
            given.update(zip(names, values if len(names) > 1 else _one(values), strict=True))
        yield given


def _one(value: Any) -> tuple[Any]:
    return value if isinstance(value, tuple) else (value,)
