"""Hooks of chat models in LangChain's form, made to serve `ChatModel`, too.

Each hook has two callers. A class calls its own hooks as it wrote them, and gets what they return.
`ChatModel` passes the options as a `CallOptions`; then the hook gets them as keywords, and what it
returns is read.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.core.run_managers import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
    managed,
    taken_by,
)
from runnables.engine.stream import aclose, close, owned
from runnables.errors import ConfigError
from runnables.messages.ai import AIMessageChunk
from runnables.messages.generations import ChatGeneration, ChatResult

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator

Hook = Callable[..., Any]


class CallOptions(dict[str, Any]):
    """The options of a call by `ChatModel`; by this class a hook knows its caller."""


def adapt_hooks(cls: type) -> None:
    """Let the hooks that this class itself writes serve `ChatModel`, too.

    Raises:
        ConfigError: a hook takes (messages, options).
    """
    for name, adapt in _ADAPTERS.items():
        hook = vars(cls).get(name)
        if callable(hook):
            _refuse_options_form(cls, name, hook)
            setattr(cls, name, functools.wraps(hook)(adapt(hook)))


def _refuse_options_form(cls: type, name: str, hook: Hook) -> None:
    taken = taken_by(hook)
    if "options" in taken.names and not taken.takes("stop"):
        raise ConfigError(
            f"{cls.__name__}.{name} takes (messages, options), as those of a ChatModel do. "
            f"Write: class {cls.__name__}(ChatModel). Or write the hook as "
            f"{name}(self, messages, stop=None, run_manager=None, **kwargs)."
        )


# --- the hooks, for both callers --------------------------------------------------------------


def is_own_call(given: tuple[Any, ...]) -> bool:
    """Tell whether a hook is called with what it was written to take."""
    return not (given and isinstance(given[0], CallOptions))


def hook_keywords(hook: Hook, options: dict[str, Any], manager: type[Any]) -> dict[str, Any]:
    keywords = dict(options)
    if taken_by(hook).takes("stop"):
        keywords.setdefault("stop", None)
    return managed(hook, keywords, manager)


def _generate_for_both(hook: Hook) -> Hook:
    def _generate(self: Any, messages: Any, *given: Any, **kwargs: Any) -> Any:
        if is_own_call(given):
            return hook(self, messages, *given, **kwargs)
        keywords = hook_keywords(hook, given[0], CallbackManagerForLLMRun)
        return _answer(self, hook(self, messages, **keywords))

    return _generate


def _agenerate_for_both(hook: Hook) -> Hook:
    async def _agenerate(self: Any, messages: Any, *given: Any, **kwargs: Any) -> Any:
        if is_own_call(given):
            return await hook(self, messages, *given, **kwargs)
        keywords = hook_keywords(hook, given[0], AsyncCallbackManagerForLLMRun)
        return _answer(self, await hook(self, messages, **keywords))

    return _agenerate


def _stream_for_both(hook: Hook) -> Hook:
    def _stream(self: Any, messages: Any, *given: Any, **kwargs: Any) -> Iterator[Any]:
        if is_own_call(given):
            return cast("Iterator[Any]", hook(self, messages, *given, **kwargs))
        keywords = hook_keywords(hook, given[0], CallbackManagerForLLMRun)
        return _chunks(self, hook(self, messages, **keywords))

    return _stream


def _astream_for_both(hook: Hook) -> Hook:
    def _astream(self: Any, messages: Any, *given: Any, **kwargs: Any) -> AsyncIterator[Any]:
        if is_own_call(given):
            return cast("AsyncIterator[Any]", hook(self, messages, *given, **kwargs))
        keywords = hook_keywords(hook, given[0], AsyncCallbackManagerForLLMRun)
        return _achunks(self, hook(self, messages, **keywords))

    return _astream


_ADAPTERS: Final[Mapping[str, Callable[[Hook], Hook]]] = {
    "_generate": _generate_for_both,
    "_agenerate": _agenerate_for_both,
    "_stream": _stream_for_both,
    "_astream": _astream_for_both,
}


# --- what the hooks return --------------------------------------------------------------------


def _answer(model: object, result: Any) -> Any:
    """Return the message of a result, with the metadata that is beside it."""
    if not isinstance(result, ChatResult):
        return result  # a message, or what ChatModel refuses
    if not result.generations:
        raise TypeError(
            f"{type(model).__name__}._generate returned a ChatResult without an answer."
        )
    return _with_metadata(result.generations[0], result.llm_output or {})


def _chunk(model: object, chunk: Any) -> Any:
    if isinstance(chunk, AIMessageChunk):
        return chunk
    if not isinstance(chunk, ChatGeneration):
        raise TypeError(
            f"{type(model).__name__}._stream gave {chunk!r}: it yields ChatGenerationChunk objects."
        )
    return _with_metadata(chunk, {})


def _with_metadata(generation: ChatGeneration, output: dict[str, Any]) -> Any:
    message: Any = generation.message
    beside = {**output, **(generation.generation_info or {})}
    if not beside:
        return message
    return message.model_copy(update={"response_metadata": {**beside, **message.response_metadata}})


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
