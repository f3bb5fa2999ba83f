"""Conversion of runnables: containers are translated, and anything else is wrapped."""

from __future__ import annotations

from typing import Any

from runnables.interop.langchain.leaf import ForeignRunnable
from runnables.interop.langchain.native import LangChainRunnable
from runnables.interop.langchain.translate import translated


def from_theirs(runnable: Any) -> Any:
    """Return a runnable of ours that does what one of LangChain does."""
    made = translated(runnable)
    return ForeignRunnable(runnable) if made is None else made


def to_theirs(runnable: Any) -> LangChainRunnable:
    """Return the runnable of LangChain that runs one of ours."""
    return LangChainRunnable(runnable)
