"""Embeddings of the real local models."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runnables import (
    ConfigError,
    ContextLengthError,
    Document,
    SQLiteStore,
    StoreError,
    WeightsError,
    init_embeddings,
)
from runnables_providers.local import MINILM, LocalEmbeddings, fetch
from tests.providers.local.conftest import Run

pytestmark = [
    pytest.mark.local_model,
    pytest.mark.leaks(reason="the loaded model keeps its threads and its socket"),
]

STRINGS = [
    "A cat sleeps on the sofa.",
    "A kitten dozes on the couch.",
    "Shares fell sharply on Monday after the central bank had raised its rates.",
    "",
    "x",
    *(f"text {number}" for number in range(12)),  # more than one call of the runtime takes
]

LONG = "The committee has met again, and it has not decided anything at all. " * 100
"""About 1,500 tokens."""


@pytest.fixture(scope="module")
def vectors() -> LocalEmbeddings:
    """The default model, loaded for embeddings."""
    return LocalEmbeddings()


@pytest.fixture(scope="module")
def smollm2() -> LocalEmbeddings:
    """The second choice, loaded for embeddings."""
    return LocalEmbeddings("smollm2-135m-instruct")


@pytest.fixture(scope="module")
def reference() -> Any:
    """The default model, computed by numpy."""
    from tests.providers.local.bert_reference import Bert

    return Bert(fetch(MINILM))


def product(left: Any, right: Any) -> float:
    return float(sum(a * b for a, b in zip(left, right, strict=True)))


def test_vectors_have_one_size_and_length_one(call: Any, vectors: LocalEmbeddings) -> None:
    """Also the vector of an empty string."""
    found = call.batch(vectors, STRINGS)
    assert {len(vector) for vector in found} == {384}
    assert [product(vector, vector) for vector in found] == pytest.approx(
        [1.0] * len(STRINGS), abs=1e-5
    )


def test_similar_strings_have_closer_vectors(call: Any, vectors: LocalEmbeddings) -> None:
    """Roughly, as the model is small."""
    cat, kitten, shares = call.batch(vectors, STRINGS[:3])
    assert product(cat, kitten) > product(cat, shares)


def test_many_at_once_are_the_same_as_each_alone(call: Any, vectors: LocalEmbeddings) -> None:
    """In a batch with strings of other lengths, a string has the vector that it has alone."""
    alone = [call.invoke(vectors, string) for string in STRINGS]
    documents = call.run(
        lambda: vectors.embed_documents(STRINGS), lambda: vectors.aembed_documents(STRINGS)
    )
    for together in (call.batch(vectors, STRINGS), documents):
        near = [product(a, b) for a, b in zip(alone, together, strict=True)]
        assert min(near) > 0.999


def test_threads_share_the_model(vectors: LocalEmbeddings) -> None:
    """Each gets the vector of its own string."""
    alone = [vectors.embed_query(string) for string in STRINGS[:8]]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(vectors.embed_query, STRINGS[:8]))
    assert min(product(a, b) for a, b in zip(alone, found, strict=True)) > 0.999


@pytest.mark.parametrize(
    "string",
    [
        "A cat sleeps on the sofa.",
        "Don't under-estimate naïve cafés: 3.14 > 2, isn't it?! (e.g. U.S.A.)",
        "GitHub's antidisestablishmentarianism\n\nhas #tags_and_underscores $5",
        "Zürich Straße 你好 世界",
        "word " * 300,
    ],
    ids=["sentence", "signs", "long-words", "foreign", "long"],
)
def test_the_vectors_are_those_of_the_model(
    vectors: LocalEmbeddings, reference: Any, string: str
) -> None:
    """Another implementation, down to the tokens, computes the same."""
    assert product(vectors.embed_query(string), reference.vector(string)) > 0.999


@pytest.mark.parametrize(
    ("string", "same"),
    [
        (" \n\t\r ", ""),
        ("\N{NO-BREAK SPACE}\N{IDEOGRAPHIC SPACE}", ""),
        ("sea\0horse", "seahorse"),
        ("\N{ZERO WIDTH NO-BREAK SPACE}sea\x7f", "sea"),
        ("  the\n sea ", "the sea"),
        ("The SEA", "the sea"),
        ("cafe\N{COMBINING ACUTE ACCENT}", "café"),
    ],
    ids=ascii,
)
def test_what_the_model_does_not_see_makes_no_difference(
    vectors: LocalEmbeddings, string: str, same: str
) -> None:
    """White space, control characters and capitals; nothing ends the string."""
    assert product(vectors.embed_query(string), vectors.embed_query(same)) > 0.999


@pytest.mark.parametrize(
    "string", ["\0", "\N{GRINNING FACE}" * 50, "[CLS] [SEP] [PAD]", "{}", "x" * 300], ids=ascii
)
def test_any_string_has_a_vector_of_length_one(vectors: LocalEmbeddings, string: str) -> None:
    """Also one in which the model knows no word, or which names its own tokens."""
    vector = vectors.embed_query(string)
    assert product(vector, vector) == pytest.approx(1.0, abs=1e-5)


def test_the_same_strings_have_the_same_vectors(vectors: LocalEmbeddings) -> None:
    """To the last digit."""
    assert vectors.embed_documents(STRINGS) == vectors.embed_documents(STRINGS)


def test_a_call_that_is_cancelled_stops_the_model(vectors: LocalEmbeddings) -> None:
    """Nothing runs on when the task has ended; the next call is answered."""

    async def leave() -> None:
        task = asyncio.create_task(vectors.aembed_documents([f"text {n}" for n in range(50_000)]))
        while not vectors._engine().calls():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert vectors._engine().calls() == 0

    asyncio.run(leave())
    assert len(vectors.embed_query("x")) == 384


def test_a_store_refuses_the_vectors_of_the_second_choice(
    vectors: LocalEmbeddings, smollm2: LocalEmbeddings, tmp_path: Any
) -> None:
    """As where the default could be had on one day, and not on another; the error names both."""
    path = tmp_path / "docs.sqlite"
    with SQLiteStore(path, vectors) as store:
        store.add([Document("The sea is calm.")])
    with SQLiteStore(path, smollm2) as store:
        for use in (lambda: store.search("sea"), lambda: store.add([Document("Land.")])):
            with pytest.raises(StoreError, match=r"all-MiniLM-L6-v2.*makes those of.*SmolLM2"):
                use()


FORK = """
import os, sys
from runnables import init_embeddings
from runnables_providers.local import unload
model = init_embeddings("local")
first = model.embed_query("The sea is calm.")
if (pid := os.fork()) == 0:
    print(model.embed_query("The sea is calm.") == first, flush=True)
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(model.embed_query("The sea is calm.") == first)
unload()
print(model.embed_query("The sea is calm.") == first)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="forks with threads are safe on Linux only")
def test_a_forked_child_embeds_and_so_does_who_has_unloaded(run: Run) -> None:
    """Each loads the model anew, with the same vectors, and ends well."""
    done = run(FORK)
    assert done.stdout.split() == ["True", "7", "True", "True"]
    assert (done.returncode, done.stderr) == (0, "")


