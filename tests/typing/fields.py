"""The types of classes with fields. mypy and pyright read this file; it is not run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, assert_type

from pydantic import Field, PrivateAttr

from runnables import (
    LLM,
    AIMessage,
    AIMessageChunk,
    AsyncCallbackManagerForLLMRun,
    BaseChatModel,
    BaseLLM,
    BaseMessage,
    BaseRetriever,
    CallbackManagerForLLMRun,
    CallbackManagerForRetrieverRun,
    ChatGeneration,
    ChatGenerationChunk,
    ChatModel,
    ChatResult,
    Document,
    Generation,
    GenerationChunk,
    InMemoryCache,
    LLMResult,
    PromptTemplate,
    Runnable,
    RunnableConfig,
    RunnableSerializable,
    SimpleChatModel,
    Stream,
    StrOutputParser,
    format_document,
)


class Repeat(RunnableSerializable[str, int]):
    times: int = 2
    marks: list[str] = Field(default_factory=list)
    _calls: int = PrivateAttr(default=0)

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> int:
        return len(input) * self.times


assert_type(Repeat(times=2, name="r").invoke("a"), int)
assert_type(Repeat().batch(["a"]), list[int])
Repeat(times="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Repeat(tims=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


class Letters(BaseChatModel):
    n: int
    model_name: str = Field(default="letters", alias="model")

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("a"))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        if run_manager:
            run_manager.on_llm_new_token("a")
        yield ChatGenerationChunk(message=AIMessageChunk("a"))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        if run_manager:
            await run_manager.on_llm_new_token("a")
        yield ChatGenerationChunk(message=AIMessageChunk("a"))

    @property
    def _llm_type(self) -> str:
        return "letters"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"n": self.n}


model: ChatModel = Letters(n=3, model="small", max_retries=2)
assert_type(model.invoke("a"), AIMessage)
assert_type((Letters(n=1) | StrOutputParser()).invoke("a"), str)


class Shout(SimpleChatModel):
    def _call(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        return messages[-1].text.upper()


assert_type(Shout().invoke("a"), AIMessage)


class First(LLM):
    n: int

    def _call(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        return prompt[: self.n]

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        yield GenerationChunk(text=prompt[: self.n])


assert_type(First(n=3, cache=InMemoryCache()).invoke("a"), str)
assert_type((First(n=3) | StrOutputParser()).invoke("a"), str)
First()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


class Loud(BaseLLM):
    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        return LLMResult(generations=[[Generation(text=prompt)] for prompt in prompts])


assert_type(Loud().stream("a"), Stream[str])


class Search(BaseRetriever):
    documents: list[Document]
    k: int = 4

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return self.documents[: self.k]


class SearchMany(Search):
    max_batch_size: int = 20

    def _get_relevant_documents_batch(
        self, queries: Sequence[str], *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[list[Document]]:
        return [self.documents[: self.k] for _ in queries]

    async def _aget_relevant_documents_batch(
        self, queries: Sequence[str], *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[list[Document] | Exception]:
        return [KeyError(query) for query in queries]


assert_type(SearchMany(documents=[], max_batch_size=5).batch(["a"]), list[list[Document]])
search: Runnable[str, list[Document]] = Search(documents=[Document("a")])
assert_type(search.invoke("a"), list[Document])
assert_type(format_document(Document("a"), PromptTemplate.from_template("{page_content}")), str)
