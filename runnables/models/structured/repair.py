"""Structured output that shows a model the error of its answer, so that it can correct it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from runnables.compose.runnable import Runnable
from runnables.core.error_notes import add_location, chain_errors
from runnables.engine.collect import acollect, collect
from runnables.engine.merging import RESET, SNAPSHOTS, Merge
from runnables.engine.stream import StreamInfo, aclose, close, raw_iterator
from runnables.errors import ModelRefusalError, OutputParserException
from runnables.messages.ai import AIMessage
from runnables.messages.convert import convert_to_messages
from runnables.messages.roles import HumanMessage
from runnables.parsers.repair import REPAIRED, repair_config

if TYPE_CHECKING:
    from runnables.core.config import RunnableConfig, Scope
    from runnables.messages.base import BaseMessage


class RepairedAnswer(Runnable[Any, Any], internal=True):
    """A model and the parser of its answers, which retries when an answer does not parse.

    After an `OutputParserException` the model is called with the same conversation, its answer and
    the error at the end. If no answer parses, the first error is raised; its cause is an
    ExceptionGroup of the later ones, in order. Errors of the model itself, and its refusals, are
    raised as they are.

    Streamed, the objects of every attempt are emitted as they grow; they replace those of the
    attempt before.

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
    def InputType(self) -> Any:
        """Return the model's input type."""
        return self.chain.InputType

    @property
    def OutputType(self) -> Any:
        """Return the parser's output type."""
        return self.chain.OutputType

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (self.chain,)

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        attempts = _Attempts(self, value)
        while True:
            try:
                answer = self.chain.invoke(attempts.input, attempts.config(scope), **kwargs)
            except OutputParserException as error:
                attempts.record(error)
            else:
                if attempts.accepts(answer):
                    return answer

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        attempts = _Attempts(self, value)
        while True:
            try:
                answer = await self.chain.ainvoke(attempts.input, attempts.config(scope), **kwargs)
            except OutputParserException as error:
                attempts.record(error)
            else:
                if attempts.accepts(answer):
                    return answer

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        attempts = _Attempts(self, collect(input))
        while not attempts.is_over:
            chunks = self.chain.stream(attempts.input, attempts.config(scope), **kwargs)
            try:
                for chunk in chunks:
                    if attempts.accepts(chunk):
                        yield chunk
                attempts.end_stream()
            except OutputParserException as error:
                attempts.record(error)
            finally:
                close(chunks)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        attempts = _Attempts(self, await acollect(input))
        while not attempts.is_over:
            chunks = self.chain.astream(attempts.input, attempts.config(scope), **kwargs)
            try:
                async for chunk in raw_iterator(chunks):
                    if attempts.accepts(chunk):
                        yield chunk
                attempts.end_stream()
            except OutputParserException as error:
                attempts.record(error)
            finally:
                await aclose(chunks)


class _Attempts:
    """The conversation of one call, and the errors of its answers so far.

    Attributes:
        input: the input of the model's next call.
        is_over: whether a stream has ended with an answer that was accepted.
    """

    def __init__(self, repaired: RepairedAnswer, value: Any) -> None:
        self.input = value
        self.is_over = False
        self._limit = repaired.attempts
        self._raw = repaired.raw
        self._errors: list[OutputParserException] = []
        self._rejected = False

    def config(self, scope: Scope | None) -> RunnableConfig | None:
        """Return the config of the next attempt, which begins."""
        self._rejected = False
        if scope is None or not self._errors:
            return None if scope is None else scope.config
        return repair_config(scope, len(self._errors))

    def record(self, error: OutputParserException) -> None:
        """Record the error of an attempt; raise after the last one, or where it is a refusal."""
        if isinstance(error, ModelRefusalError):
            raise error
        self._add(error)
        if len(self._errors) > self._limit:
            raise chain_errors(self._errors, REPAIRED)

    def accepts(self, answer: Any) -> bool:
        """Tell whether to emit an answer; one whose error can still be repaired is recorded."""
        error = answer["parsing_error"] if self._raw and answer is not RESET else None
        if error is None or isinstance(error, ModelRefusalError):
            return True
        self._add(error)
        self._rejected = len(self._errors) <= self._limit
        if not self._rejected:
            answer["parsing_error"] = chain_errors(self._errors, REPAIRED)
        return not self._rejected

    def end_stream(self) -> None:
        """End the stream of an attempt."""
        self.is_over = not self._rejected

    def _add(self, error: OutputParserException) -> None:
        if self._errors:
            add_location(error, f"repair {len(self._errors)}")
        self._errors.append(error)
        self.input = [*convert_to_messages(self.input), *_correction_messages(error)]


def _correction_messages(error: OutputParserException) -> list[BaseMessage]:
    """Return the answer, as a string, and the request to correct it.

    A string, since services refuse a conversation with a tool call that has no result.
    """
    return [
        AIMessage(error.llm_output or "(no answer)"),
        HumanMessage(
            f"That answer cannot be read: {error.observation or error}\n"
            "Give the corrected answer, complete, and nothing else."
        ),
    ]
