"""Chat models in LangChain's form: fields, and hooks that take `stop` and return results.

_generate(messages, stop=None, run_manager=None, **kwargs) -> ChatResult        _agenerate
_stream(messages, stop=None, run_manager=None, **kwargs) -> Iterator[ChatGenerationChunk]
                                                                                _astream
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from runnables.messages.ai import AIMessage
from runnables.messages.generations import ChatGeneration, ChatResult
from runnables.models.chat import ChatModel
from runnables.models.own_fields import WithOptionsAsKeywords
from runnables.models.result_hooks import adapt_hooks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from runnables.compose.runnable import Runnable
    from runnables.core.run_managers import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from runnables.messages.base import BaseMessage
    from runnables.messages.convert import LanguageModelInput
    from runnables.messages.generations import ChatGenerationChunk
    from runnables.models.structured.output import Method
    from runnables.models.structured.parser import AnswerParser
    from runnables.models.structured.schemas import Tool


class BaseChatModel(WithOptionsAsKeywords[AIMessage], ChatModel, internal=True):
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

    def __init_subclass__(cls, internal: bool = False, **kwargs: Any) -> None:
        """Let the hooks of a class serve `ChatModel`, too.

        Args:
            internal: whether the class is one of the library, which has no annotated fields.
            **kwargs: keywords of other base classes.
        """
        super().__init_subclass__(internal=internal, **kwargs)
        adapt_hooks(cls)

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