def test_a_query_finds_what_is_said_in_other_words(vectors: LocalEmbeddings) -> None:
    """No word of the question is in the passage, but the meaning is."""
    passages = [
        "Cast iron must never be left wet; wipe it with a thin layer of oil.",
        "The premium falls when the deductible of an insurance is raised.",
        "Venus turns so slowly that its day is longer than its year.",
    ]
    query = vectors.embed_query("How do I stop my skillet from rusting?")
    near = [product(query, passage) for passage in vectors.embed_documents(passages)]
    assert near[0] > max(near[1:])


@pytest.mark.parametrize("model", [None, "SmolLM2-135M-Instruct"])
@pytest.mark.parametrize("count", [1, 20])
def test_a_text_that_is_too_long_is_named_with_its_tokens(
    call: Any, model: str | None, count: int
) -> None:
    """The error says what the model reads at most, and what can be done."""
    embeddings = LocalEmbeddings(model)
    strings = [*["short"] * (count - 1), LONG]
    with pytest.raises(ContextLengthError) as caught:
        call.run(
            lambda: embeddings.embed_documents(strings),
            lambda: embeddings.aembed_documents(strings),
        )
    message = str(caught.value)
    assert message.startswith("The text ('The comm" if count == 1 else "Text 20 of 20 ('The comm")
    name = model or "all-MiniLM-L6-v2"
    assert f"tokens, and {name} reads 512 at most" in message
    assert "truncate=True" in message
    assert "conversation" not in message
    # a larger context_size helps the one that can read more
    assert ("context_size (it reads 8192)" in message) == (model is not None)


def test_a_larger_context_size_than_the_model_reads_changes_nothing(
    vectors: LocalEmbeddings,
) -> None:
    """The error still speaks of the model's own limit."""
    larger = LocalEmbeddings(context_size=1024)
    words = "hello " * 510
    assert product(larger.embed_query(words), vectors.embed_query(words)) > 0.999
    with pytest.raises(ContextLengthError, match="602 tokens, and all-MiniLM-L6-v2 reads 512"):
        larger.embed_query("hello " * 600)


def test_truncated_strings_have_the_vectors_of_their_beginning(call: Any, reference: Any) -> None:
    """Nearly all tokens that fit are read; strings that fit are as they were."""
    embeddings = LocalEmbeddings(truncate=True)
    strings = [*STRINGS, LONG, "x" * 5000, "日本" * 800, STRINGS[0]]
    found = call.run(
        lambda: embeddings.embed_documents(strings), lambda: embeddings.aembed_documents(strings)
    )
    assert len(found) == len(strings)
    assert product(found[0], found[-1]) > 0.999
    assert product(found[len(STRINGS)], reference.vector(LONG)) > 0.995


