"""A chain with a history: what its chain gets, what is appended and when, and in which order."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from runnables import (
    AIMessage,
    AIMessageChunk,
    BaseChatMessageHistory,
    BaseMessage,
    ChatPromptTemplate,
    ConfigError,
    ConfigurableFieldSpec,
    FakeListChatModel,
    HumanMessage,
    InMemoryChatMessageHistory,
    InMemoryHistory,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnableWithMessageHistory,
    SQLiteHistory,
    StrOutputParser,
    SyncAsyncError,
    chain,
    create_agent,
    tool,
    with_history,
)
from runnables.engine import turns
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.history.helpers import ADA, BOB, answering, contents, last, letters


class ListHistory(BaseChatMessageHistory):
    """A history as users write one: it does not say what it is the history of."""

    def __init__(self, stored: list[BaseMessage]) -> None:
        self.messages = stored

    def add_messages(self, messages: Any) -> None:
        self.messages.extend(messages)

    def clear(self) -> None:
        self.messages.clear()


class ListSessions:
    """Sessions whose histories are new objects each time, as those of a service are."""

    def __init__(self) -> None:
        self.stored: dict[str, list[BaseMessage]] = {}

    def __call__(self, session_id: str) -> ListHistory:
        return ListHistory(self.stored.setdefault(session_id, []))


@pytest.fixture(params=["memory", "sqlite", "user"])
def sessions(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Return the sessions of each kind of store."""
    if request.param == "sqlite":
        stored = SQLiteHistory(tmp_path / "chat.db")
        yield stored
        stored.close()
    else:
        yield InMemoryHistory() if request.param == "memory" else ListSessions()


# --- what the chain gets, and what is appended -------------------------------------------------


def test_a_call_gets_the_messages_of_its_session_before_its_own(sessions: Any, call: Call) -> None:
    """Of two sessions, each has its own messages; all are stored, in order."""
    chat = with_history(answering(), sessions)
    assert call.invoke(chat, "a", ADA) == "0:a"
    assert call.invoke(chat, "b", BOB) == "0:b"
    assert call.invoke(chat, "c", ADA) == "2:c"
    assert sessions("ada").get() == [
        *(HumanMessage("a"), AIMessage("0:a")),
        *(HumanMessage("c"), AIMessage("2:c")),
    ]
    assert contents(sessions("bob").get()) == ["b", "0:b"]


def test_a_stream_flows_through_and_is_appended_at_its_end(sessions: Any, call: Call) -> None:
    """Chunks come one by one; their sum is stored, as a message and no chunk."""
    model = FakeListChatModel(responses=["Hello"])
    chat = with_history(model, sessions)
    chunks = call.stream(chat, "Hi", ADA)
    assert len(chunks) == 5
    assert sessions("ada").get()[0] == HumanMessage("Hi")
    assert type(sessions("ada").get()[1]) is AIMessage
    assert contents(sessions("ada").get()) == ["Hi", "Hello"]


def test_the_first_chunk_comes_before_the_model_has_ended(call: Call) -> None:
    """Nothing is appended meanwhile."""
    stored, seen = InMemoryChatMessageHistory(), list[int]()

    def slow(chunks: Iterator[Any]) -> Iterator[str]:
        list(chunks)
        yield "a"
        seen.append(len(stored.messages))
        yield "b"

    async def aslow(chunks: AsyncIterator[Any]) -> AsyncIterator[str]:
        async for _ in chunks:
            pass
        yield "a"
        seen.append(len(stored.messages))
        yield "b"

    chat = with_history(RunnableGenerator(slow, aslow), lambda: stored)
    assert call.stream(chat, "?", take=1) == ["a"]
    assert seen == []
    assert call.stream(chat, "?") == ["a", "b"]
    assert seen == [0]
    assert contents(stored.messages) == ["?", "ab"]


