"""Events that are read as another kind of event."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import threading
from typing import Any

import pytest

from runnables.compose.functions import RunnableLambda
from runnables.core.handlers import Event, MisreadEventError
from tests.both_modes import Call

MISREADINGS: dict[str, tuple[Any, str]] = {
    "a run of LangChain's": (lambda event: event.serialized, r"It is event\.name here"),
    "its other runs": (lambda event: event.child_runs, "no attribute 'child_runs'"),
    "a dict": (lambda event: event["name"], r"no dict.*Write event\.name"),
    "a dict of stream_events": (lambda event: event["event"], r"no dict.*Write event\.kind"),
    "a mapping": (lambda event: event.get("name"), "no attribute 'get'"),
    "a sequence": (lambda event: [*event], "no dict"),
    "a typo": (lambda event: event.outptu, "Did you mean 'output'"),
}


@pytest.mark.parametrize("name", MISREADINGS)
@pytest.mark.parametrize("kind", ["on_start", "on_end", "on_error"])
def test_a_listener_for_another_kind_of_event_fails_loudly(
    name: str, kind: str, call: Call
) -> None:
    """The call fails, and the error says what the event has."""
    read, reason = MISREADINGS[name]

    def fail(_: str) -> str:
        raise ValueError("the step's own")

    step = RunnableLambda(fail if kind == "on_error" else str.upper)

    async def aread(event: Event) -> None:
        read(event)

    listening = [step.with_listeners(**{kind: read})]
    if call.mode == "async":
        listening.append(step.with_alisteners(**{kind: aread}))
    for one in listening:
        with pytest.raises(MisreadEventError, match=reason):
            call.invoke(one, "a")
        with pytest.raises(MisreadEventError, match=reason):
            call.stream(one, "a")


def test_a_handler_for_another_kind_of_event_fails_loudly(call: Call) -> None:
    """Also one that stands in the config; its other errors are logged, as before."""

    class Misreads:
        def on_event(self, event: Any) -> None:
            print(event["name"])

    with pytest.raises(MisreadEventError):
        call.invoke(RunnableLambda(str.upper), "a", {"callbacks": [Misreads()]})

    class Fails:
        def on_event(self, event: Any) -> None:
            raise KeyError("its own")

    assert call.invoke(RunnableLambda(str.upper), "a", {"callbacks": [Fails()]}) == "A"


def test_an_event_is_still_a_value() -> None:
    """It copies, pickles, and can be asked whether it has an attribute."""
    event = Event(kind="start", run_type="chain", name="a", run_id="1")
    assert copy.deepcopy(event) == pickle.loads(pickle.dumps(event)) == event
    assert not hasattr(event, "extra") and getattr(event, "extra", 3) == 3
    assert not hasattr(event, "_repr_html_")


class _Keeps:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


def test_the_events_of_a_run_are_values(call: Call) -> None:
    """Also those of a step, and of a call, that hold what no other process can have."""
    keeps = _Keeps()
    lock = threading.Lock()
    step = RunnableLambda(lambda text, lock: text.upper()).bind(lock=lock)
    config = {"callbacks": [keeps], "configurable": {"lock": lock}}
    call.invoke(step, "a", config)
    call.stream(step, "a", config)
    assert {event.options["lock"] for event in keeps.events} == {lock}
    for event in keeps.events:
        assert copy.deepcopy(event) == pickle.loads(pickle.dumps(event)) == event


def test_the_events_of_a_plain_run_become_dicts(call: Call) -> None:
    """By `dataclasses.asdict`, as those of any dataclass."""
    keeps = _Keeps()
    call.invoke(RunnableLambda(len), "abc", {"callbacks": [keeps]})
    assert [dataclasses.asdict(event)["output"] for event in keeps.events] == [None, 3]
