"""Law 10: without a handler, nothing is made for one; the import is light."""

from __future__ import annotations

import subprocess
import sys

import pytest

from runnables import RunnableLambda, RunnableParallel
from tests.both_modes import Call

HEAVY = {"httpx", "requests", "aiohttp", "opentelemetry", "langsmith", "typer", "click", "rich"}


def test_no_event_is_made_without_a_handler(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are neither runs nor events, invoked or streamed, with a config or without."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("made without a handler")

    monkeypatch.setattr("runnables.core.contract.Run.__init__", refuse)
    monkeypatch.setattr("runnables.core.handlers.Event.__init__", refuse)
    chain = RunnableLambda(str) | RunnableParallel(a=len, b=str.upper)
    for config in (None, {"tags": ["a"], "max_concurrency": 2}):
        assert call.invoke(chain, 12, config) == {"a": 2, "b": "12"}
        assert call.stream(chain, 12, config)


def test_the_import_loads_no_heavy_library() -> None:
    """It loads no HTTP, tracing or command-line library."""
    code = "import sys, runnables; print(*{name.partition('.')[0] for name in sys.modules})"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(shown.stdout.split())
