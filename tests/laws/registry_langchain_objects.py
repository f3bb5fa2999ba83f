"""Models, tools, retrievers, embeddings and graphs of LangChain in our pipes, for the registry.

They are written against LangChain's own base classes, and depend on their input alone. Answers have
an id: else LangChain gives each call another one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import LLM, BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import (
    ChatGeneration,
    ChatGenerationChunk,
    ChatResult,
    GenerationChunk,
)
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import ConfigurableField
from langchain_core.tools import StructuredTool, ToolException
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from runnables import from_langchain
from tests.laws.specimens import DICTS, INTS, STRINGS, Specimen, specimen

USAGE: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


class Echo(BaseChatModel):
    """A model that repeats the last message, and streams it letter by letter."""

    end: str = "!"

    @property
    def _llm_type(self) -> str:
        return "echo"

    def bind_tools(self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any) -> Any:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _text(self, messages: Any, tools: Any) -> str:
        names = [each["function"]["name"] for each in tools]
        return f"{messages[-1].text}{self.end}{','.join(names)}"

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, tools: Any = ()
    ) -> ChatResult:
        answer = AIMessage(self._text(messages, tools), id="1", usage_metadata=USAGE)
        return ChatResult(generations=[ChatGeneration(message=answer)])

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, tools: Any = ()
    ) -> Iterator[ChatGenerationChunk]:
        for letter in self._text(messages, tools):
            yield ChatGenerationChunk(message=AIMessageChunk(letter, id="1"))
        last = AIMessageChunk("", id="1", usage_metadata=USAGE, chunk_position="last")
        yield ChatGenerationChunk(message=last)


class AsyncEcho(Echo):
    """The same, with an async stream and an async call of its own."""

    async def _agenerate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, tools: Any = ()
    ) -> ChatResult:
        return self._generate(messages, stop, None, tools)

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, tools: Any = ()
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages, stop, None, tools):
            yield chunk


class Continue(LLM):
    """A model of text that repeats the prompt, and streams it letter by letter."""

    @property
    def _llm_type(self) -> str:
        return "continue"

    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None) -> str:
        return f"{prompt}!"

    def _stream(
        self, prompt: str, stop: Any = None, run_manager: Any = None
    ) -> Iterator[GenerationChunk]:
        for letter in f"{prompt}!":
            yield GenerationChunk(text=letter)


class Search(BaseRetriever):
    """A retriever that finds its question."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(query, id="1", metadata={"n": number}) for number in range(2)]


def divided(number: int, by: int = 1) -> str:
    """Divide a number, which may be impossible."""
    if by == 0:
        raise ToolException("not by zero")
    if by < 0:
        raise ValueError("not by a negative number")
    return f"{number / by:g}"


ARGS = st.fixed_dictionaries({"number": INTS | st.just("x")}, optional={"by": INTS})


def _called(args: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_call", "name": "divided", "args": args, "id": "1"}


class State(TypedDict, total=False):
    """The state of the graph."""

    text: str
    number: int


def _shout(state: State) -> State:
    return {"text": state["text"].upper() + "!"}


def _count(state: State) -> State:
    return {"number": len(state["text"])}


def graph() -> Any:
    builder = StateGraph(State)
    builder.add_node("shout", _shout)
    builder.add_node("count", _count)
    builder.add_edge(START, "shout")
    builder.add_edge("shout", "count")
    return builder.compile()


def objects_of_langchain() -> Iterator[Specimen]:
    """Yield each kind of object that is no plain runnable."""
    script = ConfigurableField(id="end")
    yield specimen("their chat model", lambda: from_langchain(Echo()), STRINGS)
    yield specimen("their chat model, async", lambda: from_langchain(AsyncEcho()), STRINGS)
    yield specimen(
        "their chat model with tools",
        lambda: from_langchain(AsyncEcho().bind_tools([divided])),
        STRINGS,
    )
    yield specimen(
        "their configurable model",
        lambda: from_langchain(AsyncEcho().configurable_fields(end=script)),
        STRINGS,
    )
    yield specimen("their model of text", lambda: from_langchain(Continue()), STRINGS)
    yield specimen(
        "their tool",
        lambda: from_langchain(StructuredTool.from_function(divided)),
        ARGS | ARGS.map(_called) | INTS,
    )
    yield specimen(
        "their tool, whose errors are answers",
        lambda: from_langchain(
            StructuredTool.from_function(
                divided, handle_tool_error=True, handle_validation_error=True
            )
        ),
        ARGS | ARGS.map(_called),
    )
    yield specimen("their retriever", lambda: from_langchain(Search()), STRINGS)
    yield specimen(
        "their embeddings",
        lambda: from_langchain(DeterministicFakeEmbedding(size=4)),
        STRINGS,
    )
    yield specimen("their graph", lambda: from_langchain(graph()), DICTS)
