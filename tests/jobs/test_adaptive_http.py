"""The adaptive limit against a real server, over HTTP on loopback."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.limited_server import LIMITS, ROWS, limited_server, run_job

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", LIMITS)
def test_a_job_over_http_finds_the_limit(name: str) -> None:
    """By the server's counts: 90 % of it used, less than 2 % refused, no row lost or doubled."""
    with limited_server(LIMITS[name]) as url:
        outcome = asyncio.run(run_job(url))
    assert outcome.done == outcome.answered == ROWS
    assert outcome.refused < 0.02 * (outcome.answered + outcome.refused)
    assert outcome.used >= 0.9
