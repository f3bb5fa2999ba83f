"""Law 12 through every combinator, for the user's own variables and for the config."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest

from runnables import (
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from tests.both_modes import Call
from tests.laws.outcomes import stream_of, transform_of
from tests.laws.recorder import Recorder
from tests.laws.specimens import NO_BACKOFF
from tests.laws.steps import InvokesAnother

USER: ContextVar[str] = ContextVar("USER", default="unset")


@contextmanager
def user(name: str) -> Iterator[None]:
    token = USER.set(name)
    try:
        yield
    finally:
        USER.reset(token)


def plain(_: Any) -> str:
    return USER.get()


async def aplain(_: Any) -> str:
    return USER.get()


def chunks(_: Any) -> Any:
    yield ""
    yield USER.get()


async def achunks(_: Any) -> Any:
    yield ""
    yield USER.get()


def flow(chunks: Any) -> Any:
    for _ in chunks:
        yield USER.get()


KINDS: dict[str, Any] = {
    "function": RunnableLambda(plain),
    "async function": RunnableLambda(aplain),
    "generator": RunnableLambda(chunks),
    "async generator": RunnableLambda(achunks),
    "stream generator": RunnableGenerator(flow),
}


def _fine(value: Any) -> Any:
    return value


def _fail(_: Any) -> Any:
    raise ValueError("no")


def one_of(chunks: Any) -> Any:
    """Return the value in a list or a dict of one."""
    return next(iter(chunks.values())) if isinstance(chunks, dict) else chunks[0]


PLACES: dict[str, Callable[[Any], Any]] = {
    "alone": lambda step: step,
    "last": lambda step: RunnableLambda(_fine) | step,
    "first": lambda step: step | RunnablePassthrough(),
    "parallel": lambda step: RunnableParallel(a=step) | one_of,
    "map": lambda step: RunnableLambda(lambda _: [1]) | step.map() | one_of,
    "assign": lambda step: (
        {"x": RunnableLambda(_fine)}
        | RunnablePassthrough.assign(a=step)
        | (lambda value: value["a"])
    ),
    "branch": lambda step: RunnableBranch((bool, step), _fine),
    "retry": lambda step: step.with_retry(**NO_BACKOFF),
    "fallback": lambda step: RunnableLambda(_fail).with_fallbacks([step]),
    "timeout": lambda step: step.with_timeout(60),
    "bound": lambda step: step.with_config(tags=["a"]),
    "returned": lambda step: RunnableLambda(lambda _: step),
}

WAYS: dict[str, Callable[[Call, Any], Any]] = {
    "invoke": lambda call, step: call.invoke(step, "x"),
    "stream": lambda call, step: stream_of(call, step, "x").value,
    "transform": lambda call, step: transform_of(call, step, ["x"]).value,
    "batch": lambda call, step: call.batch(step, ["x"])[0],
    "as completed": lambda call, step: call.batch_as_completed(step, ["x"])[0][1],
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", WAYS)
def test_a_variable_of_the_caller_is_seen_everywhere(way: str, place: str, call: Call) -> None:
    """Every kind of function sees it, under every combinator, in every call."""
    for kind, step in KINDS.items():
        if call.mode == "sync" and "async" in kind:
            continue
        with user("Ada"):
            assert WAYS[way](call, PLACES[place](step)) == "Ada", kind


SETTERS: dict[str, Callable[[Any], Any]] = {
    name: PLACES[name] for name in ("alone", "last", "first", "branch", "retry", "fallback")
} | {name: PLACES[name] for name in ("timeout", "bound", "returned")}


def sets(value: str) -> str:
    USER.set(f"set by {value}")
    return value


async def asets(value: str) -> str:
    return sets(value)


@pytest.mark.parametrize("place", SETTERS)
@pytest.mark.parametrize("way", WAYS)
def test_what_a_step_sets_is_seen_by_the_next(way: str, place: str, call: Call) -> None:
    """This holds under every combinator that does not copy the context on purpose."""
    for function in (sets, asets):
        if call.mode == "sync" and function is asets:
            continue
        with user("Ada"):
            chain = SETTERS[place](RunnableLambda(function)) | RunnableLambda(plain)
            assert WAYS[way](call, chain) == "set by x", function


@pytest.mark.parametrize("way", WAYS)
def test_branches_and_items_do_not_see_each_other(way: str, call: Call) -> None:
    """Each has a copy of the context, which keeps what it sets."""
    setter = RunnableLambda(sets)
    chains: dict[str, Any] = {
        "parallel": RunnableParallel(a=setter, b=setter) | plain,
        "map": RunnableLambda(lambda value: [value, value]) | setter.map() | plain,
    }
    for name, chain in chains.items():
        with user("Ada"):
            assert WAYS[way](call, chain) == "Ada", name
            assert USER.get() == "Ada"


INNER = RunnableLambda(lambda _: 1, name="inner")


async def acalls(value: Any) -> Any:
    return await INNER.ainvoke(value)


async def astreams(value: Any) -> Any:
    async for chunk in INNER.astream(value):
        yield chunk


def streams(value: Any) -> Any:
    yield from INNER.stream(value)


def flows(chunks: Any) -> Any:
    for chunk in chunks:
        yield INNER.invoke(chunk)


CALLERS: dict[str, Any] = {
    "invoke in a function": RunnableLambda(lambda value: INNER.invoke(value)),
    "ainvoke in an async function": RunnableLambda(acalls),
    "stream in a generator": RunnableLambda(streams),
    "astream in an async generator": RunnableLambda(astreams),
    "invoke in a stream generator": RunnableGenerator(flows),
    "batch in a function": RunnableLambda(lambda value: INNER.batch([value])[0]),
    "as completed in a function": RunnableLambda(
        lambda value: next(iter(INNER.batch_as_completed([value])))[1]
    ),
    "a user's class": InvokesAnother(INNER) | (lambda number: number - 1),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("caller", CALLERS)
def test_calls_inside_inherit_the_config(caller: str, place: str, call: Call) -> None:
    """Handlers, tags and metadata reach a call in a user's code, under every combinator."""
    if call.mode == "sync" and "async" in caller:
        pytest.skip("async only")
    for way in ("invoke", "stream"):
        recorder = Recorder()
        config = {**recorder.config, "tags": ["t"], "metadata": {"user": 7}}
        chain = PLACES[place](CALLERS[caller]).with_config(config)
        do = call.invoke if way == "invoke" else call.stream
        do(chain, 1)
        begun = recorder.of("inner")
        assert begun, way
        assert all("t" in event.tags and event.metadata["user"] == 7 for event in begun)
        assert all(event.parent_id is not None for event in begun)
