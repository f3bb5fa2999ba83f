"""Chains and sessions for the tests of histories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from runnables import BaseMessage, RunnableLambda

ADA: Any = {"configurable": {"session_id": "ada"}}
BOB: Any = {"configurable": {"session_id": "bob"}}


def last(messages: list[BaseMessage]) -> str:
    """Answer with how many messages there were before, and the last of them."""
    return f"{len(messages) - 1}:{messages[-1].text}"


def letters(messages: list[BaseMessage]) -> Iterator[str]:
    """Answer as `last` does, letter by letter."""
    yield from last(messages)


def contents(messages: Iterable[BaseMessage]) -> list[str]:
    return [message.text for message in messages]


def answering() -> Any:
    return RunnableLambda(last)
