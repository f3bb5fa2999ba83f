"""Conversion of models of text: LangChain's as ours, and ours as LangChain's."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from runnables.compose.policies.attempts import RetryPolicy
from runnables.interop.langchain import model_calls
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.kinds import text_message
from runnables.models.text import TextModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from runnables.messages.base import BaseMessage


def from_theirs(x: Any) -> TextModel:
    """Return our counterpart of a model of text of theirs."""
    return TextModelOfLangChain(x)


def to_theirs(x: Any) -> Any:
    """Return their counterpart of a model of text of ours."""
    from runnables.interop.langchain.llm_for_langchain import TextModelForLangChain

    return TextModelForLangChain(ours=x)


class TextModelOfLangChain(TextModel, internal=True):
    """A model of text of LangChain, as one of ours. See `ChatModelOfLangChain`.

    LangChain's `invoke` and `stream` of such models return strings, without a usage.

    Args:
        theirs: the model of LangChain.
    """

    _adapts: ClassVar[str] = "theirs"

    def __init__(self, theirs: Any) -> None:
        super().__init__()
        self.theirs = theirs

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the name of the model of LangChain."""
        given = name or self.name or getattr(self.theirs, "name", None)
        return super().get_name(suffix, name=given or type(self.theirs).__name__)

    def _identity(self) -> dict[str, Any]:
        """Return what decides the answer: the string that LangChain's own caches have as a key."""
        return {"class": type(self.theirs).__name__, "settings": str(self.theirs)}

    @cached_property
    def _retry_policy(self) -> RetryPolicy:
        return RetryPolicy(
            max_attempts=1 + (self.max_retries or 0),
            is_retryable=model_calls.may_pass,
            backoff=self._backoff,
            max_delay=self._max_delay,
            defers_to_outer=True,
        )

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        return model_calls.checked_options(self.get_name(), given)

    # -- the hooks

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        return text_message(model_calls.call(self.theirs, messages[0].text, options))

    async def _agenerate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        return text_message(await model_calls.acall(self.theirs, messages[0].text, options))

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        chunks = model_calls.stream(self.theirs, messages[0].text, options)
        try:
            for chunk in chunks:
                yield AIMessageChunk(chunk)
        finally:
            chunks.close()

    async def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        chunks = model_calls.astream(self.theirs, messages[0].text, options)
        try:
            async for chunk in chunks:
                yield AIMessageChunk(chunk)
        finally:
            await chunks.aclose()
