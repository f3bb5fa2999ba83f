"""Batches of chains around a store's retriever: requests, order, errors, runs and variables."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from runnables import (
    ChatPromptTemplate,
    ConfigurableField,
    Document,
    Embeddings,
    InMemoryVectorStore,
    ParrotFakeChatModel,
    Runnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    SQLiteStore,
    StrOutputParser,
    VectorStore,
)
from tests.both_modes import Call
from tests.laws.recorder import Recorder

QUESTIONS = [f"question {number}" for number in range(100)]

TENANT: ContextVar[str] = ContextVar("tenant", default="")


class Counting(Embeddings):
    """An embedding model that notes its requests, and fails for strings with "bad" in them.

    Attributes:
        requests: the strings of each request.
        tenants: for whom each was made.
    """

    def __init__(self) -> None:
        super().__init__()
        self._requests: list[list[str]] = []
        self._tenants: list[str] = []
        self._lock = threading.Lock()

    @property
    def requests(self) -> list[list[str]]:
        return self._requests

    @property
    def tenants(self) -> list[str]:
        return self._tenants

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        with self._lock:
            self._requests.append(list(texts))
            self._tenants.append(TENANT.get())
        if any("bad" in text for text in texts):
            raise ValueError("bad text")
        return [[float(len(text)), float(sum(map(ord, text)) % 97), 1.0] for text in texts]


@pytest.fixture
def model() -> Counting:
    return Counting()


@pytest.fixture(params=["memory", "file"])
def store(request: Any, model: Counting, tmp_path: Path) -> Iterator[VectorStore]:
    """Make a store with twenty documents; the requests for them are forgotten."""
    if request.param == "memory":
        made: Any = InMemoryVectorStore(model)
    else:
        made = SQLiteStore(tmp_path / "docs.sqlite", model)
    made.add([Document(f"doc {number}", metadata={"n": number % 5}) for number in range(20)])
    model.requests.clear()
    model.tenants.clear()
    yield made
    if request.param == "file":
        made.close()


def rag(retriever: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """Return the chain that most questions to documents are asked with."""

    def show(found: dict[str, Any]) -> dict[str, Any]:
        sources = " ".join(doc.page_content for doc in found["docs"])
        return {"sources": sources, "question": found["question"]}

    prompt = ChatPromptTemplate.from_template("{sources} {question}")
    answer = RunnableLambda(show) | prompt | ParrotFakeChatModel() | StrOutputParser()
    found = RunnableParallel(docs=retriever, question=RunnablePassthrough())
    return found | RunnablePassthrough.assign(answer=answer)


def words(chunks: Iterator[str]) -> Iterator[str]:
    yield from chunks


def wrap(question: str) -> dict[str, str]:
    return {"question": question}


def asked(model: Counting) -> list[list[str]]:
    """Return the strings of each request, sorted: threads bring rows to the model in any order."""
    return [sorted(strings) for strings in model.requests]


def number_of(question: str) -> int:
    return int(question.split()[1])


ODD: dict[str, Callable[[VectorStore], Runnable[Any, Any]]] = {
    "dicts in dicts": lambda store: RunnableParallel(a={"b": {"c": store.as_retriever()}}),
    "assign": lambda store: (
        RunnableLambda(wrap)
        | RunnablePassthrough.assign(docs=itemgetter("question") | store.as_retriever())
    ),
    "retry around all": lambda store: rag(store.as_retriever()).with_retry(),
    "fallbacks around all": lambda store: rag(store.as_retriever()).with_fallbacks([str]),
    "config around all": lambda store: rag(
        store.as_retriever().with_config(tags=["a"])
    ).with_config(run_name="b"),
    "a limit of one": lambda store: rag(store.as_retriever()).with_config(max_concurrency=1),
    "a bound filter": lambda store: rag(store.as_retriever().bind(filter={"n": 1})),
    "configurable": lambda store: rag(
        store.as_retriever().configurable_fields(k=ConfigurableField(id="k"))
    ),
    "mmr": lambda store: rag(store.as_retriever(mmr=0.5)),
    "types": lambda store: rag(store.as_retriever().with_types(input_type=str)),
    "a generator before it": lambda store: RunnableGenerator(words) | rag(store.as_retriever()),
    "pick": lambda store: rag(store.as_retriever()).pick(["docs", "answer"]),
}


@pytest.mark.parametrize("odd", ODD)
def test_a_hundred_rows_make_one_request(
    odd: str, store: VectorStore, model: Counting, call: Call
) -> None:
    """Whatever the chain is made of; each row has the output that it has alone."""
    chain = ODD[odd](store)
    outputs = call.batch(chain, QUESTIONS)
    assert asked(model) == [sorted(QUESTIONS)]
    for number in (0, 41, 99):
        assert outputs[number] == call.invoke(chain, QUESTIONS[number])


def test_two_retrievers_make_a_request_each(
    store: VectorStore, model: Counting, call: Call
) -> None:
    """Side by side; and so do the branches of a RunnableBranch, for the rows that take them."""
    one, two = store.as_retriever(k=1), store.as_retriever(k=2)
    call.batch(RunnableParallel(one=one, two=two), QUESTIONS)
    assert asked(model) == [sorted(QUESTIONS)] * 2
    model.requests.clear()
    even = RunnableBranch((lambda question: number_of(question) % 2 == 0, one), two)
    outputs = call.batch(even, QUESTIONS)
    assert [len(found) for found in outputs] == [1, 2] * 50
    assert sorted(map(len, model.requests)) == [50, 50]


def test_questions_that_are_the_same_are_embedded_once(
    store: VectorStore, model: Counting, call: Call
) -> None:
    """Each row has the documents all the same."""
    outputs = call.batch(rag(store.as_retriever()), ["sea", "land"] * 10)
    assert asked(model) == [["land", "sea"]]
    assert outputs[::2] == [outputs[0]] * 10
    assert outputs[1::2] == [outputs[1]] * 10


def test_rows_with_one_filter_go_together(store: VectorStore, model: Counting, call: Call) -> None:
    """Given as a configurable field of each row; no row has documents of another filter."""
    chain = rag(store.as_retriever().configurable_fields(filter=ConfigurableField(id="only")))
    configs = [{"configurable": {"only": {"n": number % 5}}} for number in range(100)]
    outputs = call.batch(chain, QUESTIONS, configs)
    assert sorted(map(len, model.requests)) == [20] * 5
    for number, output in enumerate(outputs):
        assert {doc.metadata["n"] for doc in output["docs"]} == {number % 5}
        assert output["question"] == QUESTIONS[number]


def test_no_request_is_made_for_the_tenant_of_another_row(
    store: VectorStore, model: Counting, call: Call
) -> None:
    """A context variable that a step before it sets is seen by the model, and by later steps."""

    def enter(question: str) -> str:
        TENANT.set(f"tenant {number_of(question) % 3}")
        return question

    def leave(found: dict[str, Any]) -> tuple[str, str]:
        return found["question"], TENANT.get()

    chain = RunnableLambda(enter) | rag(store.as_retriever()) | RunnableLambda(leave)
    outputs = call.batch(chain, QUESTIONS)
    assert outputs == [
        (question, f"tenant {number % 3}") for number, question in enumerate(QUESTIONS)
    ]
    assert sorted(model.tenants) == [f"tenant {number}" for number in range(3)]
    for tenant, questions in zip(model.tenants, model.requests, strict=True):
        assert {f"tenant {number_of(question) % 3}" for question in questions} == {tenant}


@pytest.mark.parametrize("bad", [5, None, "a \ud800 b", b"x"], ids=["5", "None", "text", "bytes"])
@pytest.mark.parametrize("hybrid", [False, True])
def test_a_row_that_is_no_question_costs_no_request(
    bad: Any, hybrid: bool, store: VectorStore, model: Counting, call: Call
) -> None:
    """It has the error alone, which says which row it was; the others make one request."""
    questions: list[Any] = [*QUESTIONS[:7], bad, *QUESTIONS[8:]]
    chain = rag(store.as_retriever(hybrid=hybrid))
    outputs = call.batch(chain, questions, return_exceptions=True)
    failed = [number for number, output in enumerate(outputs) if isinstance(output, Exception)]
    assert failed == [7]
    assert outputs[7].__notes__[-1].endswith("batch item 7")
    assert asked(model) == [sorted([*QUESTIONS[:7], *QUESTIONS[8:]])]


def test_a_text_that_the_model_refuses_fails_alone(
    store: VectorStore, model: Counting, call: Call
) -> None:
    """The others of its batch are found, for far fewer requests than there are rows."""
    questions = [*QUESTIONS[:40], "a bad one", *QUESTIONS[41:]]
    outputs = call.batch(rag(store.as_retriever()), questions, return_exceptions=True)
    failed = [number for number, output in enumerate(outputs) if isinstance(output, Exception)]
    assert failed == [40]
    assert [output["question"] for output in outputs[41:]] == questions[41:]
    assert len(model.requests) < 60


def test_only_rows_that_failed_go_to_the_fallback(
    store: VectorStore, model: Counting, call: Call
) -> None:
    """Of the whole chain, too."""
    questions = [*QUESTIONS[:3], "bad", *QUESTIONS[4:6]]
    chain = rag(store.as_retriever()).with_fallbacks([RunnableLambda(lambda asked: asked.upper())])
    outputs = call.batch(chain, questions)
    assert outputs[3] == "BAD"
    assert [type(output) for output in outputs] == [dict] * 3 + [str] + [dict] * 2


def test_a_job_makes_one_request_and_comes_back_as_it_was(
    store: VectorStore, model: Counting, call: Call, tmp_path: Path
) -> None:
    """With its documents and their scores; a second run calls nothing."""
    chain = rag(store.as_retriever())
    path = tmp_path / "run.sqlite"
    outputs = call.batch(chain, QUESTIONS, checkpoint=path)
    again = call.batch(chain, QUESTIONS, checkpoint=path)
    assert asked(model) == [sorted(QUESTIONS)]
    assert again == outputs
    assert [[doc.score for doc in row["docs"]] for row in again] == [
        [doc.score for doc in row["docs"]] for row in outputs
    ]
    assert outputs[0] == call.invoke(chain, QUESTIONS[0])


def test_a_cached_chain_returns_its_documents(
    store: VectorStore, model: Counting, call: Call
) -> None:
    """As they were, with their scores; only new questions are embedded."""
    cached = rag(store.as_retriever()).with_cache()
    outputs = call.batch(cached, QUESTIONS[:50])
    again = call.batch(cached, QUESTIONS)
    assert asked(model) == [sorted(QUESTIONS[:50]), sorted(QUESTIONS[50:])]
    assert again[:50] == outputs
    assert again[7]["docs"][0].score == outputs[7]["docs"][0].score


READ = """
import sqlite3, sys
from runnables.jobs.value_format import Written, plain_output
with sqlite3.connect(sys.argv[1]) as db:
    text, = db.execute("SELECT output FROM results").fetchone()