@pytest.mark.parametrize("take", [1, 2])
def test_a_stream_that_is_left_appends_nothing(sessions: Any, call: Call, take: int) -> None:
    """Neither the question nor what was answered so far; the session goes on."""
    chat = with_history(RunnableLambda(letters), sessions)
    call.stream(chat, "a", ADA, take=take)
    assert sessions("ada").get() == []
    assert "".join(call.stream(chat, "b", ADA)) == "0:b"
    assert contents(sessions("ada").get()) == ["b", "0:b"]


def test_a_call_that_fails_appends_nothing(sessions: Any, call: Call) -> None:
    """Neither invoke nor a stream that fails midway; the session goes on."""

    def fail(messages: list[BaseMessage]) -> Iterator[str]:
        yield "so far"
        if messages[-1].text == "fail":
            raise OSError("gone")

    chat = with_history(RunnableLambda(fail), sessions)
    call.invoke(chat, "a", ADA)
    with pytest.raises(OSError, match="gone"):
        call.invoke(chat, "fail", ADA)
    with pytest.raises(OSError, match="gone"):
        call.stream(chat, "fail", ADA)
    assert contents(sessions("ada").get()) == ["a", "so far"]
    call.invoke(chat, "b", ADA)
    assert contents(sessions("ada").get()) == ["a", "so far", "b", "so far"]


def test_a_retry_around_it_appends_once(sessions: Any, call: Call) -> None:
    """The attempt that failed has left nothing."""
    failures = [OSError("busy")]

    def flaky(messages: list[BaseMessage]) -> str:
        if failures:
            raise failures.pop()
        return last(messages)

    chat = with_history(RunnableLambda(flaky), sessions).with_retry(wait_exponential_jitter=False)
    assert call.invoke(chat, "a", ADA) == "0:a"
    assert contents(sessions("ada").get()) == ["a", "0:a"]


def test_a_cancelled_call_appends_nothing() -> None:
    """Its turn ends with it: the next call of the session goes on."""
    sessions = InMemoryHistory()

    async def main() -> None:
        began = asyncio.Event()

        async def hang(messages: list[BaseMessage]) -> str:
            if messages[-1].text == "hang":
                began.set()
                await asyncio.Event().wait()
            return last(messages)

        chat = with_history(RunnableLambda(hang), sessions)
        first = asyncio.create_task(chat.ainvoke("hang", ADA))
        await began.wait()
        waiting = asyncio.create_task(chat.ainvoke("waits in vain", ADA))
        third = asyncio.create_task(chat.ainvoke("b", ADA))
        await asyncio.sleep(0)
        waiting.cancel()
        first.cancel()
        assert await third == "0:b"
        assert [first.cancelled(), waiting.cancelled()] == [True, True]

    asyncio.run(main())
    assert contents(sessions("ada").get()) == ["b", "0:b"]


def test_an_empty_stream_appends_nothing(call: Call) -> None:
    """There is no answer to store."""

    def nothing(messages: list[BaseMessage]) -> Iterator[str]:
        yield from ()

    sessions = InMemoryHistory()
    chat = with_history(RunnableLambda(nothing), sessions)
    assert call.stream(chat, "a", ADA) == []
    assert sessions("ada").get() == []


def test_the_conversation_of_an_agent_is_not_doubled(call: Call) -> None:
    """An agent returns all messages; those that it was given are there already."""

    @tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    calling = AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1, "b": 2}, "id": "1"}])
    model = ScriptedChatModel([calling, "3", calling, "Still 3"])
    sessions = InMemoryHistory()
    chat = with_history(
        create_agent(model, [add]), sessions, input_key="messages", output_key="messages"
    )
    call.invoke(chat, {"messages": [("user", "1 + 2?")]}, ADA)
    assert contents(sessions("ada").get()) == ["1 + 2?", "", "3", "3"]
    call.stream(chat, {"messages": "Again?"}, ADA)
    assert contents(sessions("ada").get())[4:] == ["Again?", "", "3", "Still 3"]


