"""Retrievers as classes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runnables import (
    AsyncCallbackManagerForRetrieverRun,
    BaseRetriever,
    CallbackManagerForRetrieverRun,
    ChatPromptTemplate,
    ConfigError,
    ConfigurableField,
    Document,
    Event,
    ParrotFakeChatModel,
    RunnableLambda,
    RunnablePassthrough,
    StrOutputParser,
    SyncAsyncError,
)
from tests.both_modes import Call

SEAS = [Document("The Baltic is brackish."), Document("The Red Sea is salty.")]


class Search(BaseRetriever):
    """A retriever with fields."""

    documents: list[Document]
    k: int = 4

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        assert isinstance(run_manager, CallbackManagerForRetrieverRun)
        return [doc for doc in self.documents if query in doc.page_content][: self.k]


class Plain(BaseRetriever):
    """A retriever that takes no run manager, and one option."""

    def _get_relevant_documents(self, query: str, limit: int = 2) -> list[Document]:  # type: ignore[override]
        return [Document(query)] * limit


class Async(BaseRetriever):
    """A retriever with an async method only."""

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [Document(f"{query} {run_manager.get_sync().tags}")]


class Seen:
    """A handler that notes what it receives."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def on_event(self, event: Event) -> None:
        self.seen.append((event.kind, event.run_type))


def test_a_retriever_finds_documents(call: Call) -> None:
    """It is a runnable of its question, in a chain, too."""
    search = Search(documents=SEAS)
    assert call.invoke(search, "Baltic") == SEAS[:1]
    assert call.batch(search, ["Red", "Sea", "?"]) == [SEAS[1:], SEAS[1:], []]
    chain = (
        {
            "found": search | (lambda found: found[0].page_content),
            "question": RunnablePassthrough(),
        }
        | ChatPromptTemplate.from_template("{found} {question}?")
        | ParrotFakeChatModel()
        | StrOutputParser()
    )
    assert call.invoke(chain, "Red") == "The Red Sea is salty. Red?"


def test_a_field_is_configurable(call: Call) -> None:
    """A call sets how many documents there are."""
    search = Search(documents=SEAS).configurable_fields(k=ConfigurableField(id="k"))
    assert call.invoke(search, "The", {"configurable": {"k": 1}}) == SEAS[:1]


def test_its_runs_are_of_their_own_type(call: Call) -> None:
    """Handlers see "retriever", and event streams `on_retriever_start` and `on_retriever_end`."""
    handler = Seen()
    call.invoke(Search(documents=SEAS), "Red", {"callbacks": [handler]})
    assert handler.seen == [("start", "retriever"), ("end", "retriever")]
    events = {
        event["event"]: event["data"] for event in Search(documents=SEAS).stream_events("Red")
    }
    assert events == {
        "on_retriever_start": {"input": "Red"},
        "on_retriever_end": {"output": SEAS[1:]},
    }


def test_a_nested_call_reports_to_the_handlers_around(call: Call) -> None:
    """`run_manager.get_child()` may be passed on, and nothing is reported twice."""

    class Nested(BaseRetriever):
        inner: Search

        def _get_relevant_documents(
            self, query: str, *, run_manager: CallbackManagerForRetrieverRun
        ) -> list[Document]:
            assert str(run_manager.run_id)
            return self.inner.invoke(query, config={"callbacks": run_manager.get_child()})

    handler = Seen()
    assert call.invoke(Nested(inner=Search(documents=SEAS)), "Red", {"callbacks": [handler]})
    assert [kind for kind, _ in handler.seen] == ["start", "start", "end", "end"]


def test_more_parameters_are_options(call: Call) -> None:
    """Others are refused."""
    assert len(call.invoke(Plain(), "x", limit=3)) == 3
    with pytest.raises(ConfigError, match="has no option 'limits'. Did you mean 'limit'"):
        call.invoke(Plain(), "x", limits=3)
    with pytest.raises(ConfigError, match="takes no option 'k'. Make it a field"):
        call.invoke(Search(documents=SEAS), "x", k=3)


def test_an_async_retriever_serves_async_calls() -> None:
    """A sync call says what to use."""
    found = asyncio.run(Async().ainvoke("x", {"tags": ["a"]}))
    assert found == [Document("x ['a']")]
    with pytest.raises(SyncAsyncError, match="Use `ainvoke`"):
        Async().invoke("x")


@pytest.mark.parametrize(
    "found", ["text", None, ["text"], Document("x")], ids=["string", "none", "strings", "one"]
)
def test_what_is_no_list_of_documents_is_refused(call: Call, found: Any) -> None:
    """The error names the class."""

    class Wrong(BaseRetriever):
        def _get_relevant_documents(self, query: str, **kwargs: Any) -> Any:
            return found

    with pytest.raises(TypeError, match="Wrong returned .*: expected a list of Document"):
        call.invoke(Wrong(), "x")


def test_a_retriever_without_a_method_is_refused(call: Call) -> None:
    """The error names the method to write."""

    class Empty(BaseRetriever):
        pass

    with pytest.raises(TypeError, match="Empty finds nothing: write `_get_relevant_documents`"):
        call.invoke(Empty(), "x")


@pytest.mark.parametrize("name", ["get_relevant_documents", "aget_relevant_documents"])
def test_the_old_methods_say_what_to_call(name: str) -> None:
    """They are no attributes, and the error names `invoke`."""
    with pytest.raises(AttributeError, match="invoke"):
        getattr(Search(documents=SEAS), name)


def test_a_function_is_a_retriever_in_a_chain(call: Call) -> None:
    """A class is not needed; its runs are a chain's."""
    assert call.invoke(RunnableLambda(lambda _: SEAS), "x") == SEAS
