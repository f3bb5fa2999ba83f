"""Conversion of chat models: LangChain's as ours, and ours as LangChain's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from runnables.errors import ConfigError
from runnables.interop.langchain import model_calls
from runnables.interop.langchain.model_facts import answer_of_theirs
from runnables.interop.langchain.values import from_value, to_value
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.kinds import final_chunk
from runnables.models.chat import ChatModel
from runnables.redaction import hide_in_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from runnables.messages.base import BaseMessage
    from runnables.models.structured.output import Method


def from_theirs(x: Any) -> ChatModel:
    """Return our counterpart of a chat model of theirs."""
    return ChatModelOfLangChain(x)


def to_theirs(x: Any) -> Any:
    """Return their counterpart of a chat model of ours, which may have a retry around it."""
    from runnables.interop.langchain.chat_model_for_langchain import ChatModelForLangChain

    return ChatModelForLangChain(ours=x)


class ChatModelOfLangChain(ChatModel, internal=True):
    """A chat model of LangChain, as one of ours.

    Its options are passed on as keywords, tools through `bind_tools`, and structured output is
    asked for by function calling. Its runs are ours; LangChain's own run is reported to handlers
    of the LangChain model alone. A cache, rate limiter or retry that it has itself still work.

    Args:
        theirs: the model of LangChain.
    """

    _adapts: ClassVar[str] = "theirs"
    structured_method: ClassVar[Method] = "function_calling"

    def __init__(self, theirs: Any) -> None:
        super().__init__()
        self.theirs = theirs

    def __repr__(self) -> str:
        return hide_in_text(f"from_langchain({self.theirs!r})")  # theirs may show keys

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the name of the model of LangChain."""
        given = name or self.name or getattr(self._model, "name", None)
        return super().get_name(suffix, name=given or type(self._model).__name__)

    @property
    def _model(self) -> Any:
        """Return the model of LangChain, without what is bound to it."""
        return self.theirs

    def _identity(self) -> dict[str, Any]:
        """Return what decides the answer: the string that LangChain's own caches have as a key."""
        model = self._model
        return {"class": type(model).__name__, "settings": model._get_llm_string()}

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        return model_calls.checked_options(self.get_name(), given)

    def _bindable(self, options: dict[str, Any]) -> dict[str, Any]:
        checked = self._options(options)
        self._target(checked)  # refuses now what a call would refuse
        return checked

    def _target(self, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return model_calls.with_tools(self.theirs, options)

    # -- the hooks

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        target, keywords = self._target(options)
        theirs = model_calls.call(target, to_value(messages), keywords)
        answer: AIMessage = answer_of_theirs(theirs)
        return answer

    async def _agenerate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        target, keywords = self._target(options)
        theirs = await model_calls.acall(target, to_value(messages), keywords)
        answer: AIMessage = answer_of_theirs(theirs)
        return answer

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        target, keywords = self._target(options)
        chunks = model_calls.stream(target, to_value(messages), keywords)
        try:
            for chunk in chunks:
                yield _chunk(chunk)
        finally:
            chunks.close()

    async def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        target, keywords = self._target(options)
        chunks = model_calls.astream(target, to_value(messages), keywords)
        try:
            async for chunk in chunks:
                yield _chunk(chunk)
        finally:
            await chunks.aclose()

    # -- counting

    def get_num_tokens(self, text: str) -> int:
        """Return how many tokens a string has for the model."""
        return (
            int(self._model.get_num_tokens(text)) if self._counts else super().get_num_tokens(text)
        )

    @property
    def _counts(self) -> bool:
        """Tell whether the model counts tokens itself; by default LangChain loads GPT-2 for it."""
        return _writes(self._model, "get_num_tokens") or _writes(self._model, "get_token_ids")


OF_TOOLS: Final = frozenset({"tools", "tool_choice", "functions", "function_call"})
"""The options of a model that are about tools."""


class ChatModelWithTools(ChatModelOfLangChain, internal=True):
    """A chat model of LangChain with bound tools, as one of ours.

    The tools are as the model's own service takes them, and are passed on as they are. Tools that
    are bound here, or that an agent binds, replace them.

    Args:
        theirs: the model with its tools, as its `bind_tools` has returned it.
    """

    @property
    def _model(self) -> Any:
        return self.theirs.bound

    @property
    def _bound(self) -> dict[str, Any]:
        """Return what is bound to the model of LangChain."""
        bound: dict[str, Any] = self.theirs.kwargs
        return bound

    def _identity(self) -> dict[str, Any]:
        return {**super()._identity(), "bound": str(sorted(self._bound.items()))}

    def _target(self, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        wants_none = options.get("tool_choice") == "none"
        if options.get("tools") or wants_none:
            target, keywords = model_calls.with_tools(self._model, options)
            replaced = {*OF_TOOLS, "ls_structured_output_format"}
            if wants_none:
                replaced.add("parallel_tool_calls")
            rest = {key: kept for key, kept in self.theirs.kwargs.items() if key not in replaced}
            return target, {**rest, **keywords}
        if "tool_choice" in options:
            raise ConfigError(
                f"The tools of {self.get_name()} were bound in LangChain, where the choice among "
                "them is made, too: model.bind_tools(tools, tool_choice=...). Or bind them here: "
                "from_langchain(model).bind_tools(tools, tool_choice=...)."
            )
        return self.theirs, {key: kept for key, kept in options.items() if key != "tools"}


def _chunk(chunk: Any) -> AIMessageChunk:
    """Return a chunk of ours; a model that streams nothing yields a complete message."""
    ours: Any = from_value(chunk)
    return ours if isinstance(ours, AIMessageChunk) else final_chunk(ours)


def _writes(theirs: object, method: str) -> bool:
    """Tell whether a model's own class writes a method, and not LangChain's bases."""
    for base in type(theirs).__mro__:
        if method in vars(base):
            return base.__module__.partition(".")[0] != "langchain_core"
    return False
