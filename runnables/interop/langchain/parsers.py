"""Parsers of ours as LangChain's. A parser of LangChain is a runnable like others here."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from langchain_core.output_parsers import BaseOutputParser
from langchain_core.outputs import Generation
from pydantic import ConfigDict
from typing_extensions import override

from runnables.errors import OutputParserException
from runnables.interop.langchain.native import LangChainRunnable
from runnables.interop.langchain.parser_errors import their_errors
from runnables.interop.langchain.values import from_value, to_value

if TYPE_CHECKING:
    from collections.abc import Sequence


def to_theirs(parser: Any) -> ParserForLangChain:
    """Return one of our parsers as a parser of LangChain, which its chains take."""
    return ParserForLangChain(parser)


class ParserForLangChain(LangChainRunnable, BaseOutputParser[Any]):
    """A parser of ours that LangChain takes for one of its own. It runs and streams as ours does.

    The classic chains and the parsers that repair answers call its `parse` and `parse_result`. An
    answer that it cannot read is an `OutputParserException` of both libraries.

    Args:
        runnable: the parser of ours, which may have a model that repairs answers.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    runnable: Any

    def __init__(self, runnable: Any) -> None:
        BaseOutputParser.__init__(self, runnable=runnable)

    __str__ = LangChainRunnable.__repr__
    __eq__ = LangChainRunnable.__eq__
    __hash__ = LangChainRunnable.__hash__

    @override
    @classmethod
    def is_lc_serializable(cls) -> bool:
        return False

    @property
    def _type(self) -> str:
        return f"runnables-{type(self.runnable).__name__}"

    @override
    def get_format_instructions(self) -> str:
        return cast("str", self.runnable.get_format_instructions())

    @override
    def parse(self, text: str) -> Any:
        return self.parse_result([Generation(text=text)])

    @override
    async def aparse(self, text: str) -> Any:
        return await self.aparse_result([Generation(text=text)])

    @override
    def parse_result(self, result: Sequence[Any], *, partial: bool = False) -> Any:
        answer = _answer(result)
        if not partial:
            with their_errors():
                return to_value(self.runnable.invoke(answer))
        last: Any = None
        with suppress(OutputParserException):  # which says that it is incomplete
            for last in self.runnable.stream(answer):  # noqa: B007
                pass
        return to_value(last)

    @override
    async def aparse_result(self, result: Sequence[Any], *, partial: bool = False) -> Any:
        answer = _answer(result)
        if not partial:
            with their_errors():
                return to_value(await self.runnable.ainvoke(answer))
        last: Any = None
        with suppress(OutputParserException):  # which says that it is incomplete
            async for last in self.runnable.astream(answer):  # noqa: B007
                pass
        return to_value(last)


def _answer(result: Sequence[Any]) -> Any:
    """Return the message of a result, or the text of one of a model of text."""
    first = result[0]
    return from_value(first.message) if hasattr(first, "message") else first.text
