"""Conversion of models of text: LangChain's as ours, and ours as LangChain's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from runnables.interop.langchain import model_calls
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.usage import UsageMetadata
from runnables.models.text import TextModel
from runnables.redaction import hide_in_text

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

    LangChain streams strings, without a usage. A non-streamed answer has the usage that the
    service reported.

    Args:
        theirs: the model of LangChain.
    """

    _adapts: ClassVar[str] = "theirs"

    def __init__(self, theirs: Any) -> None:
        super().__init__()
        self.theirs = theirs

    def __repr__(self) -> str:
        return hide_in_text(f"from_langchain({self.theirs!r})")  # theirs may show keys

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the name of the model of LangChain."""
        given = name or self.name or getattr(self.theirs, "name", None)
        return super().get_name(suffix, name=given or type(self.theirs).__name__)

    def _identity(self) -> dict[str, Any]:
        """Return what decides the answer: the string that LangChain's own caches have as a key."""
        return {"class": type(self.theirs).__name__, "settings": str(self.theirs)}

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        return model_calls.checked_options(self.get_name(), given)

    # -- the hooks

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        result = model_calls.generate(self.theirs, messages[0].text, options)
        return _answer(result)

    async def _agenerate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        result = await model_calls.agenerate(self.theirs, messages[0].text, options)
        return _answer(result)

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


def _answer(result: Any) -> AIMessage:
    """Return the answer of a result of theirs, with what is beside it."""
    answer = result.generations[0][0]
    info: dict[str, Any] = answer.generation_info or {}
    output: dict[str, Any] = {**(result.llm_output or {}), **info}
    tokens: dict[str, int] = output.pop("token_usage", None) or {}
    return AIMessage(answer.text, response_metadata=output, usage_metadata=_usage(tokens))


def _usage(tokens: dict[str, int]) -> UsageMetadata | None:
    """Return the usage that a service reported in OpenAI's words; None where it did not."""
    read, written = tokens.get("prompt_tokens"), tokens.get("completion_tokens")
    if read is None or written is None:
        return None
    total = tokens.get("total_tokens", read + written)
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=total)
