"""Rate limits: when calls go, in which order, and what models that share a limit have in common."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import threading
import time
from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import (
    BaseRateLimiter,
    ConfigError,
    Embeddings,
    InMemoryRateLimiter,
    InvalidRequestError,
    RateLimitError,
    ServerError,
    StepTimeout,
)
from runnables.compose.policies.backoff import NO_BACKOFF
from runnables.models.rate_limits import FairQueue, Limits, QueueEntry
from runnables_providers.scripted import Delay, ScriptedChatModel
from tests.both_modes import Call
from tests.models.test_request_policies import WAYS, ChunkHandler, Quick, ways

USAGE: Any = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


# -- the queue, by a simulated clock


class Wakeup:
    """A wake-up of a simulated call, which does not sleep."""

    is_dead = False

    def set(self) -> None:
        """Do nothing: the simulation looks at the head by itself."""


class Simulation:
    """A queue whose calls come, leave and go, as simulated time passes."""

    def __init__(self, rate: float | None, size: float, tokens: float | None) -> None:
        self.now = 0.0
        self.queue = FairQueue(Limits(rate, size, tokens), lambda: self.now)
        self.calls: list[QueueEntry] = []
        self.went: list[tuple[float, QueueEntry]] = []

    def add(self, tokens: float) -> QueueEntry:
        entry = QueueEntry(tokens, Wakeup())
        self.queue.enqueue(entry)
        self.calls.append(entry)
        return entry

    def run_until(self, time: float) -> None:
        """Let calls go until this time, each exactly when the queue admits it."""
        while self.queue.waiting:
            head = self.queue.waiting[0]
            seconds = self.queue.seconds_until(head)
            if seconds == 0:
                self.went.append((self.now, head))
            elif self.now + seconds > time:
                break
            else:
                self.now += seconds
        self.now = max(self.now, time)


ARRIVALS = st.lists(
    st.tuples(
        st.floats(0, 2),  # seconds since the call before
        st.integers(0, 50),  # tokens
        st.sampled_from(["stays", "stays", "leaves", "pauses"]),
    ),
    max_size=25,
)


@given(
    arrivals=ARRIVALS,
    rate=st.none() | st.floats(0.5, 20),
    size=st.floats(1, 5),
    tokens=st.none() | st.floats(60, 600),
)
def test_no_span_of_time_has_more_than_the_limits(
    arrivals: Any, rate: float | None, size: float, tokens: float | None
) -> None:
    """At most size + rate * t requests, a minute's tokens and those of t, in order."""
    simulation = Simulation(rate, size, tokens)
    for seconds, amount, then in arrivals:
        simulation.run_until(simulation.now + seconds)
        entry = simulation.add(amount)
        if then == "leaves":
            simulation.queue.dequeue(entry)
            simulation.calls.remove(entry)
        elif then == "pauses":
            simulation.queue.pause(1.5)
    simulation.run_until(1e6)
    went = simulation.went
    assert [entry for _, entry in went] == simulation.calls
    for first in range(len(went)):
        for last in range(first, len(went)):
            span = went[last][0] - went[first][0]
            calls = went[first : last + 1]
            if rate is not None:
                assert len(calls) <= size + rate * span + 1e-6
            if tokens is not None:
                taken = sum(entry.tokens for _, entry in calls)
                assert taken <= tokens * (1 + span / 60) + 1e-6


@given(amounts=st.lists(st.integers(0, 50), max_size=20), rate=st.floats(0.5, 20))
def test_no_call_waits_longer_than_needed(amounts: list[int], rate: float) -> None:
    """Of calls that come at once, the k-th goes exactly when the k-th permit is there."""
    simulation = Simulation(rate, 1, None)
    for amount in amounts:
        simulation.add(amount)
    simulation.run_until(1e6)
    for number, (when, _) in enumerate(simulation.went):
        assert when == pytest.approx(number / rate)


