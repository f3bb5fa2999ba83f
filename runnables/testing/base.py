"""What the tests of every chat model stand on: the factory, what the model can do, its stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from runnables.messages.ai import AIMessage
from runnables.models.chat import ChatModel
from runnables.testing.replay_server import Reaction, ReplayServer, Script, StreamedResponse
from runnables.testing.require_pytest import pytest
from runnables.testing.sync_async import AsyncCall, SyncAsyncCall, SyncCall
from runnables.testing.wire_format import (
    Answer,
    RecordedRequest,
    ScriptedReply,
    Unsupported,
    WireFormat,
)

if TYPE_CHECKING:
    from runnables.models.structured.output import Method


T = TypeVar("T")


class Harness:
    """Where a test has its model: the real one, or one whose service is played by a script.

    Attributes:
        replayed: whether it is played, so that what comes is known to the letter.
        server: what plays it.
    """

    def __init__(self, tests: ModelTests, server: ReplayServer | None) -> None:
        self._tests = tests
        self._server = server
        self.replayed = server is not None

    @property
    def server(self) -> ReplayServer:
        """What plays the service."""
        assert self._server is not None, "the real model has no script"
        return self._server

    def model(self, *said: ScriptedReply, **settings: Any) -> ChatModel:
        """The model, which says this, one thing a call, where it is played."""
        if self._server is None:
            return self._tests.make(**settings)
        self._server.enqueue(*map(self._tests.encode, said))
        return self._tests.make(base_url=self._server.url, **settings)

    def brief(self, *said: ScriptedReply, **settings: Any) -> ChatModel:
        """`model`, whose answers are short where it is live, since that takes its time."""
        if self.replayed or not self._tests.supports_max_tokens:
            return self.model(*said, **settings)
        return self.model(*said, **{"max_tokens": self._tests.brief_tokens, **settings})

    def assert_request_contains(self, *texts: str) -> None:
        """Where it is played: the last request has these texts, in this order."""
        if self._server is None:
            return
        found = self._server.last.strings()
        for text in texts:
            at = next((n for n, it in enumerate(found) if text in it), None)
            assert at is not None, f"{text!r} is not in the request, or too early: {found}"
            found = found[at:]


class ModelTests:
    """Base of the tests of chat models: subclass `ChatModelTests`, not this."""

    # -- what the model can do: what a subclass says no to is skipped, with the reason

    live: ClassVar[bool] = True
    """Whether `make()` without `base_url` gives a model that answers."""
    wire: ClassVar[WireFormat | None] = None
    """How the model's service speaks, for the tests that play it; None: it has no service."""
    key: ClassVar[str | None] = None
    """The key that `make` gives to the model: it must show nowhere."""
    steady: ClassVar[Mapping[str, Any]] = {"temperature": 0}
    """The options with which a live model gives the same answer twice."""
    supports_streaming: ClassVar[bool] = True
    """Whether an answer comes in several pieces."""
    supports_model_override: ClassVar[bool] = True
    """Whether a call can name another model."""
    supports_stop: ClassVar[bool] = True
    """Whether an answer ends before a stop sequence."""
    supports_max_tokens: ClassVar[bool] = True
    """Whether `max_tokens` bounds an answer."""
    brief_tokens: ClassVar[int] = 16
    """How many tokens a live model may write where any words will do, three or more; services
    often take no less than this number."""
    supports_tools: ClassVar[bool] = True
    """Whether the model calls tools."""
    supports_tool_choice: ClassVar[bool] = True
    """Whether it can be made to call one ("any", or its name)."""
    supports_free_tools: ClassVar[bool] = True
    """Whether a live model can be left to choose to call one."""
    supports_forbidden_tools: ClassVar[bool] = True
    """Whether a live model with tools can be forbidden to call any ("none")."""
    streams_arguments: ClassVar[bool] = True
    """Whether the arguments of a call come in pieces."""
    supports_parallel_tools: ClassVar[bool] = False
    """Whether a live model makes two calls where it is asked for two things."""
    supports_images: ClassVar[bool] = False
    """Whether a message may hold images."""
    keeps_image_places: ClassVar[bool] = True
    """Whether the service hears where between the texts an image stands."""
    supports_live_images: ClassVar[bool] = False
    """Whether the live model can see them."""
    structured_methods: ClassVar[tuple[Method, ...]] = ("json_schema", "function_calling")
    """The ways to a structured answer that the model knows."""
    live_structured_methods: ClassVar[tuple[Method, ...] | None] = None
    """Those of them by which the live model keeps to the form; None: all."""

    def make(self, **settings: Any) -> ChatModel:
        """The model to test.

        Args:
            **settings: for its constructor. Tests that play the service give `base_url`, some of
                them `timeout` (seconds) or `max_retries`; any test may give `stop`,
                `max_tokens`, `model` or `temperature`.
        """
        raise NotImplementedError(f"{type(self).__name__} says nothing of `make`: write it")

    # -- how the tests run

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run tests with a `stage` on the real model, on the played one, or on both."""
        if "stage" in metafunc.fixturenames:
            stages = [*(["live"] if self.live else []), *(["replayed"] if self.wire else [])]
            assert stages, f"{type(self).__name__} has neither a live model nor a wire"
            metafunc.parametrize("stage", stages, indirect=True)

    @pytest.fixture(params=[SyncCall(), AsyncCall()], ids=["sync", "async"])
    def call(self, request: pytest.FixtureRequest) -> SyncAsyncCall:
        """Calls models in one colour, then in the other."""
        colour: SyncAsyncCall = request.param
        return colour

    @pytest.fixture
    def stage(self, request: pytest.FixtureRequest) -> Iterator[Harness]:
        """Where the test has its model."""
        if request.param == "live":
            yield Harness(self, None)
            return
        with ReplayServer().listening() as server:
            yield Harness(self, server)

    @pytest.fixture
    def server(self) -> Iterator[ReplayServer]:
        """Plays the model's service; a model that has none skips the test."""
        if self.wire is None:
            pytest.skip("the model has no service that could be played")
        with ReplayServer().listening() as server:
            yield server

    def needs(self, able: bool, what: str) -> None:
        """Skip the test where the model is not able to do something."""
        if not able:
            pytest.skip(f"the model does not support {what}")

    def skip_unless_supported(self, say: Callable[[], T]) -> T:
        """What the wire makes of something; where it cannot, the test is skipped."""
        try:
            return say()
        except Unsupported as error:
            pytest.skip(f"the service cannot say this: {error}")

    # -- how the service is played

    @property
    def wire_format(self) -> WireFormat:
        """The wire, where there is one."""
        assert self.wire is not None
        return self.wire

    def encode(self, said: ScriptedReply) -> Script:
        """What the service does to say something, whole or as a stream."""

        def react(asked: RecordedRequest) -> Reaction:
            if self.wire_format.is_streamed(asked):
                return StreamedResponse(self.wire_format.events(said), self.wire_format.stream_type)
            return self.wire_format.answer(said)

        return react

    def failing(self, status: int, message: str, **headers: str) -> Answer:
        """What the service answers where it refuses; `_` in the names of headers is `-`."""
        answer = self.wire_format.error(status, message)
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return Answer(answer.body, answer.status, {**answer.headers, **more}, answer.type)


def joined(chunks: list[Any]) -> AIMessage:
    """The message that the chunks of a stream make."""
    accumulator = ChatModel.merge.accumulator()
    for chunk in chunks:
        accumulator.add(chunk)
    answer = accumulator.value()
    assert type(answer) is AIMessage
    return answer
