"""Parsing of answers as LangChain's results hold them, for code that was written for it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from runnables.errors import OutputParserException
from runnables.messages.ai import AIMessage
from runnables.messages.base import BaseMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runnables.messages.generations import ChatGeneration


def as_result(output: Any, text: str) -> list[ChatGeneration]:
    """Return a model's output, of which the text is known, as LangChain's results hold it."""
    from runnables.messages.generations import ChatGeneration  # for parsers that ask for it only

    message = output if isinstance(output, BaseMessage) else AIMessage(text)
    return [ChatGeneration(message=message)]


class ParsesResults:
    """A base of parsers with `parse_result`, which users' code and LangChain's chains call."""

    _reads_results: ClassVar[bool] = False  # whether `parse_result` is the class's own

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._reads_results = cls.parse_result is not ParsesResults.parse_result

    def parse_result(self: Any, result: Sequence[Any], *, partial: bool = False) -> Any:
        """Return the value of an answer that is held by LangChain's results.

        A parser of text that writes this gets a list of one `ChatGeneration`, and may read its
        message.

        Args:
            result: the candidates of one answer, of which the first counts: each has a `message`,
                or else a `text`.
            partial: return what a stream of the answer has last, also where it is incomplete; None
                where it has nothing yet.

        Raises:
            OutputParserException: the answer is not what this parser reads.

        Example:
            >>> from types import SimpleNamespace
            >>> JsonOutputParser().parse_result(
            ...     [SimpleNamespace(text='{"sea": "Balt')], partial=True
            ... )
            {'sea': 'Balt'}
        """
        first = result[0]
        if self._reads_results and not partial:
            return self.parse(first.text)
        answer = first.message if hasattr(first, "message") else first.text
        if not partial:
            return self.invoke(answer)
        values: list[Any] = []
        with suppress(OutputParserException):  # which says that it is incomplete
            values.extend(self.transform([answer]))
        return values[-1] if values else None

    def _parse_as_result(self, output: Any, text: str) -> Any:
        return self.parse_result(as_result(output, text))