def test_no_call_goes_during_a_pause() -> None:
    """A longer pause outlasts a shorter one that is set later."""
    simulation = Simulation(10, 1, None)
    simulation.queue.pause(5)
    simulation.queue.pause(1)
    for _ in range(3):
        simulation.add(0)
    simulation.run_until(100)
    assert [when for when, _ in simulation.went] == pytest.approx([5, 5.1, 5.2])


def test_the_used_tokens_correct_the_estimate() -> None:
    """With fewer, the next call goes at once; else a minute after those of a minute."""
    for used, expected in ((60, 60.001), (10, 0), (110, 60.001)):
        simulation = Simulation(None, 1, 60)
        simulation.add(60)
        simulation.run_until(0)
        simulation.add(1)
        simulation.queue.settle(60, used, 0)
        simulation.run_until(1000)
        assert simulation.went[1][0] == pytest.approx(expected)


def test_a_call_of_more_than_a_minutes_tokens_goes_after_a_minute_without_any() -> None:
    """It does not wait for ever; nor does the next one."""
    simulation = Simulation(None, 1, 60)
    for amount in (1, 100, 1):
        simulation.add(amount)
    simulation.run_until(1000)
    assert [when for when, _ in simulation.went] == pytest.approx([0, 60.001, 120.002])


# -- by the real clock


def test_requests_go_one_after_another(call: Call) -> None:
    """A batch under a limit takes as long as the limit says."""
    limiter = InMemoryRateLimiter(requests_per_second=40)
    model = ScriptedChatModel(["a"], cycle=True, rate_limiter=limiter)
    began = time.monotonic()
    call.batch(model, ["hi"] * 9)
    assert time.monotonic() - began >= 8 / 40 - 0.001
    assert not limiter._queue.waiting


def test_calls_do_not_poll(call: Call) -> None:
    """The clock is read a few times for each request, however long they wait."""
    reads = count()

    def clock() -> float:
        next(reads)
        return time.monotonic()

    limiter = InMemoryRateLimiter(requests_per_second=40)
    limiter._queue = FairQueue(Limits(40), clock)
    call.batch(ScriptedChatModel(["a"], cycle=True, rate_limiter=limiter), ["hi"] * 9)
    assert next(reads) <= 2 * 9 * 2


def test_threads_and_loops_share_a_limit() -> None:
    """Two threads and two loops in one queue get no more than one of them would."""
    limiter = InMemoryRateLimiter(requests_per_second=50, key="shared by threads and loops")
    went: list[float] = []

    def in_thread() -> None:
        for _ in range(4):
            InMemoryRateLimiter(requests_per_second=50, key="shared by threads and loops").acquire()
            went.append(time.monotonic())

    async def on_loop() -> None:
        for _ in range(4):
            await limiter.aacquire()
            went.append(time.monotonic())

    jobs = [in_thread, in_thread, *[lambda: asyncio.run(on_loop())] * 2]
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(went) == 16
    assert max(went) - min(went) >= 15 / 50 - 0.005


def test_a_limiter_can_be_asked_without_waiting(call: Call) -> None:
    """`blocking=False` returns whether a call may go now, and takes the permit only then."""
    limiter = InMemoryRateLimiter(requests_per_minute=1)

    async def acquire() -> list[bool]:
        return [await limiter.aacquire(blocking=False) for _ in range(3)]

    admitted = call.run(lambda: [limiter.acquire(blocking=False) for _ in range(3)], acquire)
    assert admitted == [True, False, False]
    assert not limiter._queue.waiting


@pytest.mark.leaks(reason="the thread of a cancelled call ends a moment later")
def test_a_cancelled_call_leaves_the_queue(call: Call) -> None:
    """It does not wait to the end, takes no permit, and the model does not run."""
    limiter = InMemoryRateLimiter(requests_per_minute=1)
    model = ScriptedChatModel(["a"], cycle=True, rate_limiter=limiter)
    call.invoke(model, "hi")
    for run in (call.invoke, call.stream):
        with pytest.raises(StepTimeout):
            run(model.with_timeout(0.05), "hi")
    until = time.monotonic() + 5
    while limiter._queue.waiting and time.monotonic() < until:
        time.sleep(0.01)
    assert not limiter._queue.waiting
    assert model.opened == 1


