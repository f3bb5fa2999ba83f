"""Fixtures of every test: calls in both modes, and a check of what the test leaves behind."""

from __future__ import annotations

import gc
import inspect
import os
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from blockbuster import BlockBuster
from hypothesis import HealthCheck, settings
from pydantic import TypeAdapter

from runnables.compose.policies.backoff import NO_BACKOFF
from runnables.models.request_policies import RequestPolicy
from tests.both_modes import AsyncCall, Call, SyncCall
from tests.leaks import nothing_left, nothing_left_in_loop
from tests.llama import server

# Few examples by default, so that everything is run often; `thorough` is for a night.
# CI has the same profile, with the same examples each time: a change fails for itself alone.
_COMMON: dict[str, Any] = {
    "deadline": None,  # the first call of a law may load half of pydantic
    "print_blob": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}
settings.register_profile("default", max_examples=30, **_COMMON)
settings.register_profile("ci", max_examples=30, derandomize=True, database=None, **_COMMON)
settings.register_profile("quick", max_examples=3, **_COMMON)  # what scripts/check.sh --quick takes
settings.register_profile("thorough", max_examples=2000, **_COMMON)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default")
)


def pytest_collection_finish() -> None:
    """Hide what was imported and collected from the garbage collector.

    Tests that count open streams walk all objects, and many tests collect garbage. Both are many
    times faster without the objects of the thousands of tests that were collected.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def frozen() -> None:
    """Hide what the tests of earlier modules have left, reports and caches, in the same way."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Let SIGINT interrupt the tests and the processes that they start.

    A shell that starts a command with `&` makes it ignore SIGINT. Python then installs no handler,
    and its children ignore SIGINT, too. With a handler here, they start with the default.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(params=[SyncCall(), AsyncCall()], ids=lambda call: call.mode)
def call(request: pytest.FixtureRequest) -> Call:
    """Call runnables sync, then async; see tests/both_modes.py."""
    call: Call = request.param
    return call


@pytest.fixture(scope="session")
def llama_server() -> Iterator[server.LlamaServer]:
    """Start the real llama.cpp server on loopback; mark its tests `local_model`."""
    with server.llama_server() as running:
        yield running


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let models retry without a delay, for tests that are not about the delay."""
    monkeypatch.setattr(RequestPolicy, "_backoff", NO_BACKOFF)


@pytest.fixture(scope="session", autouse=True)
def blockbuster() -> Iterator[BlockBuster]:
    """Raise where the library, or code that it calls, blocks a running event loop."""
    TypeAdapter(int)  # the first model of a process makes pydantic look for plugins on disk
    buster = BlockBuster(scanned_modules=["runnables", "runnables_providers"])
    for function in buster.functions.values():  # that loop is the client's own
        function.can_block_in("runnables/mcp/client.py", {"_call", "_connection", "list_tools"})
    buster.activate()
    yield buster
    buster.deactivate()


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread at work, or a socket, a task or a stream open.

    A test that must (and says why) is marked `leaks`.
    """
    if request.node.get_closest_marker("leaks"):
        yield
        return
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("_no_leaks_in_loop")  # first: the loop has sockets of its own
    with nothing_left():
        yield


@pytest.fixture
async def _no_leaks_in_loop() -> AsyncIterator[None]:
    async with nothing_left_in_loop():
        yield
