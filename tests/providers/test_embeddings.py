"""Embeddings over HTTP: the requests, their batches, and how responses are read."""

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
from runnables.testing import RecordedRequest, Response
from runnables_providers._remote.embeddings import HTTPEmbeddings
from runnables_providers.google import GoogleGenerativeAIEmbeddings
from runnables_providers.ollama import OllamaEmbeddings
from runnables_providers.openai import OpenAIEmbeddings
from tests.both_modes import Call
from tests.llama.server import LlamaServer
from tests.sdk.recorder import Recorder


def respond(request: RecordedRequest) -> Response:
    """Return the vectors in the format of the service that the request is for."""
    if "requests" in request.body:
        strings = [each["content"]["parts"][0]["text"] for each in request.body["requests"]]
        return Response({"embeddings": [{"values": vector(text)} for text in strings]})
    strings = request.body["input"]
    if request.path == "/api/embed":
        return Response({"embeddings": [vector(text) for text in strings]})
    data = [{"index": index, "embedding": vector(text)} for index, text in enumerate(strings)]
    return Response({"data": data[::-1], "model": "m"})


def vector(text: str) -> list[float]:
    """Return a vector that differs with the length of the string."""
    return [float(len(text)), 0.5]


@pytest.fixture
def server() -> Iterator[Recorder]:
    with Recorder().listening() as recorder:
        recorder.enqueue(respond)
        yield recorder


Make = Callable[..., HTTPEmbeddings]
MAKERS: Sequence[Make] = [OpenAIEmbeddings, GoogleGenerativeAIEmbeddings, OllamaEmbeddings]


@pytest.fixture(params=MAKERS, ids=lambda kind: kind.__name__)
def make(request: pytest.FixtureRequest, server: Recorder) -> Make:
    def make_model(**settings: Any) -> HTTPEmbeddings:
        defaults = {"api_key": "sk-secret", "base_url": server.url}
        return request.param("m", **{**defaults, **settings})  # type: ignore[no-any-return]

    return make_model


# -- batches


def test_documents_are_sent_in_batches_and_stay_in_order(make: Make, server: Recorder) -> None:
    """No request has more strings than `max_batch_size`; the vectors are in order."""
    strings = ["x" * size for size in range(7)]
    model = make(max_batch_size=3)
    assert model.embed_documents(strings) == [vector(text) for text in strings]
    assert [batch_size(body) for body in server.bodies] == [3, 3, 1]


async def test_async_documents_are_sent_in_batches_and_stay_in_order(
    make: Make, server: Recorder
) -> None:
    """`aembed_documents` sends the same batches as `embed_documents`."""
    strings = ["x" * size for size in range(7)]
    model = make(max_batch_size=3)
    assert await model.aembed_documents(strings) == [vector(text) for text in strings]
    assert [batch_size(body) for body in server.bodies] == [3, 3, 1]
    assert await model.aembed_query("four") == [4, 0.5]


def batch_size(body: Any) -> int:
    return len(body.get("requests") or body["input"])


def test_a_batch_is_sent_in_few_requests(make: Make, server: Recorder, call: Call) -> None:
    """This holds inside a chain too, and for services that embed queries differently."""
    chain = RunnableLambda(lambda text: f"{text}!") | make(max_batch_size=4)
    strings = ["x" * size for size in range(8)]
    assert call.batch(chain, strings) == [vector(f"{text}!") for text in strings]
    assert sorted(batch_size(body) for body in server.bodies) == [4, 4]


def test_an_empty_list_sends_nothing(make: Make, server: Recorder) -> None:
    """There is no request."""
    assert make().embed_documents([]) == []
    assert server.bodies == []


def test_a_string_instead_of_a_list_is_an_error(make: Make, server: Recorder) -> None:
    """Its characters would be embedded one by one."""
    with pytest.raises(
        TypeError, match="takes a list of strings, and got a string. Use `embed_query`"
    ):
        make().embed_documents("Hello")
    assert server.bodies == []


