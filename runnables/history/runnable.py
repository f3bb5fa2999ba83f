"""A chain with a history: each call gets the messages of its session, and adds its own."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.configurable_fields import ConfigurableFieldSpec
from runnables.compose.typevars import Output
from runnables.compose.wrappers import Wrapper
from runnables.core.config import ensure_scope
from runnables.core.signatures import checks_keywords
from runnables.core.subclassing import config_of
from runnables.core.values import show
from runnables.engine.collect import acollect, collect
from runnables.engine.merging import RESET
from runnables.engine.stream import StreamInfo, aclose, close, merge_of, owned
from runnables.engine.turns import acurrent_reader, current_reader
from runnables.errors import ConfigError
from runnables.history.base import aappend, aget, append, get
from runnables.history.memory import InMemoryHistory
from runnables.history.sessions import SESSION_ID, Sessions
from runnables.history.shapes import Shapes
from runnables.messages.base import BaseMessage

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Callable,
        Generator,
        Iterable,
        Sequence,
    )

    from pydantic import BaseModel

    from runnables.compose.runnable import Runnable
    from runnables.core.config import RunnableConfig, Scope
    from runnables.engine.merging import Accumulator
    from runnables.engine.turns import Turn
    from runnables.history.base import History
    from runnables.history.sessions import GetHistory, Place

_INPUT: Final = "RunnableWithChatHistoryInput"
_OUTPUT: Final = "RunnableWithChatHistoryOutput"


class RunnableWithMessageHistory(Wrapper[Any, Output], internal=True):
    """A chain that gets the messages of a session before each call, and stores those of the call.

    The config of a call names the session: `{"configurable": {"session_id": "ada"}}`. The input of
    the chain is the history and the new messages, as one list. A dict gets that list under
    `input_messages_key`; or the history alone under `history_messages_key`, beside the rest.

    - The question and its answer are appended together, when the call has succeeded; those of a
      stream at its end, when it was read to its end. A call that fails or is cancelled, and a
      stream that is left half-way, append nothing.
    - Calls of one session go one after another, in the order in which they came, also from several
      threads and event loops; those of different sessions at once. A stream has its turn from its
      first chunk until it ends or is closed. A call inside another one's chain, of the same
      session, does not wait for that.

    Args:
        runnable: the chain.
        get_session_history: returns the history of a session, for its id: a function that returns
            a `BaseChatMessageHistory` or another `History`; `InMemoryHistory()`, or
            `SQLiteHistory(path)`.
        input_messages_key: the key of the new messages in an input that is a dict; by default its
            only key, or "input".
        output_messages_key: the key of the answer in an output that is a dict; by default its only
            key, or "output".
        history_messages_key: the key that gets the history in an input that is a dict.
        history_factory_config: the values in `config["configurable"]` that name a session, where
            that is not "session_id" alone; the function gets several by their names.

    Raises:
        ConfigError: a function that cannot take these values; when run, a value that is missing.
        TypeError: when run, an input or an output without messages.
        RuntimeError: when run, a call that would wait for a stream of the same session that its own
            thread or task has begun, and not ended.

    Example:
        >>> model = FakeListChatModel(responses=["Hello, Ada.", "Ada."])
        >>> chat = RunnableWithMessageHistory(model, InMemoryHistory())
        >>> ada = {"configurable": {"session_id": "ada"}}
        >>> chat.invoke("I am Ada.", ada).text, chat.invoke("Who am I?", ada).text
        ('Hello, Ada.', 'Ada.')
        >>> [message.text for message in chat.get_session_history("ada").get()]
        ['I am Ada.', 'Hello, Ada.', 'Who am I?', 'Ada.']
    """

    @checks_keywords
    def __init__(
        self,
        runnable: Runnable[Any, Output],
        get_session_history: GetHistory,
        *,
        input_messages_key: str | None = None,
        output_messages_key: str | None = None,
        history_messages_key: str | None = None,
        history_factory_config: Sequence[ConfigurableFieldSpec] | None = None,
    ) -> None:
        self.bound: Runnable[Any, Output] = coerce_to_runnable(runnable)
        self.get_session_history = get_session_history
        self.input_messages_key = input_messages_key
        self.output_messages_key = output_messages_key
        self.history_messages_key = history_messages_key
        self.history_factory_config = tuple(history_factory_config or (SESSION_ID,))
        self._sessions.check()

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.bound!r}, "
            f"get_session_history={show(self.get_session_history)})"
        )

    @cached_property
    def _sessions(self) -> Sessions:
        return Sessions(self.get_session_history, self.history_factory_config)

    @cached_property
    def _shapes(self) -> Shapes:
        return Shapes(
            self, self.input_messages_key, self.output_messages_key, self.history_messages_key
        )

    def _wrapped(self) -> Runnable[Any, Output]:
        return self.bound

    def _configurable(self) -> Iterable[tuple[Any, Any]]:
        for field in self.history_factory_config:
            yield field, field.default
        yield from super()._configurable()

    @property
    def InputType(self) -> Any:
        """Return the type of the new messages; Any where the input is a dict."""
        if self.input_messages_key is None and self.history_messages_key is None:
            return str | BaseMessage | list[BaseMessage]
        return Any

    @property
    def _accepted_type(self) -> Any:
        return Any

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the schema of the input: the new messages, under their key where it has one."""
        from runnables.core.schemas import fields_schema, schema_of

        messages: Any = str | BaseMessage | list[BaseMessage]
        if self.input_messages_key is None:
            return schema_of(self.InputType, _INPUT)
        return fields_schema(_INPUT, {self.input_messages_key: messages})

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the schema of the chain's output: any dict, where the messages have a key."""
        from runnables.core.schemas import says_nothing, schema_of

        schema = super().get_output_schema(config)
        if self.output_messages_key is None or not says_nothing(schema):
            return schema
        return schema_of(dict[str, Any], _OUTPUT)

    def _input_schema_given_next(
        self, following: Any, config: RunnableConfig | None
    ) -> type[BaseModel]:
        return self.get_input_schema(config)

    # -- running

    def _row_order(self) -> Callable[[RunnableConfig], Place] | None:
        return self._place

    def _place(self, config: RunnableConfig) -> Place:
        scope = ensure_scope(config)
        return self._sessions.place(self._sessions.values_in(scope, self))

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        visit = _Visit(self, value, scope)
        try:
            given = visit.begin()
            with visit.turn.active():
                output = self.bound.invoke(given, config_of(scope), **kwargs)
            visit.append(output)
            return output
        finally:
            visit.end()

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        visit = _Visit(self, value, scope)
        try:
            given = await visit.abegin()
            with visit.turn.active():
                output = await self.bound.ainvoke(given, config_of(scope), **kwargs)
            await visit.aappend(output)
            return output
        finally:
            visit.end()

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        visit = _Visit(self, collect(input), scope)
        chunks: Any = ()
        try:
            given = visit.begin()
            with visit.turn.active():
                chunks = info.delegate_to(self.bound.stream(given, config_of(scope), **kwargs))
            answer = _Answer(chunks)
            items = iter(chunks)
            while True:
                with visit.turn.active():
                    try:
                        chunk = next(items)
                    except StopIteration:
                        break
                answer.add(chunk)
                visit.turn.pause(current_reader())
                yield chunk
                visit.turn.resume()
            if not answer.is_empty:
                visit.append(answer.value())
        finally:
            try:
                close(chunks)
            finally:
                visit.end()

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        visit = _Visit(self, await acollect(input), scope)
        chunks: Any = ()
        try:
            given = await visit.abegin()
            with visit.turn.active():
                chunks = info.delegate_to(self.bound.astream(given, config_of(scope), **kwargs))
            answer = _Answer(chunks)
            items = aiter(owned(chunks))
            while True:
                with visit.turn.active():
                    try:
                        chunk = await anext(items)
                    except StopAsyncIteration:
                        break
                answer.add(chunk)
                visit.turn.pause(acurrent_reader())
                yield chunk
                visit.turn.resume()
            if not answer.is_empty:
                await visit.aappend(answer.value())
        finally:
            try:
                await aclose(chunks)
            finally:
                visit.end()


