"""The adaptive limit against a real server, over HTTP on loopback.

How much of the limit it uses, `python -m benchmarks.auto_limit --http` measures.
"""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.limited_server import LIMITS, limited_server, run_job

ROWS = 300


@pytest.mark.slow
@pytest.mark.parametrize("name", ["60 a second, Retry-After", "24 at once"])
def test_a_job_over_http_loses_no_row_to_a_limit(name: str) -> None:
    """By the server's counts: each row is answered once, whatever was refused."""
    with limited_server(LIMITS[name]) as url:
        outcome = asyncio.run(run_job(url, ROWS))
    assert outcome.done == outcome.answered == ROWS
