"""The store in a file: what outlives a process, what is refused, what another process has done."""

from __future__ import annotations

import copy
import os
import pickle
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runnables import (
    ConfigError,
    DeterministicFakeEmbedding,
    Document,
    InMemoryVectorStore,
    RunnableLambda,
    RunnableParallel,
    SQLiteStore,
    StoreError,
)
from runnables.retrieval import matrix_cache
from runnables.retrieval.filter_sql import to_sql
from runnables.retrieval.filters import parse_filter
from runnables.testing import WordEmbeddings
from tests.both_modes import Call


def test_documents_outlive_the_store(filled: str, call: Call) -> None:
    """A new one on the same file finds them, and embeds the question alone."""
    model = WordEmbeddings()
    with SQLiteStore(filled, model) as store:
        found = call.run(lambda: store.search("sea", k=1), lambda: store.asearch("sea", k=1))
        assert (found[0].id, len(store)) == ("a", 3)
        assert model.requests == [["sea"]]


def test_a_store_that_was_closed_opens_again(filled: str) -> None:
    """Where it has a file; one in memory has ended."""
    with SQLiteStore(filled, WordEmbeddings()) as store:
        store.close()
        assert len(store) == 3
    memory = InMemoryVectorStore(WordEmbeddings())
    memory.close()
    with pytest.raises(StoreError, match="closed"):
        memory.search("sea")


def test_a_new_file_is_for_its_owner_alone(filled: str) -> None:
    """It has what was read in confidence."""
    assert stat.S_IMODE(os.stat(filled).st_mode) == 0o600


# -- what another object or process has changed


def test_a_search_sees_what_another_store_has_changed(filled: str) -> None:
    """Documents that are new, changed, or gone, after the vectors were read."""
    with SQLiteStore(filled, WordEmbeddings()) as one, SQLiteStore(filled, WordEmbeddings()) as two:
        assert one.search("sea", k=1)[0].id == "a"
        two.add([Document("sea sea", id="new"), Document("oven", id="b")])
        assert [doc.id for doc in one.search("sea", k=2)] == ["new", "a"]
        assert one.search("oven", k=1)[0].id == "b"
        assert two.delete(ids=["new", "a"]) == 2
        assert one.search("sea", k=1)[0].score == pytest.approx(0)
        assert len(one.search("sea", k=10)) == 2


def test_a_store_that_has_missed_deletions_reads_all_again(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file remembers so many of them and no more."""
    monkeypatch.setattr(matrix_cache, "MOST_DELETED", 2)
    with SQLiteStore(filled, WordEmbeddings()) as one, SQLiteStore(filled, WordEmbeddings()) as two:
        assert len(one.search("sea", k=10)) == 3
        for number in range(5):
            two.add([Document(f"sea {number}", id=str(number))])
        two.delete(ids=["a", "b"])
        for number in range(4):
            two.delete(ids=[str(number)])
        assert sorted(doc.page_content for doc in one.search("sea", k=10)) == ["fish", "sea 4"]
        for number in range(5):  # so do changes, each of which is another row
            two.add([Document(f"salt {number}", id="4")])
        assert sorted(doc.page_content for doc in one.search("sea", k=10)) == ["fish", "salt 4"]
    with closing(sqlite3.connect(filled)) as connection:
        assert connection.execute("SELECT count(*) FROM deleted").fetchone() == (2,)


def test_only_what_is_new_is_read(filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search after a small change does not read all vectors again."""
    read: list[int] = []
    append = type(matrix_cache.new_matrix()).append

    def noted(self: Any, rows: Any, blobs: Any) -> None:
        read.extend(rows)
        append(self, rows, blobs)

    monkeypatch.setattr(type(matrix_cache.new_matrix()), "append", noted)
    with SQLiteStore(filled, WordEmbeddings()) as store:
        store.search("sea")
        store.add([Document("oven")])
        store.delete(ids=["a"])
        store.search("sea")
        assert read == [1, 2, 3, 4]


@pytest.mark.parametrize("plain", [False, True], ids=["numpy", "plain"])
def test_a_search_that_was_interrupted_leaves_no_half_read_vectors(
    filled: str, monkeypatch: pytest.MonkeyPatch, plain: bool
) -> None:
    """The next one reads them anew."""
    if plain:
        monkeypatch.setitem(sys.modules, "numpy", None)
    with SQLiteStore(filled, WordEmbeddings()) as store:
        kind = type(matrix_cache.new_matrix())
        append = kind.append

        def interrupted(self: Any, rows: Any, blobs: Any) -> None:
            append(self, rows, blobs)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(kind, "append", interrupted)
            with pytest.raises(KeyboardInterrupt):
                store.search("sea")
        assert len(store.search("sea", k=10)) == 3


# -- whose vectors


class OtherWords(WordEmbeddings):
    """A model that says whose vectors it makes."""

    def __init__(self, space: str) -> None:
        super().__init__()
        self.space = space

    def vector_space(self) -> str:
        return self.space


def test_another_models_vectors_are_refused(path: str, call: Call) -> None:
    """By what it says of them, before anything is embedded; and by their length."""
    with SQLiteStore(path, OtherWords("one")) as store:
        store.add([Document("sea")])
    other = OtherWords("two")
    with SQLiteStore(path, other) as store:
        docs = [Document("bread")]
        with pytest.raises(StoreError, match="'one'.*OtherWords makes those of 'two'"):
            call.run(lambda: store.add(docs), lambda: store.aadd(docs))
        assert other.requests == []
        with pytest.raises(StoreError, match="'one'"):
            call.run(lambda: store.search("sea"), lambda: store.asearch("sea"))
    with SQLiteStore(path, Bad([[0.0, 0.0, 1.0]])) as store:
        with pytest.raises(StoreError, match="25 numbers, and this one has 3"):
            store.add([Document("bread")])
        assert len(store) == 1
    with SQLiteStore(path, WordEmbeddings()) as store:  # says nothing, so it is believed
        assert store.search("sea")


def test_an_empty_store_takes_another_model(path: str) -> None:
    """Nothing is left that could not be compared."""
    with SQLiteStore(path, OtherWords("one")) as store:
        store.add([Document("sea", id="a")])
        store.delete(ids=["a"])
    with SQLiteStore(path, DeterministicFakeEmbedding(size=3)) as store:
        assert store.add([Document("sea")]).added == 1
        assert len(store.search("sea")) == 1


class Bad(WordEmbeddings):
    """A model that returns what it should not."""

    def __init__(self, vectors: Any) -> None:
        super().__init__()
        self.vectors = vectors

    def embed_documents(self, texts: Any) -> Any:
        return self.vectors


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([[1.0]], "1 vectors for 2 strings"),
        ([[1.0], [1.0, 2.0]], "several lengths"),
        ([[1.0], [float("nan")]], "not finite"),
        ([[], []], "has none"),
        ([["a"], ["b"]], "no list of numbers"),
        (None, "returned None for 2 strings"),
    ],
    ids=["too few", "of several lengths", "not a number", "empty", "strings", "nothing"],
)
def test_bad_vectors_are_refused(path: str, vectors: Any, message: str) -> None:
    """Nothing is stored."""
    with SQLiteStore(path, Bad(vectors)) as store:
        with pytest.raises(StoreError, match=message):
            store.add([Document("a"), Document("b")])
        assert len(store) == 0


