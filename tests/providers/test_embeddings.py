"""Embeddings over HTTP: what is sent, in which groups, and how answers are read."""

from __future__ import annotations

import base64
import pickle
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import RunnableLambda, init_embeddings
from runnables.errors import (
    AuthenticationError,
    ConfigError,
    InvalidRequestError,
    ModelError,
    RateLimitError,
    ServerError,
)
from runnables_providers._remote.embeddings import HTTPEmbeddings
from runnables_providers.google import GoogleGenerativeAIEmbeddings
from runnables_providers.ollama import OllamaEmbeddings
from runnables_providers.openai import OpenAIEmbeddings
from tests.both_modes import Call
from tests.llama.server import LlamaServer
from tests.sdk.recorder import Asked, Recorder, Said, recording


class Vectors(Recorder):
    """Answers in the form of each service, unless it is told what to say."""

    def answer(self, asked: Asked) -> Said:
        if self._says:
            return super().answer(asked)
        self.asked.append(asked)
        if "requests" in asked.body:
            texts = [it["content"]["parts"][0]["text"] for it in asked.body["requests"]]
            return Said({"embeddings": [{"values": vector(it)} for it in texts]})
        texts = asked.body["input"]
        if asked.path == "/api/embed":
            return Said({"embeddings": [vector(it) for it in texts]})
        found = [{"index": at, "embedding": vector(it)} for at, it in enumerate(texts)]
        return Said({"data": found[::-1], "model": "m"})


def vector(text: str) -> list[float]:
    """One that tells texts apart by their length."""
    return [float(len(text)), 0.5]


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recording(Vectors) as it:
        yield it


Make = Callable[..., HTTPEmbeddings]
MAKERS: Sequence[Make] = [OpenAIEmbeddings, GoogleGenerativeAIEmbeddings, OllamaEmbeddings]


@pytest.fixture(params=MAKERS, ids=lambda it: it.__name__)
def make(request: pytest.FixtureRequest, server: Recorder) -> Make:
    def made(**settings: Any) -> HTTPEmbeddings:
        known = {"api_key": "sk-secret", "base_url": server.url, **settings}
        return request.param("m", **known)  # type: ignore[no-any-return]

    return made


# -- groups


def test_documents_go_out_in_groups_and_come_back_in_order(make: Make, server: Recorder) -> None:
    """No request has more texts than `max_batch_size`; vectors are in the order of the texts."""
    texts = ["x" * size for size in range(7)]
    model = make(max_batch_size=3)
    assert model.embed_documents(texts) == [vector(it) for it in texts]
    assert [sent(it) for it in server.bodies] == [3, 3, 1]


async def test_documents_do_so_in_async_too(make: Make, server: Recorder) -> None:
    """The same in the other colour."""
    texts = ["x" * size for size in range(7)]
    model = make(max_batch_size=3)
    assert await model.aembed_documents(texts) == [vector(it) for it in texts]
    assert [sent(it) for it in server.bodies] == [3, 3, 1]
    assert await model.aembed_query("four") == [4, 0.5]


def sent(body: Any) -> int:
    return len(body.get("requests") or body["input"])


def test_a_batch_goes_out_in_as_few_requests_as_it_can(
    make: Make, server: Recorder, call: Call
) -> None:
    """Also within a chain, and where queries are embedded in another way than documents."""
    chain = RunnableLambda(lambda text: f"{text}!") | make(max_batch_size=4)
    texts = ["x" * size for size in range(8)]
    assert call.batch(chain, texts) == [vector(f"{it}!") for it in texts]
    assert sorted(sent(it) for it in server.bodies) == [4, 4]


def test_no_texts_are_no_request(make: Make, server: Recorder) -> None:
    """There is nothing to ask."""
    assert make().embed_documents([]) == []
    assert server.bodies == []


