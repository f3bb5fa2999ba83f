"""Runs as trees: what a run did, with the runs inside of it, as LangChain's tracers have them."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from runnables.callbacks.calls import FAMILIES, conversation, prompt_of, tool_arguments
from runnables.callbacks.handlers import BaseCallbackHandler, call_method
from runnables.core.signatures import is_async
from runnables.messages.base import BaseMessage
from runnables.models.usage import handling

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime
    from uuid import UUID

    from runnables.core.handlers import Event


@dataclass(kw_only=True)
class Run:
    """A run that a tracer has seen: its input and output, and the runs inside of it.

    Attributes:
        id: the id of the run.
        name: the name of the runnable.
        run_type: "chain", "llm", "prompt", "parser", "tool", "retriever" or "embeddings".
        start_time: when it started, in UTC.
        end_time: when it ended; None before.
        inputs: the input as a dict: of a model `{"messages": [[...]]}`, of a retriever
            `{"query": ...}`; another value is at "input".
        outputs: the output as a dict, at the end: of a model `{"generations": [[...]]}`, of a
            retriever `{"documents": [...]}`; another value is at "output".
        error: the error with its traceback, as a string.
        tags: the labels of the run.
        extra: a dict with its "metadata".
        parent_run_id: the id of the run around it; None for the outermost.
        trace_id: the id of the outermost run that the tracer saw.
        dotted_order: the times and ids of the runs around it and of itself; runs sort by it.
        child_runs: the runs directly inside of it, in the order of their starts.

    Example:
        >>> with collect_runs() as collector:
        ...     size = (RunnableLambda(str.strip) | len).invoke(" abc ")
        >>> run = collector.traced_runs[0]
        >>> [(child.name, child.inputs, child.outputs) for child in run.child_runs]
        [('strip', {'input': ' abc '}, {'output': 'abc'}), ('len', {'input': 'abc'}, {'output': 3})]
    """

    id: UUID | str
    name: str
    run_type: str
    start_time: datetime
    end_time: datetime | None = None
    inputs: dict[str, Any] = field(default_factory=dict[str, Any])
    outputs: dict[str, Any] | None = None
    error: str | None = None
    tags: list[str] = field(default_factory=list[str])
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    parent_run_id: UUID | str | None = None
    trace_id: UUID | str | None = None
    dotted_order: str = ""
    child_runs: list[Run] = field(default_factory=list["Run"])

    @property
    def metadata(self) -> dict[str, Any]:
        """Return the metadata of the run."""
        return cast("dict[str, Any]", self.extra["metadata"])

    def copy(self, *, update: dict[str, Any] | None = None) -> Run:
        """Return a copy, with these attributes changed."""
        return replace(self, **(update or {}))


class BaseTracer(BaseCallbackHandler, internal=True):
    """A handler that gets whole runs; subclass it, and write `_persist_run`.

    `_persist_run` receives the outermost run that the tracer sees, once it has ended, with all runs
    inside of it. `_on_run_create` and `_on_run_update` receive each run at its start and at its
    end; so do `_on_chain_start`, `_on_chat_model_start`, `_on_llm_end`, `_on_tool_error`, ...,
    where they are written. Methods of a `BaseCallbackHandler` may be written as well.

    Attributes:
        run_map: the runs that have not ended, by id.

    Raises:
        TypeError: an async method; when the class is made.

    Example:
        >>> class Tree(BaseTracer):
        ...     def _persist_run(self, run):
        ...         print(run.name, run.outputs, [child.name for child in run.child_runs])
        >>> steps = RunnableLambda(len) | str
        >>> steps.invoke("abc", {"callbacks": [Tree()]})
        RunnableSequence {'output': '3'} ['len', 'str']
        '3'
    """

    def __init_subclass__(cls, internal: bool = False, **kwargs: Any) -> None:
        """Refuse async methods: runs are put together in sync and async calls alike."""
        super().__init_subclass__(internal, **kwargs)
        for name, value in vars(cls).items():
            if name.lstrip("_").startswith(("on_", "persist_")) and is_async(value):
                raise TypeError(f"{cls.__name__}.{name} is async: methods of a BaseTracer are sync")

    def __init__(self) -> None:
        self.run_map: dict[str, Run] = {}

    def _persist_run(self, run: Run) -> None:
        """Receive the outermost run, at its end."""
        raise NotImplementedError(f"{type(self).__name__} does not write _persist_run(run)")

    def _on_run_create(self, run: Run) -> None:
        """Receive a run at its start."""

    def _on_run_update(self, run: Run) -> None:
        """Receive a run at its end."""

    def on_event(self, event: Event, /) -> None:
        """Add what the event says to its run."""
        if event.kind == "start":
            self._start(event)
        elif event.kind in ("end", "error", "cancelled"):
            self._end(event)
        call_method(self, event)

    def _start(self, event: Event) -> None:
        around = self.run_map.get(event.parent_id or "")
        run_id = event.id
        place = f"{event.start_time:%Y%m%dT%H%M%S%fZ}{run_id}"
        run = Run(
            id=run_id,
            name=event.name,
            run_type=_type_of(event),
            start_time=event.start_time,
            inputs=_inputs(event),
            tags=list(event.tags),
            extra={"metadata": dict(event.metadata)},
            parent_run_id=event.parent_run_id,
            trace_id=run_id if around is None else around.trace_id,
            dotted_order=place if around is None else f"{around.dotted_order}.{place}",
        )
        self.run_map[event.run_id] = run
        if around is not None:
            around.child_runs.append(run)
        self._on_run_create(run)
        self._call_own(event, run)

    def _end(self, event: Event) -> None:
        run = self.run_map.pop(event.run_id, None)
        if run is None:  # it started before the tracer listened
            return
        run.inputs, run.end_time = _inputs(event), event.end_time
        if event.error is None:
            run.outputs = _outputs(event)
        else:
            lines = traceback.format_exception(event.error)
            run.error = f"{event.error!r}\n\n{''.join(lines)}"
        self._call_own(event, run)
        if run.trace_id == run.id:
            self._persist_run(run)
        self._on_run_update(run)

    def _call_own(self, event: Event, run: Run) -> None:
        """Call the method for this kind of run and event, where the class has one."""
        family = FAMILIES.get(event.run_type, "chain")
        if event.run_type == "chat_model" and event.kind == "start":
            family = "chat_model"
        kind = "error" if event.kind == "cancelled" else event.kind
        if (method := getattr(self, f"_on_{family}_{kind}", None)) is not None:
            method(run)


class RunCollectorCallbackHandler(BaseTracer):
    """A tracer that keeps the runs; `collect_runs` makes one.

    Attributes:
        traced_runs: the outermost runs, in the order of their ends.

    Example:
        >>> collector = RunCollectorCallbackHandler()
        >>> sizes = RunnableLambda(len).batch(["a", "bc"], {"callbacks": [collector]})
        >>> sorted(run.inputs["input"] for run in collector.traced_runs)
        ['a', 'bc']
    """

    def __init__(self) -> None:
        super().__init__()
        self.traced_runs: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.traced_runs.append(run)


def collect_runs() -> AbstractContextManager[RunCollectorCallbackHandler, None]:
    """Collect all runs inside the block, each with the runs inside of it.

    Example:
        >>> with collect_runs() as collector:
        ...     size = (RunnableLambda(str.strip) | len).invoke(" abc ")
        >>> [(run.name, run.outputs) for run in collector.traced_runs]
        [('RunnableSequence', {'output': 3})]
    """
    return handling(RunCollectorCallbackHandler)


def _type_of(event: Event) -> str:
    return "llm" if event.run_type == "chat_model" else event.run_type


def _inputs(event: Event) -> dict[str, Any]:
    match event.run_type:
        case "chat_model":
            return {"messages": [conversation(event)]}
        case "llm":
            return {"prompts": [prompt_of(event)]}
        case "retriever":
            return {"query": event.input}
        case "tool":
            arguments = tool_arguments(event.input)[0]
            is_dict = isinstance(arguments, dict)
            return cast("dict[str, Any]", arguments) if is_dict else {"input": arguments}
        case _:
            return dict(event.inputs)


def _outputs(event: Event) -> dict[str, Any]:
    match event.run_type:
        case "chat_model" if isinstance(event.output, BaseMessage):
            answer = {"text": event.output.text, "message": event.output}
            return {"generations": [[answer]]}
        case "llm" if isinstance(event.output, str):
            return {"generations": [[{"text": event.output}]]}
        case "retriever":
            return {"documents": event.output}
        case _:
            return dict(event.outputs)
