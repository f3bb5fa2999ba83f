"""Chat models in LangChain's form: fields, and hooks that take `stop` and return results.

_generate(messages, stop=None, run_manager=None, **kwargs) -> ChatResult        _agenerate
_stream(messages, stop=None, run_manager=None, **kwargs) -> Iterator[ChatGenerationChunk]
                                                                                _astream
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from runnables.core.options import unknown_option
from runnables.core.run_managers import (
    CallbackManagerForLLMRun,
    taken_by,
)
from runnables.core.with_fields import WithFields
from runnables.messages.ai import AIMessage
from runnables.messages.generations import ChatGeneration, ChatResult
from runnables.models.chat import ChatModel
from runnables.models.hook_forms import HOOKS
from runnables.models.options import checked_stop
from runnables.models.result_hooks import CallOptions, adapt_hooks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from runnables.compose.runnable import Runnable
    from runnables.core.fields import Fields
    from runnables.core.handlers import Callbacks
    from runnables.core.run_managers import AsyncCallbackManagerForLLMRun
    from runnables.messages.base import BaseMessage
    from runnables.messages.convert import LanguageModelInput
    from runnables.messages.generations import ChatGenerationChunk
    from runnables.models.structured.output import Method
    from runnables.models.structured.parser import AnswerParser
    from runnables.models.structured.schemas import Tool

_NO_OPTIONS: Final = frozenset({"self", "messages", "run_manager", "kwargs"})
"""Parameters of hooks that are no options."""


class BaseChatModel(WithFields, ChatModel, internal=True):
    """A chat model with fields, and with the hooks of LangChain's class of this name.

    A subclass writes fields (see `RunnableSerializable`) and at least one of `_generate`,
    `_stream`, `_agenerate`, `_astream`. They get the options of a call as keywords, and nothing of
    the fields; a hook without `**kwargs` names the options that it takes. They return a
    `ChatResult`, or yield `ChatGenerationChunk` objects; an `AIMessage` or `AIMessageChunk` will
    do. The token that is passed to `run_manager.on_llm_new_token` is not reported: the chunk is,
    when it is yielded. `ChatModel` is the shorter way to write a new model.

    Attributes:
        name: the model's name in events and traces.
        callbacks: as for `ChatModel`.
        max_retries: as for `ChatModel`; a subclass with a field of this name is retried, too.
        max_retry_delay: as for `ChatModel`.
        rate_limiter: as for `ChatModel`.
        cache: as for `ChatModel`.
        callbacks: as for `ChatModel`.

    Raises:
        ConfigError: a required field is not given, a keyword is no field, or a value does not fit;
            for the class, a hook that takes `(messages, options)`.

    Example:
        >>> class First(BaseChatModel):
        ...     n: int
        ...
        ...     def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        ...         message = AIMessage(messages[-1].text[: self.n])
        ...         return ChatResult(generations=[ChatGeneration(message=message)])
        ...
        ...     @property
        ...     def _llm_type(self):
        ...         return "first-letters"
        >>> First(n=4).invoke("Ahoy there!").text
        'Ahoy'
    """

    structured_method: ClassVar[Method] = "function_calling"
    _takes_options: ClassVar[bool] = False
    _known_fields: ClassVar[Fields] = {
        "name": (str | None, None),
        "callbacks": (Any, None),
        "max_retries": (Any, None),
        "max_retry_delay": (Any, None),
        "rate_limiter": (Any, None),
        "cache": (Any, None),
    }
    name: str | None = None
    callbacks: Callbacks = None
    max_retries: int | None = None
    max_retry_delay: float | None = None
    rate_limiter: Any = None
    cache: Any = None

    def __init_subclass__(cls, internal: bool = False, **kwargs: Any) -> None:
        """Let the hooks of a class serve `ChatModel`, too.

        Args:
            internal: whether the class is one of the library, which has no annotated fields.
            **kwargs: keywords of other base classes.
        """
        super().__init_subclass__(internal=internal, **kwargs)
        adapt_hooks(cls)

    def _check_known(self) -> None:
        self._set_callbacks(self.callbacks)
        self._set_policies(self.max_retries, self.max_retry_delay, self.rate_limiter, self.cache)
        self._set_callbacks(self.callbacks)

    # At run time these are those of ChatModel, in its form.
    if TYPE_CHECKING:

        def _generate(
            self,
            messages: list[BaseMessage],
            stop: list[str] | None = None,
            run_manager: CallbackManagerForLLMRun | None = None,
            **kwargs: Any,
        ) -> ChatResult: ...

        async def _agenerate(
            self,
            messages: list[BaseMessage],
            stop: list[str] | None = None,
            run_manager: AsyncCallbackManagerForLLMRun | None = None,
            **kwargs: Any,
        ) -> ChatResult: ...

        def _stream(
            self,
            messages: list[BaseMessage],
            stop: list[str] | None = None,
            run_manager: CallbackManagerForLLMRun | None = None,
            **kwargs: Any,
        ) -> Iterator[ChatGenerationChunk]: ...

        def _astream(
            self,
            messages: list[BaseMessage],
            stop: list[str] | None = None,
            run_manager: AsyncCallbackManagerForLLMRun | None = None,
            **kwargs: Any,
        ) -> AsyncIterator[ChatGenerationChunk]: ...

    @property
    def _llm_type(self) -> str:
        """Return the kind of model, as a word."""
        return type(self).__name__

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        """Return what distinguishes this model from others; nothing here reads it."""
        return {}

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the options of a call, for the hooks.

        Raises:
            ConfigError: no hook takes this option.
        """
        options = CallOptions({name: value for name, value in given.items() if value is not None})
        if "stop" in options:
            options["stop"] = checked_stop(options["stop"])
        if options:
            hooks = [taken_by(hook) for hook in self._written()]
            for name in options:
                if not any(taken.takes(name) for taken in hooks):
                    known = {name for taken in hooks for name in taken.names} - _NO_OPTIONS
                    raise unknown_option(type(self).__name__, name, sorted(known))
        return options

    def _written(self) -> list[Callable[..., Any]]:
        """Return the methods of the class that get the options."""
        return [getattr(type(self), name) for name in HOOKS if self._writes(name)]

    def bind_tools(
        self, tools: Sequence[Tool], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this model with tools that it may call, which its hooks get as `tools`.

        They are dicts in OpenAI's form. Override it for a service that takes another.

        Args:
            tools: as for `ChatModel.bind_tools`.
            tool_choice: as for `ChatModel.bind_tools`.
            **kwargs: more options to bind.

        Raises:
            ConfigError: something that is no tool, an unknown choice, or an option that no hook
                takes.
        """
        from runnables.models.structured.schemas import convert_tool_options

        options: dict[str, Any] = {"tools": list(tools), **kwargs}
        if tool_choice is not None:
            options["tool_choice"] = tool_choice
        convert_tool_options(options)
        return self.bind(**self._bindable(options))

    def _structured_request(
        self, schema: Any, method: str, strict: bool | None
    ) -> tuple[dict[str, Any], AnswerParser]:
        """Return the options that ask for an answer of a type; tools go through `bind_tools`."""
        options, parser = super()._structured_request(schema, method, strict)
        if "tools" in options:
            bound: Any = self.bind_tools(options["tools"], tool_choice=options["tool_choice"])
            options = dict(bound.kwargs)
        return options, parser


class SimpleChatModel(BaseChatModel, internal=True):
    """A chat model in LangChain's form whose one hook, `_call`, returns the text of the answer.

    Example:
        >>> class Shout(SimpleChatModel):
        ...     marks: int = 1
        ...
        ...     def _call(self, messages, stop=None, run_manager=None, **kwargs):
        ...         return messages[-1].text.upper() + "!" * self.marks
        >>> Shout(marks=2).invoke("ahoy").text
        'AHOY!!'
    """

    def _written(self) -> list[Callable[..., Any]]:
        written = [type(self)._call]
        return written + [hook for hook in super()._written() if hook is not _BY_CALL]

    def _call(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        """Answer a conversation with a string."""
        raise TypeError(f"{type(self).__name__} has no hook that answers: write `_call`.")

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text: Any = self._call(messages, stop=stop, run_manager=run_manager, **kwargs)
        if not isinstance(text, str):
            raise TypeError(f"{type(self).__name__}._call returned {text!r}: it returns a string.")
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


_BY_CALL: Final = SimpleChatModel._generate
"""The hook that calls `_call`, and takes what that takes."""
