"""The types of gates and estimates, as checkers see them; nothing here is run."""

from typing import assert_type

from runnables import RunnableLambda
from runnables.jobs.adaptive import AdaptiveLimit
from runnables.jobs.estimate import Estimate, Range, aestimate, estimate
from runnables.jobs.gate import Gate, Turn
from runnables.jobs.limits import CallLimit, FixedLimit, LimitedCall

limit: CallLimit = AdaptiveLimit()
fixed: CallLimit = FixedLimit(8)
gate = Gate(limit)
chain = RunnableLambda(len)


def sync_call(turn: Turn) -> int:
    """Return what the gate returns."""
    return len("abc")


async def async_call(turn: Turn) -> str:
    """Return what the gate returns."""
    return "abc"


def sync_gate() -> None:
    """The gate returns what the function returns, and a turn is a context manager."""
    assert_type(gate.run(sync_call), int)
    with gate.turn(tokens=100) as turn:
        assert_type(turn, Turn)
    assert_type(limit.next_start(0.0), float | None)
    assert_type(limit.started(0.0), LimitedCall)
    assert_type(limit.pace, float | None)


async def async_gate() -> None:
    """The same, async."""
    assert_type(await gate.arun(async_call), str)
    async with gate.turn() as turn:
        assert_type(turn, Turn)


async def estimates() -> None:
    """An estimate has an interval for each number, and a cost where there are prices."""
    found = estimate(chain, ["a", "b"], prices={})
    assert_type(found, Estimate)
    assert_type(found.calls, Range)
    assert_type(found.cost, Range | None)
    assert_type(await aestimate(chain, ["a", "b"]), Estimate)
