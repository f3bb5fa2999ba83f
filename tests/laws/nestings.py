"""Random nestings of everything that fans out, whose leaves count how many run at once.

The value that flows through a nesting is a `Place`: its path in the tree, and the limits around
it. So every call of a runnable with a limit counts its own leaves, however often it is called.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from runnables import (
    Runnable,
    RunnableBranch,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough as Passthrough,
)
from tests.laws.gauges import GAUGE_PATIENCE
from tests.laws.specimens import NO_BACKOFF
from tests.leaks import busy_threads, lasting_threads, wait_for

Path = tuple[str, ...]


class Limit:
    """One call with a limit: how many leaves below it run now, and how many did at most."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.running = self.peak = 0


@dataclass(frozen=True)
class Place:
    """The input of a node: its path from the root, and the limits around it."""

    path: Path = ()
    limits: tuple[Limit, ...] = ()

    def child(self, name: object) -> Place:
        return replace(self, path=(*self.path, str(name)))


@dataclass
class Watch:
    """The state that the leaves of one nesting share.

    Attributes:
        meet: how many leaves wait for one another; with 1, none does.
        patience: how many seconds they wait.
        began: the paths of the leaves, in the order in which they began.
        limits: all calls with a limit, in the order in which they began.
        threads: the names of the new threads at work while the first leaf ran.
        others: threads that were at work before, such as those of servers.
        met: set when enough leaves run at once.
        tripped: the paths that have failed once.
        lock: protects the attributes above.
    """

    meet: int = 1
    patience: float = GAUGE_PATIENCE
    began: list[Path] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)
    met: threading.Event = field(default_factory=threading.Event)
    tripped: set[Path] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    others: set[threading.Thread] = field(default_factory=lasting_threads)

    def at_work(self) -> list[str]:
        return [thread.name for thread in busy_threads() - self.others]

    @contextmanager
    def leaf(self, place: Place) -> Iterator[None]:
        with self.lock:
            self.began.append(place.path)
            for limit in place.limits:
                limit.running += 1
                limit.peak = max(limit.peak, limit.running)
            if place.limits[0].running >= self.meet:
                self.met.set()
        try:
            yield
        finally:
            with self.lock:
                for limit in place.limits:
                    limit.running -= 1

    def call(self, place: Place) -> str:
        with self.leaf(place):
            if len(self.began) == 1:  # not in a loop: this waits
                limit = place.limits[0].limit
                wait_for(lambda: len(self.at_work()) <= limit, 0.5)  # one may be about to end
                self.threads = self.at_work()
            self.met.wait(self.patience if self.meet > 1 else 0.0005)
        return "leaf"

    async def acall(self, place: Place) -> str:
        with self.leaf(place):
            if self.meet == 1:
                await asyncio.sleep(0)
                return "leaf"
            until = time.monotonic() + self.patience  # by the clock, as some steps go to a thread
            while not self.met.is_set() and time.monotonic() < until:
                await asyncio.sleep(0)
        return "leaf"

    def limited(self, limit: int) -> RunnableLambda[Place, Place]:
        """Return a step that starts to count the leaves of a call with a limit."""

        def enter(place: Place) -> Place:
            count = Limit(limit)
            self.limits.append(count)
            return replace(place, limits=(*place.limits, count))

        return RunnableLambda(enter, blocking=False)

    def trip(self, place: Place) -> Place:
        """Fail the first time at each place."""
        with self.lock:
            if place.path not in self.tripped:
                self.tripped.add(place.path)
                raise ValueError("the first time")
        return place


# --- the trees: how each node is built, and what it returns -----------------------------------


@dataclass(frozen=True)
class Node:
    """A leaf, or a nesting of other nodes.

    Attributes:
        kind: a key of `BUILD`, or "leaf".
        size: how many items a map or a batch has; the limit of a "limit".
        parts: the nodes inside.
    """

    kind: str
    size: int = 1
    parts: tuple[Node, ...] = ()

    @property
    def leaves(self) -> int:
        """Return how many leaf calls there are."""
        if self.kind == "leaf":
            return 1
        times = self.size if self.kind in MANY else 1
        return times * sum(part.leaves for part in self.parts)

    def __str__(self) -> str:
        parts = ", ".join(map(str, self.parts))
        return self.kind if self.kind == "leaf" else f"{self.kind}[{self.size}]({parts})"


MANY = frozenset({"map", "batch in a function", "stream of a batch in a function"})

AROUND = ("retry", "fallback", "branch", "sequence", "call in a function")
IDLE = frozenset({"stream of a batch in a function"})
"""A thread that waits for these keeps its slot, because its consumer may call leaves, too."""

FANS = ("parallel", "assign", *sorted(MANY))


@st.composite
def nodes(draw: Callable[..., Any], depth: int, all_free: bool = False) -> Node:
    """Draw a nesting of this depth: fan-outs, and maybe another runnable around each.

    With `all_free`, nothing inside stops all leaves from running at once.
    """
    if depth == 0:
        return Node("leaf")
    kind = draw(st.sampled_from([fan for fan in FANS if not (all_free and fan in IDLE)]))
    if kind in MANY:
        fan = Node(kind, draw(st.integers(2, 3)), (draw(nodes(depth - 1, all_free)),))
    else:
        depths = draw(st.lists(st.integers(0, depth - 1), min_size=2, max_size=3))
        fan = Node(kind, 1, tuple(draw(nodes(depth, all_free)) for depth in depths))
    around = draw(st.sampled_from([None, *AROUND, *([] if all_free else ["limit"])]))
    if around is None:
        return fan
    return Node(around, draw(st.integers(1, 4)) if around == "limit" else 1, (fan,))