def test_the_next_call_goes_when_the_head_is_cancelled() -> None:
    """It is woken, and looks at the clock itself."""

    async def main() -> None:
        limiter = InMemoryRateLimiter(requests_per_second=20)
        await limiter.aacquire()
        waiting = [asyncio.create_task(limiter.aacquire()) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        assert await asyncio.wait_for(waiting[1], 5)

    asyncio.run(main())


def test_calls_of_a_closed_loop_block_no_other() -> None:
    """They are in the queue when their loop is closed; the next call that comes goes."""
    limiter = InMemoryRateLimiter(requests_per_second=50)
    limiter.acquire()
    loop = asyncio.new_event_loop()
    dead = [loop.create_task(limiter.aacquire()) for _ in range(2)]
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    thread = threading.Thread(target=limiter.acquire, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    for task in dead:
        task._log_destroy_pending = False  # type: ignore[attr-defined]


# -- the calls that a model makes to its limiter


class RecordingLimiter(BaseRateLimiter):
    """A limiter that records the calls of its methods."""

    counts_tokens = True

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def acquire(self, *, blocking: bool = True) -> bool:
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        return True

    def reserve(self, tokens: float) -> None:
        self.calls.append(("reserve", tokens))

    async def areserve(self, tokens: float) -> None:
        self.calls.append(("reserve", tokens))

    def settle(self, reserved: float, used: float) -> None:
        self.calls.append(("settle", reserved, used))

    def pause(self, seconds: float) -> None:
        self.calls.append(("pause", seconds))


@pytest.mark.parametrize("way", WAYS)
def test_tokens_are_estimated_and_then_corrected(way: str, call: Call) -> None:
    """The estimate is the input and the longest answer; the usage corrects it."""
    limiter = RecordingLimiter()
    model = ScriptedChatModel(["a b"], usage=USAGE, max_tokens=100, rate_limiter=limiter)
    expected = model.get_num_tokens_from_messages([("human", "hi")]) + 100
    assert ways(call, model)[way]() == "a b"
    assert limiter.calls == [("reserve", expected), ("settle", expected, 7)]


def test_an_answer_without_a_usage_takes_the_estimate(call: Call) -> None:
    """So does a stream that is closed early, and one that fails."""
    limiter = RecordingLimiter()
    for script, take in (("a b", None), ("a b", 1), ([["a", ServerError("x")]], None)):
        model = ScriptedChatModel(script, rate_limiter=limiter)
        try:
            call.stream(model, "hi", take=take)
        except ServerError:
            continue
    assert [name for name, *_ in limiter.calls] == ["reserve"] * 3


def test_a_refused_request_takes_no_tokens(call: Call) -> None:
    """A busy service and an invalid request return the tokens."""
    for error in (RateLimitError("x"), InvalidRequestError("x"), RateLimitError("x", daily=True)):
        limiter = RecordingLimiter()
        with pytest.raises(type(error)):
            call.invoke(ScriptedChatModel([error], rate_limiter=limiter), "hi")
        reserve, settle = limiter.calls
        assert settle == ("settle", reserve[1], 0)


def test_every_attempt_is_a_request(call: Call) -> None:
    """Retries wait for a permit like any other request."""
    limiter = RecordingLimiter()
    model = Quick([ServerError("x"), ServerError("y"), "a"], max_retries=2, rate_limiter=limiter)
    call.invoke(model, "hi")
    assert [name for name, *_ in limiter.calls] == ["reserve"] * 3


def test_a_limiter_needs_acquire_only(call: Call) -> None:
    """Limiters that were written for LangChain work."""

    class Counts(BaseRateLimiter):
        calls = 0

        def acquire(self, *, blocking: bool = True) -> bool:
            self.calls += 1
            return True

        async def aacquire(self, *, blocking: bool = True) -> bool:
            self.calls += 1
            return True

    limiter = Counts()
    model = ScriptedChatModel(["a"], cycle=True, rate_limiter=limiter, usage=USAGE)
    for way in WAYS:
        ways(call, model)[way]()
    assert limiter.calls == len(WAYS)


# -- shared limits


def test_when_a_service_asks_for_a_delay_all_models_wait(call: Call) -> None:
    """One model gets the error; another, with the same limiter, sends nothing meanwhile."""
    limiter = InMemoryRateLimiter(requests_per_second=1000, max_bucket_size=100)
    busy = ScriptedChatModel([RateLimitError("x", retry_after=0.25)], rate_limiter=limiter)
    other = ScriptedChatModel(["a"], cycle=True, rate_limiter=limiter)
    began = time.monotonic()
    with pytest.raises(RateLimitError):
        call.invoke(busy, "hi")
    assert time.monotonic() - began < 0.25
    call.batch(other, ["hi"] * 3)
    assert time.monotonic() - began >= 0.25


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (RateLimitError("x", retry_after=60), True),
        (ServerError("x", retry_after=1), True),
        (RateLimitError("x"), False),
        (RateLimitError("x", retry_after=61), False),
        (RateLimitError("x", retry_after=5, daily=True), False),
        (InvalidRequestError("x", retry_after=5), False),
    ],
    ids=["busy", "down", "no delay", "too long", "daily", "invalid"],
)
def test_only_an_error_that_is_retried_pauses_the_limiter(
    error: Any, pauses: bool, call: Call
) -> None:
    """The quota of a day pauses no call for a day: the next one fails at once, too."""
    limiter = RecordingLimiter()
    with pytest.raises(type(error)):
        call.invoke(ScriptedChatModel([error], rate_limiter=limiter), "hi")
    assert [made for made in limiter.calls if made[0] == "pause"] == [
        ("pause", error.retry_after)
    ] * pauses


