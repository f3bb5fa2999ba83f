"""Retrievers and vector stores of both libraries, in each other's chains."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_classic.chains import (
    create_history_aware_retriever,
    create_retrieval_chain,
)
from langchain_classic.chains.combine_documents import create_stuff_documents_chain
from langchain_classic.chains.retrieval_qa.base import RetrievalQA
from langchain_classic.retrievers import ContextualCompressionRetriever, MultiQueryRetriever
from langchain_classic.retrievers.document_compressors import LLMChainExtractor
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document as TheirDocument
from langchain_core.embeddings import DeterministicFakeEmbedding as TheirFakeEmbedding
from langchain_core.prompts import ChatPromptTemplate as TheirPrompt
from langchain_core.retrievers import BaseRetriever as TheirBaseRetriever
from langchain_core.vectorstores import InMemoryVectorStore as TheirStore
from pydantic import Field

from runnables import (
    BaseRetriever,
    ChatPromptTemplate,
    ConfigError,
    Document,
    RunnableLambda,
    RunnablePassthrough,
    SQLiteStore,
    StrOutputParser,
    from_langchain,
    to_langchain,
    track_usage,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.interop.their_models import TheirModel

LINES = ["The sea is calm.", "The land is dry."]


class Search(BaseRetriever):
    """A retriever of ours."""

    asked: list[Any] = Field(default_factory=list)

    def _get_relevant_documents(self, query: str, *, run_manager: Any, k: int = 9) -> Any:
        self.asked.append(query)
        found = [text for text in LINES if any(word in text for word in query.split())]
        return [Document(text, metadata={"source": "log"}) for text in found][:k]


class TheirSearch(TheirBaseRetriever):
    """A retriever of LangChain."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> Any:
        return [TheirDocument(text, id="1") for text in LINES if query in text]


class Log(BaseCallbackHandler):
    """A handler of LangChain that records the runs of retrievers."""

    def __init__(self) -> None:
        self.found: list[Any] = []

    def on_retriever_start(self, serialized: Any, query: str, **kwargs: Any) -> None:
        self.found.append((query, kwargs.get("name")))

    def on_retriever_end(self, documents: Any, **kwargs: Any) -> None:
        self.found.append(documents)


