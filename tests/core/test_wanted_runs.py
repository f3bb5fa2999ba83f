"""Handlers that say which kinds of runs they want to see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from runnables import Budget, RunnableGenerator, RunnableLambda, RunnableParallel, Usage
from runnables.core.handlers import Event
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call


class Seen:
    """A handler that notes what it receives."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        """Note the event."""
        self.events.append(event)


class SeesModels(Seen):
    """One that wants the runs of chat models."""

    run_types = frozenset({"chat_model"})


class SeesNothing(Seen):
    """One that wants no runs."""

    run_types = frozenset[str]()

    async def on_event(self, event: Event) -> None:  # type: ignore[override]  # also awaitable
        """Note the event."""
        self.events.append(event)


@pytest.mark.parametrize("method", ["invoke", "stream"])
def test_a_handler_sees_the_runs_that_it_wants(call: Call, method: str) -> None:
    """Beside one that sees all; the ids of the runs around are the same for both."""
    model = ScriptedChatModel(["Ahoy!"], cycle=True)
    chain = RunnableLambda(str) | model | RunnableLambda(lambda message: message.text)
    seen, models = Seen(), SeesModels()
    getattr(call, method)(chain, "Hello", {"callbacks": [seen, models]})
    assert {event.run_type for event in seen.events} == {"chain", "chat_model"}
    assert models.events == [event for event in seen.events if event.run_type == "chat_model"]
    assert all(len(event.parent_ids) == 1 for event in models.events)


@pytest.mark.parametrize("method", ["invoke", "stream", "batch"])
def test_a_handler_that_wants_no_runs_is_not_asked(call: Call, method: str) -> None:
    """So an async one is no error in a sync call."""
    handler = SeesNothing()
    value = ["a"] if method == "batch" else "a"
    getattr(call, method)(RunnableLambda(len) | str, value, {"callbacks": [handler]})
    assert not handler.events


@pytest.mark.parametrize("method", ["invoke", "stream", "transform", "batch"])
def test_no_event_is_made_that_no_handler_wants(
    call: Call, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of steps that take chunks, and of steps inside of these."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("made for no handler")

    monkeypatch.setattr("runnables.core.handlers.Event.__init__", refuse)
    inside = RunnableGenerator(_each) | RunnableGenerator(_each)
    chain = RunnableLambda(str) | RunnableParallel(a=inside, b=len) | RunnableLambda(dict)
    value = ["a"] if method == "batch" else "a"
    found = getattr(call, method)(chain, value, {"callbacks": [SeesNothing()]})
    assert (found if method == "invoke" else found[0]) == {"a": "a", "b": 1}


def _each(chunks: Iterable[str]) -> Iterator[str]:
    yield from chunks


def test_what_counts_tokens_wants_the_runs_of_models_only() -> None:
    """So the other steps of a chain make no events for it."""
    for handler in (Usage(), Budget(tokens=1)):
        assert handler.run_types == {"chat_model", "llm", "embeddings"}
