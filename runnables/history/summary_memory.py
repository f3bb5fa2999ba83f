"""LangChain's memory that a model sums up, after each turn that is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.compose.coerce import coerce_to_runnable
from runnables.core.signatures import checks_keywords
from runnables.history.base import aappend, append
from runnables.history.buffer import ConversationBufferMemory
from runnables.history.summary import INSTRUCTIONS, summary_message
from runnables.messages.as_text import get_buffer_string
from runnables.messages.roles import HumanMessage, SystemMessage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnables.compose.runnable import Runnable
    from runnables.history.base import History
    from runnables.messages.base import BaseMessage


class ConversationSummaryMemory(ConversationBufferMemory):
    """A `ConversationBufferMemory` that loads a summary, which a model writes anew for each turn.

    The turns themselves are stored, too. Where the model fails, neither the turn nor the summary
    changes. New code uses `SummarizeHistory` in a chain with `with_history`: it calls the model for
    long conversations only, and the last messages stay as they are.

    Args:
        llm: the model that writes the summary.
        prompt: a prompt with the variables `summary` and `new_lines`, in place of our own.
        buffer: the summary so far.
        chat_memory: as for `ConversationBufferMemory`, like all that follow.
        return_messages: whether the summary is loaded as a list of one message.
        memory_key: the key of the summary in what `load_memory_variables` returns.
        input_key: the key of the question in the inputs of `save_context`.
        output_key: the key of the answer in its outputs.
        human_prefix: what is written before the questions, for a `prompt`.
        ai_prefix: what is written before the answers, for a `prompt`.

    Attributes:
        summary: the summary so far.

    Example:
        >>> memory = ConversationSummaryMemory(llm=FakeListChatModel(responses=["Ada greeted."]))
        >>> memory.save_context({"input": "I am Ada."}, {"output": "Hello!"})
        >>> memory.load_memory_variables({})
        {'history': 'Ada greeted.'}
    """

    @checks_keywords
    def __init__(
        self,
        *,
        llm: Any,
        prompt: Runnable[Any, Any] | None = None,
        buffer: str = "",
        chat_memory: History | None = None,
        return_messages: bool = False,
        memory_key: str = "history",
        input_key: str | None = None,
        output_key: str | None = None,
        human_prefix: str = "Human",
        ai_prefix: str = "AI",
    ) -> None:
        super().__init__(
            chat_memory=chat_memory,
            return_messages=return_messages,
            memory_key=memory_key,
            input_key=input_key,
            output_key=output_key,
            human_prefix=human_prefix,
            ai_prefix=ai_prefix,
        )
        self.llm: Runnable[Any, Any] = coerce_to_runnable(llm)
        self.prompt = prompt
        self.summary = buffer

    @property
    def buffer(self) -> Any:
        """Return the summary so far, as a string."""
        return self.summary

    def load_memory_variables(self, inputs: Any = None) -> dict[str, Any]:
        """Return the summary under `memory_key`.

        Args:
            inputs: the input of the chain, which is not read.
        """
        loaded = self._summaries() if self.return_messages else self.summary
        return {self.memory_key: loaded}

    async def aload_memory_variables(self, inputs: Any = None) -> dict[str, Any]:
        """Do what `load_memory_variables` does, async."""
        return self.load_memory_variables(inputs)

    def save_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Append a question and its answer, and have the summary written anew.

        Args:
            inputs: the input of a chain; its question is a string or a message.
            outputs: a dict of the answer, which is a string or a message.

        Raises:
            ValueError: it is unclear which key has the question or the answer.
            Exception: the model has failed; nothing is stored.
        """
        turn = self._turn(inputs, outputs)
        summary = _text_of(self._summarizer().invoke(self._question(turn)))
        append(self.chat_memory, turn)
        self.summary = summary

    async def asave_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Do what `save_context` does, async."""
        turn = self._turn(inputs, outputs)
        summary = _text_of(await self._summarizer().ainvoke(self._question(turn)))
        await aappend(self.chat_memory, turn)
        self.summary = summary

    def clear(self) -> None:
        """Remove the conversation and its summary."""
        super().clear()
        self.summary = ""

    async def aclear(self) -> None:
        """Remove the conversation and its summary."""
        await super().aclear()
        self.summary = ""

    def _summaries(self) -> list[BaseMessage]:
        return [summary_message(self.summary)] if self.summary else []

    def _summarizer(self) -> Runnable[Any, Any]:
        return self.llm if self.prompt is None else self.prompt | self.llm

    def _question(self, turn: Sequence[BaseMessage]) -> Any:
        """Return the input of the model for a turn: the summary so far, and the new messages."""
        if self.prompt is not None:
            return {"summary": self.summary, "new_lines": self._as_text(turn)}
        # escaped, so that no text of a message passes for another message
        transcript = get_buffer_string([*self._summaries(), *turn], format="xml")
        return [SystemMessage(INSTRUCTIONS), HumanMessage(transcript)]


def _text_of(answer: Any) -> str:
    return str(answer if isinstance(answer, str) else answer.text).strip()
