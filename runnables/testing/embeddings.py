"""The tests that every embedding model passes."""

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

TEXTS = ["A fox runs.", "Grüße 车 😀", "", "The stock market fell sharply today.", "A fox runs."]


class EmbeddingsTests:
    """The tests that every embedding model passes. Subclass it, and write `make`.

    They run on `make()`, where `live` says that there is a model, and on a service that is played
    on loopback, where there is a `wire`.
    """

    live: ClassVar[bool] = True
    """Whether `make()` without `base_url` gives a model that answers."""
    wire: ClassVar[EmbeddingsWireFormat | None] = None
    """How the model's service speaks; None: it has no service."""
    takes_empty_texts: ClassVar[bool] = True
    """Whether a text may be empty."""
    tolerance: ClassVar[float] = 1e-3
    """How far two vectors of the same text may be apart, in each number."""

    def make(self, **settings: Any) -> Embeddings:
        """The model to test.

        Args:
            **settings: for its constructor: `base_url`, where the service is played.
        """
        raise NotImplementedError(f"{type(self).__name__} says nothing of `make`: write it")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run tests with a `model` on the real one, on the played one, or on both."""
        if "model" in metafunc.fixturenames:
            stages = [*(["live"] if self.live else []), *(["replayed"] if self.wire else [])]
            assert stages, f"{type(self).__name__} has neither a live model nor a wire"
            metafunc.parametrize("model", stages, indirect=True)

    @pytest.fixture(params=[SyncCall(), AsyncCall()], ids=["sync", "async"])
    def call(self, request: pytest.FixtureRequest) -> SyncAsyncCall:
        """Calls models in one colour, then in the other."""
        colour: SyncAsyncCall = request.param
        return colour

    @pytest.fixture
    def model(self, request: pytest.FixtureRequest) -> Iterator[Embeddings]:
        """The model, on its stage."""
        if request.param == "live":
            yield self.make()
            return
        with ReplayServer().listening() as server:
            server.enqueue(self._embeds)
            yield self.make(base_url=server.url)

    @pytest.fixture
    def server(self) -> Iterator[ReplayServer]:
        """Plays the service; a model that has none skips the test."""
        if self.wire is None:
            pytest.skip("the model has no service that could be played")
        with ReplayServer().listening() as server:
            server.enqueue(self._embeds)
            yield server

    def _embeds(self, asked: RecordedRequest) -> Reaction:
        assert self.wire is not None
        return self.wire.answer([vector_of(text) for text in self.wire.texts(asked)], asked)

    def _texts(self) -> list[str]:
        return TEXTS if self.takes_empty_texts else [text for text in TEXTS if text]

    def test_each_text_has_its_vector(self, call: SyncAsyncCall, model: Embeddings) -> None:
        """In the order of the texts, all of one length; the same text has the same vector."""
        texts = self._texts()
        found = _documents(call, model, texts)
        assert len(found) == len(texts)
        assert len({len(vector) for vector in found}) == 1
        assert all(isinstance(number, float) for vector in found for number in vector)
        self._assert_near(found[0], found[-1])
        for text, vector in zip(texts, found, strict=True):
            self._assert_near(vector, _documents(call, model, [text])[0])

    def test_texts_of_other_meaning_have_other_vectors(
        self, call: SyncAsyncCall, model: Embeddings
    ) -> None:
        """A vector says something."""
        first, second = _documents(call, model, ["A fox runs.", "The stock market fell."])
        assert max(abs(a - b) for a, b in zip(first, second, strict=True)) > self.tolerance

    def test_a_question_has_a_vector_of_the_same_length(
        self, call: SyncAsyncCall, model: Embeddings
    ) -> None:
        """It can be compared with those of documents."""
        query = call.run(
            lambda: model.embed_query("What runs?"), lambda: model.aembed_query("What runs?")
        )
        assert len(query) == len(_documents(call, model, ["A fox runs."])[0])
        self._assert_near(query, call.value(model, "What runs?"))

    def test_both_colours_agree(self, model: Embeddings) -> None:
        """The same texts have the same vectors."""
        texts = self._texts()
        found = on_new_loop(lambda: model.aembed_documents(texts))
        for one, other in zip(model.embed_documents(texts), found, strict=True):
            self._assert_near(one, other)

    def test_nothing_has_no_vectors(self, call: SyncAsyncCall, model: Embeddings) -> None:
        """And is no error."""
        assert _documents(call, model, []) == []

    def test_a_batch_is_in_order(self, call: SyncAsyncCall, model: Embeddings) -> None:
        """As a runnable, many questions at once."""
        texts = [f"Number {number}" for number in range(20)]
        found = call.values(model, texts)
        assert len(found) == len(texts)
        self._assert_near(found[7], call.value(model, texts[7]))

    # -- where the service is played

    def test_many_texts_go_out_in_few_requests(
        self, call: SyncAsyncCall, server: ReplayServer
    ) -> None:
        """In groups, whose vectors come back in the order of the texts."""
        model = self.make(base_url=server.url)
        texts = [f"Number {number}" for number in range(3 * model.max_batch_size + 1)]
        found = _documents(call, model, texts)
        assert len(found) == len(texts)
        for text, vector in zip(texts, found, strict=True):
            self._assert_near(vector, vector_of(text))
        assert 2 <= len(server.asked) < len(texts) / 8

    def test_an_empty_list_asks_for_nothing(
        self, call: SyncAsyncCall, server: ReplayServer
    ) -> None:
        """There is no request."""
        assert _documents(call, self.make(base_url=server.url), []) == []
        assert server.asked == []

    def test_refusals_are_typed_errors(self, call: SyncAsyncCall, server: ReplayServer) -> None:
        """As those of chat models."""
        assert self.wire is not None
        model = self.make(base_url=server.url, max_retries=0)
        for status, kind in ((401, AuthenticationError), (429, RateLimitError)):
            server.enqueue(self.wire.error(status, "This is the reason."))
            with pytest.raises(kind, match="This is the reason."):
                _documents(call, model, ["A fox runs."])

    def _assert_near(self, one: Sequence[float], other: Sequence[float]) -> None:
        assert list(one) == pytest.approx(list(other), abs=self.tolerance)


def vector_of(text: str) -> list[float]:
    """A vector that tells texts apart."""
    sums = [
        sum((place + 1) ** power * ord(it) for place, it in enumerate(text)) for power in (0, 1)
    ]
    return [round(math.sin(it), 6) for it in (*sums, len(text) + 1)]


def _documents(call: SyncAsyncCall, model: Embeddings, texts: list[str]) -> list[list[float]]:
    return call.run(lambda: model.embed_documents(texts), lambda: model.aembed_documents(texts))
