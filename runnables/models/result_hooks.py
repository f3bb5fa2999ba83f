"""Hooks of models in LangChain's form, made to serve `LanguageModel`, too.

Each hook has two callers. A class calls its own hooks as it wrote them, and gets what they return.
`LanguageModel` passes the options as a `CallOptions`; then the hook gets them as keywords, and what
it returns is read. A `HookForm` says what differs between chat models, whose form is here, and
models of text.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

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
    """The options of a call by `LanguageModel`; by this class a hook knows its caller."""


class HookForm(NamedTuple):
    """What hooks of one kind of model take and return.

    Attributes:
        asked: returns what `_generate` takes, for the messages of a call.
        asked_to_stream: returns what `_stream` takes.
        answer: returns the message of what a model's `_generate` returned.
        chunk: returns the message chunk of what its `_stream` yielded.
    """

    asked: Callable[[Any], Any]
    asked_to_stream: Callable[[Any], Any]
    answer: Callable[[object, Any], Any]
    chunk: Callable[[object, Any], Any]


def adapt_hooks(cls: type) -> None:
    """Let the hooks that a chat model itself writes serve `ChatModel`, too.

    Raises:
        ConfigError: a hook takes (messages, options).
    """
    for name in _ADAPTERS:
        if callable(hook := vars(cls).get(name)):
            _refuse_options_form(cls, name, hook)
    adapt_hooks_of(cls, _CHAT)


def adapt_hooks_of(cls: type, form: HookForm) -> None:
    """Let the hooks that this class itself writes serve `LanguageModel`, too."""
    for name, adapt in _ADAPTERS.items():
        hook = vars(cls).get(name)
        if callable(hook):
            setattr(cls, name, functools.wraps(hook)(adapt(hook, form)))


def _refuse_options_form(cls: type, name: str, hook: Hook) -> None:
    taken = taken_by(hook)
    if "options" in taken.names and not taken.takes("stop"):
        raise ConfigError(
            f"{cls.__name__}.{name} takes (messages, options), as those of a ChatModel do. "
            f"Write: class {cls.__name__}(ChatModel). Or write the hook as "
            f"{name}(self, messages, stop=None, run_manager=None, **kwargs)."
        )


# --- the hooks, for both callers --------------------------------------------------------------


def _is_own_call(given: tuple[Any, ...]) -> bool:
    """Tell whether a hook is called with what it was written to take."""
    return not (given and isinstance(given[0], CallOptions))


def _keywords(hook: Hook, options: dict[str, Any], manager: type[Any]) -> dict[str, Any]:
    keywords = dict(options)
    if taken_by(hook).takes("stop"):
        keywords.setdefault("stop", None)
    return managed(hook, keywords, manager)


def _generate_for_both(hook: Hook, form: HookForm) -> Hook:
    def _generate(self: Any, asked: Any, *given: Any, **kwargs: Any) -> Any:
        if _is_own_call(given):
            return hook(self, asked, *given, **kwargs)
        keywords = _keywords(hook, given[0], CallbackManagerForLLMRun)
        return form.answer(self, hook(self, form.asked(asked), **keywords))

    return _generate


def _agenerate_for_both(hook: Hook, form: HookForm) -> Hook:
    async def _agenerate(self: Any, asked: Any, *given: Any, **kwargs: Any) -> Any:
        if _is_own_call(given):
            return await hook(self, asked, *given, **kwargs)
        keywords = _keywords(hook, given[0], AsyncCallbackManagerForLLMRun)
        return form.answer(self, await hook(self, form.asked(asked), **keywords))

    return _agenerate


def _stream_for_both(hook: Hook, form: HookForm) -> Hook:
    def _stream(self: Any, asked: Any, *given: Any, **kwargs: Any) -> Iterator[Any]:
        if _is_own_call(given):
            return cast("Iterator[Any]", hook(self, asked, *given, **kwargs))
        keywords = _keywords(hook, given[0], CallbackManagerForLLMRun)
        return _chunks(self, form, hook(self, form.asked_to_stream(asked), **keywords))

    return _stream


def _astream_for_both(hook: Hook, form: HookForm) -> Hook:
    def _astream(self: Any, asked: Any, *given: Any, **kwargs: Any) -> AsyncIterator[Any]:
        if _is_own_call(given):
            return cast("AsyncIterator[Any]", hook(self, asked, *given, **kwargs))
        keywords = _keywords(hook, given[0], AsyncCallbackManagerForLLMRun)
        return _achunks(self, form, hook(self, form.asked_to_stream(asked), **keywords))

    return _astream


_ADAPTERS: Final[Mapping[str, Callable[[Hook, HookForm], Hook]]] = {
    "_generate": _generate_for_both,
    "_agenerate": _agenerate_for_both,
    "_stream": _stream_for_both,
    "_astream": _astream_for_both,
}


def _chunks(model: object, form: HookForm, chunks: Any) -> Generator[Any, None, None]:
    try:
        for chunk in chunks:
            yield form.chunk(model, chunk)
    finally:
        close(chunks)


async def _achunks(model: object, form: HookForm, chunks: Any) -> AsyncGenerator[Any, None]:
    try:
        async for chunk in owned(chunks):
            yield form.chunk(model, chunk)
    finally:
        await aclose(chunks)


# --- what the hooks of chat models return ------------------------------------------------------


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


def _same(messages: Any) -> Any:
    return messages


_CHAT: Final = HookForm(_same, _same, _answer, _chunk)
