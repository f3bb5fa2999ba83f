"""The gate: who calls when, in which order, and what the limit gets to know."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runnables import AuthenticationError, RateLimitError, ServerError
from runnables.engine.timeouts import Expired, run_with_timeout
from runnables.jobs.adaptive import AdaptiveLimit
from runnables.jobs.gate import Gate, Turn
from runnables.jobs.limits import FixedLimit, LimitedCall
from runnables.models.response_headers import headers_listener, report_headers
from tests.both_modes import Call


class Recorder(FixedLimit):
    """A fixed limit that records what is reported to it."""

    def __init__(self, limit: int = 1) -> None:
        super().__init__(limit)
        self.reports: list[Any] = []
        self.most = 0

    def started(self, now: float, tokens: float = 0) -> LimitedCall:
        call = super().started(now, tokens)
        self.most = max(self.most, self.in_flight)
        return call

    def succeeded(self, call: LimitedCall, now: float, *_: Any, **details: Any) -> None:
        super().succeeded(call, now)
        self.reports.append(("succeeded", details.get("tokens")))

    def refused(
        self,
        call: LimitedCall,
        now: float,
        retry_after: float | None = None,
        *_: Any,
        **details: Any,
    ) -> float:
        self.reports.append(("refused", retry_after, details["by_tokens"]))
        return super().refused(call, now, retry_after)

    def failed(self, call: LimitedCall, now: float) -> None:
        super().failed(call, now)
        self.reports.append("failed")

    def state(self, headers: Mapping[str, str] | None, now: float, call: LimitedCall) -> bool:
        self.reports.append(headers)
        return super().state(headers, now, call)


def _run(call: Call, gate: Gate, function: Any, **options: Any) -> Any:
    """Run a function at the gate, sync or async."""

    async def awaited(turn: Turn) -> Any:
        return function(turn)

    return call.run(lambda: gate.run(function, **options), lambda: gate.arun(awaited, **options))


class Failing:
    """A function that raises these errors, one a call, and then returns "done"."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self, turn: Turn) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def test_a_refused_call_is_made_again_until_it_is_answered(call: Call) -> None:
    """It waits for as long as the service asks; no number of attempts ends it."""
    limit, busy = Recorder(), RateLimitError("slow down", retry_after=0.001)
    function = Failing(*[busy] * 12)
    assert _run(call, Gate(limit), function) == "done"
    assert limit.reports == [("refused", 0.001, False)] * 12 + [("succeeded", None)]
    assert limit.in_flight == 0


def test_a_row_is_given_up_by_time(call: Call) -> None:
    """A refusal that would be tried again too late is raised at once."""
    function = Failing(RateLimitError("x", retry_after=0.001), RateLimitError("x", retry_after=60))
    with pytest.raises(RateLimitError):
        _run(call, Gate(FixedLimit(1)), function, give_up=5)
    assert function.calls == 2