def test_a_fallback_takes_over_from_a_limited_model(call: Call) -> None:
    """Its limiter is another one, which the first model's pause does not stop."""
    first = Quick(
        [RateLimitError("x", retry_after=61)],
        max_retries=2,
        rate_limiter=InMemoryRateLimiter(requests_per_minute=6),
    )
    second = Quick(["b"], cycle=True, rate_limiter=InMemoryRateLimiter(requests_per_second=500))
    for way in WAYS:
        model = first.with_fallbacks([second])
        first._rewind()
        first.rate_limiter = InMemoryRateLimiter(requests_per_minute=6)
        assert ways(call, model)[way]() == "b"


# -- a limiter is configuration


def test_pickled_limiters_share_their_limit() -> None:
    """So do copies of a model, and limiters of the same key."""
    limiter = InMemoryRateLimiter(requests_per_minute=1)
    model = ScriptedChatModel(["a"], rate_limiter=limiter)
    copied: Any = pickle.loads(pickle.dumps(model))
    assert copied == model
    assert copied.rate_limiter._queue is limiter._queue
    assert InMemoryRateLimiter(requests_per_minute=1)._queue is not limiter._queue
    one, two = (InMemoryRateLimiter(tokens_per_minute=5, key="a key") for _ in "12")
    assert one._queue is two._queue
    assert repr(one) == "InMemoryRateLimiter(tokens_per_minute=5, max_bucket_size=1, key='a key')"
    with pytest.raises(ConfigError, match="other limits"):
        InMemoryRateLimiter(tokens_per_minute=6, key="a key")
    del one, two
    InMemoryRateLimiter(tokens_per_minute=6, key="a key")


