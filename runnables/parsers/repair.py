"""A parser that sends a model the error of its answer, and parses the corrected one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Final

from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.runnable import Runnable
from runnables.core.error_notes import add_location, chain_errors
from runnables.core.options import refuse_options
from runnables.core.typevars import Output
from runnables.engine.collect import acollect, collect
from runnables.engine.merging import SNAPSHOTS
from runnables.engine.stream import StreamInfo, aclose, close, raw_iterator
from runnables.errors import ConfigError, ModelRefusalError, OutputParserException
from runnables.messages.prompt_values import StringPromptValue

if TYPE_CHECKING:
    from runnables.core.config import RunnableConfig, Scope
    from runnables.parsers.base import BaseParser

REPAIRED: Final = "the repaired answers"
"""What the group of the later errors is called."""


class RepairParser(Runnable[Any, Output], internal=True):
    """A parser with a model that corrects answers which do not parse.

    After an `OutputParserException` the model is sent the format instructions, the answer and the
    error, and its new answer is parsed, up to `attempts` times. If none parses, the first error is
    raised; its cause is an ExceptionGroup of the later ones, in order. Errors of the model itself,
    and its refusals, are raised as they are.

    A parser of snapshots streams while the first answer comes, and the repaired value is the last
    snapshot. Chunks that add up could not be taken back, so the other parsers yield one whole value
    at the end.

    Calls take no options. Bind those of the model to it: `model.bind(temperature=0)`.

    Args:
        parser: the parser.
        model: a runnable from a prompt to a message or a string, as chat models are.
        attempts: how many times the model is called at most.
        name: the parser's name in events.

    Raises:
        ConfigError: `attempts` is below 1.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> model = ScriptedChatModel(["not JSON", '{"sea": "Baltic"}'])
        >>> RepairParser(JsonOutputParser(), model, attempts=2).invoke("{sea: Baltic}")
        {'sea': 'Baltic'}
    """

    run_type: ClassVar[str] = "parser"

    def __init__(
        self, parser: BaseParser[Output], model: Any, *, attempts: int = 1, name: str | None = None
    ) -> None:
        if attempts < 1:
            raise ConfigError(f"RepairParser(attempts={attempts}): expected at least 1")
        self.parser = parser
        self.model = coerce_to_runnable(model)
        self.attempts = attempts
        self.name = name
        self.merge = self.parser.merge

    @property
    def InputType(self) -> Any:
        """Return the parser's input type."""
        return self.parser.InputType

    @property
    def OutputType(self) -> Any:
        """Return the parser's output type."""
        return self.parser.OutputType

    def __repr__(self) -> str:
        return f"{self.parser!r}.with_repair({self.model!r}, attempts={self.attempts})"

    def get_format_instructions(self) -> str:
        """Return those of the parser."""
        return self.parser.get_format_instructions()

    @property
    def streams_input(self) -> bool:
        """Tell whether chunks are parsed as they come: where the parser's stream is snapshots."""
        return self.merge is SNAPSHOTS

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (self.parser, self.model)

    # -- invoke

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        refuse_options(self, kwargs)
        try:
            return self.parser.invoke(value, _config(scope))
        except OutputParserException as error:
            first = _repairable(error)
        return self._repair(first, scope)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        refuse_options(self, kwargs)
        try:
            return await self.parser.ainvoke(value, _config(scope))
        except OutputParserException as error:
            first = _repairable(error)
        return await self._arepair(first, scope)

    def _repair(self, first: OutputParserException, scope: Scope | None) -> Any:
        errors = [first]
        for number in range(1, self.attempts + 1):
            config = repair_config(scope, number)
            answer = self.model.invoke(self._prompt(errors[-1]), config)
            try:
                return self.parser.invoke(answer, config)
            except OutputParserException as error:
                errors.append(_with_location(error, number))
        raise chain_errors(errors, REPAIRED)

    async def _arepair(self, first: OutputParserException, scope: Scope | None) -> Any:
        errors = [first]
        for number in range(1, self.attempts + 1):
            config = repair_config(scope, number)
            answer = await self.model.ainvoke(self._prompt(errors[-1]), config)
            try:
                return await self.parser.ainvoke(answer, config)
            except OutputParserException as error:
                errors.append(_with_location(error, number))
        raise chain_errors(errors, REPAIRED)

    # -- stream

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        refuse_options(self, kwargs)
        if self.merge is not SNAPSHOTS:
            yield self._invoke(collect(input), scope, kwargs)
            return
        chunks = self.parser.transform(iter(input), _config(scope))
        try:
            yield from chunks
            return
        except OutputParserException as error:
            first = _repairable(error)
        finally:
            close(chunks)
        yield self._repair(first, scope)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        refuse_options(self, kwargs)
        if self.merge is not SNAPSHOTS:
            yield await self._ainvoke(await acollect(input), scope, kwargs)
            return
        chunks = self.parser.atransform(aiter(input), _config(scope))
        try:
            async for chunk in raw_iterator(chunks):
                yield chunk
            return
        except OutputParserException as error:
            first = _repairable(error)
        finally:
            await aclose(chunks)
        yield await self._arepair(first, scope)

    # -- the prompt

    def _prompt(self, error: OutputParserException) -> StringPromptValue:
        parts = [
            "An answer of yours could not be read.",
            *self._instructions(),
            f"Your answer was:\n<answer>\n{error.llm_output or ''}\n</answer>",
            f"What is wrong with it:\n{error.observation or error}",
            "Give the corrected answer, complete, and nothing else.",
        ]
        return StringPromptValue(text="\n\n".join(parts))

    def _instructions(self) -> Iterable[str]:
        try:
            return (f"What was asked for:\n{self.parser.get_format_instructions()}",)
        except NotImplementedError:
            return ()


def _config(scope: Scope | None) -> RunnableConfig | None:
    return None if scope is None else scope.config


def repair_config(scope: Scope | None, number: int) -> RunnableConfig | None:
    """Return the config of a repair, of which events and errors name the number."""
    return None if scope is None else scope.for_step(f"repair:{number}", f"repair {number}").config


def _repairable(error: OutputParserException) -> OutputParserException:
    """Return an error that another answer may fix; raise a refusal."""
    if isinstance(error, ModelRefusalError):
        raise error
    return error


def _with_location(error: OutputParserException, number: int) -> OutputParserException:
    add_location(error, f"repair {number}")
    return error
