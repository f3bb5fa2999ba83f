"""The suite that every embedding model passes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from runnables.errors import AuthenticationError, RateLimitError
from runnables.testing.replay_server import Reaction, ReplayServer
from runnables.testing.require_pytest import pytest
from runnables.testing.sync_async import AsyncCall, SyncAsyncCall, SyncCall, on_new_loop

if TYPE_CHECKING:
    from runnables.models.embeddings import Embeddings
    from runnables.testing.wire_format import EmbeddingsWireFormat, RecordedRequest

STRINGS = ["A fox runs.", "Grüße 车 😀", "", "The stock market fell sharply today.", "A fox runs."]


class EmbeddingsTests:
    """Test suite that every embedding model passes. Subclass it, and write `make`.

    The tests run on the model of `make()`, unless `live` is False, and on a replay server, if
    there is a `wire_format`.

    Example:
        >>> from runnables.testing import EmbeddingsTests
        >>> class MyEmbeddings(Embeddings):
        ...     def embed_documents(self, texts):
        ...         return [[float(len(text))] for text in texts]
        >>> class TestMyEmbeddings(EmbeddingsTests):
        ...     def make(self, **settings):
        ...         return MyEmbeddings(**settings)
        >>> TestMyEmbeddings().make().embed_query("abc")
        [3.0]
    """

    live: ClassVar[bool] = True
    """Whether `make()` without `base_url` returns a model that answers."""
    wire_format: ClassVar[EmbeddingsWireFormat | None] = None
    """The encoder of vectors for the replay server; None if the model has no service."""
    supports_empty_strings: ClassVar[bool] = True
    """Whether the model embeds an empty string."""
    tolerance: ClassVar[float] = 1e-3
    """How far two vectors of one string may differ in any number."""

    def make(self, **settings: Any) -> Embeddings:
        """Make the model to test.

        Args:
            **settings: settings for the constructor; the replay server passes `base_url`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `make`: write it")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run tests with a `model` on the live model, on the replay server, or on both."""
        if "model" in metafunc.fixturenames:
            kinds = [*(["live"] if self.live else []), *(["replayed"] if self.wire_format else [])]
            assert kinds, f"{type(self).__name__} has neither a live model nor a wire_format"
            metafunc.parametrize("model", kinds, indirect=True)

    @pytest.fixture(params=[SyncCall(), AsyncCall()], ids=["sync", "async"])
    def call(self, request: pytest.FixtureRequest) -> SyncAsyncCall:
        """Return the caller of the sync methods, then that of the async ones."""
        call: SyncAsyncCall = request.param
        return call

    @pytest.fixture
    def model(self, request: pytest.FixtureRequest) -> Iterator[Embeddings]:
        """Yield the live model, or one on a replay server."""
        if request.param == "live":
            yield self.make()
            return
        with ReplayServer().listening() as server:
            server.enqueue(self._embed)
            yield self.make(base_url=server.url)

    @pytest.fixture
    def server(self) -> Iterator[ReplayServer]:
        """Yield a replay server; skip the test if the model has no service."""
        if self.wire_format is None:
            pytest.skip("the model has no wire_format, so no server can replay its service")
        with ReplayServer().listening() as server:
            server.enqueue(self._embed)
            yield server

    def _embed(self, request: RecordedRequest) -> Reaction:
        assert self.wire_format is not None
        vectors = [vector_of(text) for text in self.wire_format.inputs(request)]
        return self.wire_format.response(vectors, request)

    def _strings(self) -> list[str]:
        return STRINGS if self.supports_empty_strings else [text for text in STRINGS if text]

    def test_each_string_has_its_vector(self, call: SyncAsyncCall, model: Embeddings) -> None:
        """Vectors are in order and of one length; equal strings have equal vectors."""
        strings = self._strings()
        vectors = _embed_documents(call, model, strings)
        assert len(vectors) == len(strings)
        assert len({len(vector) for vector in vectors}) == 1
        assert all(isinstance(number, float) for vector in vectors for number in vector)
        self._assert_near(vectors[0], vectors[-1])
        for text, vector in zip(strings, vectors, strict=True):
            self._assert_near(vector, _embed_documents(call, model, [text])[0])

    def test_different_strings_have_different_vectors(
        self, call: SyncAsyncCall, model: Embeddings
    ) -> None:
        """A vector depends on its string."""
        first, second = _embed_documents(call, model, ["A fox runs.", "The stock market fell."])
        assert max(abs(a - b) for a, b in zip(first, second, strict=True)) > self.tolerance

    def test_a_query_has_a_vector_of_the_same_length(
        self, call: SyncAsyncCall, model: Embeddings
    ) -> None:
        """The vector of a query can be compared with those of documents."""
        query = call.run(
            lambda: model.embed_query("What runs?"), lambda: model.aembed_query("What runs?")
        )
        assert len(query) == len(_embed_documents(call, model, ["A fox runs."])[0])
        self._assert_near(query, call.output(model, "What runs?"))

    def test_sync_and_async_agree(self, model: Embeddings) -> None:
        """`embed_documents` and `aembed_documents` return the same vectors."""
        strings = self._strings()
        awaited = on_new_loop(lambda: model.aembed_documents(strings))
        for vector, other in zip(model.embed_documents(strings), awaited, strict=True):
            self._assert_near(vector, other)

    def test_an_empty_list_has_no_vectors(self, call: SyncAsyncCall, model: Embeddings) -> None:
        """An empty list is no error."""
        assert _embed_documents(call, model, []) == []

    def test_a_batch_is_in_order(self, call: SyncAsyncCall, model: Embeddings) -> None:
        """As a runnable, the model embeds many queries in order."""
        strings = [f"Number {number}" for number in range(20)]
        vectors = call.outputs(model, strings)
        assert len(vectors) == len(strings)
        self._assert_near(vectors[7], call.output(model, strings[7]))

    # -- on the replay server

    def test_many_strings_are_sent_in_few_requests(
        self, call: SyncAsyncCall, server: ReplayServer
    ) -> None:
        """Strings are sent in batches, and their vectors come back in order."""
        model = self.make(base_url=server.url)
        strings = [f"Number {number}" for number in range(3 * model.max_batch_size + 1)]
        vectors = _embed_documents(call, model, strings)
        assert len(vectors) == len(strings)
        for text, vector in zip(strings, vectors, strict=True):
            self._assert_near(vector, vector_of(text))
        assert 2 <= len(server.requests) < len(strings) / 8

    def test_an_empty_list_sends_nothing(self, call: SyncAsyncCall, server: ReplayServer) -> None:
        """There is no request."""
        assert _embed_documents(call, self.make(base_url=server.url), []) == []
        assert server.requests == []

    def test_refusals_are_typed_errors(self, call: SyncAsyncCall, server: ReplayServer) -> None:
        """Error statuses raise the same types as for chat models."""
        assert self.wire_format is not None
        model = self.make(base_url=server.url, max_retries=0)
        for status, error_type in ((401, AuthenticationError), (429, RateLimitError)):
            server.enqueue(self.wire_format.error(status, "This is the reason."))
            with pytest.raises(error_type, match="This is the reason."):
                _embed_documents(call, model, ["A fox runs."])

    def _assert_near(self, vector: Sequence[float], other: Sequence[float]) -> None:
        assert list(vector) == pytest.approx(list(other), abs=self.tolerance)


def vector_of(text: str) -> list[float]:
    """Return a vector that differs between strings."""
    sums = [
        sum((index + 1) ** power * ord(letter) for index, letter in enumerate(text))
        for power in (0, 1)
    ]
    return [round(math.sin(number), 6) for number in (*sums, len(text) + 1)]


def _embed_documents(
    call: SyncAsyncCall, model: Embeddings, strings: list[str]
) -> list[list[float]]:
    return call.run(lambda: model.embed_documents(strings), lambda: model.aembed_documents(strings))
