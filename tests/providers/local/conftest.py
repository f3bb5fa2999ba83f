"""Fixtures: a loaded model for all tests here, and programs that run as their own process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import pytest

from runnables_providers.local import LocalChatModel

ROOT = Path(__file__).resolve().parents[3]
CHECKOUT = os.pathsep.join([str(ROOT), str(ROOT / "providers")])
"""A PYTHONPATH for processes that import this checkout, whatever is installed."""


@pytest.fixture(scope="session")
def model() -> LocalChatModel:
    """The default model, loaded once; answers are short."""
    return LocalChatModel(max_tokens=24)


class Run(Protocol):
    """A function that runs Python code in a process of its own."""

    def __call__(self, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the code; return its output and exit status."""
        ...


@pytest.fixture
def run() -> Run:
    """Run code in a process of its own, with this checkout; warnings are errors."""

    def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env={**os.environ, "PYTHONPATH": CHECKOUT, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


StartPython: TypeAlias = Callable[..., "subprocess.Popen[str]"]
"""Starts Python code, with variables of the environment and options of Popen."""


@pytest.fixture
def start_python() -> Iterator[StartPython]:
    """Start programs with variables of the environment; those that still run are killed."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, environment: dict[str, str], **options: Any) -> subprocess.Popen[str]:
        process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code],
            env={**os.environ, "PYTHONPATH": CHECKOUT, **environment},
            stdin=subprocess.DEVNULL,
            text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with process:  # closes its pipes, and waits
            process.kill()