class Recorder:
    """A handler of ours that records runs."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_event(self, event: Any) -> None:
        self.seen.append((event.kind, event.run_type, event.name))


def _ours(*script: Any) -> ScriptedChatModel:
    usage: Any = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    return ScriptedChatModel(list(script) or ["It is calm."], cycle=True, usage=usage)


# -- theirs in ours


def test_a_retriever_of_langchain_finds_documents_of_ours(call: Call) -> None:
    documents = call.invoke(from_langchain(TheirSearch()), "sea")
    assert documents == [Document("The sea is calm.", id="1")]


def test_it_is_one_run_of_the_type_retriever(call: Call) -> None:
    recorder = Recorder()
    call.invoke(from_langchain(TheirSearch()), "sea", {"callbacks": [recorder]})
    assert recorder.seen == [
        ("start", "retriever", "TheirSearch"),
        ("end", "retriever", "TheirSearch"),
    ]


def test_a_vector_store_of_langchain_begins_a_chain_of_ours(call: Call) -> None:
    store = TheirStore(TheirFakeEmbedding(size=8))
    store.add_texts(LINES)
    prompt = ChatPromptTemplate.from_template("{context} {question}")

    def text(documents: list[Document]) -> str:
        assert all(type(document) is Document for document in documents)
        return " ".join(sorted(document.page_content for document in documents))

    steps = {
        "context": store.as_retriever() | RunnableLambda(text),
        "question": RunnablePassthrough(),
    }
    chain = RunnablePassthrough() | steps | prompt | _ours() | StrOutputParser()
    assert call.invoke(chain, "Is the sea calm?") == "It is calm."
    assert "".join(call.stream(chain, "Is the sea calm?")) == "It is calm."


def test_a_vector_store_itself_is_refused_with_the_way_out() -> None:
    with pytest.raises(TypeError, match=r"store\.as_retriever\(\)"):
        from_langchain(TheirStore(TheirFakeEmbedding(size=8)))


def test_usage_within_a_retriever_of_langchain_is_counted(call: Call) -> None:
    model = to_langchain(_ours("The sea is calm."))
    compressor = LLMChainExtractor.from_llm(model)
    retriever = ContextualCompressionRetriever(
        base_compressor=compressor, base_retriever=TheirSearch()
    )
    with track_usage() as usage:
        documents = call.invoke(from_langchain(retriever), "sea")
    assert [document.page_content for document in documents] == ["The sea is calm."]
    assert usage.calls == 1


def test_a_multi_query_retriever_of_langchain_asks_our_model(call: Call) -> None:
    model = to_langchain(_ours("sea\nland"))
    retriever = MultiQueryRetriever.from_llm(retriever=to_langchain(Search()), llm=model)
    found = call.invoke(from_langchain(retriever), "x")
    assert {document.page_content for document in found} == set(LINES)


# -- ours in theirs


def test_a_retriever_of_ours_is_one_of_langchain_and_converts_back() -> None:
    ours = Search()
    theirs = to_langchain(ours)
    assert isinstance(theirs, TheirBaseRetriever)
    assert from_langchain(theirs) is ours


def test_it_finds_documents_of_langchain_and_is_reported_once(call: Call) -> None:
    log, recorder = Log(), Recorder()
    theirs = to_langchain(Search())
    documents = call.invoke(theirs, "sea", {"callbacks": [log]})
    assert [(type(one), one.page_content) for one in documents] == [(TheirDocument, LINES[0])]
    assert log.found == [("sea", "Search"), documents]
    chain = from_langchain(theirs | (lambda found: len(found)))
    call.invoke(chain, "sea", {"callbacks": [recorder]})
    assert recorder.seen.count(("end", "retriever", "Search")) == 1


def test_keywords_reach_our_retriever(call: Call) -> None:
    assert len(call.invoke(to_langchain(Search()), "sea land")) == 2
    assert len(call.invoke(to_langchain(Search()), "sea land", k=1)) == 1


def test_the_classic_retrieval_chain_searches_for_the_question(call: Call) -> None:
    search = Search(asked=[])
    prompt = TheirPrompt.from_template("{context} {input}")
    answer = create_stuff_documents_chain(to_langchain(_ours()), prompt)
    chain = create_retrieval_chain(to_langchain(search), answer)
    result = call.invoke(chain, {"input": "sea"})
    assert result["answer"] == "It is calm."
    assert [document.page_content for document in result["context"]] == [LINES[0]]
    assert search.asked == ["sea"]


def test_a_history_aware_retriever_asks_our_model_for_the_question(call: Call) -> None:
    search = Search(asked=[])
    prompt = TheirPrompt.from_messages([("placeholder", "{chat_history}"), ("human", "{input}")])
    chain = create_history_aware_retriever(
        to_langchain(_ours("land")), to_langchain(search), prompt
    )
    call.invoke(chain, {"input": "sea"})
    call.invoke(chain, {"input": "And?", "chat_history": [("human", "Where is land?")]})
    assert search.asked == ["sea", "land"]


def test_retrieval_qa_runs_with_our_model_and_our_retriever(call: Call) -> None:
    qa = RetrievalQA.from_chain_type(to_langchain(_ours()), retriever=to_langchain(Search()))
    assert call.invoke(qa, {"query": "sea"})["result"] == "It is calm."


def test_a_classic_chain_is_a_step_of_ours(call: Call) -> None:
    prompt = TheirPrompt.from_template("{context} {input}")
    theirs = TheirModel(script=["It is calm."])
    answer = create_stuff_documents_chain(theirs, prompt)
    chain = create_retrieval_chain(to_langchain(Search()), answer)
    with track_usage() as usage:
        ours = RunnablePassthrough() | chain | (lambda result: result["answer"])
        assert call.invoke(ours, {"input": "sea"}) == "It is calm."
    assert usage.calls == 1


def test_a_store_of_ours_takes_documents_and_embeddings_of_langchain(call: Call) -> None:
    """They become ours where they arrive; the same again changes nothing."""
    theirs = [TheirDocument(line, metadata={"n": n}) for n, line in enumerate(LINES)]
    with SQLiteStore(":memory:", TheirFakeEmbedding(size=8)) as store:  # type: ignore[arg-type]
        assert store.add(theirs).added == len(LINES)  # type: ignore[arg-type]
        assert store.add(theirs).unchanged == len(LINES)  # type: ignore[arg-type]
        assert len(store.add_documents(theirs)) == len(LINES)  # type: ignore[arg-type]
        new = TheirDocument("It is deep.", metadata={"source": "a/b"})
        assert store.sync([new], "a").added == 1  # type: ignore[list-item]
        assert store.sync([], "a").deleted == 1
        (found,) = call.invoke(store.as_retriever(k=1), LINES[1])
    assert isinstance(found, Document)
    assert (found.page_content, found.metadata) == (LINES[1], {"n": 1})


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_an_option_that_their_retriever_does_not_take_is_refused(way: str, call: Call) -> None:
    """LangChain would drop it silently; one that takes options gets them."""
    with pytest.raises(ConfigError, match="takes no option 'k'"):
        getattr(call, way)(from_langchain(TheirSearch()), "sea", k=1)
    store = TheirStore(TheirFakeEmbedding(size=4))
    store.add_texts(LINES)
    found = getattr(call, way)(from_langchain(store.as_retriever()), "sea", k=1)
    assert len(found if way == "invoke" else found[0]) == 1