assert "runnables.retrieval.documents" not in sys.modules
print(plain_output(Written(text, "tagged"))[0]["page_content"])
"""


def test_documents_of_a_checkpoint_are_read_by_a_program_without_the_chain(tmp_path: Path) -> None:
    """Which has not loaded their class."""
    path = tmp_path / "run.sqlite"
    RunnableLambda(lambda text: [Document(text)]).batch(["sea"], checkpoint=path)
    found = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True
    )
    assert found.stdout == "sea\n"


def test_an_endless_iterator_is_left_with_few_requests(
    store: VectorStore, model: Counting, call: Call
) -> None:
    """Inputs are pulled a batch ahead, not more."""
    endless = (f"question {number}" for number in itertools.count())
    pairs = call.batch_as_completed(rag(store.as_retriever()), endless, take=300)
    assert len({index for index, _ in pairs}) == 300
    assert all(output["question"] == f"question {index}" for index, output in pairs)
    assert len(model.requests) <= 3


def test_each_row_has_a_run_of_its_own(store: VectorStore, call: Call) -> None:
    """Every run that began ends, and a row's retriever is below the chain of that row."""
    recorder = Recorder()
    call.batch(rag(store.as_retriever()), QUESTIONS, {"callbacks": [recorder]})
    assert recorder.unsound() == []
    starts = [event for event in recorder.events if event.kind == "start"]
    asked = [event for event in starts if event.run_type == "retriever"]
    assert Counter(event.input for event in asked) == Counter(QUESTIONS)
    rows = {event.run_id: event.input for event in starts if not event.parent_ids}
    assert all(rows[event.parent_ids[0]] == event.input for event in asked)
    assert sum(event.run_type == "embeddings" for event in starts) == 1


def test_a_batch_in_a_function_makes_a_request_of_its_own(
    store: VectorStore, model: Counting, call: Call
) -> None:
    """Each call of the function has one."""
    chain = rag(store.as_retriever())
    ten = RunnableLambda(lambda start: chain.batch(QUESTIONS[start : start + 10]))
    outputs = call.batch(ten, range(0, 100, 10))
    assert [row["question"] for rows in outputs for row in rows] == QUESTIONS
    assert sorted(map(len, model.requests)) == [10] * 10