NODES = st.integers(1, 3).flatmap(nodes)
"""Nestings up to three fan-outs deep, with at most 27 leaf calls."""

UNLIMITED = st.integers(1, 2).flatmap(lambda depth: nodes(depth, all_free=True))
"""Nestings whose leaves, at most nine, may all run at once."""


def build(node: Node, watch: Watch, is_async: bool) -> Runnable[Any, Any]:
    """Return the runnable of a node, made of sync or async functions."""
    if node.kind == "leaf":
        return RunnableLambda(watch.acall if is_async else watch.call)
    parts = [
        _from(str(index), build(part, watch, is_async)) for index, part in enumerate(node.parts)
    ]
    return BUILD[node.kind](node, parts, watch, is_async)


def _from(name: str, part: Runnable[Any, Any]) -> Runnable[Any, Any]:
    return RunnableLambda(lambda place: place.child(name), blocking=False) | part


def _items(node: Node) -> Callable[[Place], list[Place]]:
    return lambda place: [place.child(index) for index in range(node.size)]


def _parallel(node: Node, parts: list[Any], watch: Watch, is_async: bool) -> Any:
    return RunnableParallel({str(index): part for index, part in enumerate(parts)})


def _assign(node: Node, parts: list[Any], watch: Watch, is_async: bool) -> Any:
    new = {str(index): _pick | part for index, part in enumerate(parts)}
    return RunnableParallel(place=Passthrough()) | Passthrough.assign(**new) | _without_place


_pick: RunnableLambda[Any, Any] = RunnableLambda(lambda value: value["place"], blocking=False)
_without_place: RunnableLambda[Any, Any] = RunnableLambda(
    lambda state: {key: value for key, value in state.items() if key != "place"}, blocking=False
)


def _map(node: Node, parts: list[Any], watch: Watch, is_async: bool) -> Any:
    return RunnableLambda(_items(node), blocking=False) | parts[0].map()


def _batch(node: Node, parts: list[Any], watch: Watch, is_async: bool) -> Any:
    items = _items(node)
    if is_async:
        return RunnableLambda(_awaiting(lambda place: parts[0].abatch(items(place))))
    return RunnableLambda(lambda place: parts[0].batch(items(place)))


def _completed(node: Node, parts: list[Any], watch: Watch, is_async: bool) -> Any:
    items = _items(node)

    async def gather(place: Place) -> list[Any]:
        pairs = [pair async for pair in parts[0].abatch_as_completed(items(place))]
        return [value for _, value in sorted(pairs, key=lambda pair: pair[0])]

    def wait(place: Place) -> list[Any]:
        pairs = sorted(parts[0].batch_as_completed(items(place)), key=lambda pair: pair[0])
        return [value for _, value in pairs]

    return RunnableLambda(gather) if is_async else RunnableLambda(wait)


def _call(node: Node, parts: list[Any], watch: Watch, is_async: bool) -> Any:
    return RunnableLambda(_awaiting(parts[0].ainvoke) if is_async else parts[0].invoke)


def _awaiting(function: Callable[[Place], Any]) -> Callable[[Place], Any]:
    async def call(place: Place) -> Any:
        return await function(place)

    return call


BUILD: dict[str, Callable[[Node, list[Any], Watch, bool], Any]] = {
    "parallel": _parallel,
    "assign": _assign,
    "map": _map,
    "batch in a function": _batch,
    "stream of a batch in a function": _completed,
    "call in a function": _call,
    "retry": lambda node, parts, watch, _: (RunnableLambda(watch.trip) | parts[0]).with_retry(
        **NO_BACKOFF
    ),
    "fallback": lambda node, parts, watch, _: RunnableLambda(_fail, blocking=False).with_fallbacks(
        parts
    ),
    "branch": lambda node, parts, watch, _: RunnableBranch((_always, parts[0]), _fail),
    "sequence": lambda node, parts, watch, _: Passthrough() | parts[0] | Passthrough(),
    "limit": lambda node, parts, watch, _: (watch.limited(node.size) | parts[0]).with_config(
        max_concurrency=node.size
    ),
}


def _fail(_: object) -> Any:
    raise KeyError("not this one")


def _always(_: object) -> bool:
    return True


def expected(node: Node) -> Any:
    """Return the output of a nesting."""
    if node.kind == "leaf":
        return "leaf"
    values = [expected(part) for part in node.parts]
    if node.kind in ("parallel", "assign"):
        return {str(index): value for index, value in enumerate(values)}
    return [values[0]] * node.size if node.kind in MANY else values[0]


def in_order(node: Node, path: Path = ()) -> list[Path]:
    """Return the paths of the leaves, depth first: the order in which one worker runs them."""
    if node.kind == "leaf":
        return [path]
    starts = [(*path, str(index)) for index in range(node.size)] if node.kind in MANY else [path]
    return [
        leaf
        for start in starts
        for index, part in enumerate(node.parts)
        for leaf in in_order(part, (*start, str(index)))
    ]