class _Visit:
    """One call, of one session: what it reads from the history, and what it appends.

    Args:
        owner: the runnable.
        value: its input.
        scope: its scope, whose config names the session.

    Attributes:
        turn: its turn of the session, once it has begun.
    """

    turn: Turn
    _history: History
    _given: list[BaseMessage]

    def __init__(
        self, owner: RunnableWithMessageHistory[Any], value: Any, scope: Scope | None
    ) -> None:
        self._sessions = owner._sessions
        self._shapes = owner._shapes
        self._value = value
        self._values = self._sessions.values_in(scope, owner)
        self._new = self._shapes.messages_in(value)

    def begin(self) -> Any:
        """Wait for the turn; return the input of the chain."""
        self.turn, self._history = self._sessions.begin(self._values)
        return self._input(get(self._history))

    async def abegin(self) -> Any:
        """Wait for the turn; return the input of the chain."""
        self.turn, self._history = await self._sessions.abegin(self._values)
        return self._input(await aget(self._history))

    def _input(self, history: list[BaseMessage]) -> Any:
        self._given = [*history, *self._new]
        return self._shapes.with_history(self._value, history, self._new)

    def append(self, output: Any) -> None:
        """Store the question and its answer."""
        append(self._history, [*self._new, *self._shapes.messages_out(output, self._given)])

    async def aappend(self, output: Any) -> None:
        """Store the question and its answer."""
        await aappend(self._history, [*self._new, *self._shapes.messages_out(output, self._given)])

    def end(self) -> None:
        """End the turn, if it has begun."""
        if hasattr(self, "turn"):
            self.turn.end()


