"""Schemathesis on our OpenAPI: every endpoint answers as its description says, whatever is sent.

It sends what the description allows, and what it forbids: all of it is answered with a described
status, content type and schema; what is forbidden is refused, what is allowed is not; no error is
the server's.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from runnables import RunnableLambda
from tests.serving.chains import chains
from tests.serving.servers import Served, serving

COMMAND = Path(sysconfig.get_path("scripts")) / "schemathesis"
CONFIG = Path(__file__).with_name("schemathesis.toml")

QUICK = (
    "^/(health|v1/.*|bill/(invoke|batch)|prompt/(stream|api/chat.*|ag-ui|page/runs.*)|page/meta)?$"
)
"""Paths of each kind; the schemas of messages have thousands of cases, which take minutes."""


class Order(BaseModel):
    item: str = Field(min_length=1)
    count: int = Field(ge=1, le=10)
    notes: list[str] = []


class Bill(BaseModel):
    total: float
    order: Order


def price(order: Order) -> Bill:
    return Bill(total=order.count * 2.5, order=order)


def served_chains() -> dict[str, Any]:
    """Return a model, a chain with a prompt, an agent, and a typed chain."""
    known = chains()
    return {name: known[name] for name in ("words", "prompt", "agent")} | {
        "bill": RunnableLambda(price)
    }


def run(served: Served, tmp_path: Path, *options: str) -> None:
    """Run schemathesis on a server; fail with its report where it has found something."""
    command = [str(COMMAND), "--config-file", str(CONFIG), "run", f"{served.url}/openapi.json"]
    fixed = ["--seed", "1", "--no-color", "--request-timeout", "20", "--continue-on-failure",
             "--generation-deterministic"]  # fmt: skip
    ran = subprocess.run(
        [*command, *fixed, *options],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=os.environ,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " passed" in ran.stdout, ran.stdout


def test_every_endpoint_answers_as_it_is_described(tmp_path: Path) -> None:
    """The cases that follow from the description, of one path of each kind."""
    with serving(served_chains(), shows_steps=True, page=True) as served:
        run(served, tmp_path, "--phases", "coverage", "--include-path-regex", QUICK)
        counts = served.service.counts
        assert counts.runs > 100
        assert (counts.open, counts.failed) == (0, 0)


def test_no_endpoint_answers_without_a_key(tmp_path: Path) -> None:
    """Where keys are asked for, the description says so, and it is true."""
    with serving({"bill": RunnableLambda(price)}, api_keys=["first"], page=True) as served:
        key = ("--header", "Authorization: Bearer first")
        run(served, tmp_path, "--phases", "coverage", "--checks", "ignored_auth", *key)
        assert served.service.counts.runs > 0


@pytest.mark.slow
def test_every_endpoint_of_every_chain_answers_as_it_is_described(tmp_path: Path) -> None:
    """All cases, and random ones."""
    with serving(served_chains(), shows_steps=True, page=True) as served:
        run(served, tmp_path, "--phases", "coverage,fuzzing", "--max-examples", "50")
        assert served.service.counts.open == 0
