"""Hooks of models of text in LangChain's form, made to serve `TextModel`, too.

Each hook has two callers, as those of chat models have: see `result_hooks`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.core.run_managers import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from runnables.engine.stream import aclose, close, owned
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.generations import ChatGeneration, LLMResult
from runnables.messages.kinds import text_chunk, text_message
from runnables.models.result_hooks import Hook, hook_keywords, is_own_call

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator


def adapt_text_hooks(cls: type) -> None:
    """Let the hooks that this class itself writes serve `TextModel`, too."""
    for name, adapt in _ADAPTERS.items():
        hook = vars(cls).get(name)
        if callable(hook):
            setattr(cls, name, functools.wraps(hook)(adapt(hook)))


def _generate_for_both(hook: Hook) -> Hook:
    def _generate(self: Any, asked: Any, *given: Any, **kwargs: Any) -> Any:
        if is_own_call(given):
            return hook(self, asked, *given, **kwargs)
        keywords = hook_keywords(hook, given[0], CallbackManagerForLLMRun)
        return _answer(self, hook(self, [_prompt(asked)], **keywords))

    return _generate


def _agenerate_for_both(hook: Hook) -> Hook:
    async def _agenerate(self: Any, asked: Any, *given: Any, **kwargs: Any) -> Any:
        if is_own_call(given):
            return await hook(self, asked, *given, **kwargs)
        keywords = hook_keywords(hook, given[0], AsyncCallbackManagerForLLMRun)
        return _answer(self, await hook(self, [_prompt(asked)], **keywords))

    return _agenerate


def _stream_for_both(hook: Hook) -> Hook:
    def _stream(self: Any, asked: Any, *given: Any, **kwargs: Any) -> Iterator[Any]:
        if is_own_call(given):
            return cast("Iterator[Any]", hook(self, asked, *given, **kwargs))
        keywords = hook_keywords(hook, given[0], CallbackManagerForLLMRun)
        return _chunks(self, hook(self, _prompt(asked), **keywords))

    return _stream


def _astream_for_both(hook: Hook) -> Hook:
    def _astream(self: Any, asked: Any, *given: Any, **kwargs: Any) -> AsyncIterator[Any]:
        if is_own_call(given):
            return cast("AsyncIterator[Any]", hook(self, asked, *given, **kwargs))
        keywords = hook_keywords(hook, given[0], AsyncCallbackManagerForLLMRun)
        return _achunks(self, hook(self, _prompt(asked), **keywords))

    return _astream


_ADAPTERS: Final[Mapping[str, Callable[[Hook], Hook]]] = {
    "_generate": _generate_for_both,
    "_agenerate": _agenerate_for_both,
    "_stream": _stream_for_both,
    "_astream": _astream_for_both,
}


def _prompt(messages: Any) -> str:
    """Return the prompt, which is the content of the only message."""
    prompt: str = messages[0].content
    return prompt


def _answer(model: object, result: Any) -> AIMessage:
    """Return the first answer of a result as a message, with the metadata that is beside it."""
    if not (isinstance(result, LLMResult) and result.generations and result.generations[0]):
        raise TypeError(
            f"{type(model).__name__}._generate returned {result!r}: it returns an LLMResult with "
            "an answer, LLMResult(generations=[[Generation(text=...)]])."
        )
    generation = result.generations[0][0]
    metadata = {**result.llm_output, **(generation.generation_info or {})}
    return text_message(str(generation.text), response_metadata=metadata)


def _chunk(model: object, chunk: Any) -> AIMessageChunk:
    if isinstance(chunk, str):
        return text_chunk(str(chunk))
    if not isinstance(chunk, ChatGeneration):
        raise TypeError(
            f"{type(model).__name__}._stream gave {chunk!r}: it yields GenerationChunk objects."
        )
    return AIMessageChunk(str(chunk.text), response_metadata=chunk.generation_info or {})


def _chunks(model: object, chunks: Any) -> Generator[Any, None, None]:
    try:
        for chunk in chunks:
            yield _chunk(model, chunk)
    finally:
        close(chunks)


async def _achunks(model: object, chunks: Any) -> AsyncGenerator[Any, None]:
    try:
        async for chunk in owned(chunks):
            yield _chunk(model, chunk)
    finally:
        await aclose(chunks)