def test_a_forked_child_does_not_wait_behind_its_parents_threads() -> None:
    """The calls of the parent are not in the child's queue."""
    limiter = InMemoryRateLimiter(requests_per_second=5)
    limiter.acquire()
    waiting = threading.Thread(target=limiter.acquire)
    waiting.start()
    while not limiter._queue.waiting:
        time.sleep(0.001)
    forking = multiprocessing.get_context("fork")
    done = forking.Queue()
    child = forking.Process(target=_blocking_child, args=(limiter, done))
    child.start()
    assert done.get(timeout=20) is True
    child.join()
    done.close()
    done.join_thread()
    waiting.join()


def _blocking_child(limiter: InMemoryRateLimiter, done: Any) -> None:
    done.put(limiter.acquire())


@pytest.mark.parametrize(
    "wrong",
    [
        {"requests_per_second": 0},
        {"requests_per_minute": -1},
        {"tokens_per_minute": "9"},
        {"max_bucket_size": 0.5},
        {"requests_per_second": True},
        {"requests_per_second": float("nan")},
        {"requests_per_second": float("inf")},
    ],
    ids=repr,
)
def test_a_wrong_limit_is_refused(wrong: Any) -> None:
    """The error names it."""
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        InMemoryRateLimiter(**wrong)


def test_a_wrong_limiter_is_refused() -> None:
    """The error comes when the model is made."""
    with pytest.raises(ConfigError, match="rate_limiter"):
        ScriptedChatModel(rate_limiter=5)


def test_langchains_arguments_are_accepted() -> None:
    """They mean the same; without any, the limit is one request a second."""
    InMemoryRateLimiter(requests_per_second=2, check_every_n_seconds=0.1, max_bucket_size=10)
    assert InMemoryRateLimiter().requests_per_second == 1
    assert InMemoryRateLimiter(tokens_per_minute=1).requests_per_second is None


def test_an_observed_model_is_limited_the_same(call: Call) -> None:
    """Its call is one request."""
    limiter = RecordingLimiter()
    model = ScriptedChatModel([[Delay(0.01), "a"]], rate_limiter=limiter)
    call.invoke(model, "hi", {"callbacks": [ChunkHandler()]})
    assert len([made for made in limiter.calls if made[0] == "reserve"]) == 1


# -- embeddings


class Vectors(Embeddings):
    """A model that sends each string by itself, to a service with scripted errors."""

    _backoff = NO_BACKOFF

    def __init__(self, errors: list[Exception], **policies: Any) -> None:
        super().__init__(**policies)
        self.errors = errors
        self._requests: list[str] = []

    def _send(self, text: str) -> list[float]:
        self._requests.append(text)
        if self.errors:
            raise self.errors.pop(0)
        return [float(len(text))]

    async def _asend(self, text: str) -> list[float]:
        return self._send(text)

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._request(partial(self._send, text), [text]) for text in texts]

    async def aembed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [await self._arequest(partial(self._asend, text), [text]) for text in texts]


def test_requests_of_embeddings_are_limited_and_retried(call: Call) -> None:
    """Each request is, in a batch and in a direct call; under `with_retry` only that retries."""
    errors: list[Exception] = [ServerError("x"), RateLimitError("y")]
    limiter = RecordingLimiter()
    model = Vectors(list(errors), max_retries=2, rate_limiter=limiter)
    assert call.batch(model, ["abcde", "b"]) == [[5.0], [1.0]]
    assert model._requests == ["abcde"] * 3 + ["b"]
    assert [made for made in limiter.calls if made[0] == "reserve"] == [("reserve", 2)] * 3 + [
        ("reserve", 1)
    ]
    model = Vectors(list(errors), max_retries=2)
    direct = call.run(
        lambda: model.embed_documents(["abcde", "b"]),
        lambda: model.aembed_documents(["abcde", "b"]),
    )
    assert direct == [[5.0], [1.0]]
    model = Vectors([ServerError("x")] * 99, max_retries=2)
    with pytest.raises(ServerError):
        call.invoke(model.with_retry(wait_exponential_jitter=False), "abc")
    assert len(model._requests) == 3
    model = Vectors(list(errors))
    with pytest.raises(ServerError):
        call.invoke(model, "abc")
