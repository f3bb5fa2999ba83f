"""Prompts of ours as LangChain's. A prompt of LangChain is a runnable like others here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from langchain_core import prompts as theirs
from pydantic import ConfigDict
from typing_extensions import override

from runnables.interop.langchain import runs
from runnables.interop.langchain.values import from_value, to_value
from runnables.prompts.chat import BaseChatPromptTemplate

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from runnables.prompts.base import BasePromptTemplate


def to_theirs(prompt: BasePromptTemplate) -> Any:
    """Return one of our prompts as a prompt of LangChain, which its chains and agents take.

    One with a variable called "stop", which LangChain refuses in prompts, is a plain runnable.
    """
    if "stop" in prompt.variables.names:
        return runs.to_theirs(prompt)
    cls = (
        ChatPromptForLangChain
        if isinstance(prompt, BaseChatPromptTemplate)
        else StringPromptForLangChain
    )
    made: Any = cls
    return made(
        ours=prompt,
        name=prompt.name,
        input_variables=prompt.input_variables,
        optional_variables=prompt.optional_variables,
        partial_variables={**_empty_placeholders(prompt), **prompt.partial_variables},
        input_types={**prompt.variables.required, **prompt.variables.optional},
    )


def _empty_placeholders(prompt: BasePromptTemplate) -> dict[str, list[Any]]:
    """Return the placeholders that may be left out, as LangChain lists them: with no messages.

    Its agents look for "agent_scratchpad" among these.
    """
    if not isinstance(prompt, BaseChatPromptTemplate):
        return {}
    return {name: [] for name in prompt.optional_variables}


class PromptForLangChain(theirs.BasePromptTemplate[Any]):
    """A prompt of ours that LangChain takes for one of its own. It is rendered as ours is.

    Keywords that the prompt has no variable for are ignored, as LangChain ignores them: its chains
    pass all that they have.

    Attributes:
        ours: the prompt.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)
    _adapts: ClassVar[str] = "ours"

    ours: Any

    def __repr__(self) -> str:
        return f"to_langchain({self.ours!r})"

    @override
    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        return super().get_name(suffix, name=name or self.name or self.ours.get_name())

    @override
    @classmethod
    def is_lc_serializable(cls) -> bool:
        return False

    @property
    def _prompt_type(self) -> str:
        return "runnables"

    @override
    def format_prompt(self, **kwargs: Any) -> Any:
        return to_value(self.ours.format_prompt(**self._known(kwargs)))

    @override
    async def aformat_prompt(self, **kwargs: Any) -> Any:
        return to_value(await self.ours.aformat_prompt(**self._known(kwargs)))

    @override
    def format(self, **kwargs: Any) -> str:
        return cast("str", self.format_prompt(**kwargs).to_string())

    @override
    async def aformat(self, **kwargs: Any) -> str:
        return cast("str", (await self.aformat_prompt(**kwargs)).to_string())

    @override
    def partial(self, **kwargs: Any) -> Any:
        return to_theirs(self.ours.partial(**self._known(kwargs)))

    def pretty_repr(self, html: bool = False) -> str:
        """Return what `pretty_repr` of the prompt returns."""
        return cast("str", self.ours.pretty_repr())

    def _known(self, values: dict[str, Any]) -> dict[str, Any]:
        known: set[str] = set(
            values if self.ours.accepts_unknown_names else self.ours.variables.names
        )
        return {name: from_value(value) for name, value in values.items() if name in known}


class StringPromptForLangChain(PromptForLangChain, theirs.StringPromptTemplate):
    """A prompt of ours that renders a string."""


class ChatPromptForLangChain(PromptForLangChain, theirs.BaseChatPromptTemplate):
    """A prompt of ours that renders messages."""

    @override
    def format_messages(self, **kwargs: Any) -> list[BaseMessage]:
        prompt = self.format_prompt(**kwargs)
        return cast("list[BaseMessage]", prompt.to_messages())

    @override
    async def aformat_messages(self, **kwargs: Any) -> list[BaseMessage]:
        prompt = await self.aformat_prompt(**kwargs)
        return cast("list[BaseMessage]", prompt.to_messages())
