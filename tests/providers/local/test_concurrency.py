"""One loaded model and many calls: at the same time, from several threads and loops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runnables import ConfigError, ContextLengthError
from runnables_providers.local import LocalChatModel
from runnables_providers.local.engine import Engine
from tests.leaks import wait_for

pytestmark = [
    pytest.mark.local_model,
    pytest.mark.leaks(reason="the loaded model keeps its threads and its socket"),
]

STORY = "Write a very long story about a fox."
CAPITALS = {"Japan": "Tokyo", "France": "Paris", "Italy": "Rome", "Spain": "Madrid"}
QUESTIONS = [f"What is the capital of {country}?" for country in CAPITALS]


@pytest.fixture(scope="module")
def small() -> LocalChatModel:
    """The default model with a small context, for two calls at a time."""
    return LocalChatModel(max_tokens=4, context_size=256, parallel=2)


@pytest.fixture
def busy(model: LocalChatModel) -> Iterator[None]:
    """Two threads call the model during the whole test."""
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            model.invoke("Write a story about rain.", temperature=1.0, max_tokens=4)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join()


class Peak:
    """A watcher of the most calls that the runtime ran at the same time."""

    def __init__(self, engine: Engine) -> None:
        self.most = 0.0
        self._engine = engine
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            self.most = max(self.most, self._engine.metrics().get("requests_processing", 0))

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def test_a_batch_overlaps_in_the_runtime(call: Any, model: LocalChatModel) -> None:
    """Of eight calls four are computed at the same time, and all are answered."""
    with Peak(model._engine()) as peak:
        answers = call.batch(model, [STORY] * 8, max_concurrency=8, max_tokens=12)
    assert peak.most == model.parallel == 4
    assert all(answer.usage_metadata["output_tokens"] == 12 for answer in answers)


def test_calls_wait_for_memory(call: Any, small: LocalChatModel) -> None:
    """Five conversations that nearly fill the context of a call are all answered, two at a time."""
    long = "The sea is calm. " * 30
    with Peak(small._engine()) as peak:
        answers = call.batch(small, [f"{long}{number}" for number in range(5)], max_concurrency=5)
    assert peak.most <= 2
    assert all(answer.usage_metadata["input_tokens"] > 140 for answer in answers)


def test_a_conversation_that_is_too_long_fails_alone(small: LocalChatModel) -> None:
    """It is refused with its length; the others of its batch are answered."""
    inputs = ["Say hello.", "The sea is calm. " * 100, "Say hello."]
    first, second, third = small.batch(inputs, return_exceptions=True)
    assert isinstance(second, ContextLengthError)
    assert "loaded for 256" in str(second)
    assert "context_size" in str(second)
    assert not isinstance(first, Exception)
    assert not isinstance(third, Exception)


def test_a_seed_repeats_an_answer_while_other_calls_run(model: LocalChatModel, busy: None) -> None:
    """The same seed returns the same text, also when the model is busy with other calls."""
    joke = model.bind(temperature=1.0, max_tokens=12)
    answers = {joke.invoke("Tell me a joke.", seed=3).text for _ in range(3)}
    assert len(answers) == 1
    assert {joke.invoke("Tell me a joke.", seed=seed).text for seed in (4, 5)} != answers


def test_a_batch_with_a_seed_returns_what_each_call_returns(model: LocalChatModel) -> None:
    """Calls with a seed do not disturb each other."""
    seeded = model.bind(temperature=1.0, seed=7, max_tokens=8)
    alone = [seeded.invoke(question).text for question in QUESTIONS]
    together = seeded.batch(QUESTIONS, max_concurrency=4)
    assert [answer.text for answer in together] == alone


def test_threads_share_a_model(model: LocalChatModel) -> None:
    """Four threads call one object at once; each gets its own answer."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda question: model.invoke(question).text, QUESTIONS))
    for answer, capital in zip(answers, CAPITALS.values(), strict=True):
        assert capital in answer


def test_event_loops_share_a_model(model: LocalChatModel) -> None:
    """Loops at the same time and one after another use one object."""

    def ask(question: str) -> str:
        async def main() -> str:
            return "".join([chunk.text async for chunk in model.astream(question)])

        return asyncio.run(main())

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(ask, QUESTIONS))
    for answer, capital in zip(answers, CAPITALS.values(), strict=True):
        assert capital in answer


def _cancel_when(model: LocalChatModel, ready: Callable[[Engine], bool], text: str) -> None:
    """Start a call, and cancel it as soon as the state of the engine is as wished."""
    engine = model._engine()

    async def main() -> None:
        task = asyncio.create_task(model.ainvoke(text))
        while not ready(engine):
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_waiting_call_can_be_cancelled(small: LocalChatModel) -> None:
    """A cancelled call leaves the queue, while the running calls go on."""
    streams = [small.stream(STORY, max_tokens=200) for _ in range(2)]
    for stream in streams:
        next(stream)
    engine = small._engine()
    _cancel_when(small, lambda engine: len(engine._waiting) == 1, STORY)
    assert len(engine._waiting) == 0
    assert engine.calls() == 2
    for stream in streams:
        stream.close()
    assert engine.calls() == 0


def test_a_call_can_be_cancelled_while_its_prompt_is_read(model: LocalChatModel) -> None:
    """Cancelling does not wait for the prompt, and the runtime stops reading."""
    engine = model._engine()
    model.invoke("Hi", max_tokens=1)
    read = engine.metrics()["n_decode_total"]
    long = "The sea is calm. " * 600
    _cancel_when(model, lambda engine: engine.metrics()["n_decode_total"] > read, long)
    counters = engine.metrics()
    assert counters["requests_processing"] == 0
    assert counters["n_decode_total"] - read < 20  # of 47 steps, and then the answer


def test_unloading_ends_the_calls_and_the_next_call_loads_again() -> None:
    """Unloading frees the memory; running calls fail, and later ones are answered."""
    model = LocalChatModel(max_tokens=2000, context_size=300, parallel=1)
    engine = model._engine()
    with model.stream(STORY) as stream, pytest.raises(Exception, match="unloaded"):
        next(stream)
        engine.close()
        for _ in stream:
            pass
    assert not engine.is_loaded
    with pytest.raises(Exception, match="unloaded"):
        model.invoke("Hi")
    from runnables_providers.local.engine import _engines

    del _engines[engine.setup]
    assert model.invoke("Hi", max_tokens=2).text
    again = _engines.pop(engine.setup)
    again.close()
    assert wait_for(lambda: not again.is_loaded, 1.0)


def test_options_out_of_range_are_refused_by_name(model: LocalChatModel) -> None:
    """Calls and constructors check them: the runtime would accept them silently."""
    for option, value in {"temperature": -1, "top_p": 2, "seed": -1, "max_tokens": 0}.items():
        with pytest.raises(ConfigError, match=f"{option}={value}: expected"):
            model.invoke("x", **{option: value})
        with pytest.raises(ConfigError, match=f"LocalChatModel: {option}={value}: expected"):
            LocalChatModel(**{option: value})
