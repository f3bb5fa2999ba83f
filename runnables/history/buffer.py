"""LangChain's memories: a conversation that the caller loads before a call, and saves after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from runnables.core.foreign import from_foreign
from runnables.core.signatures import checks_keywords
from runnables.core.values import Value
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError
from runnables.history.base import aappend, aget, append, get
from runnables.history.memory import InMemoryChatMessageHistory
from runnables.messages.ai import AIMessage
from runnables.messages.as_text import get_buffer_string
from runnables.messages.base import BaseMessage
from runnables.messages.roles import HumanMessage

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from runnables.history.base import History


class ConversationBufferMemory(Value):
    """A conversation that a program loads before a call and saves after it, as LangChain has it.

    New code uses `with_history`, which does both: it appends after success only, and keeps the
    turns of one session in order. A turn that is not saved by hand is not remembered.

    Args:
        chat_memory: the history; by default in memory, for this object alone.
        return_messages: whether `load_memory_variables` returns messages; by default it returns
            one string.
        memory_key: the key of the conversation in what `load_memory_variables` returns.
        input_key: the key of the question in the inputs of `save_context`; by default their only
            key, apart from `memory_key` and "stop".
        output_key: the key of the answer in its outputs; by default their only key, or "output".
        human_prefix: what is written before the questions, in a string.
        ai_prefix: what is written before the answers, in a string.

    Example:
        >>> memory = ConversationBufferMemory(return_messages=True)
        >>> prompt = ChatPromptTemplate([("placeholder", "{history}"), ("human", "{input}")])
        >>> load = RunnableLambda(memory.load_memory_variables) | RunnablePick("history")
        >>> model = FakeListChatModel(responses=["Hello, Ada."])
        >>> chat = RunnablePassthrough.assign(history=load) | prompt | model
        >>> question = {"input": "I am Ada."}
        >>> memory.save_context(question, {"output": chat.invoke(question).text})
        >>> memory.load_memory_variables({})
        {'history': [HumanMessage('I am Ada.'), AIMessage('Hello, Ada.')]}
    """

    @checks_keywords
    def __init__(
        self,
        *,
        chat_memory: History | None = None,
        return_messages: bool = False,
        memory_key: str = "history",
        input_key: str | None = None,
        output_key: str | None = None,
        human_prefix: str = "Human",
        ai_prefix: str = "AI",
    ) -> None:
        given: Any = InMemoryChatMessageHistory() if chat_memory is None else chat_memory
        self.chat_memory: Any = from_foreign(given)
        self.return_messages = return_messages
        self.memory_key = memory_key
        self.input_key = input_key
        self.output_key = output_key
        self.human_prefix = human_prefix
        self.ai_prefix = ai_prefix

    @property
    def memory_variables(self) -> list[str]:
        """Return the keys that `load_memory_variables` returns: `memory_key`."""
        return [self.memory_key]

    @property
    def buffer(self) -> Any:
        """Return the conversation, as messages or as a string."""
        return self.buffer_as_messages if self.return_messages else self.buffer_as_str

    @property
    def buffer_as_messages(self) -> list[BaseMessage]:
        """Return the conversation as messages."""
        return self._remembered(get(self.chat_memory))

    @property
    def buffer_as_str(self) -> str:
        """Return the conversation as a string."""
        return self._as_text(self.buffer_as_messages)

    def load_memory_variables(self, inputs: Any = None) -> dict[str, Any]:
        """Return the conversation under `memory_key`.

        Args:
            inputs: the input of the chain, which is not read: the method is a step of a chain.
        """
        return {self.memory_key: self.buffer}

    async def aload_memory_variables(self, inputs: Any = None) -> dict[str, Any]:
        """Do what `load_memory_variables` does, async."""
        messages = self._remembered(await aget(self.chat_memory))
        return {self.memory_key: messages if self.return_messages else self._as_text(messages)}

    def save_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Append a question and its answer.

        Args:
            inputs: the input of a chain; its question is a string or a message.
            outputs: a dict of the answer, which is a string or a message.

        Raises:
            ValueError: it is unclear which key has the question or the answer.
        """
        append(self.chat_memory, self._turn(inputs, outputs))

    async def asave_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Do what `save_context` does, async."""
        await aappend(self.chat_memory, self._turn(inputs, outputs))

    def clear(self) -> None:
        """Remove the conversation."""
        self.chat_memory.clear()

    async def aclear(self) -> None:
        """Remove the conversation."""
        written: Any = getattr(self.chat_memory, "aclear", None)
        await (to_thread(self.clear) if written is None else written())

    def _remembered(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        """Return the part of the history that is loaded: all of it."""
        return messages

    def _as_text(self, messages: Sequence[BaseMessage]) -> str:
        return get_buffer_string(messages, self.human_prefix, self.ai_prefix)

    def _turn(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> list[BaseMessage]:
        others = {self.memory_key, "stop"}
        asked = self.input_key or _only([key for key in inputs if key not in others], "input_key")
        fallback = ["output"] if "output" in outputs else list(outputs)
        answered = self.output_key or _only(fallback, "output_key")
        question, answer = from_foreign(inputs[asked]), from_foreign(outputs[answered])
        return [
            question if isinstance(question, BaseMessage) else HumanMessage(question),
            answer if isinstance(answer, BaseMessage) else AIMessage(answer),
        ]


def _only(keys: Collection[str], setting: str) -> str:
    if len(keys) != 1:
        found = ", ".join(map(repr, keys)) or "no key"
        raise ValueError(f"save_context found {found}; say which one to store: {setting}='...'.")
    return next(iter(keys))


class ConversationBufferWindowMemory(ConversationBufferMemory):
    """A `ConversationBufferMemory` that loads the last turns only; all of them stay stored.

    To shorten by tokens, or to keep calls and their results together, use `trim_messages`. The
    other arguments are those of `ConversationBufferMemory`.

    Args:
        k: how many turns are loaded, of two messages each.

    Raises:
        ConfigError: a `k` that is no whole number, or negative.

    Example:
        >>> memory = ConversationBufferWindowMemory(k=1)
        >>> for number in ("one", "two"):
        ...     memory.save_context({"input": number}, {"output": number.upper()})
        >>> memory.load_memory_variables({})
        {'history': 'Human: two\\nAI: TWO'}
    """

    @checks_keywords
    def __init__(
        self,
        *,
        k: int = 5,
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
        if not isinstance(cast("object", k), int) or isinstance(k, bool) or k < 0:
            raise ConfigError(f"k={k!r}: expected a number of turns, 0 or more")
        self.k = k

    def _remembered(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        return messages[-2 * self.k :] if self.k else []
