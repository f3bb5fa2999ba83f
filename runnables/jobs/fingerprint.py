"""What a checkpoint knows of a chain, and what of it has changed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, TypedDict

from runnables.cache.keys import digest
from runnables.core.values import show, show_settings


class StepIdentity(TypedDict):
    """One step: where it is, what it prints, and its digest, without secrets.

    A step that holds something without a key, an open connection say, counts by what it prints.
    """

    at: str
    text: str
    digest: str


class Fingerprint(TypedDict):
    """A chain: its steps, the digest of the whole, and the Python whose code functions have.

    The options and the `configurable` of the call are text and digest under "call".
    """

    steps: list[StepIdentity]
    digest: str
    python: str
    call: StepIdentity


def fingerprint(runnable: Any, call: Mapping[str, Any]) -> Fingerprint:
    """Return what is known of a chain: its structure, its parameters, the names of its models.

    Args:
        runnable: the chain.
        call: the options and the `configurable` of the call.
    """
    steps = list(_steps(runnable, ""))
    return {
        "steps": steps,
        "digest": _digest(runnable),
        "call": {"at": "call", "text": show_settings(call), "digest": _digest(dict(call))},
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }


def _steps(runnable: Any, at: str) -> list[StepIdentity]:
    inside = list(runnable._children())
    if not inside:
        return [{"at": at or "chain", "text": show(runnable), "digest": _digest(runnable)}]
    found: list[StepIdentity] = []
    for index, child in enumerate(inside, 1):
        name = f"{at} > {runnable.get_name()} {index}" if at else f"step {index}"
        found.extend(_steps(child, name))
    return found


def _digest(runnable: Any) -> str:
    try:
        return digest(runnable)
    except (TypeError, RecursionError):
        return digest(show(runnable))


def changes(stored: Fingerprint, now: Fingerprint) -> str | None:
    """Return what has changed in a chain, for people; None where nothing has."""
    was_called, called = stored["call"], now["call"]
    if was_called["digest"] != called["digest"]:
        return (
            f"it was called with {was_called['text'] or 'no options'}, and is called with "
            f"{called['text'] or 'no options'}"
        )
    if stored["digest"] == now["digest"]:
        return None
    before, after = stored["steps"], now["steps"]
    lines: list[str] = []
    if len(before) != len(after):
        lines.append(f"it had {len(before)} steps, and has {len(after)}")
    for was, step in zip(before, after, strict=False):
        if was["text"] != step["text"]:
            lines.append(f"{step['at']} was {was['text']}, and is {step['text']}")
        elif was["digest"] != step["digest"]:
            lines.append(f"{step['at']}, {step['text']}, has other code or other values inside")
    if stored["python"] != now["python"]:
        lines.append(
            f"it ran on Python {stored['python']}, and runs on {now['python']}, where the code of "
            "functions differs"
        )
    return "; ".join(lines[:4]) or "it has other settings"