def test_the_second_choice_truncates_too(smollm2: LocalEmbeddings) -> None:
    """Its prompt stays around the beginning of the text."""
    embeddings = LocalEmbeddings(smollm2.model, truncate=True)
    cut, topic, other = embeddings.embed_documents([LONG, LONG[:700], "A cat sleeps on the sofa."])
    assert len(cut) == 576
    assert product(cut, topic) > product(cut, other)


def test_the_second_choice_finds_by_meaning(smollm2: LocalEmbeddings) -> None:
    """Its vectors have another length, and each is that of its own string."""
    cat, kitten, shares = smollm2.embed_documents(STRINGS[:3])
    assert len(cat) == 576
    assert product(cat, kitten) > product(cat, shares)
    assert product(shares, smollm2.embed_query(STRINGS[2])) > 0.999


def test_the_vector_space_tells_models_apart(
    vectors: LocalEmbeddings, smollm2: LocalEmbeddings, tmp_path: Any
) -> None:
    """By the content of the file, not by its path; and by what else changes the vectors."""
    space = vectors.vector_space
    assert space == "local: all-MiniLM-L6-v2, SHA-256 313b5076ef986c5f, pooling mean"
    assert LocalEmbeddings("ALL-MINILM-L6-V2", context_size=64, truncate=True).vector_space == space
    assert LocalEmbeddings(pooling="cls").vector_space != space
    assert smollm2.vector_space.endswith("""prompt 'This text: "{}" means in one word: "'""")
    renamed = tmp_path / "renamed.gguf"
    renamed.symlink_to(fetch(MINILM))
    assert LocalEmbeddings(str(renamed), pooling="mean").vector_space == space
    (tmp_path / "other.gguf").write_bytes(b"GGUF")
    other = LocalEmbeddings(str(tmp_path / "other.gguf"))
    assert other.vector_space.startswith("local: SHA-256")
    (tmp_path / "other.gguf").unlink()
    with pytest.raises(WeightsError, match=r"other\.gguf: cannot be read"):
        assert other.vector_space


OFFLINE = """
import warnings
from runnables import init_embeddings, WeightsError
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(2):
        model = init_embeddings("local")
        print(len(model.embed_query("x")), model.vector_space[:28])
for warning in caught:
    print(warning.category.__name__, warning.message)
try: init_embeddings("local:all-MiniLM-L6-v2").embed_query("x")
except WeightsError as error: print("WeightsError", error)
"""


def test_where_the_default_cannot_be_had_the_second_choice_embeds(run: Run, tmp_path: Any) -> None:
    """A warning says so, once; the default by its name is an error."""
    done = run(
        OFFLINE,
        RUNNABLES_CACHE=str(tmp_path),
        RUNNABLES_LOCAL_WEIGHTS=str(fetch()),
        RUNNABLES_LOCAL_EMBEDDINGS="",
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_EXTRA_INDEX_URL="",
        PIP_FIND_LINKS="",
        PIP_RETRIES="0",
        PIP_CONFIG_FILE=os.devnull,
        NO_PROXY="127.0.0.1",
    )
    lines = done.stdout.splitlines()
    assert lines[:2] == ["576 local: SmolLM2-135M-Instruct"] * 2
    assert done.stdout.count("RuntimeWarning all-MiniLM-L6-v2 cannot be had, so SmolLM2") == 1
    assert "WeightsError The local model needs its weights once (all-MiniLM-L6-v2" in done.stdout


def test_an_empty_list_has_no_vectors(vectors: LocalEmbeddings) -> None:
    """Nothing is sent to the runtime."""
    assert vectors.embed_documents([]) == []


def test_it_is_configuration(vectors: LocalEmbeddings) -> None:
    """It pickles and compares, is found by name, and refuses settings out of range."""
    assert pickle.loads(pickle.dumps(vectors)) == vectors == init_embeddings("local")
    assert vectors != LocalEmbeddings(pooling="last")
    assert init_embeddings("local:all-MiniLM-L6-v2") == LocalEmbeddings("all-MiniLM-L6-v2")
    with pytest.raises(WeightsError, match=r"no model file 'minilm'.*all-MiniLM-L6-v2"):
        init_embeddings("local:minilm")
    with pytest.raises(ConfigError, match="context_size=0"):
        LocalEmbeddings(context_size=0)
    for size in ("512", 0.5, float("inf")):
        with pytest.raises(ConfigError, match="context_size="):
            LocalEmbeddings(context_size=size)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - that is the test
    with pytest.raises(ConfigError, match="pooling='none'.*'mean', 'cls', 'last'"):
        LocalEmbeddings(pooling="none")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - that is the test
