"""A model that is shown what is wrong with its answer, and answers again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from runnables.compose.runnable import Runnable
from runnables.core.error_notes import add_location
from runnables.engine import StreamInfo, aclose, acollect, close, collect, raw_iterator
from runnables.engine.merging import RESET, SNAPSHOTS, Merge
from runnables.errors import ModelRefusalError, OutputParserException
from runnables.messages import AIMessage, BaseMessage, HumanMessage, convert_to_messages

if TYPE_CHECKING:
    from runnables.core.config import RunnableConfig, Scope


class RepairedAnswer(Runnable[Any, Any], internal=True):
    """A model with a parser behind it, which tries again where its answer does not parse.

    After an `OutputParserException` the model is asked again, in the same conversation, with its
    answer and the error at the end. If no answer parses, the first error is raised; its cause is
    an ExceptionGroup of the later ones, in order. Errors of the model itself, and its refusals,
    are raised as they are.

    Streamed, the objects of every attempt show as they grow; they replace those before.

    Args:
        chain: the model and its parser, which gives snapshots.
        attempts: how often the model is shown its error at most.
        raw: whether the parser gives its error beside the message, instead of raising it.
    """

    run_type: ClassVar[str] = "chain"
    merge: Merge = SNAPSHOTS

    def __init__(self, chain: Runnable[Any, Any], attempts: int, *, raw: bool = False) -> None:
        self.chain = chain
        self.attempts = attempts
        self.raw = raw

    @property
    def InputType(self) -> Any:
        """That of the model."""
        return self.chain.InputType

    @property
    def OutputType(self) -> Any:
        """That of the parser."""
        return self.chain.OutputType

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (self.chain,)

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        trials = _Attempts(self, value)
        while True:
            try:
                answer = self.chain.invoke(trials.input, trials.config(scope), **kwargs)
            except OutputParserException as error:
                trials.failed(error)
            else:
                if trials.accepts(answer):
                    return answer

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        trials = _Attempts(self, value)
        while True:
            try:
                answer = await self.chain.ainvoke(trials.input, trials.config(scope), **kwargs)
            except OutputParserException as error:
                trials.failed(error)
            else:
                if trials.accepts(answer):
                    return answer

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        trials = _Attempts(self, collect(input))
        while not trials.over:
            chunks = self.chain.stream(trials.input, trials.config(scope), **kwargs)
            try:
                for chunk in chunks:
                    if trials.accepts(chunk):
                        yield chunk
                trials.end()
            except OutputParserException as error:
                trials.failed(error)
            finally:
                close(chunks)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        trials = _Attempts(self, await acollect(input))
        while not trials.over:
            chunks = self.chain.astream(trials.input, trials.config(scope), **kwargs)
            try:
                async for chunk in raw_iterator(chunks):
                    if trials.accepts(chunk):
                        yield chunk
                trials.end()
            except OutputParserException as error:
                trials.failed(error)
            finally:
                await aclose(chunks)


class _Attempts:
    """The conversation of one call, and what went wrong in it.

    Attributes:
        input: what to ask next.
        over: whether an answer was accepted.
    """

    def __init__(self, of: RepairedAnswer, value: Any) -> None:
        self.input = value
        self.over = False
        self._attempts = of.attempts
        self._raw = of.raw
        self._errors: list[OutputParserException] = []
        self._rejected = False

    def config(self, scope: Scope | None) -> RunnableConfig | None:
        """The config of the next attempt."""
        self._rejected = False
        number = len(self._errors)
        if scope is None or not number:
            return None if scope is None else scope.config
        return scope.for_step(f"repair:{number}", f"repair {number}").config

    def failed(self, error: OutputParserException) -> None:
        """Ask again, or raise where that was the last attempt, or it would not help."""
        if isinstance(error, ModelRefusalError):
            raise error
        self._take(error)
        if len(self._errors) > self._attempts:
            raise self._verdict()

    def accepts(self, answer: Any) -> bool:
        """Whether to give this; a raw answer that did not parse is another try's beginning."""
        error = answer["parsing_error"] if self._raw and answer is not RESET else None
        if error is None or isinstance(error, ModelRefusalError):
            return True
        self._take(error)
        self._rejected = len(self._errors) <= self._attempts
        if not self._rejected:
            answer["parsing_error"] = self._verdict()
        return not self._rejected

    def end(self) -> None:
        """The stream of an attempt is over."""
        self.over = not self._rejected

    def _take(self, error: OutputParserException) -> None:
        if self._errors:
            add_location(error, f"repair {len(self._errors)}")
        self._errors.append(error)
        self.input = [*convert_to_messages(self.input), *_told(error)]

    def _verdict(self) -> OutputParserException:
        """The first error; its cause is the group of those of the repairs."""
        first, *others = self._errors
        group = ExceptionGroup("the repaired answers", others)
        group.__cause__ = first.__cause__
        first.__cause__ = group
        return first


def _told(error: OutputParserException) -> list[BaseMessage]:
    """The answer as text, since a call without a result may not stand in a conversation."""
    return [
        AIMessage(error.llm_output or "(no answer)"),
        HumanMessage(
            f"That answer cannot be read: {error.observation or error}\n"
            "Give the corrected answer, complete, and nothing else."
        ),
    ]