def test_a_value_that_is_no_string_is_an_error(make: Make, server: Recorder) -> None:
    """A number would count as a token."""
    for call_model in (lambda: make().embed_documents(["Hello", 3]), lambda: make().embed_query(3)):  # type: ignore[list-item, arg-type]
        with pytest.raises(TypeError, match="embeds strings, got 'int'"):
            call_model()
    assert server.bodies == []


# -- requests


def test_base64_is_requested_of_openai_only() -> None:
    """Compatible servers may not know `encoding_format`."""
    own = OpenAIEmbeddings("m", api_key="k")
    assert own._body(["a"], query=True)["encoding_format"] == "base64"
    other = OpenAIEmbeddings("m", base_url="http://127.0.0.1:1", dimensions=8)
    assert other._body(["a", "b"], query=False) == {
        "input": ["a", "b"],
        "model": "m",
        "dimensions": 8,
    }


def test_google_receives_the_task(server: Recorder) -> None:
    """Queries and documents have different tasks, unless `task_type` is set."""
    settings: dict[str, Any] = {"api_key": "k", "base_url": server.url, "dimensions": 8}
    model = GoogleGenerativeAIEmbeddings("m", **settings)
    model.embed_query("a")
    model.embed_documents(["a"])
    GoogleGenerativeAIEmbeddings("m", task_type="CLASSIFICATION", **settings).invoke("a")
    sent = [body["requests"][0] for body in server.bodies]
    tasks = ["RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "CLASSIFICATION"]
    assert [request["taskType"] for request in sent] == tasks
    assert all(request["model"] == "models/m" for request in sent)
    assert all(request["outputDimensionality"] == 8 for request in sent)
    assert server.requests[0].path == "/v1beta/models/m:batchEmbedContents"
    assert server.requests[0].headers["x-goog-api-key"] == "k"


def test_extra_body_is_sent_unchanged(make: Make, server: Recorder) -> None:
    """`extra_body` sets fields that the library does not know."""
    make(extra_body={"user": "u-1"}).invoke("a")
    assert server.bodies[0]["user"] == "u-1"


# -- responses


@given(st.lists(st.lists(st.floats(width=32, allow_nan=False), max_size=5), max_size=4))
def test_both_encodings_are_the_same_vectors(vectors: list[list[float]]) -> None:
    """Base64 has the bits of 32-bit floats; the order is that of the index."""
    model = OpenAIEmbeddings("m", api_key="k")
    plain = [{"index": index, "embedding": each} for index, each in enumerate(vectors)]
    encoded = [
        {"index": index, "embedding": base64.b64encode(array("f", each).tobytes()).decode()}
        for index, each in enumerate(vectors)
    ]
    assert model._vectors({"data": plain[::-1]}) == vectors
    assert model._vectors({"data": encoded[::-1]}) == vectors


UNREADABLE = [{}, [], {"data": [], "embeddings": []}, {"data": [{}], "embeddings": [{}]}, "no"]


@pytest.mark.parametrize("body", UNREADABLE, ids=repr)
def test_an_unreadable_response_is_a_server_error(
    make: Make, server: Recorder, body: Any, call: Call
) -> None:
    """The body has too few vectors, no vectors, or another structure."""
    server.enqueue(Response(body))
    with pytest.raises(ServerError, match="cannot be read"):
        call.invoke(make(max_retries=0), "Hi")


@pytest.mark.parametrize(
    "status, error_type",
    [(400, InvalidRequestError), (401, AuthenticationError), (429, RateLimitError)],
)
def test_errors_are_portable(
    make: Make, server: Recorder, status: int, error_type: type[ModelError], call: Call
) -> None:
    """The error has the class of the status and the message of the service, without the key."""
    server.enqueue(Response({"error": {"message": "bad sk-secret"}}, status=status))
    with pytest.raises(error_type, match="bad [*]+") as raised:
        call.invoke(make(max_retries=0), "Hi")
    assert "sk-secret" not in str(raised.value)


@pytest.mark.usefixtures("at_once")
def test_a_temporary_error_is_retried(make: Make, server: Recorder, call: Call) -> None:
    """Embeddings are retried as chat models are, after the delay that the service sets."""
    data: dict[str, Any] = {"data": [{"index": 0, "embedding": [1]}]}
    busy = Response({"error": {"message": "busy"}}, status=429, headers={"retry-after": "0"})
    embeddings: Any = [[1]] if type(make()) is OllamaEmbeddings else [{"values": [1]}]
    server.enqueue(busy, Response({**data, "embeddings": embeddings}))
    assert call.invoke(make(), "Hi") == [1]
    assert len(server.requests) == 2


# -- values


def test_init_embeddings_knows_every_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name before the colon selects the class."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("GOOGLE_API_KEY", "k")
    for provider, kind in [
        ("openai", OpenAIEmbeddings),
        ("google", GoogleGenerativeAIEmbeddings),
        ("google_genai", GoogleGenerativeAIEmbeddings),
        ("ollama", OllamaEmbeddings),
    ]:
        model: Any = init_embeddings(f"{provider}:m", dimensions=4)
        assert type(model) is kind
        assert (model.model, model.dimensions) == ("m", 4)


def test_embeddings_are_values_that_hide_their_keys(make: Make) -> None:
    """They compare and pickle, and their repr has no key."""
    assert pickle.loads(pickle.dumps(make(dimensions=3))) == make(dimensions=3)
    assert make(dimensions=3) != make(dimensions=4)
    assert "sk-secret" not in repr(make())


@pytest.mark.parametrize("name", ["dimensions", "max_batch_size"])
def test_a_number_below_one_is_refused(make: Make, name: str) -> None:
    """The constructor raises, not the first call."""
    with pytest.raises(ConfigError, match=f"{name}=0: expected 1 or more"):
        make(**{name: 0})


def test_an_unknown_encoding_is_refused() -> None:
    """The constructor raises, before the service would."""
    typo: Any = "base46"
    with pytest.raises(ConfigError, match="encoding_format='base46'"):
        OpenAIEmbeddings("m", api_key="k", encoding_format=typo)


# -- on the llama.cpp server


@pytest.mark.local_model
@pytest.mark.parametrize("encoding", [None, "float", "base64"])
def test_similar_strings_have_similar_vectors(
    llama_server: LlamaServer, encoding: Any, call: Call
) -> None:
    """Both encodings work, in batches and in order, with the vectors of a real server."""
    model = OpenAIEmbeddings(
        llama_server.model,
        api_key=llama_server.key,
        base_url=llama_server.v1,
        encoding_format=encoding,
        max_batch_size=2,
    )
    strings = [
        "The cat sleeps on the sofa.",
        "A cat is sleeping on a couch.",
        "Interest rates were raised by the central bank.",
    ]
    vectors = call.batch(model, strings)
    assert [len(vector) for vector in vectors] == [576] * 3
    again = model.embed_documents(strings)
    assert similarity(vectors[0], again[0]) > 0.999
    assert similarity(vectors[2], again[2]) > 0.999
    assert similarity(vectors[0], vectors[1]) > similarity(vectors[0], vectors[2])


@pytest.mark.local_model
def test_a_real_server_refuses_a_wrong_key(llama_server: LlamaServer, call: Call) -> None:
    """The llama.cpp server answers 401, which raises AuthenticationError."""
    model = OpenAIEmbeddings("smollm2", api_key="wrong", base_url=llama_server.v1)
    with pytest.raises(AuthenticationError):
        call.invoke(model, "Hi")


def similarity(vector: Sequence[float], other: Sequence[float]) -> float:
    def product(a: Sequence[float], b: Sequence[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    return float(product(vector, other) / (product(vector, vector) * product(other, other)) ** 0.5)
