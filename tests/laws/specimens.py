"""Specimens, the entries of the registry: a runnable, and the inputs that it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from runnables import Runnable, RunnableEach, RunnableParallel
from runnables.core.description import walk

INTS = st.integers(-3, 3)
STRINGS = st.text(alphabet="ab !é\n", max_size=7)
DICTS = st.fixed_dictionaries({"text": STRINGS, "number": INTS})
INT_LISTS = st.lists(INTS, max_size=4)
ANY = INTS | STRINGS | st.lists(INTS, max_size=3) | DICTS

NO_BACKOFF: dict[str, Any] = {"wait_exponential_jitter": False}
AGAIN: dict[str, Any] = {**NO_BACKOFF, "on_restart": "restart"}


@dataclass(frozen=True)
class Specimen:
    """One runnable of the registry.

    Attributes:
        title: a name that reads like its code.
        make: makes a new one, with no memory of earlier calls.
        inputs: the inputs that it takes, and some that it refuses.
        sync: whether it can be called synchronously.
        ordered: whether the chunks of its stream have one order; those of branches have none.
        remembers: whether its output depends on the calls before.
    """

    title: str
    make: Callable[[], Runnable[Any, Any]]
    inputs: st.SearchStrategy[Any]
    sync: bool = True
    ordered: bool = field(default=True)
    remembers: bool = False

    def __str__(self) -> str:
        return self.title

    def runs_in(self, mode: str) -> bool:
        return self.sync or mode == "async"


def specimen(
    title: str, make: Callable[[], Any], inputs: st.SearchStrategy[Any], **options: Any
) -> Specimen:
    at_once = (RunnableParallel, RunnableEach)
    options.setdefault("ordered", not any(isinstance(part, at_once) for part in walk(make())))
    return Specimen(title, make, inputs, **options)
