"""Law 12 through every combinator: the user's own variables, and what the config carries."""

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

USER: ContextVar[str] = ContextVar("USER", default="nobody")


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


def pieces(_: Any) -> Any:
    yield ""
    yield USER.get()


async def apieces(_: Any) -> Any:
    yield ""
    yield USER.get()


def flow(chunks: Any) -> Any:
    for _ in chunks:
        yield USER.get()


KINDS: dict[str, Any] = {
    "function": RunnableLambda(plain),
    "async function": RunnableLambda(aplain),
    "generator": RunnableLambda(pieces),
    "async generator": RunnableLambda(apieces),
    "stream generator": RunnableGenerator(flow),
}


def _fine(value: Any) -> Any:
    return value


def _fail(_: Any) -> Any:
    raise ValueError("no")


def one_of(chunks: Any) -> Any:
    """The value in a list or a dict of one."""
    return next(iter(chunks.values())) if isinstance(chunks, dict) else chunks[0]


PLACES: dict[str, Callable[[Any], Any]] = {
    "alone": lambda it: it,
    "last": lambda it: RunnableLambda(_fine) | it,
    "first": lambda it: it | RunnablePassthrough(),
    "parallel": lambda it: RunnableParallel(a=it) | one_of,
    "map": lambda it: RunnableLambda(lambda _: [1]) | it.map() | one_of,
    "assign": lambda it: (
        {"x": RunnableLambda(_fine)} | RunnablePassthrough.assign(a=it) | (lambda it: it["a"])
    ),
    "branch": lambda it: RunnableBranch((bool, it), _fine),
    "retry": lambda it: it.with_retry(**NO_BACKOFF),
    "fallback": lambda it: RunnableLambda(_fail).with_fallbacks([it]),
    "timeout": lambda it: it.with_timeout(60),
    "bound": lambda it: it.with_config(tags=["a"]),
    "returned": lambda it: RunnableLambda(lambda _: it),
}

WAYS: dict[str, Callable[[Call, Any], Any]] = {
    "invoke": lambda call, it: call.invoke(it, "x"),
    "stream": lambda call, it: stream_of(call, it, "x").value,
    "transform": lambda call, it: transform_of(call, it, ["x"]).value,
    "batch": lambda call, it: call.batch(it, ["x"])[0],
    "as completed": lambda call, it: call.batch_as_completed(it, ["x"])[0][1],
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", WAYS)
def test_a_variable_of_the_callers_is_seen_everywhere(way: str, place: str, call: Call) -> None:
    """In every kind of function, under every combinator, in every way of calling."""
    for kind, step in KINDS.items():
        if call.colour == "sync" and "async" in kind:
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
    """Wherever the step stands that has no copy of the context by intent; sync and async."""
    for function in (sets, asets):
        if call.colour == "sync" and function is asets:
            continue
        with user("Ada"):
            chain = SETTERS[place](RunnableLambda(function)) | RunnableLambda(plain)
            assert WAYS[way](call, chain) == "set by x", function


@pytest.mark.parametrize("way", WAYS)
def test_branches_and_items_do_not_see_each_other(way: str, call: Call) -> None:
    """Each has a copy of the context; what it sets stays in it."""
    setter = RunnableLambda(sets)
    chains: dict[str, Any] = {
        "parallel": RunnableParallel(a=setter, b=setter) | plain,
        "map": RunnableLambda(lambda it: [it, it]) | setter.map() | plain,
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
    "invoke in a function": RunnableLambda(lambda it: INNER.invoke(it)),
    "ainvoke in an async function": RunnableLambda(acalls),
    "stream in a generator": RunnableLambda(streams),
    "astream in an async generator": RunnableLambda(astreams),
    "invoke in a stream generator": RunnableGenerator(flows),
    "batch in a function": RunnableLambda(lambda it: INNER.batch([it])[0]),
    "as completed in a function": RunnableLambda(
        lambda it: next(iter(INNER.batch_as_completed([it])))[1]
    ),
    "a user's class": InvokesAnother(INNER) | (lambda it: it - 1),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("caller", CALLERS)
def test_calls_inside_inherit_what_the_config_says(caller: str, place: str, call: Call) -> None:
    """Handlers, tags and metadata reach a call in a user's code, whatever stands around that."""
    if call.colour == "sync" and "async" in caller:
        pytest.skip("async only")
    for way in ("invoke", "stream"):
        recorder = Recorder()
        config = {**recorder.config, "tags": ["t"], "metadata": {"user": 7}}
        chain = PLACES[place](CALLERS[caller]).with_config(config)
        do = call.invoke if way == "invoke" else call.stream
        do(chain, 1)
        begun = recorder.of("inner")
        assert begun, way
        assert all("t" in it.tags and it.metadata["user"] == 7 for it in begun)
        assert all(it.parent_id is not None for it in begun)
