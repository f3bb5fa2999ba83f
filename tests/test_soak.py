"""The soak finds what it looks for, and a short one finds nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.random_programs import Ledger
from benchmarks.soak import Tally

ROOT = Path(__file__).resolve().parents[1]


def settled(ledger: Ledger) -> Tally:
    tally = Tally()
    tally.settle(ledger, "a program")
    return tally


def test_what_begins_after_the_end_is_late() -> None:
    """Also where it ends at once."""
    ledger = Ledger(1)
    ledger.over = True
    with ledger.running():
        pass
    tally = settled(ledger)
    assert (tally.late, tally.report("")) == (1, False)


def test_more_at_once_than_the_limit_is_over_it() -> None:
    """Two functions within a limit of one."""
    ledger = Ledger(1)
    with ledger.running(), ledger.running():
        pass
    assert (settled(ledger).over, settled(Ledger(1)).over) == (1, 0)


def test_a_generator_that_was_not_closed_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """After it had its time to close."""
    monkeypatch.setattr("benchmarks.soak.GRACE", 0.01)
    ledger = Ledger(1)
    ledger.opened = 2
    ledger.closed = 1
    assert settled(ledger).open == 1


SHORT = [
    ("programs", "--count", "60"),
    ("programs", "--count", "20", "--gc"),
    ("interrupts", "--count", "20"),
    ("handlers", "--count", "60"),
]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", SHORT, ids=" ".join)
def test_a_short_soak_finds_nothing(arguments: tuple[str, ...]) -> None:
    """No hang, nothing late or open, no limit exceeded."""
    command = [sys.executable, "-m", "benchmarks.soak", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