def test_one_text_in_place_of_a_list_is_an_error(make: Make, server: Recorder) -> None:
    """Its letters would be embedded one by one."""
    with pytest.raises(TypeError, match="one text where it takes a list. Use `embed_query`"):
        make().embed_documents("Hello")
    assert server.bodies == []


def test_what_is_no_text_is_not_sent(make: Make, server: Recorder) -> None:
    """A number would count as a token."""
    for ask in (lambda: make().embed_documents(["Hello", 3]), lambda: make().embed_query(3)):  # type: ignore[list-item, arg-type]
        with pytest.raises(TypeError, match="embeds texts, got 'int'"):
            ask()
    assert server.bodies == []


# -- what is sent


def test_openai_is_asked_for_base64_and_others_as_they_like() -> None:
    """Compatible servers need not know every field."""
    own = OpenAIEmbeddings("m", api_key="k")
    assert own._body(["a"], query=True)["encoding_format"] == "base64"
    other = OpenAIEmbeddings("m", base_url="http://127.0.0.1:1", dimensions=8)
    assert other._body(["a", "b"], query=False) == {
        "input": ["a", "b"],
        "model": "m",
        "dimensions": 8,
    }


def test_google_is_told_what_the_vectors_are_for(server: Recorder) -> None:
    """Queries and documents differ, unless a task is named."""
    settings: dict[str, Any] = {"api_key": "k", "base_url": server.url, "dimensions": 8}
    model = GoogleGenerativeAIEmbeddings("m", **settings)
    model.embed_query("a")
    model.embed_documents(["a"])
    GoogleGenerativeAIEmbeddings("m", task_type="CLASSIFICATION", **settings).invoke("a")
    told = [body["requests"][0] for body in server.bodies]
    tasks = ["RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "CLASSIFICATION"]
    assert [it["taskType"] for it in told] == tasks
    assert all(it["model"] == "models/m" and it["outputDimensionality"] == 8 for it in told)
    assert server.asked[0].path == "/v1beta/models/m:batchEmbedContents"
    assert server.asked[0].headers["x-goog-api-key"] == "k"


def test_further_fields_go_out_as_they_are(make: Make, server: Recorder) -> None:
    """What the library has no word for."""
    make(extra_body={"user": "u-1"}).invoke("a")
    assert server.bodies[0]["user"] == "u-1"


# -- how answers are read


@given(st.lists(st.lists(st.floats(width=32, allow_nan=False), max_size=5), max_size=4))
def test_both_forms_of_numbers_are_the_same_vectors(vectors: list[list[float]]) -> None:
    """Base64 has the bits of 32-bit floats; the order is that of the index."""
    model = OpenAIEmbeddings("m", api_key="k")
    plain = [{"index": at, "embedding": it} for at, it in enumerate(vectors)]
    packed = [
        {"index": at, "embedding": base64.b64encode(array("f", it).tobytes()).decode()}
        for at, it in enumerate(vectors)
    ]
    assert model._vectors({"data": plain[::-1]}) == vectors
    assert model._vectors({"data": packed[::-1]}) == vectors


WRONG = [{}, [], {"data": [], "embeddings": []}, {"data": [{}], "embeddings": [{}]}, "no"]


@pytest.mark.parametrize("body", WRONG, ids=repr)
def test_an_answer_of_another_form_is_a_fault_of_the_service(
    make: Make, server: Recorder, body: Any, call: Call
) -> None:
    """Too few vectors, no vectors, something else."""
    server.says(Said(body))
    with pytest.raises(ServerError, match="cannot be read"):
        call.invoke(make(max_retries=0), "Hi")


@pytest.mark.parametrize(
    "status, kind", [(400, InvalidRequestError), (401, AuthenticationError), (429, RateLimitError)]
)
def test_faults_are_portable(
    make: Make, server: Recorder, status: int, kind: type[ModelError], call: Call
) -> None:
    """The class of the status, in the service's words, without the key."""
    server.says(Said({"error": {"message": "bad sk-secret"}}, status=status))
    with pytest.raises(kind, match="bad [*]+") as caught:
        call.invoke(make(max_retries=0), "Hi")
    assert "sk-secret" not in str(caught.value)


@pytest.mark.usefixtures("at_once")
def test_what_may_pass_is_tried_again(make: Make, server: Recorder, call: Call) -> None:
    """As chat models do; the delay is what the service asks for."""
    data: dict[str, Any] = {"data": [{"index": 0, "embedding": [1]}]}
    busy = Said({"error": {"message": "busy"}}, status=429, headers={"retry-after": "0"})
    found: Any = [[1]] if type(make()) is OllamaEmbeddings else [{"values": [1]}]
    server.says(busy, Said({**data, "embeddings": found}))
    assert call.invoke(make(), "Hi") == [1]
    assert len(server.asked) == 2


# -- values


def test_they_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each under the name of its provider."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("GOOGLE_API_KEY", "k")
    for provider, kind in [
        ("openai", OpenAIEmbeddings),
        ("google", GoogleGenerativeAIEmbeddings),
        ("google_genai", GoogleGenerativeAIEmbeddings),
        ("ollama", OllamaEmbeddings),
    ]:
        found: Any = init_embeddings(f"{provider}:m", dimensions=4)
        assert type(found) is kind
        assert (found.model, found.dimensions) == ("m", 4)


def test_they_are_values_that_keep_their_secrets(make: Make) -> None:
    """They compare, travel and print, without the key."""
    assert pickle.loads(pickle.dumps(make(dimensions=3))) == make(dimensions=3)
    assert make(dimensions=3) != make(dimensions=4)
    assert "sk-secret" not in repr(make())


@pytest.mark.parametrize("name", ["dimensions", "max_batch_size"])
def test_numbers_that_make_no_sense_are_refused(make: Make, name: str) -> None:
    """When they are made, not when they are called."""
    with pytest.raises(ConfigError, match=f"{name}=0: expected 1 or more"):
        make(**{name: 0})


def test_an_unknown_form_of_numbers_is_refused() -> None:
    """A typo would be an error of the service, later."""
    typo: Any = "base46"
    with pytest.raises(ConfigError, match="encoding_format='base46'"):
        OpenAIEmbeddings("m", api_key="k", encoding_format=typo)


# -- against a server that somebody else wrote


@pytest.mark.local_model
@pytest.mark.parametrize("form", [None, "float", "base64"])
def test_a_real_server_gives_vectors_of_meaning(
    llama_server: LlamaServer, form: Any, call: Call
) -> None:
    """Both forms of numbers, in groups, in order; near texts are nearer than far ones."""
    model = OpenAIEmbeddings(
        llama_server.model,
        api_key=llama_server.key,
        base_url=llama_server.v1,
        encoding_format=form,
        max_batch_size=2,
    )
    texts = [
        "The cat sleeps on the sofa.",
        "A cat is sleeping on a couch.",
        "Interest rates were raised by the central bank.",
    ]
    found = call.batch(model, texts)
    assert [len(it) for it in found] == [576] * 3
    again = model.embed_documents(texts)
    assert near(found[0], again[0]) > 0.999
    assert near(found[2], again[2]) > 0.999
    assert near(found[0], found[1]) > near(found[0], found[2])


@pytest.mark.local_model
def test_a_real_server_refuses_a_wrong_key(llama_server: LlamaServer, call: Call) -> None:
    """With the class of error that any service's refusal has."""
    model = OpenAIEmbeddings("smollm2", api_key="wrong", base_url=llama_server.v1)
    with pytest.raises(AuthenticationError):
        call.invoke(model, "Hi")


def near(one: Sequence[float], other: Sequence[float]) -> float:
    def product(a: Sequence[float], b: Sequence[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    return float(product(one, other) / (product(one, one) * product(other, other)) ** 0.5)
