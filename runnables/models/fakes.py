"""Models that say what they are told to say: for tests, and for trying chains out.

`runnables_providers.scripted` has a fuller one, with delays, failures and a record of its calls.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import re
from typing import TYPE_CHECKING, Any, cast

from runnables.engine.timeouts import async_sleep, sleep
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.kinds import message_to_chunk
from runnables.models.chat import ChatModel
from runnables.models.embeddings import Embeddings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

    from runnables.messages.base import BaseMessage


def in_pieces(answer: AIMessage, cut: Callable[[str], Iterable[str]]) -> Iterator[AIMessageChunk]:
    """An answer as a stream: its text in pieces, and all that it has beside with the last one."""
    whole = cast("AIMessageChunk", message_to_chunk(answer))
    whole.chunk_position = "last"
    content = answer.content
    texts = [text for text in cut(content) if text] if isinstance(content, str) else []
    for text in texts[:-1]:
        yield AIMessageChunk(text, id=answer.id)
    if texts:
        whole.content = texts[-1]
    yield whole


def by_words(text: str) -> Iterable[str]:
    """A text as its words and the spaces between them."""
    return re.split(r"(\s)", text)


class _Fake(ChatModel):
    """Writes `_answer` only, which waits for nothing; streams by words unless it says how."""

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        raise NotImplementedError

    def _pieces(self, messages: list[BaseMessage]) -> Iterator[AIMessageChunk]:
        return in_pieces(self._answer(messages), by_words)

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        return self._answer(messages)

    async def _agenerate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        return self._answer(messages)

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        yield from self._pieces(messages)

    async def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        for piece in self._pieces(messages):
            yield piece


class GenericFakeChatModel(_Fake):
    """Gives the messages of an iterator, one a call; streams them word by word.

    Args:
        messages: the answers, messages or texts; may be endless.
        name: what observers call the model.
    """

    def __init__(self, messages: Iterable[AIMessage | str], *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.messages = iter(messages)

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        try:
            answer = next(self.messages)
        except StopIteration:
            raise RuntimeError(
                "GenericFakeChatModel has no message left: give it one for each call, or an "
                "endless iterator such as itertools.cycle([...])."
            ) from None
        return AIMessage(answer) if isinstance(answer, str) else answer


class _Cycling(_Fake):
    """Goes through its responses, again and again."""

    responses: Sequence[Any]
    _turns: Iterator[int] | None = None

    def _next(self) -> Any:
        if self._turns is None:
            self._turns = itertools.count()
        return self.responses[next(self._turns) % len(self.responses)]


class FakeListChatModel(_Cycling):
    """Gives texts, one a call, again and again; streams them letter by letter.

    Args:
        responses: the texts.
        sleep: seconds to wait before each letter of a stream, and before a whole answer.
        name: what observers call the model.
    """

    def __init__(
        self, responses: Sequence[str], *, sleep: float | None = None, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self.responses = list(responses)
        self.sleep = sleep

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        return AIMessage(self._next())

    def _pieces(self, messages: list[BaseMessage]) -> Iterator[AIMessageChunk]:
        return in_pieces(self._answer(messages), list)

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        sleep(self.sleep or 0)
        return self._answer(messages)

    async def _agenerate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        await async_sleep(self.sleep or 0)
        return self._answer(messages)

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        for piece in self._pieces(messages):
            sleep(self.sleep or 0)
            yield piece

    async def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        for piece in self._pieces(messages):
            await async_sleep(self.sleep or 0)
            yield piece


class FakeMessagesListChatModel(_Cycling):
    """Gives messages, one a call, again and again.

    Args:
        responses: the messages.
        name: what observers call the model.
    """

    def __init__(self, responses: Sequence[AIMessage], *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.responses = list(responses)

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        answer: AIMessage = self._next()
        return answer


class ParrotFakeChatModel(_Fake):
    """Says what the last message said."""

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        last = messages[-1]
        return last if isinstance(last, AIMessage) else AIMessage(last.content, id=last.id)


class FakeEmbeddings(Embeddings):
    """Random vectors, others at each call.

    Args:
        size: how many numbers a vector has.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text."""
        return [self._vector(text) for text in texts]

    async def aembed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        return _gaussian(random.Random(), self.size)


class DeterministicFakeEmbedding(FakeEmbeddings):
    """A vector that looks random, always the same for the same text.

    Args:
        size: how many numbers a vector has.
    """

    def _vector(self, text: str) -> list[float]:
        seed = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        return _gaussian(random.Random(seed), self.size)


def _gaussian(source: random.Random, size: int) -> list[float]:
    return [source.gauss(0.0, 1.0) for _ in range(size)]
