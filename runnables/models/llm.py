"""Models of text in LangChain's form: fields, and hooks that take a prompt.

BaseLLM     _generate(prompts, stop=None, run_manager=None, **kwargs) -> LLMResult   _agenerate
LLM         _call(prompt, stop=None, run_manager=None, **kwargs) -> str              _acall
both        _stream(prompt, stop=None, run_manager=None, **kwargs)                   _astream
                -> Iterator[GenerationChunk]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runnables.core.run_managers import taken_by
from runnables.engine.thread_calls import to_thread
from runnables.errors import SyncAsyncError
from runnables.messages.generations import Generation, LLMResult
from runnables.models.own_fields import WithOptionsAsKeywords
from runnables.models.text import TextModel
from runnables.models.text_hooks import adapt_text_hooks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from runnables.core.run_managers import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from runnables.messages.generations import GenerationChunk


class BaseLLM(WithOptionsAsKeywords[str], TextModel, internal=True):
    """A model of text with fields, and with the hooks of LangChain's class of this name.

    It takes what a chat model takes, and returns a string. A subclass writes fields (see
    `RunnableSerializable`) and at least one of `_generate`, `_stream`, `_agenerate`, `_astream`.
    `_generate` gets a list of one prompt, and returns an `LLMResult`; `_stream` gets a prompt, and
    yields `GenerationChunk` objects or strings. They get the options of a call as keywords, as the
    hooks of `BaseChatModel` do. `LLM` is the shorter way.

    Attributes:
        name: the model's name in events and traces.
        callbacks: as for `ChatModel`.
        max_retries: as for `ChatModel`; a subclass with a field of this name is retried, too.
        max_retry_delay: as for `ChatModel`.
        rate_limiter: as for `ChatModel`.
        cache: as for `ChatModel`.

    Raises:
        ConfigError: a required field is not given, a keyword is no field, or a value does not fit.

    Example:
        >>> class Loud(BaseLLM):
        ...     def _generate(self, prompts, stop=None, run_manager=None, **kwargs):
        ...         answers = [[Generation(text=prompt.upper())] for prompt in prompts]
        ...         return LLMResult(generations=answers)
        >>> Loud().invoke("Ahoy there!")
        'AHOY THERE!'
    """

    def __init_subclass__(cls, internal: bool = False, **kwargs: Any) -> None:
        """Let the hooks of a class serve `TextModel`, too.

        Args:
            internal: whether the class is one of the library, which has no annotated fields.
            **kwargs: keywords of other base classes.
        """
        super().__init_subclass__(internal=internal, **kwargs)
        adapt_text_hooks(cls)

    # At run time these are those of TextModel, in its form.
    if TYPE_CHECKING:

        def _generate(
            self,
            prompts: list[str],
            stop: list[str] | None = None,
            run_manager: CallbackManagerForLLMRun | None = None,
            **kwargs: Any,
        ) -> LLMResult: ...

        async def _agenerate(
            self,
            prompts: list[str],
            stop: list[str] | None = None,
            run_manager: AsyncCallbackManagerForLLMRun | None = None,
            **kwargs: Any,
        ) -> LLMResult: ...

        def _stream(
            self,
            prompt: str,
            stop: list[str] | None = None,
            run_manager: CallbackManagerForLLMRun | None = None,
            **kwargs: Any,
        ) -> Iterator[GenerationChunk]: ...

        def _astream(
            self,
            prompt: str,
            stop: list[str] | None = None,
            run_manager: AsyncCallbackManagerForLLMRun | None = None,
            **kwargs: Any,
        ) -> AsyncIterator[GenerationChunk]: ...


class LLM(BaseLLM, internal=True):
    """A model of text in LangChain's form whose hook, `_call`, returns the answer to a prompt.

    `_acall` is the same in async; without it, `_call` runs in a worker thread. See `BaseLLM` for
    its fields, its options, and its other hooks.

    Example:
        >>> class First(LLM):
        ...     n: int
        ...
        ...     def _call(self, prompt, stop=None, run_manager=None, **kwargs):
        ...         return prompt[: self.n]
        >>> First(n=4).invoke("Ahoy there!")
        'Ahoy'
    """

    def _written(self) -> list[Callable[..., Any]]:
        hooks: list[Callable[..., Any]] = [*super()._written()]
        hooks += [type(self)._call, type(self)._acall]
        return [hook for hook in hooks if hook not in _DEFAULTS]

    def _call(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        """Answer a prompt."""
        name = type(self).__name__
        if type(self)._acall is not LLM._acall:
            raise SyncAsyncError(
                f"{name} is async, so `invoke` cannot run it. Use `ainvoke` instead."
            )
        raise TypeError(f"{name} has no hook that answers: write `_call`.")

    async def _acall(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        """Answer a prompt, without blocking the loop."""
        manager = None if run_manager is None else run_manager.get_sync()
        keywords = _keywords(type(self)._call, stop, manager, kwargs)
        return await to_thread(lambda: self._call(prompt, **keywords))

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        keywords = _keywords(type(self)._call, stop, run_manager, kwargs)
        return _result(self, [self._call(prompt, **keywords) for prompt in prompts])

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        keywords = _keywords(type(self)._acall, stop, run_manager, kwargs)
        return _result(self, [await self._acall(prompt, **keywords) for prompt in prompts])


_DEFAULTS: Final = (LLM._generate, LLM._agenerate, LLM._call, LLM._acall)
"""Hooks that a subclass did not write; those that call `_call` take what that takes."""


def _keywords(
    hook: Callable[..., Any], stop: list[str] | None, run_manager: Any, options: dict[str, Any]
) -> dict[str, Any]:
    """Return the keywords of a call of a hook, without those that it need not take."""
    keywords, taken = dict(options), taken_by(hook)
    if stop is not None or taken.takes("stop"):
        keywords["stop"] = stop
    if taken.takes("run_manager"):
        keywords["run_manager"] = run_manager
    return keywords


def _result(model: object, answers: list[Any]) -> LLMResult:
    for answer in answers:
        if not isinstance(answer, str):
            raise TypeError(
                f"{type(model).__name__} answered {answer!r}: `_call` returns a string."
            )
    return LLMResult(generations=[[Generation(text=str(answer))] for answer in answers])
