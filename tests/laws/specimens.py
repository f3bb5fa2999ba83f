"""What the registry is made of: a runnable, and the inputs that it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from runnables import Runnable, RunnableEach, RunnableParallel
from runnables.core.description import walk

INTS = st.integers(-3, 3)
TEXTS = st.text(alphabet="ab !é\n", max_size=7)
DICTS = st.fixed_dictionaries({"text": TEXTS, "number": INTS})
INT_LISTS = st.lists(INTS, max_size=4)
ANY = INTS | TEXTS | st.lists(INTS, max_size=3) | DICTS

NO_BACKOFF: dict[str, Any] = {"wait_exponential_jitter": False}
AGAIN: dict[str, Any] = {**NO_BACKOFF, "on_restart": "restart"}


@dataclass(frozen=True)
class Specimen:
    """One runnable of the registry.

    Attributes:
        title: reads like its code.
        make: makes a new one, with no memory of earlier calls.
        inputs: what it takes; also inputs that it refuses.
        sync: whether it can be called in the sync colour.
        ordered: whether the chunks of its stream have one order; branches at once have none.
        remembers: whether what it gives depends on the calls before.
    """

    title: str
    make: Callable[[], Runnable[Any, Any]]
    inputs: st.SearchStrategy[Any]
    sync: bool = True
    ordered: bool = field(default=True)
    remembers: bool = False

    def __str__(self) -> str:
        return self.title

    def runs_in(self, colour: str) -> bool:
        return self.sync or colour == "async"


def it(
    title: str, make: Callable[[], Any], inputs: st.SearchStrategy[Any], **facts: Any
) -> Specimen:
    at_once = (RunnableParallel, RunnableEach)
    facts.setdefault("ordered", not any(isinstance(part, at_once) for part in walk(make())))
    return Specimen(title, make, inputs, **facts)
