"""Histories in a file of SQLite, which several processes share and which outlives them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

from runnables.core.foreign import from_foreign
from runnables.core.signatures import checks_keywords
from runnables.core.sqlite_file import SQLiteFile
from runnables.core.values import Value
from runnables.errors import ConfigError
from runnables.history.base import BaseChatMessageHistory
from runnables.messages.convert import messages_from_dict, messages_to_dict

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from runnables.messages.base import BaseMessage

_PREPARE: Final = (
    "PRAGMA synchronous = FULL",  # a turn that was stored outlives a power cut
    # AUTOINCREMENT: an id is never used again, so the order is that of the turns
    "CREATE TABLE IF NOT EXISTS turns (id INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL,"
    " messages TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS turns_session ON turns (session, id)",
)


class SQLiteHistory(Value):
    """The histories of many sessions, in one file; call it with a session's id.

    Threads, processes and forks use one file at the same time. What one call appends, a question
    and its answer, is one row: after a kill it is there as a whole, or not at all, and nothing of
    another process stands in between. Messages are stored as `messages_to_dict` returns them, in
    JSON; nothing in the file is run. A new file is readable and writable by its owner alone.

    Args:
        path: the file, created if it does not exist.

    Raises:
        ConfigError: no path of a file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sessions = SQLiteHistory(f"{folder}/chat.db")
        ...     sessions("ada").append([HumanMessage("Hi"), AIMessage("Hello")])
        ...     print(sessions("ada").get(), sessions.sessions())
        ...     sessions.close()
        [HumanMessage('Hi'), AIMessage('Hello')] ['ada']
    """

    blocking = False
    """Whether a call may wait for something; the file is opened by the history itself."""

    @checks_keywords
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        if self.path in ("", ":memory:"):
            raise ConfigError(
                f"SQLiteHistory({self.path!r}): expected the path of a file. InMemoryHistory() "
                "keeps sessions in memory."
            )
        self._file = self._open()

    def _open(self) -> SQLiteFile:
        return SQLiteFile(self.path, _PREPARE, "the history")

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._file = self._open()

    def __call__(self, session_id: str) -> SQLiteChatMessageHistory:
        """Return the history of a session, which may be new.

        Raises:
            ConfigError: an id that is no string, or an empty one.
        """
        return SQLiteChatMessageHistory(session_id, self)

    def sessions(self) -> list[str]:
        """Return the ids of the sessions that have messages, the oldest first."""
        query = "SELECT session FROM turns GROUP BY session ORDER BY min(id)"
        with self._file.connection() as connection:
            return [str(row[0]) for row in connection.execute(query)]

    def close(self) -> None:
        """Close the idle connections of this process; later calls open new ones."""
        self._file.close()

    def _read(self, session: str) -> list[BaseMessage]:
        query = "SELECT messages FROM turns WHERE session = ? ORDER BY id"
        with self._file.connection() as connection:
            rows = connection.execute(query, (session,)).fetchall()
        return [message for (text,) in rows for message in messages_from_dict(json.loads(text))]

    def _append(self, session: str, messages: Sequence[BaseMessage]) -> None:
        text = json.dumps(messages_to_dict(messages))
        with self._file.connection() as connection:
            connection.execute(
                "INSERT INTO turns (session, messages) VALUES (?, ?)", (session, text)
            )

    def _clear(self, session: str) -> None:
        with self._file.connection() as connection:
            connection.execute("DELETE FROM turns WHERE session = ?", (session,))


class SQLiteChatMessageHistory(BaseChatMessageHistory):
    """The history of one session in a file; a `SQLiteHistory` returns it for a session's id.

    Args:
        session_id: the id of the session.
        source: the file, or its path.

    Raises:
        ConfigError: an id that is no string, or an empty one.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     history = SQLiteChatMessageHistory("ada", f"{folder}/chat.db")
        ...     history.add_user_message("Hi")
        ...     print(history.messages)
        ...     history.source.close()
        [HumanMessage('Hi')]
    """

    def __init__(self, session_id: str, source: SQLiteHistory | str | os.PathLike[str]) -> None:
        given: Any = session_id
        if not isinstance(given, str) or not given:
            raise ConfigError(f"session_id={given!r}: expected a string that is not empty")
        self.session_id = session_id
        self.source = source if isinstance(source, SQLiteHistory) else SQLiteHistory(source)

    def __repr__(self) -> str:
        return f"{self.source!r}({self.session_id!r})"

    @property
    def _turn_key(self) -> Hashable:
        return ("sqlite", self.source.path, self.session_id)

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - read only: from the file
        """Read all messages, the oldest first."""
        return self.source._read(self.session_id)

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages: all of them, or none."""
        self.source._append(self.session_id, [from_foreign(message) for message in messages])

    def clear(self) -> None:
        """Remove all messages of the session."""
        self.source._clear(self.session_id)