class _Answer:
    """What the chunks of a stream merge to."""

    def __init__(self, chunks: object) -> None:
        self._chunks = chunks
        self._parts: Accumulator | None = None

    def add(self, chunk: Any) -> None:
        if chunk is RESET:  # the stream that starts over may merge in another way
            self._parts = None
            return
        self._parts = self._parts or merge_of(self._chunks).accumulator()
        self._parts.add(chunk)

    @property
    def is_empty(self) -> bool:
        return self._parts is None or self._parts.empty

    def value(self) -> Any:
        return None if self._parts is None else self._parts.value()


@checks_keywords
def with_history(
    chain: Runnable[Any, Output],
    sessions: GetHistory | None = None,
    *,
    input_key: str | None = None,
    history_key: str | None = None,
    output_key: str | None = None,
    config_keys: Sequence[str] = ("session_id",),
) -> RunnableWithMessageHistory[Output]:
    """Return a chain with a history, which a call continues by naming its session in the config.

    See `RunnableWithMessageHistory` for what is appended, and when.

    Args:
        chain: the chain. Put the history around the prompt and the model; a parser that returns
            more than a string goes behind it.
        sessions: returns the history of a session, for its id: `SQLiteHistory("chat.db")`, or a
            function of your own. By default in memory, for this object alone.
        input_key: the key of the new messages, in an input that is a dict.
        history_key: the key that gets the history, such as the name of a `MessagesPlaceholder`.
        output_key: the key of the answer, in an output that is a dict.
        config_keys: the keys in `config["configurable"]` that name a session.

    Raises:
        ConfigError: keys that `sessions` cannot take.

    Example:
        >>> prompt = ChatPromptTemplate([("placeholder", "{history}"), ("human", "{question}")])
        >>> model = FakeListChatModel(responses=["Hello, Ada.", "You are Ada."])
        >>> chat = with_history(prompt | model, input_key="question", history_key="history")
        >>> ada = chat.with_config(configurable={"session_id": "ada"})
        >>> ada.invoke({"question": "I am Ada."}).text
        'Hello, Ada.'
        >>> "".join(chunk.text for chunk in ada.stream({"question": "Who am I?"}))
        'You are Ada.'
    """
    keys: Any = config_keys
    if isinstance(keys, str) or not keys:
        raise ConfigError(f"config_keys={keys!r}: expected a list of keys")
    return RunnableWithMessageHistory(
        chain,
        InMemoryHistory() if sessions is None else sessions,
        input_messages_key=input_key,
        output_messages_key=output_key,
        history_messages_key=history_key,
        history_factory_config=[_field(key) for key in config_keys],
    )


def _field(key: str) -> ConfigurableFieldSpec:
    is_session = key == SESSION_ID.id
    return SESSION_ID if is_session else ConfigurableFieldSpec(key, Any, is_shared=True)
