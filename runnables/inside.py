"""Looking into a chain: what it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.prompts import BasePromptTemplate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnables.runnable import Runnable


def walk(runnable: Runnable[Any, Any]) -> Iterator[Runnable[Any, Any]]:
    """A runnable and everything inside it, in the order in which they stand."""
    yield runnable
    for inside in runnable._inner():
        yield from walk(inside)


def prompts_in(runnable: Runnable[Any, Any]) -> list[BasePromptTemplate]:
    """The prompts in a runnable, in order."""
    return [it for it in walk(runnable) if isinstance(it, BasePromptTemplate)]
