"""The loop that sends a model the error of its answer, and reads the corrected one.

`RepairLoop` runs it; a subclass says what runs first, what runs again, and with which request:
`RepairParser` here, and the structured output of a chat model in `models/structured/repair.py`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Final

from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.runnable import Runnable
from runnables.core.error_notes import add_location, chain_errors
from runnables.core.options import refuse_options
from runnables.core.typevars import Output
from runnables.engine.collect import acollect, collect
from runnables.engine.merging import RESET, SNAPSHOTS
from runnables.engine.stream import StreamInfo, aclose, close, owned
from runnables.errors import ConfigError, ModelRefusalError, OutputParserException
from runnables.messages.prompt_values import StringPromptValue

if TYPE_CHECKING:
    from runnables.core.config import RunnableConfig, Scope
    from runnables.parsers.base import BaseParser

_REPAIRED: Final = "the repaired answers"
"""What the group of the later errors is called."""


class RepairLoop(Runnable[Any, Output], internal=True):
    """Base of runnables that try again, with the error, when an answer does not parse.

    The first try is of `first`. After an `OutputParserException` it is `again`, with what
    `request` returns, up to `attempts` times. If no answer parses, the first error is raised; its
    cause is an ExceptionGroup of the later ones, in order. Errors of the model itself, and its
    refusals, are raised as they are.

    A stream of snapshots is passed on as it comes: those of a later try replace those before.
    Chunks that add up could not be taken back, so there is one whole value at the end.

    Attributes:
        attempts: how often it runs again at most.
        needs_input: whether `request` needs the input; if not, the first try reads it in chunks.
        takes_options: whether the options of a call go to every try.
    """

    attempts: int
    needs_input: ClassVar[bool] = True
    takes_options: ClassVar[bool] = True

    @property
    def first(self) -> Runnable[Any, Output]:
        """Return what runs at first."""
        raise NotImplementedError

    @property
    def again(self) -> Runnable[Any, Output]:
        """Return what runs after an error."""
        raise NotImplementedError

    def request(self, value: Any, error: OutputParserException) -> Any:
        """Return the input of the next try: the last one, or the value, and the error of it."""
        raise NotImplementedError

    def error_in(self, answer: Any) -> OutputParserException | None:
        """Return the error that an answer has in it, for those that do not raise it."""
        return None

    def put_error(self, answer: Any, error: OutputParserException) -> None:
        """Put the error of all tries into the last answer, for those that do not raise it."""

    @property
    def InputType(self) -> Any:
        """Return the input type of the first try."""
        return self.first.InputType

    @property
    def OutputType(self) -> Any:
        """Return the output type of the first try."""
        return self.first.OutputType

    def _tries(self, value: Any, kwargs: dict[str, Any]) -> _Tries:
        if not self.takes_options:
            refuse_options(self, kwargs)
        return _Tries(self, value)

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        tries = self._tries(value, kwargs)
        while True:
            try:
                answer = tries.runnable.invoke(tries.input, tries.begin(scope), **kwargs)
            except OutputParserException as error:
                tries.record(error)
            else:
                if tries.accepts(answer):
                    return answer

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        tries = self._tries(value, kwargs)
        while True:
            try:
                answer = await tries.runnable.ainvoke(tries.input, tries.begin(scope), **kwargs)
            except OutputParserException as error:
                tries.record(error)
            else:
                if tries.accepts(answer):
                    return answer

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        if self.merge is not SNAPSHOTS:
            yield self._invoke(collect(input), scope, kwargs)
            return
        tries = self._tries(collect(input) if self.needs_input else None, kwargs)
        while not tries.is_over:
            if tries.reads_chunks:
                chunks = self.first.transform(iter(input), tries.begin(scope), **kwargs)
            else:
                chunks = tries.runnable.stream(tries.input, tries.begin(scope), **kwargs)
            try:
                for chunk in chunks:
                    if tries.accepts(chunk):
                        yield chunk
                tries.end_stream()
            except OutputParserException as error:
                tries.record(error)
            finally:
                close(chunks)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        if self.merge is not SNAPSHOTS:
            yield await self._ainvoke(await acollect(input), scope, kwargs)
            return
        tries = self._tries(await acollect(input) if self.needs_input else None, kwargs)
        while not tries.is_over:
            if tries.reads_chunks:
                chunks = self.first.atransform(aiter(input), tries.begin(scope), **kwargs)
            else:
                chunks = tries.runnable.astream(tries.input, tries.begin(scope), **kwargs)
            try:
                async for chunk in owned(chunks):
                    if tries.accepts(chunk):
                        yield chunk
                tries.end_stream()
            except OutputParserException as error:
                tries.record(error)
            finally:
                await aclose(chunks)


class _Tries:
    """The tries of one call, and the errors of their answers so far.

    Attributes:
        input: the input of the next try.
        is_over: whether a stream has ended with an answer that was accepted.
    """

    def __init__(self, loop: RepairLoop[Any], value: Any) -> None:
        self.input = value
        self.is_over = False
        self._loop = loop
        self._errors: list[OutputParserException] = []
        self._rejected = False

    @property
    def runnable(self) -> Runnable[Any, Any]:
        """Return what the next try is of."""
        return self._loop.again if self._errors else self._loop.first

    @property
    def reads_chunks(self) -> bool:
        """Tell whether the next try reads the input as it comes."""
        return not (self._errors or self._loop.needs_input)

    def begin(self, scope: Scope | None) -> RunnableConfig | None:
        """Return the config of the next try, of which events and errors name the number."""
        self._rejected = False
        number = len(self._errors)
        if scope is None or not number:
            return None if scope is None else scope.config
        return scope.for_step(f"repair:{number}", f"repair {number}").config

    def record(self, error: OutputParserException) -> None:
        """Record the error of a try; raise after the last one, or where it is a refusal."""
        if isinstance(error, ModelRefusalError):
            raise error
        self._add(error)
        if len(self._errors) > self._loop.attempts:
            raise chain_errors(self._errors, _REPAIRED)

    def accepts(self, answer: Any) -> bool:
        """Tell whether to emit an answer; one whose error can still be repaired is recorded."""
        error = None if answer is RESET else self._loop.error_in(answer)
        if error is None or isinstance(error, ModelRefusalError):
            return True
        self._add(error)
        self._rejected = len(self._errors) <= self._loop.attempts
        if not self._rejected:
            self._loop.put_error(answer, chain_errors(self._errors, _REPAIRED))
        return not self._rejected

    def end_stream(self) -> None:
        """End the stream of a try."""
        self.is_over = not self._rejected

    def _add(self, error: OutputParserException) -> None:
        if self._errors:
            add_location(error, f"repair {len(self._errors)}")
        self._errors.append(error)
        self.input = self._loop.request(self.input, error)


class RepairParser(RepairLoop[Output], internal=True):
    """A parser with a model that corrects answers which do not parse.

    After an `OutputParserException` the model is sent the format instructions, the answer and the
    error, and its new answer is parsed, up to `attempts` times. If none parses, the first error is
    raised; its cause is an ExceptionGroup of the later ones, in order. Errors of the model itself,
    and its refusals, are raised as they are.

    A parser of snapshots streams while the answers come, and the repaired value is the last
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
    needs_input: ClassVar[bool] = False
    takes_options: ClassVar[bool] = False

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
    def first(self) -> Runnable[Any, Output]:
        """Return the parser."""
        return self.parser

    @property
    def again(self) -> Runnable[Any, Output]:
        """Return the model and the parser."""
        return self.model | self.parser

    def __repr__(self) -> str:
        return f"{self.parser!r}.with_repair({self.model!r}, attempts={self.attempts})"

    def parse(self, text: str) -> Output:
        """Return the value of an answer, or of a corrected one; the same as `invoke`."""
        return self.invoke(text)

    async def aparse(self, text: str) -> Output:
        """Do what `parse` does, async."""
        return await self.ainvoke(text)

    def get_format_instructions(self) -> str:
        """Return those of the parser."""
        return self.parser.get_format_instructions()

    @property
    def streams_input(self) -> bool:
        """Tell whether chunks are parsed as they come: where the parser's stream is snapshots."""
        return self.merge is SNAPSHOTS

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (self.parser, self.model)

    def request(self, value: Any, error: OutputParserException) -> StringPromptValue:
        """Return the prompt: the format instructions, the answer, and the error."""
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
