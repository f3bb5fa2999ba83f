"""The last runs of a served chain, with the runs inside them, in memory: what the page shows.

A run is recorded whatever its client speaks. What is kept is bounded in number and in bytes; the
oldest runs go first. Values are strings here, without the secrets in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal

from runnables.callbacks.calls import conversation, prompt_of, tool_arguments
from runnables.redaction import hide_in_text
from runnables.serving.excerpts import Excerpt, brief, excerpt, hidden_start
from runnables.serving.parts import Step
from runnables.tracing.strings import writable

if TYPE_CHECKING:
    from runnables.core.handlers import Event

MAX_RUNS: Final = 50
"""How many runs of a chain are kept."""

MAX_BYTES: Final = 32_000_000
"""How many bytes the values of a chain's runs may take together."""

MAX_VALUE: Final = 100_000
"""How many characters of one value are kept; the fewer, the more its run has already."""

_MIN_VALUE: Final = 1_000
"""How many are kept of each, however many the run has."""

_MAX_ERROR: Final = 4_000
"""How many characters of an error are kept."""

_BRIEF: Final = 160
"""How many characters of an input or output stand in the list of runs."""

_ROW: Final = 500
"""What a step takes beside its values, in bytes, about."""


@dataclass(slots=True)
class StepRecord:
    """A run inside a recorded run, or that run itself.

    Attributes:
        step: what it is, and how it is.
        input: what it was given; None where it is not known yet, or not kept.
        output: what it has returned; None as above.
        error: the text of its error; None where it has none, or clients must not read it.
    """

    step: Step
    input: Excerpt | None = None
    output: Excerpt | None = None
    error: str | None = None

    @property
    def size(self) -> int:
        """Return about how many bytes it takes."""
        values = (self.input, self.output)
        return _ROW + sum(len(value.text) for value in values if value is not None)

    def as_dict(self, max_length: int | None) -> dict[str, Any]:
        """Return it as JSON, with its values cut to a length."""
        values = {"input": self.input, "output": self.output}
        cut = {key: value and value.as_dict(max_length) for key, value in values.items()}
        return {**row_of(self.step), **cut, "error": self.error}


@dataclass(slots=True)
class RunRecord:
    """A run of a chain, with the runs inside it.

    Attributes:
        steps: the runs by their ids, in the order in which they began; the first is the run itself.
        size: about how many bytes they take.
        left_out: how many runs inside it are not kept, since there were too many.
        asked: the start of its input.
        answered: the start of its output.
    """

    steps: dict[str, StepRecord] = field(default_factory=dict[str, StepRecord])
    size: int = 0
    left_out: int = 0
    asked: str = ""
    answered: str = ""


def row_of(step: Step) -> dict[str, Any]:
    """Return a step as JSON, as streams and the endpoints of the page have it."""
    return {"id": step.id, "name": step.name, "type": step.type, "status": step.status,
            "parent": step.parent, "start": step.start, "seconds": step.seconds,
            "usage": step.usage}  # fmt: skip


