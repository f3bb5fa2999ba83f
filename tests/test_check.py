"""The check itself: scripts/check.sh, and how the tests are set up to run by it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

posix = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell and its signals")


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


@posix
def test_help_is_printed_and_nothing_is_checked() -> None:
    """The usage names both checks, and no step starts."""
    run = _run("sh", "scripts/check.sh", "--help")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("usage: sh scripts/check.sh [--quick] [pytest arguments]\n")
    assert "== " not in run.stdout


@posix
def test_ctrl_c_is_tested_where_sigint_is_ignored() -> None:
    """A check that was started with `&` ignores SIGINT; its tests restore it."""
    test = "tests/providers/http/test_leaving.py::test_an_interrupt_ends_a_sync_call"
    python = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    run = _run("sh", "-c", "trap '' INT; exec \"$@\"", "sh", *python)
    assert run.returncode == 0, run.stdout
    assert "1 passed" in run.stdout


def test_names_of_tests_hold_no_memory_addresses(request: pytest.FixtureRequest) -> None:
    """Names are the same in every process, or tests could not be distributed among processes."""
    assert [item.nodeid for item in request.session.items if " at 0x" in item.nodeid] == []
