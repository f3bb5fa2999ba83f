"""The parts of batches whose rows run in other processes."""

from __future__ import annotations

import asyncio
import math
import pickle
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runnables import (
    AuthenticationError,
    Budget,
    ConfigError,
    InMemoryRateLimiter,
    MissingExtra,
    RunnableLambda,
    UsageMetadata,
)
from runnables.core.config import Scope
from runnables.engine.loop_thread import LoopThread
from runnables.jobs.executors.budget_parts import BudgetParts
from runnables.jobs.executors.chunk_size import ChunkSizes
from runnables.jobs.executors.engines import Place
from runnables.jobs.executors.errors_sent import unpack_error
from runnables.jobs.executors.fleet import Fleet
from runnables.jobs.executors.job_packing import pack_job
from runnables.jobs.executors.messages import (
    ChunkOrder,
    ChunkReply,
    RowReport,
    head_of,
    reply_of,
    to_bytes,
)
from runnables.jobs.executors.packing import Packer, pack_plainly, unpack
from runnables.jobs.executors.worker import run_chunk, stop_job
from runnables_providers.openai import ChatOpenAI
from runnables_providers.scripted import ScriptedChatModel

cloudpickle = pytest.importorskip("cloudpickle")

# -- the sizes of chunks


@pytest.mark.parametrize(
    ("latency", "share", "rows"),
    [(0.0, 8, 1), (0.02, 8, 240), (0.3, 8, 16), (1.0, 8, 1), (30.0, 8, 1), (0.0001, 8, 1_000)],
)
def test_chunks_are_sized_by_time(latency: float, share: int, rows: int) -> None:
    """About half a second of work; one row where it is not known yet, or takes a second."""
    sizes = ChunkSizes()
    sizes.learn(latency)
    assert sizes.rows(share, 10**6, 16, math.inf) == pytest.approx(rows, abs=1)


def test_chunks_fill_processes_that_run_one_at_a_time() -> None:
    """Then the whole share has to be in one chunk."""
    sizes = ChunkSizes()
    sizes.learn(5.0)
    assert sizes.rows(8, 1, 16, math.inf) == 8
    assert sizes.rows(8, 2, 16, math.inf) == 4


def test_chunks_become_smaller_towards_the_end_and_with_large_rows() -> None:
    """So that all processes end at the same time, and no message is huge."""
    sizes = ChunkSizes()
    sizes.learn(0.02)
    assert sizes.rows(8, 10**6, 16, 100) == 50
    sizes.learn_bytes(1, 4_000_000)
    assert sizes.rows(8, 10**6, 16, math.inf) == 2


def test_the_limit_is_divided_among_the_processes() -> None:
    """The first ones get the rest, where chunks can be placed; some idle where there are more."""
    places = [Place(str(number)) for number in range(4)]
    fleet = Fleet(10, keeps_places=True)
    fleet.update(places)
    assert [worker.share for worker in fleet.workers.values()] == [3, 3, 2, 2]
    fleet = Fleet(10, keeps_places=False)
    fleet.update(places)
    assert [worker.share for worker in fleet.workers.values()] == [2, 2, 2, 2]
    fleet = Fleet(3, keeps_places=True)
    fleet.update(places)
    assert [worker.share for worker in fleet.workers.values()] == [1, 1, 1]


def test_parts_of_a_budget_never_exceed_it() -> None:
    """What is in flight is reserved; what is left is given once others have ended."""
    budget = Budget(tokens=1_000)
    parts = BudgetParts(budget)
    first, second = parts.take(10), parts.take(10)
    assert first is not None and second is not None
    assert first.tokens + second.tokens <= 1_000
    budget.add("m", UsageMetadata(input_tokens=600, output_tokens=0, total_tokens=600))
    parts.release(first, 10)
    third = parts.take(10)
    assert third is not None and third.tokens + second.tokens <= 400
    assert Budget(**parts.settings(third)).tokens == third.tokens


# -- what travels

KEY = "sk-very-secret-0123456789"


def _job(chain: Any, *, send_secrets: bool = False) -> bytes:
    return pack_job(
        chain,
        {},
        Scope(),
        (),
        retry_for=0.0,
        row_timeout=None,
        is_async=False,
        is_adaptive=False,
        send_secrets=send_secrets,
    )


def _run(job: bytes, rows: list[Any]) -> ChunkReply:
    order = ChunkOrder(
        uuid.uuid4().hex, 0, 2, 2, 1, False, None, pack_plainly([(row, None) for row in rows])
    )
    return reply_of(run_chunk(job, to_bytes(order)))


def _reports(reply: ChunkReply) -> list[RowReport]:
    assert reply.kind == "done" and isinstance(reply.reports, bytes)
    return [RowReport(*report) for report in unpack(reply.reports)]


