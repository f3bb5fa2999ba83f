"""Sessions in a file: shared by threads and processes, whole after a kill, private, plain JSON."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from runnables import (
    AIMessage,
    BaseMessage,
    ConfigError,
    HumanMessage,
    SQLiteChatMessageHistory,
    SQLiteHistory,
    SystemMessage,
    ToolMessage,
    with_history,
)
from tests.both_modes import Call
from tests.history.helpers import ADA, answering, contents

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def sessions(tmp_path: Path) -> Any:
    stored = SQLiteHistory(tmp_path / "chat.db")
    yield stored
    stored.close()


def test_messages_return_as_they_were(sessions: SQLiteHistory, call: Call) -> None:
    """With calls, ids, metadata and blocks, by session; `clear` removes those of one."""
    messages: list[BaseMessage] = [
        SystemMessage("Be brief."),
        HumanMessage(["What is this?", {"type": "image", "url": "https://x/y.png"}], name="ada"),
        AIMessage("", id="a", tool_calls=[{"name": "look", "args": {"at": "é\0'"}, "id": "1"}]),
        ToolMessage("a fox", tool_call_id="1"),
        AIMessage("A fox.", response_metadata={"model": "x"}),
    ]
    ada, bob = sessions("ada"), sessions("bob")
    call.run(lambda: ada.add_messages(messages), lambda: ada.aadd_messages(messages))
    bob.add_user_message("Hi")
    assert call.run(lambda: ada.get(), ada.aget) == messages
    assert sessions.sessions() == ["ada", "bob"]
    call.run(ada.clear, ada.aclear)
    assert ada.messages == []
    assert contents(SQLiteChatMessageHistory("bob", sessions.path).messages) == ["Hi"]


def test_what_cannot_be_stored_is_stored_not_in_part(sessions: SQLiteHistory, call: Call) -> None:
    """An artifact that is no JSON: the error says so, and nothing of the turn is there."""
    bad = ToolMessage("x", tool_call_id="1", artifact=object())
    ada = sessions("ada")
    with pytest.raises(TypeError, match="as JSON"):
        call.run(
            lambda: ada.append([HumanMessage("a"), bad]),
            lambda: ada.aappend([HumanMessage("a"), bad]),
        )
    assert ada.get() == []


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_path_that_is_no_file_is_refused(path: str) -> None:
    """Each connection would have messages of its own."""
    with pytest.raises(ConfigError, match="InMemoryHistory"):
        SQLiteHistory(path)


@pytest.mark.parametrize("id", ["", None, 5])
def test_a_session_without_an_id_is_refused(sessions: SQLiteHistory, id: Any, call: Call) -> None:
    """An id that was forgotten does not become a session of everybody."""
    with pytest.raises(ConfigError, match="session_id"):
        call.invoke(with_history(answering(), sessions), "a", {"configurable": {"session_id": id}})


def test_it_is_configuration(sessions: SQLiteHistory) -> None:
    """It prints, compares and pickles; a copy reads the same file."""
    sessions("ada").add_user_message("Hi")
    copied = pickle.loads(pickle.dumps(sessions))
    assert copied == sessions
    assert repr(copied) == f"SQLiteHistory(path={sessions.path!r})"
    assert contents(copied("ada").get()) == ["Hi"]
    copied.close()


@pytest.mark.skipif(os.name == "nt", reason="modes as POSIX has them")
def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """The file and the journals beside it."""
    before = os.umask(0)
    try:
        sessions = SQLiteHistory(tmp_path / "chat.db")
        sessions("ada").add_user_message("secret")
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    sessions.close()
    assert {"chat.db", "chat.db-wal"} <= modes.keys()
    assert set(modes.values()) == {0o600}


def test_messages_in_the_file_are_json(sessions: SQLiteHistory) -> None:
    """A question and its answer are one row, and no pickle."""
    sessions("ada").append([HumanMessage("a"), AIMessage("b")])
    with sqlite3.connect(sessions.path) as connection:
        ((text,),) = connection.execute("SELECT messages FROM turns").fetchall()
    connection.close()
    assert [message["type"] for message in json.loads(text)] == ["human", "ai"]


def test_threads_lose_and_mix_nothing(sessions: SQLiteHistory) -> None:
    """Each pair of many threads is there, once, and its messages stand together."""

    def write(name: str) -> None:
        for number in range(20):
            sessions("ada").append([HumanMessage(f"{name}{number}"), AIMessage(f"{name}{number}")])

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_pairs(contents(sessions("ada").get()), 120)


def check_pairs(stored: list[str], count: int) -> None:
    """Check that each question stands before its answer, and that no pair is there twice."""
    assert stored[0::2] == stored[1::2]
    assert len(set(stored)) == len(stored) / 2 == count


CHAT = """
import sys
from runnables import RunnableLambda, SQLiteHistory, with_history

