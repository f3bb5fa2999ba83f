"""Listens to what runs tell, and gives it back as a tree that tests compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from runnables import Event


class Recorder:
    """A handler that keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)

    @property
    def config(self) -> Any:
        """A config with which calls tell this recorder."""
        return {"callbacks": [self]}

    def kinds(self, name: str) -> list[str]:
        """What the runs of this name told, in order."""
        return [event.kind for event in self.events if event.name == name]

    def of(self, name: str, kind: str = "start") -> list[Event]:
        return [event for event in self.events if event.name == name and event.kind == kind]

    def tree(self) -> list[str]:
        """The runs, each a line; what stands below a run is sorted, for order may be free."""
        return sorted(_lines(self.events, None))


@dataclass(frozen=True)
class _Node:
    run_id: str
    events: tuple[Event, ...]

    def shown(self) -> str:
        """Who ran and what it told: everything but ids and times."""
        first = self.events[0]
        kinds = Counter(event.kind for event in self.events)
        ends = sorted(_told(event) for event in self.events)
        labels = (sorted(first.tags), sorted(first.metadata.items()), first.path)
        return f"{first.run_type} {first.name} {labels} {sorted(kinds.items())} {ends}"


def _told(event: Event) -> str:
    error = None if event.error is None else f"{type(event.error).__name__}: {event.error}"
    return f"{event.kind} {event.chunk!r} {event.output!r} {error}"


def _lines(events: Iterable[Event], parent: str | None) -> list[str]:
    """The subtrees below a run, each as one text."""
    by_run: dict[str, list[Event]] = {}
    for event in events:
        by_run.setdefault(event.run_id, []).append(event)
    runs = [_Node(run_id, tuple(told)) for run_id, told in by_run.items()]
    children = [run for run in runs if run.events[0].parent_id == parent]
    return sorted(f"{run.shown()} <{', '.join(_lines(events, run.run_id))}>" for run in children)
