"""The names of `asyncio`, which is loaded when the first of them is used.

It brings `ssl`, `subprocess` and more, and takes a fifth of the time that a small program needs to
start. A chain without a loop never uses it. Import this module as `asyncio`; type checkers are
shown the real one.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Load a name, and keep it here, so that the next use costs what a module's name costs."""
    if name.startswith("__"):  # what the import system and debuggers look for
        raise AttributeError(name)
    import asyncio

    value = globals()[name] = getattr(asyncio, name)
    return value