chat = with_history(RunnableLambda(lambda messages: messages[-1].text), SQLiteHistory(sys.argv[1]))
for number in range({count}):
    chat.invoke(sys.argv[2] + str(number), {{"configurable": {{"session_id": "ada"}}}})
    if {tell}:
        print(number, flush=True)
"""


def start(path: str, name: str, **values: Any) -> subprocess.Popen[str]:
    code = CHAT.format(**{"count": 30, "tell": False, **values})
    command = [sys.executable, "-c", code, path, name]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_processes_lose_and_mix_nothing(sessions: SQLiteHistory) -> None:
    """Several processes that continue one session at once: every turn is there, whole and once."""
    processes = [start(sessions.path, name) for name in "abc"]
    for process in processes:
        with process:
            process.communicate()
        assert process.returncode == 0
    check_pairs(contents(sessions("ada").get()), 90)


def test_a_kill_in_the_midst_of_writing_leaves_whole_turns(sessions: SQLiteHistory) -> None:
    """Each turn whose call had returned is there; none in part, none twice."""
    with start(sessions.path, "a", count=100_000, tell=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 100:
                process.send_signal(signal.SIGKILL)
                break
        written = [int(line), *map(int, filter(str.strip, process.stdout))]
    stored = contents(sessions("ada").get())
    check_pairs(stored, len(stored) // 2)
    assert stored[0::2] == [f"a{number}" for number in range(len(stored) // 2)]
    assert len(stored) // 2 in (written[-1] + 1, written[-1] + 2)


KILLED = """
import os, signal, sys
from runnables import FakeListChatModel, SQLiteHistory, with_history

sessions = SQLiteHistory(sys.argv[1])

class Killed:
    def __init__(self, session_id):
        self.history = sessions(session_id)
    def get(self):
        return self.history.get()
    def append(self, messages):
        if "kill" in messages[0].text:
            os.kill(os.getpid(), signal.SIGKILL)  # the answer is there, and nothing is stored
        self.history.append(messages)
    def clear(self):
        self.history.clear()

chat = with_history(FakeListChatModel(responses=["Hello"]), Killed)
config = {"configurable": {"session_id": "ada"}}
chat.invoke("first", config)
for chunk in chat.stream("kill", config):
    print(chunk.text, end="", flush=True)
"""


def test_a_kill_between_answer_and_append_leaves_the_turn_before(
    sessions: SQLiteHistory, call: Call
) -> None:
    """The whole answer was read; nothing of its turn is stored, and the session goes on."""
    command = [sys.executable, "-c", KILLED, sessions.path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "Hello")
    assert contents(sessions("ada").get()) == ["first", "Hello"]
    assert call.invoke(with_history(answering(), sessions), "b", ADA) == "2:b"
    assert contents(sessions("ada").get()) == ["first", "Hello", "b", "2:b"]


def test_a_file_that_is_no_history_is_named(tmp_path: Path, call: Call) -> None:
    """The error names the file; nothing is overwritten."""
    path = tmp_path / "text.db"
    path.write_text("This is no database, but long enough to be read as one." * 50)
    chat = with_history(answering(), SQLiteHistory(path))
    with pytest.raises(sqlite3.DatabaseError) as caught:
        call.invoke(chat, "a", ADA)
    assert any("the history" in note and "text.db" in note for note in caught.value.__notes__)
    assert path.read_text().startswith("This is no database")