# --- which session it is ------------------------------------------------------------------------


def test_a_call_without_a_session_is_refused(call: Call) -> None:
    """The error shows the config to pass; a misspelt key is named."""
    chat = with_history(answering(), InMemoryHistory())
    with pytest.raises(ConfigError, match=r"has no 'session_id'.*'configurable': {'session_id'"):
        call.invoke(chat, "a")
    with pytest.raises(ConfigError, match="Did you mean 'session_id'"):
        call.invoke(chat, "a", {"configurable": {"sesion_id": "ada"}})


def test_several_values_name_a_session(call: Call) -> None:
    """The function gets them by name, as LangChain's `history_factory_config` says."""
    stored: dict[tuple[str, str], InMemoryChatMessageHistory] = {}

    def get_session_history(user_id: str, conversation_id: str) -> InMemoryChatMessageHistory:
        return stored.setdefault((user_id, conversation_id), InMemoryChatMessageHistory())

    chat = RunnableWithMessageHistory(
        answering(),
        get_session_history,
        history_factory_config=[
            ConfigurableFieldSpec(id="conversation_id", annotation=str, default=""),
            ConfigurableFieldSpec(
                id="user_id",
                annotation=str,
                name="User ID",
                description="The user.",
                default="",
                is_shared=True,
            ),
        ],
    )
    call.invoke(chat, "a", {"configurable": {"user_id": "ada", "conversation_id": "1"}})
    assert contents(stored["ada", "1"].get()) == ["a", "0:a"]
    assert "User ID" in str(chat.get_config_jsonschema())
    with pytest.raises(ConfigError, match="has no 'user_id'"):
        call.invoke(chat, "a", {"configurable": {"conversation_id": "1"}})


def test_a_function_without_parameters_needs_no_session(call: Call) -> None:
    """There is one conversation."""
    history = InMemoryChatMessageHistory()
    chat = with_history(answering(), lambda: history)
    assert call.invoke(chat, "a") == "0:a"
    assert call.invoke(chat, "b") == "2:b"


@pytest.mark.parametrize(
    ("get", "config_keys", "match"),
    [
        (lambda a, b: None, ["session_id"], "cannot be called with session_id"),
        (lambda user: None, ["user_id", "session_id"], "cannot be called with user_id, session_id"),
        ("chat.db", ["session_id"], "expected a function"),
        (InMemoryHistory(), "session_id", "a list of keys"),
    ],
)
def test_a_function_that_cannot_take_the_values_is_refused(
    get: Any, config_keys: Any, match: str
) -> None:
    """When the chain is made, not when it is called."""
    with pytest.raises(ConfigError, match=match):
        with_history(answering(), get, config_keys=config_keys)


async def get_async(session_id: str) -> InMemoryChatMessageHistory:
    return InMemoryChatMessageHistory()


def test_what_is_no_history_is_refused(call: Call) -> None:
    """The error says what is one, and how an async one is written; the session stays free."""
    for get, error in [(lambda session_id: [], TypeError), (get_async, SyncAsyncError)]:
        chat = with_history(answering(), get)  # type: ignore[arg-type]  # the point of the test
        for _ in range(2):
            with pytest.raises(error, match="history"):
                call.invoke(chat, "a", ADA)


def test_a_history_with_async_methods_is_awaited() -> None:
    """`aget` and `aappend` take the places of `get` and `append` in async calls."""
    called: list[str] = []

    class Async(InMemoryChatMessageHistory):
        async def aget_messages(self) -> list[BaseMessage]:
            called.append("aget")
            return self.messages

        async def aadd_messages(self, messages: Any) -> None:
            called.append("aappend")
            self.add_messages(messages)

    history = Async()
    chat = with_history(answering(), lambda: history)
    assert asyncio.run(chat.ainvoke("a")) == "0:a"
    assert called == ["aget", "aappend"]


