"""Parsers of ours as LangChain's, for chains of its own that take no other runnable in their place.

A parser of LangChain is a runnable like others here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langchain_core.output_parsers import BaseLLMOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from typing_extensions import override

from runnables.interop.langchain.native import LangChainRunnable
from runnables.interop.langchain.values import from_value, to_value

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable


def to_theirs(parser: Runnable[Any, Any]) -> ParserForLangChain:
    """Return one of our parsers as a parser of LangChain, which its chains take."""
    return ParserForLangChain(parser)


class ParserForLangChain(LangChainRunnable, BaseLLMOutputParser[Any]):
    """A parser of ours that LangChain takes for one of its own."""

    @override
    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        return to_value(self.runnable.invoke(_answer_in(result)))

    @override
    async def aparse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        return to_value(await self.runnable.ainvoke(_answer_in(result)))

    def get_format_instructions(self) -> str:
        """Return the part of a prompt that our parser has for it."""
        return cast("str", self.runnable.get_format_instructions())


def _answer_in(result: list[Generation]) -> Any:
    """Return the message of the first answer, or its text where it has none."""
    first = result[0]
    return from_value(first.message) if isinstance(first, ChatGeneration) else first.text
