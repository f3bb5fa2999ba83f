"""Rate limits: who goes when, in which order, and what all who share a limit learn."""

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
from runnables.models.rate_limits import FairQueue, _QueueEntry
from runnables_providers.scripted import Delay, ScriptedChatModel
from tests.both_modes import Call
from tests.models.test_request_policies import WAYS, Quick, Watches, ways

USAGE: Any = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


# -- the line, by a clock of its own


class Wakeup:
    """Nobody sleeps here: the simulation moves the clock."""

    is_dead = False

    def set(self) -> None:
        """Woken, whoever it is."""


class Simulation:
    """Lets turns join, leave and go, as time passes."""

    def __init__(self, rate: float | None, size: float, tokens: float | None) -> None:
        self.now = 0.0
        self.line = FairQueue((rate, size, tokens), lambda: self.now)
        self.joined: list[_QueueEntry] = []
        self.went: list[tuple[float, _QueueEntry]] = []

    def join(self, tokens: float) -> _QueueEntry:
        turn = _QueueEntry(tokens, Wakeup())
        self.line.enqueue(turn)
        self.joined.append(turn)
        return turn

    def run_until(self, time: float) -> None:
        """Wake the first of the line exactly when it asked for it."""
        while self.line.waiting:
            first = self.line.waiting[0]
            seconds = self.line.seconds_until(first)
            if seconds == 0:
                self.went.append((self.now, first))
            elif self.now + seconds > time:
                break
            else:
                self.now += seconds
        self.now = max(self.now, time)


