"""Batches of a served chain: one request, its limit, the errors of its inputs, jobs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse

from runnables import RunnableLambda, ServerError
from runnables_providers.remote import RemoteRunnable
from tests.both_modes import Call
from tests.providers.remote.servers import answering
from tests.serving.servers import Served, serving


def odd_only(number: int) -> int:
    if number % 2 == 0:
        raise ValueError("even")
    return number


def runs(served: Served) -> int:
    return served.service.counts.runs


def test_a_batch_is_one_request(call: Call) -> None:
    """More inputs than `max_batch_size` are several."""
    with serving(RunnableLambda(len)) as served:
        there = RemoteRunnable(served.url)
        assert call.batch(there, ["a", "bb", "ccc"]) == [1, 2, 3]
        assert runs(served) == 1
        assert call.batch(there, []) == []
        assert runs(served) == 1
        assert call.batch(RemoteRunnable(served.url, max_batch_size=2), ["a"] * 5) == [1] * 5
        assert runs(served) == 4
        pairs = call.batch_as_completed(there, ["a", "bb"])
        assert sorted(pairs) == [(0, 1), (1, 2)]
        assert runs(served) == 5


@pytest.mark.parametrize("limit", [1, 3, None])
def test_the_limit_of_a_batch_is_that_of_the_server_too(limit: int | None, call: Call) -> None:
    """At most so many calls run there at once, over all requests; by default the usual 32."""
    lock = threading.Lock()
    running = most = 0

    async def measure(text: str) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        import asyncio

        await asyncio.sleep(0.002)
        with lock:
            running -= 1
        return len(text)

    with serving(RunnableLambda(measure)) as served:
        there = RemoteRunnable(served.url, max_batch_size=10)
        assert call.batch(there, ["a"] * 40, max_concurrency=limit) == [1] * 40
        assert most <= (limit or 32)
        assert runs(served) == 4


def test_each_input_has_its_own_error(call: Call) -> None:
    """The others have their outputs, and nothing runs twice."""
    seen: list[int] = []

    def step(number: int) -> int:
        seen.append(number)
        return odd_only(number)

    with serving(RunnableLambda(step)) as served:
        there = RemoteRunnable(served.url)
        outputs = call.batch(there, [1, 2, 3, 4], return_exceptions=True)
        assert [type(output) for output in outputs] == [int, ServerError, int, ServerError]
        assert outputs[1].__notes__ == ["in batch item 1"]
        assert sorted(seen) == [1, 2, 3, 4]
        with pytest.raises(ServerError, match="The chain has failed"):
            call.batch(there, [1, 2])


def test_inputs_that_do_not_fit_fail_alone(call: Call) -> None:
    """The server refuses the request as a whole; the others are sent again, one by one."""
    with serving(RunnableLambda(odd_only)) as served:
        outputs = call.batch(RemoteRunnable(served.url), [1, "x", 3], return_exceptions=True)
        assert (outputs[0], outputs[2]) == (1, 3)
        assert "valid integer" in str(outputs[1])


def test_a_server_that_does_not_say_which_has_failed_is_asked_for_each(call: Call) -> None:
    """As with LangServe, where one error fails the batch."""
    failed = JSONResponse({"detail": "no"}, 500)
    good = JSONResponse({"output": 1, "metadata": {}})
    with answering([failed, good, failed, good]) as server:
        outputs = call.batch(RemoteRunnable(server.url), ["a", "b", "c"], return_exceptions=True)
        assert [type(output) for output in outputs] == [int, ServerError, int]
        assert [next(iter(body)) for body in server.bodies] == ["inputs", "input", "input", "input"]


def test_a_job_with_a_checkpoint_runs_each_row_once(call: Call, tmp_path: Path) -> None:
    """With another key it goes on where it was; nothing of the keys is in the file."""
    seen: list[str] = []

    def step(text: str) -> int:
        seen.append(text)
        return len(text)

    file = tmp_path / "job.sqlite"
    keys = ["sk-first-0123456789", "sk-second-0123456789"]
    with serving(RunnableLambda(step), api_keys=keys) as served:
        for key in keys:
            there = RemoteRunnable(served.url, api_key=key, headers={"x-token": key})
            assert call.batch(there, ["a", "bb", "ccc"], checkpoint=file) == [1, 2, 3]
    assert sorted(seen) == ["a", "bb", "ccc"]
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not [key for key in keys if key.encode() in stored]


def test_a_retry_repeats_the_rows_that_failed(call: Call) -> None:
    """And only those."""
    seen: list[Any] = []

    def step(number: int) -> int:
        seen.append(number)
        if number == 2 and seen.count(2) == 1:
            raise ValueError("once")
        return number

    with serving(RunnableLambda(step)) as served:
        there = RemoteRunnable(served.url).with_retry(wait_exponential_jitter=False)
        assert call.batch(there, [1, 2, 3]) == [1, 2, 3]
        assert sorted(seen) == [1, 2, 2, 3]
