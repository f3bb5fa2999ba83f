"""Listens to what runs tell, and gives it back as a tree that tests compare."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from runnables import Event


class Recorder:
    """A handler that keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._told = threading.Condition()

    def on_event(self, event: Event) -> None:
        with self._told:
            self.events.append(event)
            self._told.notify_all()

    def settle(self) -> None:
        """Wait for threads that were left alone, as they cannot be stopped, to tell their end."""
        with self._told:
            self._told.wait_for(lambda: not self.unsound(), timeout=10)

    @property
    def config(self) -> Any:
        """A config with which calls tell this recorder."""
        return {"callbacks": [self]}

    def kinds(self, name: str) -> list[str]:
        """What the runs of this name told, in order."""
        return [event.kind for event in self.events if event.name == name]

    def of(self, name: str, kind: str = "start") -> list[Event]:
        return [event for event in self.events if event.name == name and event.kind == kind]

    def unsound(self) -> list[str]:
        """Runs that did not tell one start first, one end last, and chunks only between."""
        runs = _runs(self.events)
        return [run.shown() for run in runs if not _SOUND.fullmatch(" ".join(run.kinds))]

    def cause(self, kind: type[BaseException], text: str) -> list[str]:
        """Who first told this error, and the runs around it, the innermost first."""
        runs = {run.run_id: run for run in _runs(self.events)}
        first = next(it for it in self.events if it.kind == "error" and _is(it, kind, text))
        ids = (first.run_id, *reversed(first.parent_ids))
        return [f"{runs[it].who} {_told(runs[it].events[-1])}" for it in ids]

    def outputs(self) -> dict[str, str]:
        """What the runs gave that came to their end, by who they are and what they got."""
        ended = [run for run in _runs(self.events) if run.kinds[-1] == "end"]
        return {f"{run.who} {run.events[-1].input!r}": _told(run.events[-1]) for run in ended}

    def tree(self) -> list[str]:
        """The runs, each a line; what stands below a run is sorted, for order may be free."""
        return sorted(_lines(self.events, None))


@dataclass(frozen=True)
class _Node:
    run_id: str
    events: tuple[Event, ...]

    @property
    def who(self) -> str:
        """Who ran, and where."""
        first = self.events[0]
        labels = (sorted(first.tags), sorted(first.metadata.items()), first.path)
        return f"{first.run_type} {first.name} {labels}"

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events if event.kind != "custom"]

    def shown(self) -> str:
        """Who ran and what it told: everything but ids and times."""
        kinds = Counter(event.kind for event in self.events)
        ends = sorted(_told(event) for event in self.events)
        return f"{self.who} {sorted(kinds.items())} {ends}"


_SOUND = re.compile(r"start( chunk)* (end|error|cancelled)")


def _told(event: Event) -> str:
    error = None if event.error is None else f"{type(event.error).__name__}: {event.error}"
    return f"{event.kind} {event.chunk!r} {event.output!r} {error}"


def _is(event: Event, kind: type[BaseException], text: str) -> bool:
    return type(event.error) is kind and str(event.error) == text


def _runs(events: Iterable[Event]) -> list[_Node]:
    by_run: dict[str, list[Event]] = {}
    for event in events:
        by_run.setdefault(event.run_id, []).append(event)
    return [_Node(run_id, tuple(told)) for run_id, told in by_run.items()]


def _lines(events: Iterable[Event], parent: str | None) -> list[str]:
    """The subtrees below a run, each as one text."""
    children = [run for run in _runs(events) if run.events[0].parent_id == parent]
    return sorted(f"{run.shown()} <{', '.join(_lines(events, run.run_id))}>" for run in children)
