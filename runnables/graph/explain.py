"""`explain`: what a chain does, in words: what streams and what waits, at once, in batches."""

from __future__ import annotations

from typing import Any

from runnables.compose.coerce import coerce_to_runnable
from runnables.engine.slots import DEFAULT_LIMIT
from runnables.graph.reading import Findings, findings_in


def explain(runnable: Any) -> str:
    """Return in words what streams, what waits and why, what runs at once, what is batched.

    It reads what the steps declare, and runs nothing. What a function calls or returns cannot be
    seen.

    Args:
        runnable: the chain, or what `|` takes for one.

    Example:
        >>> model = FakeListChatModel(responses=["Hello"])
        >>> print(explain(ChatPromptTemplate.from_template("{text}") | model | str.upper))
        Streaming: the output comes as one chunk.
        - step 2 of 3 (FakeListChatModel) yields its output in chunks
        Waiting: a stream waits here for its end.
        - step 3 of 3 (upper): a function takes a whole value; a generator function would get chunks
        At once: in a batch up to 32 calls, or max_concurrency.
        Batching: each input makes calls of its own.
    """
    found = findings_in(coerce_to_runnable(runnable))
    sections = (
        ("Streaming", _how_it_streams(found), found.streams),
        ("Waiting", _how_it_waits(found), found.waits),
        ("At once", f"in a batch up to {DEFAULT_LIMIT} calls, or max_concurrency", found.at_once),
        ("Batching", _how_it_batches(found), found.batched),
    )
    lines: list[str] = []
    for title, sentence, items in sections:
        lines += [f"{title}: {sentence}.", *(f"- {item}" for item in dict.fromkeys(items))]
    return "\n".join(lines)


def _how_it_streams(found: Findings) -> str:
    return f"the output comes {'in chunks' if found.output.several else 'as one chunk'}"


def _how_it_waits(found: Findings) -> str:
    if not found.waits:
        return "no step waits for the end of a stream"
    return "a stream waits here for its end"


def _how_it_batches(found: Findings) -> str:
    if not found.batched:
        return "each input makes calls of its own"
    return "in a batch, rows wait here for each other, and go together"
