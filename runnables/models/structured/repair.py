"""Structured output that shows a model the error of its answer, so that it can correct it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from runnables.engine.merging import SNAPSHOTS, Merge
from runnables.messages.ai import AIMessage
from runnables.messages.convert import convert_to_messages
from runnables.messages.roles import HumanMessage
from runnables.parsers.repair import RepairLoop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnables.compose.runnable import Runnable
    from runnables.errors import OutputParserException
    from runnables.messages.base import BaseMessage


class RepairedAnswer(RepairLoop[Any], internal=True):
    """A model and the parser of its answers, which retries when an answer does not parse.

    The model is called with the same conversation, its answer and the error at the end.

    Args:
        chain: the model and its parser, whose stream is one of snapshots.
        attempts: how many times the model is shown an error at most.
        raw: whether the parser returns a `RawAnswer`, with its error in it, instead of raising it.
    """

    run_type: ClassVar[str] = "chain"
    merge: Merge = SNAPSHOTS

    def __init__(self, chain: Runnable[Any, Any], attempts: int, *, raw: bool = False) -> None:
        self.chain = chain
        self.attempts = attempts
        self.raw = raw

    @property
    def first(self) -> Runnable[Any, Any]:
        """Return the model and its parser."""
        return self.chain

    @property
    def again(self) -> Runnable[Any, Any]:
        """Return the model and its parser."""
        return self.chain

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (self.chain,)

    def error_in(self, answer: Any) -> OutputParserException | None:
        """Return the error in a `RawAnswer`."""
        return answer["parsing_error"] if self.raw else None

    def put_error(self, answer: Any, error: OutputParserException) -> None:
        """Put an error into a `RawAnswer`."""
        answer["parsing_error"] = error

    def request(self, value: Any, error: OutputParserException) -> list[BaseMessage]:
        """Return the conversation with the answer, as a string, and the request to correct it.

        A string, since services refuse a conversation with a tool call that has no result.
        """
        return [
            *convert_to_messages(value),
            AIMessage(error.llm_output or "(no answer)"),
            HumanMessage(
                f"That answer cannot be read: {error.observation or error}\n"
                "Give the corrected answer, complete, and nothing else."
            ),
        ]
