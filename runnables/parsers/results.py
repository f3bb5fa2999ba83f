"""Parsing of answers as LangChain's results hold them, for code that was written for it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from runnables.errors import OutputParserException

if TYPE_CHECKING:
    from collections.abc import Sequence


class ParsesResults:
    """A base of parsers with `parse_result`, which users' code and LangChain's chains call."""

    def parse_result(self: Any, result: Sequence[Any], *, partial: bool = False) -> Any:
        """Return the value of an answer that is held by LangChain's results.

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
        answer = first.message if hasattr(first, "message") else first.text
        if not partial:
            return self.invoke(answer)
        values: list[Any] = []
        with suppress(OutputParserException):  # which says that it is incomplete
            values.extend(self.transform([answer]))
        return values[-1] if values else None