ARRIVALS = st.lists(
    st.tuples(
        st.floats(0, 2),  # seconds since the one before
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
def test_no_span_of_time_sees_more_than_the_limits(
    arrivals: Any, rate: float | None, size: float, tokens: float | None
) -> None:
    """At most size + rate * t requests, at most a minute's tokens and those that came; in order."""
    simulation = Simulation(rate, size, tokens)
    for seconds, amount, then in arrivals:
        simulation.run_until(simulation.now + seconds)
        turn = simulation.join(amount)
        if then == "leaves":
            simulation.line.dequeue(turn)
            simulation.joined.remove(turn)
        elif then == "pauses":
            simulation.line.pause(1.5)
    simulation.run_until(1e6)
    went = simulation.went
    assert [turn for _, turn in went] == simulation.joined
    for first in range(len(went)):
        for last in range(first, len(went)):
            span = went[last][0] - went[first][0]
            there = went[first : last + 1]
            if rate is not None:
                assert len(there) <= size + rate * span + 1e-6
            if tokens is not None:
                taken = sum(turn.tokens for _, turn in there)
                assert taken <= tokens * (1 + span / 60) + 1e-6


@given(amounts=st.lists(st.integers(0, 50), max_size=20), rate=st.floats(0.5, 20))
def test_nobody_waits_longer_than_needed(amounts: list[int], rate: float) -> None:
    """All at once: the k-th goes when the k-th token of the bucket is there, to the point."""
    simulation = Simulation(rate, 1, None)
    for amount in amounts:
        simulation.join(amount)
    simulation.run_until(1e6)
    for number, (when, _) in enumerate(simulation.went):
        assert when == pytest.approx(number / rate)


def test_nobody_goes_during_a_pause_and_all_go_on_after_it() -> None:
    """A longer pause outlasts a shorter one that is asked for later."""
    simulation = Simulation(10, 1, None)
    simulation.line.pause(5)
    simulation.line.pause(1)
    for _ in range(3):
        simulation.join(0)
    simulation.run_until(100)
    assert [when for when, _ in simulation.went] == pytest.approx([5, 5.1, 5.2])


def test_what_was_not_used_lets_the_next_go_sooner() -> None:
    """And what was used beyond the estimate makes them wait longer."""
    for used, expected in ((60, 1), (10, 0), (110, 51)):
        simulation = Simulation(None, 1, 60)
        simulation.join(60)
        simulation.run_until(0)
        simulation.join(1)
        simulation.line.settle(60, used)
        simulation.run_until(1000)
        assert simulation.went[1][0] == pytest.approx(expected)


def test_a_call_larger_than_a_minute_goes_when_all_is_there() -> None:
    """It does not wait for ever; what it takes beyond is owed."""
    simulation = Simulation(None, 1, 60)
    for amount in (1, 100, 1):
        simulation.join(amount)
    simulation.run_until(1000)
    assert [when for when, _ in simulation.went] == pytest.approx([0, 1, 42])


# -- by the real clock


def test_requests_go_one_after_another(call: Call) -> None:
    """A batch under a limit takes as long as the limit says; each waits in the order of coming."""
    limiter = InMemoryRateLimiter(requests_per_second=40)
    model = ScriptedChatModel(["a"], cycle=True, rate_limiter=limiter)
    began = time.monotonic()
    call.batch(model, ["hi"] * 9)
    assert time.monotonic() - began >= 8 / 40 - 0.001
    assert not limiter._queue.waiting


def test_nobody_polls(call: Call) -> None:
    """The clock is looked at a few times for each request, however long they wait."""
    looks = count()

    def clock() -> float:
        next(looks)
        return time.monotonic()

    limiter = InMemoryRateLimiter(requests_per_second=40)
    limiter._queue = FairQueue((40, 1, None), clock)
    call.batch(ScriptedChatModel(["a"], cycle=True, rate_limiter=limiter), ["hi"] * 9)
    assert next(looks) <= 2 * 9 * 2


def test_threads_and_loops_share_a_limit() -> None:
    """Two threads and two loops, one line: together they get no more than one of them."""
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


def test_it_can_be_asked_without_waiting(call: Call) -> None:
    """`blocking=False` says whether it may go now, and takes its place only then."""
    limiter = InMemoryRateLimiter(requests_per_minute=1)

    async def aask() -> list[bool]:
        return [await limiter.aacquire(blocking=False) for _ in range(3)]

    asked = call.run(lambda: [limiter.acquire(blocking=False) for _ in range(3)], aask)
    assert asked == [True, False, False]
    assert not limiter._queue.waiting


@pytest.mark.leaks(reason="the thread of a call that was given up ends a moment later")
def test_who_is_given_up_leaves_the_line(call: Call) -> None:
    """It does not wait to the end, it takes nobody's turn, and the model is not asked."""
    limiter = InMemoryRateLimiter(requests_per_minute=1)
    model = ScriptedChatModel(["a"], cycle=True, rate_limiter=limiter)
    call.invoke(model, "hi")
    for do in (call.invoke, call.stream):
        with pytest.raises(StepTimeout):
            do(model.with_timeout(0.05), "hi")
    until = time.monotonic() + 5
    while limiter._queue.waiting and time.monotonic() < until:
        time.sleep(0.01)
    assert not limiter._queue.waiting
    assert model.opened == 1


def test_the_next_goes_when_the_first_is_cancelled() -> None:
    """The one behind it is called, and looks at the clock itself."""

    async def main() -> None:
        limiter = InMemoryRateLimiter(requests_per_second=20)
        await limiter.aacquire()
        waiting = [asyncio.create_task(limiter.aacquire()) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        assert await asyncio.wait_for(waiting[1], 5)

    asyncio.run(main())


def test_nobody_waits_behind_those_of_a_loop_that_was_closed() -> None:
    """They stood in line when their loop ended without a word to them; the next comer goes."""
    limiter = InMemoryRateLimiter(requests_per_second=50)
    limiter.acquire()
    loop = asyncio.new_event_loop()
    left = [loop.create_task(limiter.aacquire()) for _ in range(2)]
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    came = threading.Thread(target=limiter.acquire, daemon=True)
    came.start()
    came.join(5)
    assert not came.is_alive()
    for task in left:
        task._log_destroy_pending = False  # type: ignore[attr-defined]


# -- what a model tells its limiter


class Books(BaseRateLimiter):
    """Writes down what it is told."""

    counts_tokens = True

    def __init__(self) -> None:
        self.told: list[Any] = []

    def acquire(self, *, blocking: bool = True) -> bool:
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        return True

    def reserve(self, tokens: float) -> None:
        self.told.append(("reserve", tokens))

    async def areserve(self, tokens: float) -> None:
        self.told.append(("reserve", tokens))

    def settle(self, reserved: float, used: float) -> None:
        self.told.append(("settle", reserved, used))

    def pause(self, seconds: float) -> None:
        self.told.append(("pause", seconds))


@pytest.mark.parametrize("way", WAYS)
def test_tokens_are_estimated_and_then_corrected(way: str, call: Call) -> None:
    """The question and the longest answer before, the reported usage after."""
    books = Books()
    model = ScriptedChatModel(["a b"], usage=USAGE, max_tokens=100, rate_limiter=books)
    expected = model.get_num_tokens_from_messages([("human", "hi")]) + 100
    assert ways(call, model)[way]() == "a b"
    assert books.told == [("reserve", expected), ("settle", expected, 7)]


def test_an_answer_without_a_usage_took_what_was_reserved(call: Call) -> None:
    """So does a stream that is left, and an answer that breaks off."""
    books = Books()
    for script, take in (("a b", None), ("a b", 1), ([["a", ServerError("x")]], None)):
        model = ScriptedChatModel(script, rate_limiter=books)
        try:
            call.stream(model, "hi", take=take)
        except ServerError:
            continue
    assert [it[0] for it in books.told] == ["reserve"] * 3


def test_what_is_refused_took_nothing(call: Call) -> None:
    """A busy service and a client's fault: the tokens come back."""
    for error in (RateLimitError("x"), InvalidRequestError("x"), RateLimitError("x", daily=True)):
        books = Books()
        with pytest.raises(type(error)):
            call.invoke(ScriptedChatModel([error], rate_limiter=books), "hi")
        reserve, settle = books.told
        assert settle == ("settle", reserve[1], 0)


def test_every_attempt_is_a_request(call: Call) -> None:
    """Retries wait for their turn like anybody."""
    books = Books()
    model = Quick([ServerError("x"), ServerError("y"), "a"], max_retries=2, rate_limiter=books)
    call.invoke(model, "hi")
    assert [it[0] for it in books.told] == ["reserve"] * 3


def test_a_limiter_with_acquire_alone_will_do(call: Call) -> None:
    """As people write them for LangChain."""

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


# -- what all who share it learn


def test_when_the_service_asks_for_a_pause_all_users_wait(call: Call) -> None:
    """One model hears of the delay; another, behind the same limiter, sends nothing meanwhile."""
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
    ids=["busy", "down", "says nothing", "too long", "daily", "client's fault"],
)
def test_nobody_waits_for_what_will_not_be_asked_again(
    error: Any, pauses: bool, call: Call
) -> None:
    """A quota of a day stops nobody for a day: the next call fails at once, too."""
    books = Books()
    with pytest.raises(type(error)):
        call.invoke(ScriptedChatModel([error], rate_limiter=books), "hi")
    assert [it for it in books.told if it[0] == "pause"] == [("pause", error.retry_after)] * pauses


def test_a_fallback_takes_over_from_a_limited_model(call: Call) -> None:
    """Its own limiter is another one, and the first model's pause is none of its business."""
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
    """So do copies of a model, and models that name the same key."""
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
    """Whoever stood in line there is not here."""
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
def test_a_limit_that_is_none_is_refused(wrong: Any) -> None:
    """With its name."""
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        InMemoryRateLimiter(**wrong)


def test_something_else_is_no_limiter() -> None:
    """Said where the model is made."""
    with pytest.raises(ConfigError, match="rate_limiter"):
        ScriptedChatModel(rate_limiter=5)


def test_langchains_arguments_are_taken() -> None:
    """With the same meaning; none at all means one request a second."""
    InMemoryRateLimiter(requests_per_second=2, check_every_n_seconds=0.1, max_bucket_size=10)
    assert InMemoryRateLimiter().requests_per_second == 1
    assert InMemoryRateLimiter(tokens_per_minute=1).requests_per_second is None


def test_watching_changes_nothing(call: Call) -> None:
    """The watched model is limited the same, once for a call."""
    books = Books()
    model = ScriptedChatModel([[Delay(0.01), "a"]], rate_limiter=books)
    call.invoke(model, "hi", {"callbacks": [Watches()]})
    assert len([it for it in books.told if it[0] == "reserve"]) == 1


# -- embeddings


class Vectors(Embeddings):
    """Sends each text in a request of its own, to a service that fails as told."""

    _pace = NO_BACKOFF

    def __init__(self, faults: list[Exception], **policies: Any) -> None:
        super().__init__(**policies)
        self.faults = faults
        self._requests: list[str] = []

    def _send(self, text: str) -> list[float]:
        self._requests.append(text)
        if self.faults:
            raise self.faults.pop(0)
        return [float(len(text))]

    async def _asend(self, text: str) -> list[float]:
        return self._send(text)

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._request(partial(self._send, text), [text]) for text in texts]

    async def aembed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [await self._arequest(partial(self._asend, text), [text]) for text in texts]


def test_requests_of_embeddings_are_limited_and_made_again(call: Call) -> None:
    """Each request on its own, in a batch and in a direct call; in one layer as well."""
    faults: list[Exception] = [ServerError("x"), RateLimitError("y")]
    books = Books()
    model = Vectors(list(faults), max_retries=2, rate_limiter=books)
    assert call.batch(model, ["abcde", "b"]) == [[5.0], [1.0]]
    assert model._requests == ["abcde"] * 3 + ["b"]
    assert [it for it in books.told if it[0] == "reserve"] == [("reserve", 2)] * 3 + [
        ("reserve", 1)
    ]
    model = Vectors(list(faults), max_retries=2)
    direct = call.run(
        lambda: model.embed_documents(["abcde", "b"]),
        lambda: model.aembed_documents(["abcde", "b"]),
    )
    assert direct == [[5.0], [1.0]]
    model = Vectors([ServerError("x")] * 99, max_retries=2)
    with pytest.raises(ServerError):
        call.invoke(model.with_retry(wait_exponential_jitter=False), "abc")
    assert len(model._requests) == 3
    model = Vectors(list(faults))
    with pytest.raises(ServerError):
        call.invoke(model, "abc")