def test_keys_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker without one in its environment says which variable it looks for."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    job = _job(ChatOpenAI("gpt-5-mini", api_key=KEY, max_retries=None))
    assert KEY.encode() not in job
    [report] = _reports(_run(job, ["Hi"]))
    assert report.error is not None
    error = unpack_error(report.error)
    assert isinstance(error, AuthenticationError) and "OPENAI_API_KEY" in str(error)
    assert any("send_secrets" in note for note in error.__notes__)


def test_keys_travel_where_the_user_says_so() -> None:
    """As they are."""
    job = _job(ChatOpenAI("gpt-5-mini", api_key=KEY), send_secrets=True)
    assert KEY.encode() in job


def test_secret_headers_are_refused_without_that() -> None:
    """They cannot come from an environment; the error names them, and not their values."""
    headers = {"X-Api-Key": KEY}
    model = ChatOpenAI("m", base_url="http://127.0.0.1:1/v1", default_headers=headers)
    with pytest.raises(ConfigError, match=r"X-Api-Key.*send_secrets=True") as raised:
        _job(model)
    assert KEY not in str(raised.value)


def test_limiters_become_parts_of_a_limit() -> None:
    """Of its rates; a process makes at least one request at once."""
    limiter = InMemoryRateLimiter(requests_per_minute=60, tokens_per_minute=9_000)
    packed = Packer(send_secrets=False).pack(limiter, "it")
    part = unpack(packed, processes=3)
    assert (part.requests_per_minute, part.tokens_per_minute) == (20, 3_000)
    assert unpack(packed, processes=3)._queue is part._queue
    assert part.max_bucket_size == 1


@pytest.mark.parametrize(("field", "other"), [("python", "3.10"), ("library", "0.0.1")])
def test_other_versions_are_refused(field: str, other: str) -> None:
    """Pickled functions run under their own version only; the reply says both."""
    head = head_of(_job(RunnableLambda(len)))
    reply = _run(to_bytes(head._replace(**{field: other})), ["a"])
    assert reply.kind == "refused" and other in reply.text and "same" in reply.text


def test_a_process_without_the_job_says_so() -> None:
    """The driver sends it then; later chunks do not need it, until it is stopped."""
    job_id = uuid.uuid4().hex
    order = ChunkOrder(job_id, 0, 2, 2, 1, False, None, pack_plainly([("abc", None)]))
    assert reply_of(run_chunk(None, to_bytes(order))).kind == "no job"
    job = _job(RunnableLambda(len))
    assert reply_of(run_chunk(job, to_bytes(order))).kind == "done"
    assert reply_of(run_chunk(None, to_bytes(order))).kind == "done"
    stop_job(job_id)
    assert reply_of(run_chunk(job, to_bytes(order))).kind == "cancelled"
    assert reply_of(run_chunk(None, to_bytes(order))).kind == "no job"


class Loaded:
    """A function that counts how often it is loaded, as one that holds a model would."""

    loads = 0

    def __init__(self) -> None:
        self.name = "it"

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        Loaded.loads += 1

    def __call__(self, _: Any) -> int:
        return Loaded.loads


@pytest.mark.parametrize(("is_limited", "loads"), [(False, [1, 1, 1]), (True, [1, 2, 3])])
def test_a_chain_is_loaded_anew_for_its_limits_only(is_limited: bool, loads: list[int]) -> None:
    """When processes come and go; what it holds may be large."""
    Loaded.loads, job_id = 0, uuid.uuid4().hex
    limiter = InMemoryRateLimiter(requests_per_second=10_000) if is_limited else None
    model = ScriptedChatModel(["Ahoy!"], cycle=True, rate_limiter=limiter)
    job, rows = _job(model | RunnableLambda(Loaded().__call__)), pack_plainly([("Hi", None)])
    orders = [ChunkOrder(job_id, n, 2, 2, n + 1, False, None, rows) for n in range(3)]
    replies = [reply_of(run_chunk(job, to_bytes(order))) for order in orders]
    stop_job(job_id)
    assert [_reports(reply)[0].output for reply in replies] == loads


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    from runnables.jobs.executors import packing

    packing._cloudpickle.cache_clear()
    packing._pickler.cache_clear()
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with ThreadPoolExecutor(1) as pool, pytest.raises(MissingExtra, match="cloudpickle"):
        RunnableLambda(len).batch(["a"], executor=pool)


async def _answer() -> str:
    return "here"


def test_a_closed_loop_runs_nothing() -> None:
    """Also where nothing had run in it: it starts no thread then."""
    never_used, used = LoopThread(), LoopThread()
    assert used.run(_answer()) == "here"
    for loop in (never_used, used):
        loop.close()
        with pytest.raises(asyncio.CancelledError, match="has ended"):
            loop.run(_answer())


def test_reports_of_errors_are_plain_bytes() -> None:
    """Heads of messages are read by any version."""
    head = head_of(_job(RunnableLambda(len)))
    assert pickle.loads(to_bytes(head))[:1] == (1,)
