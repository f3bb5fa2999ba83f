"""Models with prepared answers, for tests and for trying chains out.

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
from runnables.messages.kinds import message_to_chunk, text_message
from runnables.models.chat import ChatModel
from runnables.models.embeddings import Embeddings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

    from runnables.messages.base import BaseMessage


def split_answer(
    answer: AIMessage, split: Callable[[str], Iterable[str]]
) -> Iterator[AIMessageChunk]:
    """Yield the text of an answer in chunks, and its other fields with the last one."""
    last = cast("AIMessageChunk", message_to_chunk(answer))
    last.chunk_position = "last"
    content = answer.content
    parts = [part for part in split(content) if part] if isinstance(content, str) else []
    for part in parts[:-1]:
        yield AIMessageChunk(part, id=answer.id)
    if parts:
        last.content = parts[-1]
    yield last


def split_words(text: str) -> Iterable[str]:
    """Return the words of a string, and the spaces between them."""
    return re.split(r"(\s)", text)


class _Fake(ChatModel):
    """A base for models that write `_answer`, which waits for nothing; they stream by words."""

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        raise NotImplementedError

    def _parts(self, messages: list[BaseMessage]) -> Iterator[AIMessageChunk]:
        return split_answer(self._answer(messages), split_words)

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        return self._answer(messages)

    async def _agenerate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        return self._answer(messages)

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        yield from self._parts(messages)

    async def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        for chunk in self._parts(messages):
            yield chunk


class GenericFakeChatModel(_Fake):
    """A model that answers with the messages of an iterator, one a call; it streams by words.

    Args:
        messages: the answers, messages or strings; may be endless.
        name: the model's name in events and traces.

    Example:
        >>> model = GenericFakeChatModel(["Ahoy there!", "Goodbye!"])
        >>> [chunk.content for chunk in model.stream("Hello")]
        ['Ahoy', ' ', 'there!']
        >>> model.invoke("Hello again").content
        'Goodbye!'
    """

    def __init__(self, messages: Iterable[AIMessage | str], *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.messages = iter(messages)

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        try:
            answer = next(self.messages)
        except StopIteration:
            raise RuntimeError(
                "GenericFakeChatModel has no message left: pass one for each call, or an endless "
                "iterator such as itertools.cycle([...])."
            ) from None
        return text_message(answer) if isinstance(answer, str) else answer


class _Cycling(_Fake):
    """A base for models that go through their responses again and again."""

    responses: Sequence[Any]
    _calls: Iterator[int] | None = None

    def _next(self) -> Any:
        if self._calls is None:
            self._calls = itertools.count()
        return self.responses[next(self._calls) % len(self.responses)]


class FakeListChatModel(_Cycling):
    """A model that answers with strings, one a call, in a cycle; it streams letter by letter.

    Args:
        responses: the answers.
        sleep: seconds to wait before each letter of a stream, and before a non-streamed answer.
        name: the model's name in events and traces.

    Example:
        >>> model = FakeListChatModel(["Ahoy!", "Hi!"])
        >>> [answer.content for answer in model.batch(["Hello"] * 3, {"max_concurrency": 1})]
        ['Ahoy!', 'Hi!', 'Ahoy!']
        >>> [chunk.content for chunk in model.stream("Hello")]
        ['H', 'i', '!']
    """

    def __init__(
        self, responses: Sequence[str], *, sleep: float | None = None, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self.responses = list(responses)
        self.sleep = sleep

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        return text_message(self._next())

    def _parts(self, messages: list[BaseMessage]) -> Iterator[AIMessageChunk]:
        return split_answer(self._answer(messages), list)

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        sleep(self.sleep or 0)
        return self._answer(messages)

    async def _agenerate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        await async_sleep(self.sleep or 0)
        return self._answer(messages)

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        for chunk in self._parts(messages):
            sleep(self.sleep or 0)
            yield chunk

    async def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        for chunk in self._parts(messages):
            await async_sleep(self.sleep or 0)
            yield chunk


class FakeMessagesListChatModel(_Cycling):
    """A model that answers with messages, one a call, in a cycle; it streams by words.

    Args:
        responses: the answers.
        name: the model's name in events and traces.

    Example:
        >>> call = tool_call(name="add", args={"a": 1, "b": 2}, id="call_1")
        >>> model = FakeMessagesListChatModel([AIMessage(tool_calls=[call]), AIMessage("3")])
        >>> model.invoke("What is 1 + 2?").tool_calls[0]["args"]
        {'a': 1, 'b': 2}
    """

    def __init__(self, responses: Sequence[AIMessage], *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.responses = list(responses)

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        answer: AIMessage = self._next()
        return answer


class ParrotFakeChatModel(_Fake):
    """A model that answers with the content of the last message.

    Example:
        >>> ParrotFakeChatModel().invoke("Ahoy!").content
        'Ahoy!'
    """

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        last = messages[-1]
        return last if isinstance(last, AIMessage) else AIMessage(last.content, id=last.id)


class FakeEmbeddings(Embeddings):
    """A model whose vectors are random, and differ from call to call.

    Args:
        size: how many numbers a vector has.

    Example:
        >>> len(FakeEmbeddings(size=3).embed_query("Ahoy!"))
        3
    """

    def __init__(self, size: int) -> None:
        self.size = size

    @property
    def vector_space(self) -> str:
        """Return the class, and the length of the vectors."""
        return f"{type(self).__name__}, {self.size} numbers"

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector for each string."""
        return [self._vector(text) for text in texts]

    async def aembed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector for each string."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        return _gaussian(random.Random(), self.size)


class DeterministicFakeEmbedding(FakeEmbeddings):
    """A model whose vectors look random, and are always the same for the same string.

    Args:
        size: how many numbers a vector has.

    Example:
        >>> model = DeterministicFakeEmbedding(size=3)
        >>> model.embed_query("Ahoy!") == model.embed_query("Ahoy!")
        True
    """

    def _vector(self, text: str) -> list[float]:
        seed = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        return _gaussian(random.Random(seed), self.size)


def _gaussian(generator: random.Random, size: int) -> list[float]:
    return [generator.gauss(0.0, 1.0) for _ in range(size)]