def test_it_prints_compares_and_pickles(tmp_path: Path) -> None:
    """It is configuration; a file of sessions is the same file in the copy."""
    chat = with_history(FakeListChatModel(responses=["a"]), SQLiteHistory(tmp_path / "chat.db"))
    copied = pickle.loads(pickle.dumps(chat))
    assert copied == chat
    assert repr(copied) == repr(chat)
    copied.invoke("?", ADA)
    assert contents(chat.get_session_history("ada").get()) == ["?", "a"]
    for sessions in (copied.get_session_history, chat.get_session_history):
        assert isinstance(sessions, SQLiteHistory)
        sessions.close()


# --- turns ---------------------------------------------------------------------------------------


class Gate:
    """A step that shows how many calls are inside of it at once, and lets them wait."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.began: list[str] = []
        self.entered, self.go = threading.Event(), threading.Event()
        self._lock = threading.Lock()

    def __call__(self, messages: list[BaseMessage]) -> str:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.began.append(messages[-1].text)
        self.entered.set()
        self.go.wait(10)
        with self._lock:
            self.inside -= 1
        return last(messages)


def test_two_calls_of_one_session_go_one_after_another(sessions: Any) -> None:
    """From two threads and from an event loop: each sees what the one before has appended."""
    gate = Gate()
    chat = with_history(RunnableLambda(gate), sessions)
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.append(chat.invoke("a", ADA))),
        threading.Thread(target=lambda: answers.append(asyncio.run(chat.ainvoke("b", ADA)))),
        threading.Thread(target=lambda: answers.append("".join(chat.stream("c", ADA)))),
    ]
    threads[0].start()
    assert gate.entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    gate.go.set()
    for thread in threads:
        thread.join()
    assert gate.most == 1
    assert sorted(answer[0] for answer in answers) == ["0", "2", "4"]
    stored = contents(sessions("ada").get())
    assert stored[0::2] == gate.began
    assert stored[1::2] == [f"{2 * place}:{name}" for place, name in enumerate(gate.began)]


def test_calls_of_different_sessions_run_at_once(call: Call) -> None:
    """A batch whose rows name their sessions."""
    barrier = threading.Barrier(3)

    def meet(messages: list[BaseMessage]) -> str:
        barrier.wait(10)
        return last(messages)

    chat = with_history(RunnableLambda(meet), InMemoryHistory())
    configs = [{"configurable": {"session_id": name}} for name in "abc"]
    assert call.batch(chat, ["x", "y", "z"], configs) == ["0:x", "0:y", "0:z"]


CHAINS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda chat: chat,
    "bound config": lambda chat: chat.with_config(tags=["a"]),
    "a sequence": lambda chat: RunnableLambda(str) | chat | StrOutputParser(),
}


@pytest.mark.parametrize("make", CHAINS.values(), ids=CHAINS)
def test_rows_of_one_session_go_in_order(make: Any, sessions: Any, call: Call) -> None:
    """Of many rows, some of another session, those of each are in the order of the inputs."""
    chat = make(with_history(answering(), sessions))
    configs = [ADA if row % 3 else BOB for row in range(30)]
    outputs = call.batch(chat, map(str, range(30)), ADA)
    assert outputs == [f"{2 * row}:{row}" for row in range(30)]
    call.batch(chat, [str(row) for row in range(30)], configs)
    assert contents(sessions("bob").get())[0::2] == [str(row) for row in range(0, 30, 3)]
    pairs = call.batch_as_completed(chat, map(str, range(9)), BOB)
    assert sorted(pairs) == [(row, f"{20 + 2 * row}:{row}") for row in range(9)]


def test_rows_behind_one_that_failed_leave_the_session_free(call: Call) -> None:
    """Those that had a place and never ran have given it up."""

    def fail(messages: list[BaseMessage]) -> str:
        if messages[-1].text == "0":
            raise OSError("gone")
        return last(messages)

    sessions = InMemoryHistory()
    chat = with_history(RunnableLambda(fail), sessions)
    with pytest.raises(OSError, match="gone"):
        call.batch(chat, [str(row) for row in range(50)], ADA)
    call.batch_as_completed(chat, map(str, range(1, 50)), ADA, take=1)
    sessions.clear()
    assert call.invoke(chat, "a", ADA) == "0:a"


def test_a_call_inside_a_turn_joins_it(sessions: Any, call: Call) -> None:
    """A chain of a session within one of the same, also in branches, does not wait for itself."""
    inner = with_history(answering(), sessions)

    @chain
    def outer_step(messages: list[BaseMessage]) -> Any:
        return RunnableParallel(a=inner, b=inner) | RunnableLambda(
            lambda answers: " ".join(sorted(answers.values()))
        )

    outer = with_history(outer_step, sessions)
    assert call.invoke(outer, "x", ADA) == "0:x 2:x"
    stored = contents(sessions("ada").get())
    assert len(stored) == 6
    assert stored[4:] == ["x", stored[5]]
    assert call.invoke(inner, "y", ADA) == "6:y"


def test_a_chain_around_a_chain_of_its_session_streams(sessions: Any, call: Call) -> None:
    """The same in streams."""
    outer = with_history(with_history(RunnableLambda(letters), sessions), sessions)
    assert "".join(call.stream(outer, "x", ADA)) == "0:x"
    assert len(sessions("ada").get()) == 4


def test_branches_of_one_session_stream_at_limit_one(call: Call) -> None:
    """One thread runs one branch after another, and none waits for itself."""
    chat = with_history(RunnableLambda(letters), InMemoryHistory())
    both = RunnableParallel(a=chat, b=chat)
    chunks = call.stream(both, "x", {**ADA, "max_concurrency": 1})
    answers = {key: "".join(chunk.get(key, "") for chunk in chunks) for key in "ab"}
    assert sorted(answers.values()) == ["0:x", "2:x"]


def test_waiting_for_a_stream_of_ones_own_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer that calls the session whose stream it reads would wait forever."""
    monkeypatch.setattr(turns, "STUCK_SECONDS", 0.05)
    chat = with_history(RunnableLambda(letters), InMemoryHistory())
    with chat.stream("a", ADA) as stream:
        next(stream)
        with pytest.raises(RuntimeError, match="close it, first"):
            chat.invoke("b", ADA)

    async def main() -> None:
        async with aclosing(chat.astream("a", ADA)) as stream:
            await anext(stream)
            with pytest.raises(RuntimeError, match="close it, first"):
                await chat.ainvoke("b", ADA)

    asyncio.run(main())
    assert chat.invoke("c", ADA) == "0:c"


def test_a_prompt_with_a_placeholder_gets_the_history(call: Call) -> None:
    """As people write it for LangChain."""
    prompt = ChatPromptTemplate.from_messages(
        [("system", "Be {manner}."), ("placeholder", "{history}"), ("human", "{question}")]
    )
    store: dict[str, BaseChatMessageHistory] = {}

    def get_session_history(session_id: str) -> BaseChatMessageHistory:
        if session_id not in store:
            store[session_id] = InMemoryChatMessageHistory()
        return store[session_id]

    chat = RunnableWithMessageHistory(
        prompt | RunnableLambda(lambda value: AIMessageChunk(f"{len(value.to_messages())}")),
        get_session_history,
        input_messages_key="question",
        history_messages_key="history",
    )
    assert call.invoke(chat, {"manner": "brief", "question": "a"}, ADA).text == "2"
    assert call.invoke(chat, {"manner": "brief", "question": "b"}, ADA).text == "4"
    assert store["ada"].messages == [
        *(HumanMessage("a"), AIMessage("2")),
        *(HumanMessage("b"), AIMessage("4")),
    ]
