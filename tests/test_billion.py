"""The simulation of a billion rows does what its page says of it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.billion import AT_ONCE, SURVIVES, Plan, run, table
from benchmarks.checkpoint_files import measure
from benchmarks.shared_limit import Share, SharedSimulation
from benchmarks.simulated_services import Service
from runnables.jobs.adaptive import AdaptiveLimit

SMALL = Plan(rows=1e7, partitions=50, drivers=4, limit=100.0)
DEADLY = replace(SMALL, days_between_deaths=0.2, divided="alive")


def test_without_deaths_a_plan_takes_the_ideal_time_and_its_tail() -> None:
    """No row is called twice, and what is lost is at most one partition at a driver's share."""
    found = run(SMALL)
    partition = SMALL.rows / SMALL.partitions * 1.2 / (SMALL.limit / SMALL.drivers) / 3600
    assert (found.deaths, found.twice) == (0, 0)
    assert found.ideal <= found.days <= found.ideal + partition / 24
    assert 0 < found.tail <= partition


def test_the_same_seed_gives_the_same_run() -> None:
    """All chance comes from the seed."""
    assert run(DEADLY) == run(DEADLY) != run(replace(DEADLY, seed=2))


def test_with_its_disk_a_death_costs_the_rows_in_flight() -> None:
    """Each death calls no more rows again than were under way."""
    found = run(DEADLY)
    assert found.deaths > 10
    assert 0 < found.twice <= found.deaths * SMALL.limit * SMALL.latency


def test_what_outlives_a_death_decides_what_is_paid_twice() -> None:
    """The disk is better than a copy, a copy better than nothing, small partitions than large."""
    kept = [run(replace(DEADLY, kept=kept)).twice for kept in SURVIVES]
    assert kept == sorted(kept)
    assert run(replace(DEADLY, kept="nothing", partitions=500)).twice < kept[-1] / 4


def test_a_share_of_the_dead_is_used_where_the_living_divide_the_limit() -> None:
    """The part of a dead driver stands idle otherwise."""
    idle, used = (run(replace(DEADLY, divided=way, hours_down=4.0)) for way in ("once", "alive"))
    assert used.days < idle.days


def test_a_driver_has_so_many_rows_under_way_and_no_more() -> None:
    """One driver alone cannot use a limit that is higher than its calls at once allow."""
    alone = replace(SMALL, drivers=1, limit=200.0, latency=10.0)
    assert run(alone).days == pytest.approx(SMALL.rows / (AT_ONCE / 10) / 86400)


def test_a_plan_that_never_ends_is_given_up() -> None:
    """A partition that takes longer than a driver lives, and whose work is lost each time."""
    plan = replace(DEADLY, partitions=4, kept="nothing", days_between_deaths=0.01)
    assert math.isinf(run(plan).days)
    assert "more than" in table("what", [("never", plan)])


def test_fixed_shares_are_never_refused_and_leave_those_of_the_dead() -> None:
    """Half of the drivers die, and half of the limit stands idle."""
    limits = [Share(9.7 / 4) for _ in range(4)]
    before, after = SharedSimulation(limits, Service(rps=10), 2).run()
    assert before.rejected == after.rejected == 0
    assert before.used == pytest.approx(0.97, abs=0.02)
    assert after.used == pytest.approx(0.485, abs=0.02)
    assert before.least > 0.95


def test_drivers_with_auto_take_over_what_the_dead_leave() -> None:
    """They use the whole limit before and after, and are refused a little."""
    limits = [AdaptiveLimit() for _ in range(4)]
    before, after = SharedSimulation(limits, Service(rps=20, tells=True), 3).run()
    assert min(before.used, after.used) > 0.9
    assert max(before.rejected, after.rejected) < 0.05


def test_the_files_that_are_measured_are_real(tmp_path: Path) -> None:
    """A checkpoint holds input and output; nothing is left behind."""
    rows, checkpoint, output, written, passed, exported = measure(400, 150, 500, tmp_path)
    assert rows > 400
    assert output > 150
    assert checkpoint > 550
    assert min(written, passed, exported) > 0
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "c.sqlite.lock"])
