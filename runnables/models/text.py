"""The base of models of text, which take what chat models take, and answer with strings.

Their hooks are those of every language model (see `language_model`). They get one message, whose
content is the prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from runnables.core.stream_runs import awith_chunk_events, with_chunk_events
from runnables.engine.collect import acollect, collect
from runnables.engine.stream import AsyncStream, Stream, StreamInfo, aclose, close, owned
from runnables.messages.ai import AIMessageChunk
from runnables.messages.as_text import get_buffer_string
from runnables.messages.normalize import ConversationError
from runnables.messages.prompt_values import StringPromptValue
from runnables.messages.roles import HumanMessage
from runnables.messages.text_answer import TEXT_CHUNKS, text_of_answer
from runnables.models.language_model import LanguageModel
from runnables.models.options import BASE_OPTIONS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable

    from runnables.core.config import Scope
    from runnables.core.events import Run
    from runnables.engine.merging import Merge
    from runnables.messages.base import BaseMessage

TEXT_OPTIONS: Final = BASE_OPTIONS - {"tools", "tool_choice", "response_format"}
"""The options of every model of text."""

_OF_CHAT_MODELS: Final = frozenset({"bind_tools", "with_structured_output"})
_MEDIA: Final = frozenset({"image", "audio", "video", "file"})


class TextModel(LanguageModel[str], internal=True):
    """A model that continues a prompt: it returns a string, and yields strings when streamed.

    Messages are passed to it as one string, each behind its role: "Human: Hello". An answer whose
    service reports the usage is a `TextAnswer`, a string that has it.
    """

    run_type: ClassVar[str] = "llm"
    known_options: ClassVar[frozenset[str]] = TEXT_OPTIONS
    merge: Merge = TEXT_CHUNKS

    @property
    def OutputType(self) -> Any:
        """Return the type of an answer, str."""
        return str

    def _messages(self, value: Any) -> list[BaseMessage]:
        """Return the prompt that an input stands for, as the only message.

        Raises:
            ConversationError: there is no message, or one has more than text.
        """
        if isinstance(value, StringPromptValue):
            value = value.text
        if isinstance(value, str):
            return [HumanMessage(str(value))]
        messages = super()._messages(value)
        for message in messages:
            self._refuse_media(message)
        return [HumanMessage(get_buffer_string(messages))]

    def _refuse_media(self, message: BaseMessage) -> None:
        if isinstance(message.content, str):
            return
        kinds: set[str] = {block["type"] for block in message.content_blocks}
        if media := sorted(kinds & _MEDIA):
            raise ConversationError(
                f"{type(self).__name__} takes text, no block of type {media[0]!r}. Leave it out, "
                "or use a chat model."
            )

    if not TYPE_CHECKING:  # a checker refuses such names by itself

        def __getattr__(self, name: str) -> Any:
            """Say which models have what chat models alone have."""
            hint = " It returns strings: use a chat model." if name in _OF_CHAT_MODELS else ""
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.{hint}")

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        return text_of_answer(super()._invoke(value, scope, kwargs))

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        return text_of_answer(await super()._ainvoke(value, scope, kwargs))

    def _invoke_observed(self, value: Any, run: Run, kwargs: dict[str, Any]) -> Any:
        if not (run.wants_chunks and self._writes("_stream")):
            return self._invoke(value, run.scope, kwargs)
        info = StreamInfo(self.merge, self)
        messages, options = self._messages(value), self._options(kwargs)
        chunks = self._answer_chunks(messages, options, run.scope, "restart", info)
        return collect(Stream(with_chunk_events(run, chunks, info), info))

    async def _ainvoke_observed(self, value: Any, run: Run, kwargs: dict[str, Any]) -> Any:
        if not (run.wants_chunks and (self._writes("_astream") or self._writes("_stream"))):
            return await self._ainvoke(value, run.scope, kwargs)
        info = StreamInfo(self.merge, self)
        messages, options = self._messages(value), self._options(kwargs)
        chunks = self._aanswer_chunks(messages, options, run.scope, "restart", info)
        return await acollect(AsyncStream(awith_chunk_events(run, chunks, info), info))

    def _output_chunks(self, chunks: Iterable[Any], scope: Scope | None) -> Iterable[Any]:
        return _strings(chunks)

    def _aoutput_chunks(
        self, chunks: AsyncIterable[Any], scope: Scope | None
    ) -> AsyncIterable[Any]:
        return _astrings(chunks)


def _strings(chunks: Iterable[Any]) -> Generator[Any, None, None]:
    """Yield the text of chunks; `RESET` as it is."""
    try:
        for chunk in chunks:
            yield text_of_answer(chunk) if isinstance(chunk, AIMessageChunk) else chunk
    finally:
        close(chunks)


async def _astrings(chunks: AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
    """Yield the text of chunks; `RESET` as it is."""
    try:
        async for chunk in owned(chunks):
            yield text_of_answer(chunk) if isinstance(chunk, AIMessageChunk) else chunk
    finally:
        await aclose(chunks)
