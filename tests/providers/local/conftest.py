"""One loaded model for all tests here, and programs that run beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

from runnables_providers.local import LocalChatModel

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def model() -> LocalChatModel:
    """The embedded model, loaded once; answers are short."""
    return LocalChatModel(max_tokens=24)


class Run(Protocol):
    """Runs Python code in a process of its own."""

    def __call__(self, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """What it printed, and how it ended."""
        ...


@pytest.fixture
def run() -> Run:
    """Runs code in a process of its own, with this checkout, warnings being errors."""

    def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
