"""The base of all chat models.

`language_model` says which hooks a provider writes, and runs them. What serves tools and types of
answers is imported where a model has them.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from runnables.errors import ConfigError
from runnables.messages.ai import AIMessage
from runnables.models.answer_ids import (
    afill_answer_ids,
    answer_id,
    fill_answer_ids,
    with_answer_id,
)
from runnables.models.calls import ANSWER_CHUNKS
from runnables.models.hook_forms import CheckedHooks
from runnables.models.language_model import LanguageModel
from runnables.models.options import merged_options
from runnables.models.structured.output import StructuredOutput

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.core.config import Scope
    from runnables.core.events import Run
    from runnables.engine.merging import Merge
    from runnables.messages.convert import LanguageModelInput
    from runnables.models.structured.schemas import Tool


class ChatModel(CheckedHooks, LanguageModel[AIMessage], StructuredOutput, internal=True):
    """A model that answers conversations; the base of every provider's chat model.

    It takes a string, a list of messages or a prompt value, and returns an `AIMessage`; streamed,
    it yields `AIMessageChunk` objects. Its settings are the defaults of the options of the same
    names: `invoke(..., temperature=0)` and `bind(temperature=0)` override them, and None unsets
    one. A subclass writes at least one of the hooks `_generate`, `_stream`, `_agenerate` and
    `_astream`, which get the messages and the options.

    Args:
        model: the model's name at the provider.
        temperature: how freely the model chooses, from 0 (the likeliest token) up.
        max_tokens: how many tokens an answer may have.
        stop: stop sequences; an answer ends before the first of them.
        seed: makes answers repeatable, where the provider can.
        top_p: choose among the likeliest tokens of this total probability, from 0 to 1.
        name: the model's name in events and traces.
        max_retries: how often a request is repeated after an error that may pass (see
            `is_retryable`); None: never.
        max_retry_delay: the longest delay, in seconds, that a service may ask for; 60 by default.
        rate_limiter: spaces the requests of all models that share it.
        cache: where answers are stored, and looked up first.
        callbacks: handlers that receive the events of its runs.

    Raises:
        ConfigError: a number of the wrong type or out of range, or an unknown keyword.

    Example:
        >>> class Echo(ChatModel):
        ...     def _generate(self, messages, options):
        ...         return AIMessage(f"{messages[-1].text}, {options}")
        >>> echo = Echo(temperature=0.5)
        >>> echo.invoke("Ahoy").text
        "Ahoy, {'temperature': 0.5}"
        >>> echo.bind(seed=1).invoke("Ahoy", temperature=None).text
        "Ahoy, {'seed': 1}"
    """

    run_type: ClassVar[str] = "chat_model"
    merge: Merge = ANSWER_CHUNKS

    @property
    def OutputType(self) -> Any:
        """Return the type of an answer, AIMessage."""
        return AIMessage

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the options of a call, with the model's settings, as the hooks take them."""
        options = merged_options(type(self).__name__, self.known_options, vars(self), given)
        if "tools" in options or "tool_choice" in options:
            from runnables.models.structured.schemas import convert_tool_options

            convert_tool_options(options)
        return options

    # -- ids of answers, where a handler asks for them

    def _invoke_observed(self, value: Any, run: Run, kwargs: dict[str, Any]) -> Any:
        return with_answer_id(super()._invoke_observed(value, run, kwargs), run.scope)

    async def _ainvoke_observed(self, value: Any, run: Run, kwargs: dict[str, Any]) -> Any:
        return with_answer_id(await super()._ainvoke_observed(value, run, kwargs), run.scope)

    def _output_chunks(self, chunks: Iterable[Any], scope: Scope | None) -> Iterable[Any]:
        made = answer_id(scope)
        return chunks if made is None else fill_answer_ids(chunks, made)

    def _aoutput_chunks(
        self, chunks: AsyncIterable[Any], scope: Scope | None
    ) -> AsyncIterable[Any]:
        made = answer_id(scope)
        return chunks if made is None else afill_answer_ids(chunks, made)

    # -- with tools

    def bind_tools(
        self, tools: Sequence[Tool], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this model with tools that it may call.

        It does not run them: the calls are the `tool_calls` of its answers. `create_agent` runs
        them.

        Args:
            tools: what `convert_to_openai_tool` reads: tools, functions, pydantic models, dicts.
            tool_choice: "auto", "none", "any" (it must call one), or the name of a tool.
            **kwargs: more options to bind.

        Raises:
            ConfigError: something that is no tool, an unknown choice, or an option that the
                model does not know.

        Example:
            >>> from runnables_providers.scripted import ScriptedChatModel
            >>> model = ScriptedChatModel([AIMessage(tool_calls=[tool_call(name="len", args={})])])
            >>> model.bind_tools([len]).invoke("How long is it?").tool_calls[0]["name"]
            'len'
        """
        if isinstance(tools, (str, Mapping)) or not isinstance(cast("object", tools), Iterable):
            raise ConfigError(f"bind_tools takes a list of tools, got {tools!r}.")
        bound = {"tools": list(tools), "tool_choice": tool_choice, **kwargs}
        options = self._options(bound)
        return self.bind(**{name: options[name] for name in bound if name in options})
