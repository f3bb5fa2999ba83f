"""Law 10: without a handler, nothing is made for one; counted in every thread."""

from __future__ import annotations

import contextvars
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from runnables import Runnable, RunnableGenerator, RunnableLambda, RunnablePassthrough
from tests.both_modes import Call
from tests.laws import steps
from tests.laws.recorder import Recorder

MADE = {
    ("runnables.core.handlers", "Event"): "event",
    ("runnables.core.events", "Run"): "run",
    ("runnables.core.config", "Scope"): "scope",
}


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the ids, events, runs, scopes and copies of a context that the block makes."""
    counts: Counter[str] = Counter()

    def profile(frame: Any, event: str, function: Any) -> None:
        if event == "c_call" and function is contextvars.copy_context:
            counts["context"] += 1
        elif event == "c_call" and getattr(function, "__name__", "") == "urandom":
            counts["id"] += 1
        elif event == "call" and frame.f_code.co_name == "uuid4":
            counts["id"] += 1
        elif event == "call" and frame.f_code.co_name == "__init__":
            kind = type(frame.f_locals.get("self"))
            counts[MADE.get((kind.__module__, kind.__name__), "other")] += 1

    before = sys.getprofile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield counts
    finally:
        sys.setprofile(before)
        threading.setprofile(None)  # type: ignore[arg-type]  # typeshed does not know None
        del counts["other"]


quick = RunnableLambda(steps.increment, blocking=False)
CHAINS: dict[str, tuple[Runnable[Any, Any], Any]] = {
    "functions": (quick | quick | quick | RunnablePassthrough(), 1),
    "chunks": (
        RunnableGenerator(steps.uppercase, steps.auppercase) | RunnablePassthrough(),
        "a b",
    ),
    "policies": (quick.with_retry().with_fallbacks([quick]).bind() | quick, 1),
    "choices": (RunnablePassthrough() | RunnableLambda(steps.choose, blocking=False), 3),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_nothing_is_made_without_a_handler(chain: str, call: Call) -> None:
    """There is no id, event, run, scope or copy of the context, invoked and streamed."""
    runnable, value = CHAINS[chain]

    def sync() -> Counter[str]:
        with counted() as counts:
            runnable.invoke(value)
            list(runnable.stream(value))
        return counts

    async def asynchronous() -> Counter[str]:
        with counted() as counts:
            await runnable.ainvoke(value)
            async with runnable.astream(value) as stream:
                _ = [chunk async for chunk in stream]
        return counts

    counts = call.run(sync, asynchronous)
    if chain == "chunks":  # a user's generator is watched for its first steps, see below
        del counts["context"]
    assert counts == {}


def test_a_generator_that_sets_nothing_is_watched_for_its_first_steps_only(call: Call) -> None:
    """A stream of a hundred chunks makes no more copies of the context than one of a thousand."""

    def split(chunks: Any) -> Iterator[str]:
        for chunk in chunks:
            yield from chunk

    async def asplit(chunks: Any) -> Any:
        async for chunk in chunks:
            for letter in chunk:
                yield letter

    step = RunnableGenerator(split, asplit)
    chain = step | step

    def copies(size: int) -> int:
        def sync() -> Counter[str]:
            with counted() as counts:
                list(chain.stream("a" * size))
            return counts

        async def asynchronous() -> Counter[str]:
            with counted() as counts:
                async with chain.astream("a" * size) as stream:
                    _ = [chunk async for chunk in stream]
            return counts

        return call.run(sync, asynchronous)["context"]

    assert copies(100) == copies(1000) < 60


def test_a_config_without_handlers_makes_no_runs(call: Call) -> None:
    """Tags and a limit need scopes only: there is no run, id or event."""
    runnable, value = CHAINS["functions"]
    config: Any = {"tags": ["a"], "max_concurrency": 2}

    def sync() -> Counter[str]:
        with counted() as counts:
            runnable.invoke(value, config)
            runnable.batch([value] * 3, config)
        return counts

    async def asynchronous() -> Counter[str]:
        with counted() as counts:
            await runnable.ainvoke(value, config)
            await runnable.abatch([value] * 3, config)
        return counts

    counts = call.run(sync, asynchronous)
    assert not {"id", "event", "run"} & counts.keys()


def test_the_counter_counts(call: Call) -> None:
    """The test of the test: with a handler, runs, ids and events are counted."""
    runnable, value = CHAINS["functions"]
    with counted() as counts:
        call.invoke(runnable, value, Recorder().config)
    assert counts["run"] == 5
    assert counts["event"] == 10
    assert counts["id"] >= 5
    assert counts["scope"] >= 5
