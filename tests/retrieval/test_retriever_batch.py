"""Retrievers that find for many questions at once: rows of a batch go together into them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from runnables import (
    BaseRetriever,
    CallbackManagerForRetrieverRun,
    ChatPromptTemplate,
    Document,
    Embeddings,
    ParrotFakeChatModel,
    RateLimitError,
    Runnable,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    StrOutputParser,
    SyncAsyncError,
)
from runnables.graph.reading import findings_in
from runnables.testing import RecordedRequest, Response
from runnables_providers.openai import OpenAIEmbeddings
from tests.both_modes import Call
from tests.laws.recorder import Recorder
from tests.sdk.recorder import Recorder as Server

QUESTIONS = [f"{number} knots" for number in range(100)]
RETRY: dict[str, Any] = {"wait_exponential_jitter": False, "stop_after_attempt": 2}


class Lengths(Embeddings):
    """An embedding model that notes its requests."""

    def __init__(self) -> None:
        super().__init__()
        self._requests: list[list[str]] = []

    def embed_documents(self, strings: Sequence[str]) -> list[list[float]]:
        self._requests.append(list(strings))
        return [[float(len(text))] for text in strings]


class Nearest(BaseRetriever):
    """A retriever as a store has one: it embeds its questions, and looks each of them up."""

    embeddings: Embeddings

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return _found(query, self.embeddings.invoke(query))

    def _get_relevant_documents_batch(
        self, queries: Sequence[str], *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[list[Document]]:
        vectors = self.embeddings.batch(queries)
        return [_found(*pair) for pair in zip(queries, vectors, strict=True)]

    async def _aget_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return _found(query, await self.embeddings.ainvoke(query))

    async def _aget_relevant_documents_batch(
        self, queries: Sequence[str], *, run_manager: Any
    ) -> list[list[Document]]:
        vectors = await self.embeddings.abatch(queries)
        return [_found(*pair) for pair in zip(queries, vectors, strict=True)]


def _found(query: str, vector: list[float]) -> list[Document]:
    return [Document(f"{query}: {vector[0]}")]


class Notes(BaseRetriever):
    """A retriever that notes how many questions each of its calls has."""

    max_batch_size: int = 256
    calls: list[int] = []  # noqa: RUF012 - a field: each object has its own

    def _get_relevant_documents_batch(  # type: ignore[override]
        self, queries: Sequence[str], limit: int = 1
    ) -> list[list[Document] | Exception]:
        self.calls.append(len(queries))
        return [_note(query, limit) for query in queries]


def _note(query: str, limit: int) -> list[Document] | Exception:
    return ValueError(f"not {query}") if query == "bad" else [Document(query)] * limit


def rag(retriever: Runnable[str, list[Document]]) -> Runnable[str, Any]:
    """Return the chain that most questions to documents are asked with."""
    ask = RunnableLambda(
        lambda found: {
            "sources": " ".join(each.page_content for each in found["documents"]),
            "question": found["question"],
        }
    )
    prompt = ChatPromptTemplate.from_template("{sources} {question}")
    answer = ask | prompt | ParrotFakeChatModel() | StrOutputParser()
    return RunnableParallel(
        documents=retriever, question=RunnablePassthrough()
    ) | RunnablePassthrough.assign(answer=answer)


# -- one request


@pytest.mark.parametrize("limit", [1, 2, 8, None])
def test_a_hundred_questions_to_a_chain_make_one_request(limit: int | None, call: Call) -> None:
    """The embedding model gets all of them at once; each row has the output that it has alone."""
    embeddings = Lengths()
    chain = rag(Nearest(embeddings=embeddings))
    outputs = call.batch(chain, QUESTIONS, max_concurrency=limit)
    assert embeddings._requests == [QUESTIONS]
    assert outputs[7] == call.invoke(chain, QUESTIONS[7])
    assert [output["question"] for output in outputs] == QUESTIONS
    assert "knots: 7.0" in outputs[7]["answer"]


def test_rows_as_they_are_done_make_one_request_too(call: Call) -> None:
    """Also of an iterator, whose length is not known."""
    embeddings = Lengths()
    chain = rag(Nearest(embeddings=embeddings))
    pairs = call.batch_as_completed(chain, iter(QUESTIONS))
    assert embeddings._requests == [QUESTIONS]
    assert sorted(index for index, _ in pairs) == list(range(100))


@pytest.fixture
def server() -> Iterator[Server]:
    with Server().listening() as recorder:
        recorder.enqueue(_respond)
        yield recorder


def _respond(request: RecordedRequest) -> Response:
    vectors = [[float(len(text))] for text in request.body["input"]]
    data = [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return Response({"data": data, "model": "m"})


def test_a_hundred_questions_make_one_http_request(server: Server, call: Call) -> None:
    """With a real embedding model, that a service answers."""
    embeddings = OpenAIEmbeddings("m", api_key="sk-secret", base_url=server.url)
    outputs = call.batch(rag(Nearest(embeddings=embeddings)), QUESTIONS)
    assert [body["input"] for body in server.bodies] == [QUESTIONS]
    assert "knots: 8.0" in outputs[42]["answer"]


def test_more_questions_than_it_takes_are_several_calls(call: Call) -> None:
    """As the field, or the class, says; with 1 it is asked one by one."""
    for size, calls in ((40, [20, 40, 40]), (1, [1] * 100)):
        notes = Notes(max_batch_size=size)
        outputs = call.batch(rag(notes), QUESTIONS, max_concurrency=3)
        assert sorted(notes.calls) == calls
        assert outputs[99]["documents"] == [Document(QUESTIONS[99])]


AROUND: dict[str, Callable[[Notes], Runnable[Any, Any]]] = {
    "bind": lambda notes: notes.bind(limit=2),
    "config": lambda notes: notes.with_config(tags=["a"]),
    "retry": lambda notes: notes.with_retry(),
    "fallbacks": lambda notes: notes.with_fallbacks([RunnableLambda(len)]),
    "listeners": lambda notes: notes.with_listeners(on_end=print),
    "map": lambda notes: (
        RunnableLambda(lambda question: [question]) | notes.map() | (lambda found: found[0])
    ),
    "cache": lambda notes: notes.with_cache(),
    "a function before it": lambda notes: RunnableLambda(str.upper) | notes,
    "a dict in a dict": lambda notes: (
        RunnableParallel(a={"b": notes}) | (lambda found: found["a"]["b"])
    ),
}


@pytest.mark.parametrize("around", AROUND)
def test_what_is_around_it_does_not_matter(around: str, call: Call) -> None:
    """The questions go together behind it, too."""
    notes, alone = Notes(), Notes()
    expected = [call.invoke(rag(AROUND[around](alone)), each) for each in QUESTIONS[:5]]
    assert alone.calls == [1] * 5
    assert call.batch(rag(AROUND[around](notes)), QUESTIONS[:5]) == expected
    assert notes.calls == [5]


# -- runs


def test_each_question_has_a_run_of_its_own(call: Call) -> None:
    """With its input and its output; what runs inside is reported below the first of them."""
    recorder = Recorder()
    chain = rag(Nearest(embeddings=Lengths()))
    call.batch(chain, QUESTIONS[:3], {"callbacks": [recorder]})
    runs = [event for event in recorder.events if event.run_type == "retriever"]
    assert Counter(event.kind for event in runs) == {"start": 3, "end": 3}
    ends = {event.input: event.output for event in runs if event.kind == "end"}
    assert ends["1 knots"] == [Document("1 knots: 7.0")]
    assert sorted(ends) == QUESTIONS[:3]
    first = {event.input: event.run_id for event in runs}["0 knots"]
    inside = [event for event in recorder.events if event.run_type == "embeddings"]
    assert {event.parent_ids[-1] for event in inside} == {first}


def test_the_run_of_a_question_that_failed_says_so(call: Call) -> None:
    """Those of the others end well."""
    recorder = Recorder()
    questions = ["a", "bad", "c"]
    outputs = call.batch(Notes(), questions, {"callbacks": [recorder]}, return_exceptions=True)
    assert [type(output) for output in outputs] == [list, ValueError, list]
    kinds = {event.input: event.kind for event in recorder.events}
    assert kinds == {"a": "end", "bad": "error", "c": "end"}


# -- errors


def test_an_error_in_the_place_of_documents_is_that_questions_own(call: Call) -> None:
    """Nothing is asked again, and the note says which row it was."""
    notes = Notes()
    outputs = call.batch(rag(notes), ["a", "bad", "c"], return_exceptions=True)
    assert notes.calls == [3]
    assert [type(output) for output in outputs] == [dict, ValueError, dict]
    assert outputs[1].__notes__ == [
        'in branch "documents", step 1 of 2 (RunnableParallel<documents,question>), batch item 1'
    ]
    with pytest.raises(ValueError, match="not bad"):
        call.invoke(notes, "bad")


def test_only_a_question_that_failed_goes_to_the_fallback(call: Call) -> None:
    """The others keep what was found."""
    first, second = Notes(), Notes()
    fallback = RunnableLambda(lambda question: question.upper()) | second
    outputs = call.batch(first.with_fallbacks([fallback]), ["a", "bad", "c"])
    assert outputs == [[Document("a")], [Document("BAD")], [Document("c")]]
    assert (first.calls, second.calls) == ([3], [1])


def test_a_call_that_fails_as_a_whole_is_made_for_each_question(call: Call) -> None:
    """But where the service is busy, there is one more request for all, by a retry."""

    class Failing(Notes):
        errors: list[Exception] = []  # noqa: RUF012 - a field

        def _get_relevant_documents_batch(  # type: ignore[override]
            self, queries: Sequence[str]
        ) -> list[list[Document]]:
            self.calls.append(len(queries))
            if self.errors:
                raise self.errors.pop()
            return [[Document(query)] for query in queries]

    found = [[Document(question)] for question in QUESTIONS[:4]]
    failing = Failing(errors=[KeyError("a")])
    assert call.batch(failing, QUESTIONS[:4]) == found
    assert failing.calls == [4, 1, 1, 1, 1]
    failing = Failing(errors=[RateLimitError("busy")])
    assert call.batch(failing.with_retry(**RETRY), QUESTIONS[:4]) == found
    assert failing.calls == [4, 4]


@pytest.mark.parametrize("found", [[], [[], []], Document("a"), None, [Document("a")]], ids=str)
def test_another_number_of_lists_is_an_error(found: Any, call: Call) -> None:
    """Documents would belong to the wrong question; it says what is expected."""

    class Wrong(BaseRetriever):
        def _get_relevant_documents_batch(self, queries: Sequence[str]) -> Any:  # type: ignore[override]
            return found

    with pytest.raises(TypeError, match=r"Wrong returned .*: expected a list of"):
        call.invoke(Wrong(), "a")


# -- which methods a class writes


def test_the_method_for_many_is_enough(call: Call) -> None:
    """One question is a batch of one; options reach it."""
    assert call.invoke(Notes(), "a") == [Document("a")]
    assert call.invoke(Notes(), "a", limit=2) == [Document("a")] * 2
    assert call.batch(Notes(), ["a", "b"], limit=2) == [[Document(q)] * 2 for q in "ab"]


def test_an_async_method_for_many_is_enough_in_async_calls(call: Call) -> None:
    """Sync calls name the call to use."""

    class Async(BaseRetriever):
        async def _aget_relevant_documents_batch(  # type: ignore[override]
            self, queries: Sequence[str]
        ) -> list[list[Document]]:
            return [[Document(f"{query} of {len(queries)}")] for query in queries]

    if call.mode == "sync":
        for run in (lambda: Async().invoke("a"), lambda: Async().batch(["a", "b"])):
            with pytest.raises(SyncAsyncError, match="Use `ainvoke` instead of `invoke`"):
                run()
        return
    assert call.invoke(Async(), "a") == [Document("a of 1")]
    assert call.batch(rag(Async()), ["a", "b"])[1]["documents"] == [Document("b of 2")]


def test_a_subclass_that_overrides_the_method_for_one_is_asked_one_by_one(call: Call) -> None:
    """What it does to a question counts in a batch, too; another override changes nothing."""

    class Shouted(Notes):
        def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
            return [Document(query.upper())]

    class Named(Notes):
        name: str | None = "named"

    shouted, named = Shouted(), Named()
    assert call.batch(rag(shouted), ["a", "b"])[1]["documents"] == [Document("B")]
    assert shouted.calls == []
    call.batch(rag(named), ["a", "b"])
    assert named.calls == [2]


def test_questions_run_at_once_where_there_is_no_method_for_many(call: Call) -> None:
    """As many as the limit allows: nothing waits for others."""
    together = threading.Barrier(3)

    class One(BaseRetriever):
        def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
            together.wait(10)
            return [Document(query)]

    outputs = call.batch(rag(One()), ["a", "b", "c"], max_concurrency=6)
    assert [output["documents"] for output in outputs] == [[Document(q)] for q in "abc"]


def test_a_sync_batch_must_not_become_a_loop() -> None:
    """A class with an async method for many, and a sync one for one question, is refused."""
    with pytest.raises(TypeError, match="Write `_get_relevant_documents_batch`, too"):

        class Half(BaseRetriever):
            def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
                return []

            async def _aget_relevant_documents_batch(
                self, queries: Sequence[str], **_: Any
            ) -> list[list[Document]]:
                return []


def test_a_description_says_how_many_questions_it_takes() -> None:
    """As for other steps that take many inputs; none for a retriever that takes one."""

    class One(BaseRetriever):
        def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
            return []

    assert findings_in(One() | RunnablePassthrough()).batched == []
    (batched,) = findings_in(rag(Notes())).batched
    assert batched.endswith("takes up to 256 inputs in one call")
