"""Listeners that read an event as a run, and those that take the config."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from runnables import ConfigError, Runnable, RunnableBinding, RunnableLambda, Usage
from runnables.core.handlers import Event
from tests.both_modes import Call


def listening(step: Runnable[Any, Any], call: Call, **functions: Any) -> list[Runnable[Any, Any]]:
    """Return the step with these listeners, and in async mode with async ones, too."""

    def later(function: Any, *, with_config: bool) -> Any:
        async def alone(event: Event) -> None:
            function(event)

        async def both(event: Event, config: Any) -> None:
            function(event, config)

        return both if with_config else alone

    steps: list[Runnable[Any, Any]] = [step.with_listeners(**functions)]
    if call.mode == "async":
        made = {
            name: later(function, with_config="config" in function.__code__.co_varnames)
            for name, function in functions.items()
        }
        steps.append(step.with_alisteners(**made))
    return steps


def test_an_event_is_read_as_a_run(call: Call) -> None:
    """Inputs and outputs are dicts, ids are UUIDs, and times are dates in UTC."""
    seen: list[tuple[Any, ...]] = []

    def note(run: Any) -> None:
        seen.append((run.inputs, run.outputs, run.error, run.name, run.run_type, run.tags))
        assert isinstance(run.id, UUID) and run.parent_run_id is None
        assert abs(run.start_time - datetime.now(UTC)) < timedelta(minutes=1)
        assert (run.end_time is None) == (run.outputs == {})
        assert run.end_time is None or run.end_time >= run.start_time

    for step in listening(RunnableLambda(len), call, on_start=note, on_end=note):
        seen.clear()
        assert call.invoke(step, "abc", {"tags": ["t"]}) == 3
        assert seen == [
            ({"input": "abc"}, {}, None, "len", "chain", ("t",)),
            ({"input": "abc"}, {"output": 3}, None, "len", "chain", ("t",)),
        ]


def test_a_dict_is_its_own_inputs_and_outputs(call: Call) -> None:
    """It is not put into another one."""
    seen: list[Any] = []
    step = RunnableLambda(lambda values: {"b": values["a"]}).with_listeners(
        on_end=lambda run: seen.append((run.inputs, run.outputs))
    )
    call.invoke(step, {"a": 1})
    assert seen == [({"a": 1}, {"b": 1})]


def test_a_nested_run_names_the_one_around_it(call: Call) -> None:
    """The parent's id is that of the chain, where a handler observes that."""
    seen: list[Any] = []
    inner = RunnableLambda(len).with_listeners(on_start=seen.append)
    run_id = UUID(int=7)
    call.invoke(inner | str, "abc", {"run_id": run_id, "callbacks": [Usage()]})
    call.invoke(inner | str, "abc", {"run_id": run_id})
    assert [event.parent_run_id for event in seen] == [run_id, None]


def test_an_error_is_the_exception(call: Call) -> None:
    """With the input of the run, and when it ended."""
    seen: list[Any] = []

    def fail(_: str) -> None:
        raise ValueError("no")

    def note(run: Any) -> None:
        seen.append((run.inputs, run.outputs, str(run.error), run.end_time is None))

    for step in listening(RunnableLambda(fail), call, on_error=note):
        seen.clear()
        with pytest.raises(ValueError, match="no"):
            call.invoke(step, "abc")
        assert seen == [({"input": "abc"}, {}, "no", False)]


def test_a_listener_with_a_config_gets_that_of_the_run(call: Call) -> None:
    """Its tags, metadata and values, as the functions of the chain get them."""
    seen: list[Any] = []

    def note(event: Event, config: Any) -> None:
        seen.append((event.kind, config["tags"], config["metadata"], config["configurable"]))

    given = {"tags": ["t"], "metadata": {"a": 1}, "configurable": {"user": "u"}}
    for step in listening(RunnableLambda(len), call, on_start=note, on_end=note):
        seen.clear()
        assert call.invoke(step, "abc", given) == 3
        assert call.stream(step, "abc") == [3]
        wanted = (["t"], {"a": 1}, {"user": "u"})
        assert seen[:2] == [("start", *wanted), ("end", *wanted)]
        assert seen[2:] == [("start", [], {}, {}), ("end", [], {}, {})]


def test_a_listener_that_writes_into_its_config_changes_no_other(call: Call) -> None:
    """Each call of it gets a copy."""
    seen: list[Any] = []

    def note(event: Event, config: Any) -> None:
        seen.append(list(config["tags"]))
        config["tags"].append("mine")

    step = RunnableLambda(len).with_listeners(on_start=note, on_end=note)
    assert call.batch(step, ["a", "bb"], {"tags": ["t"]}) == [1, 2]
    assert seen == [["t"]] * 4


def test_rows_with_such_listeners_still_go_together(call: Call) -> None:
    """A step that takes several inputs at once still gets them at once, in one run."""
    sizes: list[int] = []
    ended: list[Any] = []

    class Lengths(Runnable[str, int]):
        max_batch_size = 4

        def _invoke_batch(self, values: Any, scope: Any, kwargs: Any) -> list[int]:
            sizes.append(len(values))
            return [len(text) for text in values]

    def note(event: Event, config: Any) -> None:
        ended.append(event.output)

    step = RunnableLambda(str.strip) | Lengths().with_listeners(on_end=note)
    assert call.batch(step, ["a", "bb", "ccc", "dddd"]) == [1, 2, 3, 4]
    assert (sizes, ended) == ([4], [[1, 2, 3, 4]])


def test_other_functions_are_refused_when_they_are_bound() -> None:
    """With what they may take."""

    def three(a: Any, b: Any, config: Any) -> None: ...

    for function in (three, lambda: None, 3):
        with pytest.raises(ConfigError, match="the event and `config`"):
            RunnableLambda(len).with_listeners(on_start=function)  # type: ignore[arg-type]  # pyright: ignore


def test_handlers_of_another_kind_stay_as_they_are(call: Call) -> None:
    """A binding takes any handler as a listener."""

    class Ends:
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def on_event(self, event: Event) -> None:
            self.seen.append(event.kind)

    handler = Ends()
    call.invoke(RunnableBinding(RunnableLambda(len), listeners=[handler]) | str, "abc")
    assert handler.seen == ["start", "end"]