def test_a_text_that_is_known_is_not_embedded_again(path: str, call: Call) -> None:
    """Also under another id, and with other metadata."""
    model = WordEmbeddings()
    with SQLiteStore(path, model) as store:
        docs = [Document("sea", id=id, metadata={"of": id}) for id in "abc"]
        assert call.run(lambda: store.add(docs), lambda: store.aadd(docs)) == (3, 0, 0)
        store.add([Document("sea", id="d"), Document("fish", id="e")])
        assert model.requests == [["sea"], ["fish"]]
        assert len(store.search([1.0, *[0.0] * 24], k=10, filter={"of": "b"})) == 1


def test_a_vector_that_another_process_removes_meanwhile_is_made_anew(
    path: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store had the vector of the text when it looked, and not when it stored the document."""
    model = WordEmbeddings()
    with SQLiteStore(path, model) as store, SQLiteStore(path, WordEmbeddings()) as other:
        other.add([Document("sea", id="theirs"), Document("bread", id="too")])
        write = store._writer.write
        gone = iter(["theirs", "too"])

        def later(group: Any, vectors: Any) -> Any:
            other.delete(ids=[id for id in [next(gone, None)] if id])
            return write(group, vectors)

        monkeypatch.setattr(store._writer, "write", later)
        docs = [Document("sea", id="a"), Document("bread", id="b")]
        assert call.run(lambda: store.add(docs), lambda: store.aadd(docs)) == (2, 0, 0)
        assert model.requests == [["sea"], ["bread"]]
        assert [doc.id for doc in store.search("bread", k=9)] == ["b", "a"]


def test_the_vector_of_a_text_outlives_the_document_that_had_it(path: str) -> None:
    """Where one call gives that document another string, and the old one to a new document."""
    with SQLiteStore(path, WordEmbeddings()) as store:
        store.add([Document("sea", id="a")])
        assert store.add([Document("fish", id="a"), Document("sea", id="b")]) == (1, 1, 0)
        assert store.search("sea", k=1)[0].id == "b"


@pytest.mark.parametrize("model", ["local", None, 3, WordEmbeddings], ids=str)
def test_something_that_embeds_nothing_is_refused(path: str, model: Any) -> None:
    """A name of a model is none."""
    with pytest.raises(ConfigError, match="embeddings"):
        SQLiteStore(path, model)
    assert not Path(path).exists()


# -- as a value


def test_a_store_is_a_value(filled: str) -> None:
    """With a file it compares, prints and pickles by its settings; in memory by what it is."""
    model = DeterministicFakeEmbedding(size=3)
    one, same = SQLiteStore(filled, model), SQLiteStore(filled, model)
    assert one == same and hash(one) == hash(same)
    assert repr(one) == f"SQLiteStore(path={filled!r}, embeddings={model!r})"
    assert pickle.loads(pickle.dumps(one)) == one
    memory = InMemoryVectorStore(model)
    assert memory != InMemoryVectorStore(model)
    assert bool(memory) and len(memory) == 0
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="in the memory of this one"):
            copied(memory)
    for store in (one, same, memory):
        store.close()


# -- filters


@pytest.mark.parametrize(
    "filter", [{"year": 2021}, {"year": {"$gt": 2020}}, {"year": "a"}], ids=str
)
def test_an_index_of_a_key_is_used(filled: str, filter: dict[str, Any]) -> None:
    """One that a user has made, as the page on retrieval says."""
    text, values = to_sql(parse_filter(filter))
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute(
            """CREATE INDEX docs_year ON docs (json_extract(metadata, '$."year"'))"""
        )
        plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT n FROM docs WHERE {text}", values)
        assert "USING INDEX docs_year" in str(plan.fetchall())
    with SQLiteStore(filled, WordEmbeddings()) as store:
        assert store.search("sea", filter=filter) == []


# -- hybrid search


def test_the_words_of_a_question_are_no_operators(path: str) -> None:
    """Quotes, AND, NOT, stars and colons are searched as they are; stop words not at all."""
    with SQLiteStore(path, WordEmbeddings()) as store:
        store.add([Document("sea salt"), Document("bread AND oven: 5*")])
        for text in ('"', "NOT", "a AND (b", "text:sea", "5*", "the of", "", "x" * 10_000):
            assert len(store.search(text, hybrid=True)) == 2
        with pytest.raises(ConfigError, match="a vector has no words"):
            store.search([1.0] * 25, hybrid=True)


def test_words_are_found_in_other_forms(path: str) -> None:
    """By their stem, whatever their case and accents."""
    with SQLiteStore(path, WordEmbeddings()) as store:
        store.add([Document(f"{'bread' if n % 4 else 'sea'} {n}") for n in range(20)])
        store.add([Document("Sea cafés closing", id="it")])
        assert store.search("sea CAFE closed", k=1)[0].id != "it"
        assert store.search("sea CAFE closed", k=1, hybrid=True)[0].id == "it"


def test_a_hybrid_search_keeps_to_its_filter(path: str) -> None:
    """The words of other documents count for nothing."""
    with SQLiteStore(path, WordEmbeddings()) as store:
        store.add([Document(f"sea {n}", metadata={"n": n}) for n in range(20)])
        found = store.search("sea 7", k=5, hybrid=True, filter={"n": {"$lt": 3}})
        assert {doc.metadata["n"] for doc in found} == {0, 1, 2}


# -- in chains


def test_a_batch_in_branches_embeds_once(path: str, call: Call) -> None:
    """The rows of a batch meet at the retriever, in a dict, too."""
    model = WordEmbeddings()
    with SQLiteStore(path, model) as store:
        store.add([Document("sea"), Document("bread")])
        count = len(model.requests)
        chain = RunnableParallel(docs=store.as_retriever(k=1), length=RunnableLambda(len))
        outputs = call.batch(chain, [f"sea {number}" for number in range(20)])
        assert [output["docs"][0].page_content for output in outputs] == ["sea"] * 20
        assert len(model.requests) == count + 1


def test_a_retriever_takes_settings_with_a_call(path: str, call: Call) -> None:
    """For that call; a typo is an error."""
    with SQLiteStore(path, WordEmbeddings()) as store:
        store.add([Document("sea"), Document("bread", metadata={"a": 1})])
        retriever = store.as_retriever(k=1)
        assert len(call.invoke(retriever, "sea", k=2)) == 2
        found = call.invoke(retriever, "sea", filter={"a": 1})
        assert [doc.page_content for doc in found] == ["bread"]
        with pytest.raises(ConfigError, match="fliter"):
            call.invoke(retriever, "sea", fliter={"a": 1})
        with pytest.raises(ConfigError, match="'filter'"):
            call.invoke(retriever, "sea", filtre={"a": 1})
        for bad in ({"k": 0}, {"mmr": 2}, {"score_threshold": "0.5"}):
            with pytest.raises(ConfigError, match=next(iter(bad))):
                call.invoke(retriever, "sea", **bad)
            with pytest.raises(ConfigError, match=next(iter(bad))):
                call.batch(retriever, ["sea", "bread"], **bad)
        with pytest.raises(ConfigError, match="k=0"):
            store.as_retriever(k=0)
