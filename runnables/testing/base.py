"""The base of the suite for chat models: the factory, what the model supports, the fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from runnables.messages.ai import AIMessage
from runnables.models.chat import ChatModel
from runnables.testing.replay_server import Reaction, ReplayServer, ScriptEntry, StreamedResponse
from runnables.testing.require_pytest import pytest
from runnables.testing.sync_async import AsyncCall, SyncAsyncCall, SyncCall
from runnables.testing.wire_format import (
    RecordedRequest,
    Response,
    ScriptedReply,
    Unsupported,
    WireFormat,
)

if TYPE_CHECKING:
    from runnables.models.structured.output import Method


T = TypeVar("T")


class Harness:
    """Maker of the model for a test: a live model, or one on a replay server.

    The fixture `harness` runs a test on the live model, on the replay server, or on both, as
    `live` and `wire_format` of the suite say.

    Attributes:
        replayed: whether a replay server answers, so that every reply is known exactly.

    Example:
        >>> from runnables.testing import ChatModelTests, Harness
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> class TestMyModel(ChatModelTests):
        ...     def make(self, **settings):
        ...         return ScriptedChatModel(["Hello."], cycle=True, **settings)
        >>> harness = Harness(TestMyModel(), server=None)
        >>> harness.replayed, harness.model().invoke("Hi").text
        (False, 'Hello.')
    """

    def __init__(self, tests: ModelTests, server: ReplayServer | None) -> None:
        self._tests = tests
        self._server = server
        self.replayed = server is not None

    @property
    def server(self) -> ReplayServer:
        """Return the replay server."""
        assert self._server is not None, "a live model has no replay server"
        return self._server

    def model(self, *replies: ScriptedReply, **settings: Any) -> ChatModel:
        """Make the model; on a replay server it gets these replies, one a call."""
        if self._server is None:
            return self._tests.make(**settings)
        self._server.enqueue(*map(self._tests.encode, replies))
        return self._tests.make(base_url=self._server.url, **settings)

    def brief_model(self, *replies: ScriptedReply, **settings: Any) -> ChatModel:
        """Make the model as `model` does; a live one gives short answers, to save time."""
        if self.replayed or not self._tests.supports_max_tokens:
            return self.model(*replies, **settings)
        return self.model(*replies, **{"max_tokens": self._tests.brief_tokens, **settings})

    def assert_request_contains(self, *expected: str) -> None:
        """Assert that the last request contains these strings, in this order.

        A live model records no requests, so nothing is asserted for it.
        """
        if self._server is None:
            return
        strings = self._server.last.strings()
        for text in expected:
            index = next((n for n, string in enumerate(strings) if text in string), None)
            assert index is not None, f"{text!r} is not in the request, or too early: {strings}"
            strings = strings[index:]


class ModelTests:
    """Base of the tests of chat models. Subclass `ChatModelTests`, not this."""

    # -- what the model supports; tests of anything else are skipped, with the reason

    live: ClassVar[bool] = True
    """Whether `make()` without `base_url` returns a model that answers."""
    wire_format: ClassVar[WireFormat | None] = None
    """The encoder of replies for the replay server; None if the model has no service."""
    key: ClassVar[str | None] = None
    """The key that `make` passes to the model. No repr and no error may show it."""
    deterministic: ClassVar[Mapping[str, Any]] = {"temperature": 0}
    """The options with which a live model gives the same answer twice."""
    supports_streaming: ClassVar[bool] = True
    """Whether an answer comes in several chunks."""
    supports_model_override: ClassVar[bool] = True
    """Whether a call can name another model."""
    supports_stop: ClassVar[bool] = True
    """Whether an answer ends before a stop sequence."""
    supports_max_tokens: ClassVar[bool] = True
    """Whether `max_tokens` limits an answer."""
    brief_tokens: ClassVar[int] = 16
    """The `max_tokens` of live answers whose words do not matter; three or more. Some services
    require at least 16."""
    supports_tools: ClassVar[bool] = True
    """Whether the model calls tools."""
    supports_tool_choice: ClassVar[bool] = True
    """Whether the model can be made to call a tool (`tool_choice` "any", or a name)."""
    supports_auto_tool_choice: ClassVar[bool] = True
    """Whether a live model calls a tool of its own choice, without `tool_choice`."""
    supports_no_tool_choice: ClassVar[bool] = True
    """Whether a live model calls no tool with `tool_choice` "none"."""
    streams_arguments: ClassVar[bool] = True
    """Whether the arguments of a tool call come in several chunks."""
    supports_parallel_tools: ClassVar[bool] = False
    """Whether a live model makes two calls if the question needs two."""
    supports_images: ClassVar[bool] = False
    """Whether a message may hold images."""
    keeps_image_positions: ClassVar[bool] = True
    """Whether the request says where an image is among the text blocks."""
    supports_live_images: ClassVar[bool] = False
    """Whether the live model reads images."""
    structured_methods: ClassVar[tuple[Method, ...]] = ("json_schema", "function_calling")
    """The methods of structured output that the model supports."""
    live_structured_methods: ClassVar[tuple[Method, ...] | None] = None
    """The methods by which a live model follows a schema; None: all."""

    def make(self, **settings: Any) -> ChatModel:
        """Make the model to test.

        Args:
            **settings: settings for its constructor. Tests on the replay server pass `base_url`,
                some of them `timeout` (seconds) or `max_retries`. Any test may pass `stop`,
                `max_tokens`, `model` or `temperature`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `make`: write it")

    # -- how the tests run

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run tests with a `harness` on the live model, on the replay server, or on both."""
        if "harness" in metafunc.fixturenames:
            kinds = [*(["live"] if self.live else []), *(["replayed"] if self.wire_format else [])]
            assert kinds, f"{type(self).__name__} has neither a live model nor a wire_format"
            metafunc.parametrize("harness", kinds, indirect=True)

    @pytest.fixture(params=[SyncCall(), AsyncCall()], ids=["sync", "async"])
    def call(self, request: pytest.FixtureRequest) -> SyncAsyncCall:
        """Return the caller of the sync methods, then that of the async ones."""
        call: SyncAsyncCall = request.param
        return call

    @pytest.fixture
    def harness(self, request: pytest.FixtureRequest) -> Iterator[Harness]:
        """Yield what makes the model of the test."""
        if request.param == "live":
            yield Harness(self, None)
            return
        with ReplayServer().listening() as server:
            yield Harness(self, server)

    @pytest.fixture
    def server(self) -> Iterator[ReplayServer]:
        """Yield a replay server; skip the test if the model has no service."""
        if self.wire_format is None:
            pytest.skip("the model has no wire_format, so no server can replay its service")
        with ReplayServer().listening() as server:
            yield server

    def require(self, supported: bool, feature: str) -> None:
        """Skip the test unless the model supports a feature."""
        if not supported:
            pytest.skip(f"the model does not support {feature}")

    def skip_unless_supported(self, encode: Callable[[], T]) -> T:
        """Return what the wire format encodes; skip the test if it cannot."""
        try:
            return encode()
        except Unsupported as error:
            pytest.skip(f"the service does not support this: {error}")

    # -- how the replay server answers

    @property
    def _wire(self) -> WireFormat:
        """Return the wire format of a test that has a replay server."""
        assert self.wire_format is not None
        return self.wire_format

    def encode(self, reply: ScriptedReply) -> ScriptEntry:
        """Return the script entry for a reply; it streams to requests that ask for a stream."""

        def react(request: RecordedRequest) -> Reaction:
            if self._wire.is_streamed(request):
                return StreamedResponse(self._wire.events(reply), self._wire.stream_type)
            return self._wire.response(reply)

        return react

    def encode_error(self, status: int, message: str, **headers: str) -> Response:
        """Return an error response; `_` in the name of a header stands for `-`."""
        response = self._wire.error(status, message)
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return Response(
            response.body, response.status, {**response.headers, **more}, response.content_type
        )


def merge_chunks(chunks: list[Any]) -> AIMessage:
    """Return the message that the chunks of a stream add up to."""
    accumulator = ChatModel.merge.accumulator()
    for chunk in chunks:
        accumulator.add(chunk)
    answer = accumulator.value()
    assert type(answer) is AIMessage
    return answer
