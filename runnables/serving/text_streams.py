"""The text of a stream as strings: what pages and notebooks show that run in the same process."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast, overload

from runnables.compose.non_blocking import Decoder
from runnables.engine.merging import DELTAS, RESET, SNAPSHOTS
from runnables.engine.stream import AsyncStream, Stream, StreamInfo, aclose, close, merge_of, owned
from runnables.messages.base import BaseMessage
from runnables.serving.plain_text import PlainText
from runnables.serving.reading import OutputReader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from runnables.engine.merging import Merge


@overload
def text_stream(chunks: Iterable[Any]) -> Stream[str]: ...
@overload
def text_stream(chunks: AsyncIterable[Any]) -> AsyncStream[str]: ...
def text_stream(chunks: Iterable[Any] | AsyncIterable[Any]) -> Stream[str] | AsyncStream[str]:
    """Return the text of a stream as strings that add up to it.

    This is what `st.write_stream` of Streamlit takes. It works for every chain: of messages,
    strings, an agent's steps (of which the new messages of the model are shown, with a blank line
    between two), and any other value, which comes as JSON at the end. So does all text that a later
    chunk may take back: snapshots, and streams that may start over. An answer without text is one
    empty string. Closing it, or leaving its loop, closes the stream.

    Args:
        chunks: the stream of a chain, sync or async: `chain.stream(x)`, `chain.astream(x)`.

    Raises:
        TypeError: this is no stream.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> model = ScriptedChatModel([["The tide ", "comes."]])
        >>> list(text_stream(model.stream("Explain the tide.")))
        ['The tide ', 'comes.']
    """
    return _streamed(chunks, _NewText(chunks), DELTAS, "text_stream")


@overload
def growing_text(chunks: Iterable[Any]) -> Stream[str]: ...
@overload
def growing_text(chunks: AsyncIterable[Any]) -> AsyncStream[str]: ...
def growing_text(chunks: Iterable[Any] | AsyncIterable[Any]) -> Stream[str] | AsyncStream[str]:
    """Return the text of a stream so far, again and again, as it grows.

    This is what Gradio's `ChatInterface` takes, and what replaces a display of Jupyter. The last
    string is the whole text. It reads a stream as `text_stream` does, but shows snapshots as they
    come, and after a stream has started over, the new text.

    Args:
        chunks: the stream of a chain, sync or async: `chain.stream(x)`, `chain.astream(x)`.

    Raises:
        TypeError: this is no stream.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> model = ScriptedChatModel([["The tide ", "comes."]])
        >>> list(growing_text(model.stream("Explain the tide.")))
        ['The tide ', 'The tide comes.']
    """
    return _streamed(chunks, _TextSoFar(chunks), SNAPSHOTS, "growing_text")


def _streamed(
    chunks: Any, decoder: Decoder[Any, str], merge: Merge, name: str
) -> Stream[str] | AsyncStream[str]:
    kind = type(chunks).__name__
    if isinstance(chunks, AsyncIterable):
        return AsyncStream(_adecoded(cast("Any", chunks), decoder), StreamInfo(merge))
    if isinstance(chunks, Iterable) and not isinstance(chunks, (str, Mapping, BaseMessage)):
        return Stream(_decoded(cast("Any", chunks), decoder), StreamInfo(merge))
    raise TypeError(
        f"{name} takes the stream of a chain, not a value of type {kind!r}: "
        f"{name}(chain.stream(...)), or {name}(chain.astream(...)) in async code."
    )


def _decoded(chunks: Iterable[Any], decoder: Decoder[Any, str]) -> Generator[str, None, None]:
    try:
        for chunk in chunks:
            for text in decoder.feed(chunk):
                yield text
        for text in decoder.finish():
            yield text
    finally:
        close(chunks)


async def _adecoded(
    chunks: AsyncIterable[Any], decoder: Decoder[Any, str]
) -> AsyncGenerator[str, None]:
    try:
        async for chunk in owned(chunks):
            for text in decoder.feed(chunk):
                yield text
        for text in decoder.finish():
            yield text
    finally:
        await aclose(chunks)


class _NewText(Decoder[Any, str]):
    """A decoder to the text that each chunk brings."""

    def __init__(self, chunks: object) -> None:
        self._chunks = chunks
        self._reader = OutputReader(given=None)
        self._text = PlainText()
        self._is_empty = True

    def feed(self, chunk: Any) -> Iterable[str]:
        parts = self._reader.read(chunk, self._chunks)
        text = "".join(map(self._text.read, parts))
        self._is_empty = self._is_empty and not text
        return (text,) if text else ()

    def finish(self) -> Iterable[str]:
        text = "".join(map(self._text.read, self._reader.end()))
        return (text,) if text or self._is_empty else ()


class _TextSoFar(Decoder[Any, str]):
    """A decoder to the whole text so far."""

    def __init__(self, chunks: object) -> None:
        self._chunks = chunks
        self._new: _NewText | None = None
        self._text = self._shown = ""
        self._has_shown = False

    def feed(self, chunk: Any) -> Iterable[str]:
        if chunk is RESET:
            self._new, self._text = None, ""
            return ()
        merge = merge_of(self._chunks)
        if merge is SNAPSHOTS:
            whole, self._text = _NewText(None), ""
            return self._show([*whole.feed(chunk), *whole.finish()])
        if self._new is None:  # the reader need not wait for a stream that may start over
            self._new = _NewText(StreamInfo(merge))
        return self._show(self._new.feed(chunk))

    def finish(self) -> Iterable[str]:
        rest = self._show(() if self._new is None else self._new.finish())
        return rest if rest or self._has_shown else ("",)

    def _show(self, new: Iterable[str]) -> tuple[str, ...]:
        self._text += "".join(new)
        if self._text == self._shown:
            return ()
        self._shown, self._has_shown = self._text, True
        return (self._text,)