class RunRecorder:
    """A handler that keeps the last runs of one chain.

    Args:
        shows_errors: whether the text of errors may be read.
        max_runs: how many runs are kept.
        max_bytes: how many bytes their values may take together.
    """

    def __init__(
        self, *, shows_errors: bool, max_runs: int = MAX_RUNS, max_bytes: int = MAX_BYTES
    ) -> None:
        self._shows_errors = shows_errors
        self._max_runs = max_runs
        self._max_bytes = max_bytes
        self._max_run = max_bytes // 2  # one run must not drive out all others
        self._runs: dict[str, RunRecord] = {}
        self._size = 0
        self._lock = Lock()  # runs end in several threads at once

    def on_event(self, event: Event) -> None:
        """Keep what a run that starts or ends says."""
        if (step := step_of(event)) is None:
            return
        run_id = (*event.parent_ids, event.run_id)[0]
        has_input, limit = self._known(run_id, step.id)
        given = output = None
        if event.input is not None and not has_input:
            given = excerpt(_input_of(event), limit)
        if event.kind == "end":
            output = excerpt(event.output, limit)
        error = self._error_of(event) if event.kind == "error" else None
        with self._lock:
            run = self._keep(run_id, step, given, output, error)
            if run is not None and step.id == run_id:
                run.asked = run.asked or ("" if given is None else brief(event.input, _BRIEF))
                run.answered = "" if output is None else brief(event.output, _BRIEF)

    def _known(self, run_id: str, step_id: str) -> tuple[bool, int]:
        """Return whether the input of a step is kept, and how long its next value may be."""
        with self._lock:
            run = self._runs.get(run_id) or RunRecord()
            record = run.steps.get(step_id)
            limit = max(_MIN_VALUE, min(MAX_VALUE, (self._max_run // 2 - run.size) // 16))
            return record is not None and record.input is not None, limit

    def _keep(
        self,
        run_id: str,
        step: Step,
        given: Excerpt | None,
        output: Excerpt | None,
        error: str | None,
    ) -> RunRecord | None:
        """Keep a step; return its run, or None where that is not kept."""
        is_new = step.status == "running"
        if is_new and step.id == run_id:
            if (before := self._runs.pop(run_id, None)) is not None:  # a config may repeat an id
                self._size -= before.size
            self._runs[run_id] = RunRecord()
        if (run := self._runs.get(run_id)) is None:
            return None  # it was dropped while it was running
        record = run.steps.get(step.id)
        if record is None:
            if run.size > self._max_run:
                run.left_out += is_new
                return run
            record = run.steps[step.id] = StepRecord(step)
        else:
            run.size -= record.size
            self._size -= record.size
        record.step, record.error = step, error
        record.input, record.output = record.input or given, output
        run.size += record.size
        self._size += record.size
        while len(self._runs) > self._max_runs or self._size > self._max_bytes:
            oldest = next(iter(self._runs))
            self._size -= self._runs.pop(oldest).size
        return run

    def _error_of(self, event: Event) -> str:
        if not self._shows_errors:
            return "It has failed."
        text = writable(hidden_start(str(event.error), _MAX_ERROR, hide_in_text))
        return f"{type(event.error).__name__}: {text}"

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs as JSON, the newest first, with the start of their values."""
        with self._lock:
            return [_line_of(run) for run in reversed(self._runs.values())]

    def run(self, run_id: str) -> dict[str, Any] | None:
        """Return the steps of a run as JSON, without their values; None where it is not kept."""
        with self._lock:
            if (run := self._runs.get(run_id)) is None:
                return None
            rows = [row_of(record.step) for record in run.steps.values()]
            return {"steps": rows, "left_out": run.left_out}

    def step(self, run_id: str, step_id: str, max_length: int | None) -> dict[str, Any] | None:
        """Return a step as JSON, its values cut to a length; None where it is not kept."""
        with self._lock:
            run = self._runs.get(run_id)
            record = None if run is None else run.steps.get(step_id)
            return None if record is None else record.as_dict(max_length)


def _line_of(run: RunRecord) -> dict[str, Any]:
    first = next(iter(run.steps.values()))
    return {
        **row_of(first.step),
        "asked": run.asked,
        "answered": run.answered,
        "error": first.error,
    }


def step_of(event: Event) -> Step | None:
    """Return the run of an event, as it is; None where the event changes nothing of it."""
    status = _STATUSES.get(event.kind)
    if status is None:
        return None
    return Step(
        event.run_id,
        event.parent_id,
        event.name,
        event.run_type,
        status,
        event.seconds,
        event.time - (event.seconds or 0.0),
        event.usage if event.kind == "end" else None,
    )


_STATUSES: Final[Mapping[str, Literal["running", "done", "failed", "cancelled"]]] = {
    "start": "running",
    "end": "done",
    "error": "failed",
    "cancelled": "cancelled",
}


def _input_of(event: Event) -> Any:
    """Return the input of a run; of a model the messages, of a tool its arguments."""
    match event.run_type:
        case "chat_model":
            return conversation(event)
        case "llm":
            return prompt_of(event)
        case "tool":
            return tool_arguments(event.input)[0]
        case _:
            return event.input