@pytest.mark.parametrize(
    "error",
    [
        RateLimitError("come back tomorrow", daily=True),
        ServerError("down", status=503),
        AuthenticationError("no such key"),
        ValueError("a defect"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_are_raised_and_say_nothing_about_the_limit(
    call: Call, error: Exception
) -> None:
    """Also a used-up quota: waiting for minutes would not help."""
    limit, function = Recorder(), Failing(error)
    with pytest.raises(type(error)):
        _run(call, Gate(limit), function)
    assert limit.reports == ["failed"]
    assert (function.calls, limit.in_flight) == (1, 0)


@pytest.mark.parametrize(
    ("message", "by_tokens"),
    [
        ("Rate limit reached on tokens per min (TPM): Limit 30000, Used 29000", True),
        ("Quota exceeded for metric: free_tier_input_token_count, limit: 250000", True),
        ("Rate limit reached on requests per min (RPM): Limit 3, Used 3", False),
        ("Too many requests", False),
    ],
)
def test_the_limit_learns_that_tokens_are_short(call: Call, message: str, by_tokens: bool) -> None:
    """The services' words say it, where their headers do not."""
    limit = Recorder()
    _run(call, Gate(limit), Failing(RateLimitError(message, retry_after=0)))
    assert limit.reports[0] == ("refused", 0, by_tokens)


def test_a_turn_says_how_many_tokens_were_used(call: Call) -> None:
    """They reach the limit with the success."""
    limit = Recorder()
    _run(call, Gate(limit), lambda turn: turn.used(42))
    assert limit.reports == [("succeeded", 42)]


def test_headers_of_responses_reach_the_limit(call: Call) -> None:
    """Of each response within the turn, and of none after it."""
    limit, headers = Recorder(), {"x-ratelimit-limit-requests": "600"}
    _run(call, Gate(limit), lambda turn: report_headers(headers))
    assert limit.reports == [headers, ("succeeded", None)]
    assert headers_listener.get() is None


async def test_the_limit_holds_for_threads_and_tasks_together() -> None:
    """Of 60 calls of both kinds at one gate, at most 3 are in flight, and all are made."""
    limit = Recorder(3)
    gate = Gate(limit)

    async def work() -> None:
        async with gate.turn():
            await asyncio.sleep(0.001)

    def work_in_thread() -> None:
        for _ in range(5):
            with gate.turn():
                threading.Event().wait(0.001)

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(6) as pool:
        threads = [loop.run_in_executor(pool, work_in_thread) for _ in range(6)]
        await asyncio.gather(*threads, *(work() for _ in range(30)))
    assert limit.reports == [("succeeded", None)] * 60
    assert (limit.most, limit.in_flight, gate.waiting) == (3, 0, 0)


async def test_calls_start_in_the_order_in_which_they_came() -> None:
    """And a refused row comes before those that came after it."""
    gate, order = Gate(FixedLimit(1)), list[str]()

    async def work(name: str) -> None:
        async with gate.turn():
            order.append(name)
            while name == "a" and gate.waiting < 3:  # until the refused row has come back
                await asyncio.sleep(0)

    async def refused_once(turn: Turn) -> None:
        order.append("row")
        if order == ["row"]:
            raise RateLimitError("x", retry_after=0)

    row = asyncio.create_task(gate.arun(refused_once))
    await asyncio.gather(row, *(work(name) for name in "abc"))
    assert order == ["row", "a", "row", "b", "c"]


async def test_a_cancelled_call_leaves_the_queue() -> None:
    """Whether it waits first or later; the others have their turns."""
    limit = Recorder()
    gate = Gate(limit)
    entered = list[int]()

    async def work(number: int) -> None:
        async with gate.turn():
            entered.append(number)

    async with gate.turn():
        tasks = [asyncio.create_task(work(number)) for number in range(5)]
        await asyncio.sleep(0)
        assert gate.waiting == 5
        tasks[0].cancel()
        tasks[3].cancel()
        await asyncio.wait([tasks[0], tasks[3]])
        assert gate.waiting == 3
    await asyncio.gather(*tasks, return_exceptions=True)
    assert entered == [1, 2, 4]
    assert (limit.in_flight, gate.waiting) == (0, 0)


async def test_a_cancelled_turn_says_nothing_about_the_limit() -> None:
    """Nor is it left in flight."""
    limit = Recorder()
    gate, entered = Gate(limit), asyncio.Event()

    async def work() -> None:
        async with gate.turn():
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await entered.wait()
    task.cancel()
    await asyncio.wait([task])
    assert (limit.reports, limit.in_flight) == (["failed"], 0)


def test_a_thread_that_waits_ends_with_its_call() -> None:
    """A timeout around it ends the wait, and the next one has the turn."""
    gate = Gate(FixedLimit(1))

    def wait() -> None:
        with gate.turn():
            pytest.fail("there was no turn left")

    with gate.turn():
        with pytest.raises(Expired):
            run_with_timeout(wait, 0.05)
        ended = threading.Event()
        for _ in range(100):
            if gate.waiting == 0:
                break
            ended.wait(0.02)
        assert gate.waiting == 0
    assert gate.run(lambda turn: "free") == "free"


def test_a_wait_of_a_closed_loop_holds_up_no_call() -> None:
    """Its tasks can neither take their turn nor leave the queue."""
    gate = Gate(FixedLimit(1))
    loop = asyncio.new_event_loop()

    async def wait() -> None:
        async with gate.turn():
            pytest.fail("there was no turn left")

    with gate.turn():
        task = loop.create_task(wait())
        loop.run_until_complete(asyncio.sleep(0))
        assert gate.waiting == 1
        loop.stop()
        loop.run_forever()
        coroutine: Any = task.get_coro()
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is left on purpose
        loop.close()
    assert gate.run(lambda turn: "free") == "free"
    coroutine.close()


def test_a_gate_works_with_any_limit() -> None:
    """The gate asks its limit only what every limit answers."""
    limit = AdaptiveLimit(first=2)
    gate = Gate(limit)
    assert [gate.run(lambda turn: "done") for _ in range(20)] == ["done"] * 20
    assert (gate.in_flight, gate.limit) == (0, limit)
