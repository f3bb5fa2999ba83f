"""What tests of both libraries' runs watch with: a handler of ours, and a tracer of LangChain."""

from __future__ import annotations

from typing import Any

from langchain_core.tracers import BaseTracer
from langchain_core.tracers.schemas import Run

from runnables.core.handlers import Event


class Log:
    """A handler of ours that stores events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        """Store an event."""
        self.events.append(event)

    def kinds(self) -> list[tuple[str, str]]:
        """Return the kind and the name of each event that is no chunk."""
        return [(event.kind, event.name) for event in self.events if event.kind != "chunk"]

    def tree(self) -> list[tuple[int, str]]:
        """Return the depth and the name of each run, in the order of their starts."""
        starts = [event for event in self.events if event.kind == "start"]
        return [(len(event.parent_ids), event.name) for event in starts]

    def check(self) -> None:
        """Assert that each run starts and ends once, below a run that has started before."""
        open_runs: list[str] = []
        seen: set[str] = set()
        for event in self.events:
            if event.kind == "start":
                assert event.run_id not in seen, event
                assert event.parent_id is None or event.parent_id in open_runs, event
                seen.add(event.run_id)
                open_runs.append(event.run_id)
            elif event.kind in ("end", "error", "cancelled"):
                open_runs.remove(event.run_id)
        assert not open_runs


class Trace(BaseTracer):
    """A tracer as LangSmith's is: it has the whole tree of a run at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.roots: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.roots.append(run)

    def tree(self) -> list[tuple[int, str]]:
        """Return the depth and the name of each run, in the order of their starts."""
        found: list[tuple[int, str]] = []

        def add(run: Run, depth: int) -> None:
            found.append((depth, run.name))
            for child in run.child_runs:
                add(child, depth + 1)

        for root in self.roots:
            add(root, 0)
        return found

    def runs(self) -> list[Run]:
        """Return all runs."""
        found: list[Any] = list(self.roots)
        for run in found:
            found.extend(run.child_runs)
        return found
