"""Users' classes with fields, for the registry: steps, models, retrievers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from runnables import (
    LLM,
    AIMessage,
    AIMessageChunk,
    BaseChatModel,
    BaseLLM,
    BaseRetriever,
    ChatGeneration,
    ChatGenerationChunk,
    ChatResult,
    DeterministicFakeEmbedding,
    Document,
    Generation,
    GenerationChunk,
    InMemoryVectorStore,
    LLMResult,
    RunnableConfig,
    RunnableParallel,
    RunnablePassthrough,
    RunnableSerializable,
    SimpleChatModel,
    StoreRetriever,
)
from tests.laws.specimens import INTS, STRINGS, Specimen, specimen

ENDED = {"finish_reason": "stop"}


class Add(RunnableSerializable[int, int]):
    """A step with a field."""

    step: int = 1

    def invoke(self, input: int, config: RunnableConfig | None = None) -> int:
        return input + self.step


class Echo(SimpleChatModel):
    """A model that repeats the last message."""

    end: str = "!"

    def _call(self, messages: Any, stop: Any = None, run_manager: Any = None) -> str:
        return f"{messages[-1].text}{self.end}"


class Letters(BaseChatModel):
    """A model that streams the first letters of the last message."""

    n: int

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None) -> ChatResult:
        message = AIMessage(messages[-1].text[: self.n])
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None
    ) -> Iterator[ChatGenerationChunk]:
        for letter in messages[-1].text[: self.n]:
            run_manager.on_llm_new_token(letter)
            yield ChatGenerationChunk(message=AIMessageChunk(letter))
        yield ChatGenerationChunk(message=AIMessageChunk("", chunk_position="last"))


class Continue(LLM):
    """A model of text that repeats the prompt."""

    end: str = "!"

    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None) -> str:
        return f"{prompt}{self.end}"


class Spell(BaseLLM):
    """A model of text that streams the prompt letter by letter, with metadata at the end."""

    def _generate(self, prompts: Any, stop: Any = None, run_manager: Any = None) -> LLMResult:
        return LLMResult(generations=[[Generation(text=prompts[0], generation_info=ENDED)]])

    def _stream(
        self, prompt: str, stop: Any = None, run_manager: Any = None
    ) -> Iterator[GenerationChunk]:
        for letter in prompt:
            yield GenerationChunk(text=letter)
        yield GenerationChunk(text="", generation_info=ENDED)


class Search(BaseRetriever):
    """A retriever that finds its question."""

    k: int = 2

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(query, metadata={"n": n}) for n in range(self.k)]


_STORE = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
_STORE.add([Document("land", id="1"), Document("sea", id="2"), Document("sky", id="3")])


class SearchMany(BaseRetriever):
    """A retriever that finds for many questions in one call."""

    def _get_relevant_documents_batch(
        self, queries: Sequence[str], *, run_manager: Any
    ) -> list[list[Document]]:
        return [[Document(query)] for query in queries]


def classes_with_fields() -> Iterator[Specimen]:
    yield specimen("fields: step", lambda: Add(step=2), INTS)
    yield specimen("fields: model", lambda: Echo(end="?"), STRINGS)
    yield specimen("fields: model, streams", lambda: Letters(n=3), STRINGS)
    yield specimen("fields: model of text", lambda: Continue(end="?"), STRINGS)
    yield specimen("fields: model of text, streams", lambda: Spell(), STRINGS)
    yield specimen("fields: retriever", lambda: Search(k=1), STRINGS)
    yield specimen("a store's retriever", lambda: StoreRetriever(store=_STORE, k=2), STRINGS)
    yield specimen("fields: retriever for many", lambda: SearchMany(), STRINGS)
    yield specimen(
        "fields: retriever for many, in a chain",
        lambda: (
            RunnableParallel(found=SearchMany(), question=RunnablePassthrough())
            | RunnablePassthrough.assign(answer=lambda row: row["found"][0].page_content)
        ),
        STRINGS,
    )
