"""The conftest of the copied tests: a time limit for each, and a line for each result."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

SECONDS = 20


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "requires: packages that the test needs")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for node in item.listchain():  # a filter for a warning class of theirs ends the run
            node.own_markers = [
                mark
                for mark in node.own_markers
                if mark.name != "filterwarnings" or "langchain" not in str(mark.args)
            ]
        mark = item.get_closest_marker("requires")
        lacking = [name for name in mark.args if not importlib.util.find_spec(name)] if mark else []
        if lacking:
            item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(lacking)}"))


@pytest.fixture
def blockbuster() -> SimpleNamespace:
    """Return what does nothing: tests of their own say what may block the loop."""
    return SimpleNamespace(activate=lambda: None, deactivate=lambda: None)


@pytest.fixture
def deterministic_uuids(mocker: Any) -> Any:
    """Ids that count."""
    ids = (UUID(f"00000000-0000-4000-8000-{number:012}", version=4) for number in range(10_000))
    return mocker.patch("uuid.uuid4", side_effect=ids)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TimeoutError(f"not done after {SECONDS} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when != "call" and report.outcome == "passed":
        return
    outcome = report.outcome if report.when == "call" or report.skipped else "error"
    if hasattr(report, "wasxfail"):
        outcome = "xfailed" if report.skipped else "xpassed"
    crash = getattr(report.longrepr, "reprcrash", None)
    entries = getattr(getattr(report.longrepr, "reprtraceback", None), "reprentries", [])
    places = [str(entry.reprfileloc) for entry in entries if getattr(entry, "reprfileloc", None)]
    line = {
        "id": report.nodeid,
        "outcome": outcome,
        "error": crash.message if crash else str(report.longrepr or "")[-300:],
        "where": places[0] if places else "",
    }
    with open(os.environ["RESULTS_OF_CORE_TESTS"], "a") as results:
        results.write(json.dumps(line) + "\n")
