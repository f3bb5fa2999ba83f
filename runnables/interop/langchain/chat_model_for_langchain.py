"""A chat model of ours as a `BaseChatModel` of LangChain. Loaded when one is converted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.messages import (  # at run time: fallbacks of LangChain read annotations
    AIMessage,  # noqa: TC002
    BaseMessage,  # noqa: TC002
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable as TheirRunnable  # noqa: TC002
from pydantic import ConfigDict, Field
from typing_extensions import override

from runnables.compose.wrappers import innermost
from runnables.interop.langchain.model_runs import (
    ainvoke_unreported,
    astream_unreported,
    cache_key,
    description,
    invoke_unreported,
    options_of,
    parameters,
    stream_unreported,
    tracing_parameters,
)
from runnables.interop.langchain.old_functions import FirstCall, with_results
from runnables.interop.langchain.values import from_value, to_value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from langchain_core.messages import AIMessageChunk


class ChatModelForLangChain(BaseChatModel):
    """A chat model of ours that LangChain, LangGraph and others take for one of theirs.

    The run is LangChain's: its handlers receive the tokens and the usage, and ours receive it
    through LangChain's. A keyword that our model does not know is a ConfigError.

    Attributes:
        ours: the model, which may have a retry, fallbacks or bound options around it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)
    _adapts: ClassVar[str] = "ours"

    ours: Any = Field(repr=True)

    # -- what others read

    @property
    def model_name(self) -> str | None:
        """Return the name of the model at its provider."""
        name: str | None = getattr(innermost(self.ours, None), "model", None)
        return name

    @property
    def _llm_type(self) -> str:
        return f"runnables-{type(innermost(self.ours, None)).__name__}"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return parameters(self.ours)

    @cached_property
    def _serialized(self) -> dict[str, Any]:
        return description(self, self.ours)

    @override
    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return cast("LangSmithParams", tracing_parameters(self.ours, "chat", stop, kwargs))

    @override
    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        return f"{super()._get_llm_string(stop, **kwargs)} {cache_key(self.ours)}"

    @override
    def _resolve_model_profile(self) -> Any:
        """Tell what create_agent of LangChain asks: whether the service holds it to a schema."""
        structured = getattr(innermost(self.ours, None), "structured_method", None)
        return {"tool_calling": True, "structured_output": structured == "json_schema"}

    @override
    def get_num_tokens(self, text: str) -> int:
        model: Any = innermost(self.ours, None)
        return int(model.get_num_tokens(text))

    @override
    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        model: Any = innermost(self.ours, None)
        return int(model.get_num_tokens_from_messages(from_value(list(messages))))

    # -- tools and structured output

    @override
    def bind_tools(
        self,
        tools: Sequence[Any],
        *,
        tool_choice: Any = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> TheirRunnable[Any, AIMessage]:
        """Return this model with tools, of ours or of theirs, that it may call.

        Args:
            tools: tools, functions, pydantic models, or dicts.
            tool_choice: "auto", "none", "any", or the name of a tool.
            strict: whether the service holds the model to the tools' schemas.
            **kwargs: more options to bind.

        Raises:
            ConfigError: something that is no tool, an unknown choice, or an unknown option.
        """
        from runnables.models.structured.schemas import convert_to_openai_tool

        definitions = [convert_to_openai_tool(tool, strict=strict) for tool in tools]
        options: dict[str, Any] = {"tools": definitions, **kwargs}
        if tool_choice is not None:
            options["tool_choice"] = tool_choice
        model: Any = innermost(self.ours, None)
        model._bindable(options_of(None, options))
        return self.bind(**options)

    @override
    def with_structured_output(
        self, schema: Any, *, include_raw: bool = False, **kwargs: Any
    ) -> TheirRunnable[Any, Any]:
        """Return this model with answers that are objects of a type, as our own method does.

        Args:
            schema: what the method of our models takes.
            include_raw: return a dict of the message, the object, and the error instead.
            **kwargs: `method`, `strict`, and more options to bind.
        """
        from runnables.interop.langchain.convert import to_langchain

        options = options_of(None, kwargs)
        structured = self.ours.with_structured_output(schema, include_raw=include_raw, **options)
        made: TheirRunnable[Any, Any] = to_langchain(structured)
        return made

    # -- the hooks

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        options = options_of(stop, kwargs)
        answer = invoke_unreported(self.ours, from_value(with_results(messages)), options)
        return self._result(answer, kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        options = options_of(stop, kwargs)
        answer = await ainvoke_unreported(self.ours, from_value(with_results(messages)), options)
        return self._result(answer, kwargs)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        options = options_of(stop, kwargs)
        chunks = stream_unreported(self.ours, from_value(with_results(messages)), options)
        first = FirstCall() if "functions" in kwargs else None
        known: str | None = None
        try:
            for chunk in chunks:  # their `stream` tells the handlers of each
                message = self._message(chunk)
                message.id = known = message.id or known  # a service may send it once
                yield ChatGenerationChunk(message=first.show(message) if first else message)
        finally:
            chunks.close()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        options = options_of(stop, kwargs)
        chunks = astream_unreported(self.ours, from_value(with_results(messages)), options)
        first = FirstCall() if "functions" in kwargs else None
        known: str | None = None
        try:
            async for chunk in chunks:
                message = self._message(chunk)
                message.id = known = message.id or known  # a service may send it once
                yield ChatGenerationChunk(message=first.show(message) if first else message)
        finally:
            await chunks.aclose()

    def _result(self, answer: Any, keywords: dict[str, Any]) -> ChatResult:
        message = self._message(answer)
        if "functions" in keywords:
            message = FirstCall().show(message)
        name = message.response_metadata.get("model_name")
        output = {"model_name": name} if name else None
        return ChatResult(generations=[ChatGeneration(message=message)], llm_output=output)

    def _message(self, answer: Any) -> Any:
        """Return an answer of ours as theirs, with the model's name, by which they sum usage."""
        message: AIMessage | AIMessageChunk = to_value(answer)
        if message.usage_metadata and not message.response_metadata.get("model_name"):
            name = self.model_name or innermost(self.ours, None).get_name()
            message.response_metadata = {**message.response_metadata, "model_name": name}
        return message
