"""A handler that records the events of runs, as a tree that tests compare."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from runnables import Event


class Recorder:
    """A handler that records every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._recorded = threading.Condition()

    def on_event(self, event: Event) -> None:
        with self._recorded:
            self.events.append(event)
            self._recorded.notify_all()

    def settle(self) -> None:
        """Wait for the last event of threads that could not be stopped."""
        with self._recorded:
            self._recorded.wait_for(lambda: not self.unsound(), timeout=10)

    @property
    def config(self) -> Any:
        """Return a config with this recorder as its handler."""
        return {"callbacks": [self]}

    def kinds(self, name: str) -> list[str]:
        """Return the kinds of the events of the runs of this name, in order."""
        return [event.kind for event in self.events if event.name == name]

    def of(self, name: str, kind: str = "start") -> list[Event]:
        return [event for event in self.events if event.name == name and event.kind == kind]

    def unsound(self) -> list[str]:
        """Return the runs that lack one start first, one end last, and only chunks between."""
        runs = _runs(self.events)
        return [run.shown() for run in runs if not _SOUND.fullmatch(" ".join(run.kinds))]

    def cause(self, kind: type[BaseException], text: str) -> list[str]:
        """Return the run that first reported this error, and the runs around it, outwards."""
        runs = {run.run_id: run for run in _runs(self.events)}
        first = next(
            event for event in self.events if event.kind == "error" and _is(event, kind, text)
        )
        ids = (first.run_id, *reversed(first.parent_ids))
        return [f"{runs[run_id].label} {_described(runs[run_id].events[-1])}" for run_id in ids]

    def outputs(self) -> dict[str, str]:
        """Return the outputs of the runs that ended, by the label and the input of the run."""
        ended = [run for run in _runs(self.events) if run.kinds[-1] == "end"]
        return {
            f"{run.label} {run.events[-1].input!r}": _described(run.events[-1]) for run in ended
        }

    def tree(self) -> list[str]:
        """Return the runs, one line each; the runs below one are sorted: they may run at once."""
        return sorted(_lines(self.events, None))


@dataclass(frozen=True)
class _Node:
    run_id: str
    events: tuple[Event, ...]

    @property
    def label(self) -> str:
        """Return the type and the name of the run, and where it ran."""
        first = self.events[0]
        metadata = {key: value for key, value in first.metadata.items() if key not in _RANDOM}
        labels = (sorted(first.tags), sorted(metadata.items()), first.path)
        return f"{first.run_type} {first.name} {labels}"

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events if event.kind != "custom"]

    def shown(self) -> str:
        """Return everything about the run but ids and times."""
        kinds = Counter(event.kind for event in self.events)
        ends = sorted(_described(event) for event in self.events)
        return f"{self.label} {sorted(kinds.items())} {ends}"


_RANDOM = frozenset({"langgraph_checkpoint_ns"})
"""Keys of metadata with an id of LangGraph, which is another one for each run."""

_SOUND = re.compile(r"start( chunk)* (end|error|cancelled)")


def _described(event: Event) -> str:
    error = None if event.error is None else f"{type(event.error).__name__}: {event.error}"
    return f"{event.kind} {event.chunk!r} {event.output!r} {error}"


def _is(event: Event, kind: type[BaseException], text: str) -> bool:
    return type(event.error) is kind and str(event.error) == text


def _runs(events: Iterable[Event]) -> list[_Node]:
    by_run: dict[str, list[Event]] = {}
    for event in events:
        by_run.setdefault(event.run_id, []).append(event)
    return [_Node(run_id, tuple(own)) for run_id, own in by_run.items()]


def _lines(events: Iterable[Event], parent: str | None) -> list[str]:
    """Return the subtrees below a run, each as one string."""
    children = [run for run in _runs(events) if run.events[0].parent_id == parent]
    return sorted(f"{run.shown()} <{', '.join(_lines(events, run.run_id))}>" for run in children)
