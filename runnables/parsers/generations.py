"""The base class of parsers that read LangChain's results."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from runnables.core.typevars import Output
from runnables.parsers.base import BaseOutputParser
from runnables.parsers.results import as_result

if TYPE_CHECKING:
    from collections.abc import Sequence


class BaseGenerationOutputParser(BaseOutputParser[Output], internal=True):
    """Base of parsers that read the message rather than its text. Write `parse_result`.

    Example:
        >>> class CallNames(BaseGenerationOutputParser[list[str]]):
        ...     def parse_result(self, result, *, partial=False):
        ...         return [call["name"] for call in result[0].message.tool_calls]
        >>> CallNames().invoke(AIMessage("", tool_calls=[tool_call(name="look", args={}, id="1")]))
        ['look']
    """

    @abstractmethod
    def parse_result(self, result: Sequence[Any], *, partial: bool = False) -> Output:
        """Return the value of an answer, which is the first one of a list of one.

        Args:
            result: the answer, as a `ChatGeneration`: its `message`, and its `text`.
            partial: whether the answer is still being written; it is not, unless your code says so.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `parse_result`: write it")

    def parse(self, text: str) -> Output:
        """Return the value of a string, as of a message with that text."""
        return self.parse_result(as_result(text, text))


BaseLLMOutputParser = BaseGenerationOutputParser
