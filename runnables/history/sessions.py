"""From the config of a call to the history of its session, and the turn that the call has there."""

from __future__ import annotations

import contextvars
import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from runnables.compose.configurable_fields import ConfigurableFieldSpec
from runnables.core.foreign import from_foreign
from runnables.core.values import show
from runnables.engine.contexts import keep_private
from runnables.engine.thread_calls import to_thread
from runnables.engine.turns import Turn, await_turn, wait_turn
from runnables.errors import ConfigError, SyncAsyncError
from runnables.history.base import History

if TYPE_CHECKING:
    from runnables.core.config import Scope

GetHistory = Callable[..., History]
"""Returns the history of a session, for the values in the config that name it."""

SESSION_ID: Final = ConfigurableFieldSpec(
    id="session_id",
    annotation=str,
    name="Session ID",
    description="Unique identifier for a session.",
    default="",
    is_shared=True,
)


class Sessions:
    """Finds the history of a session; turns of one session go one after another.

    A history that knows what it is the history of (ours do) is used in turns by all that use it.
    Any other is used in turns by the calls that get it from the same function, for equal values.

    Args:
        get_history: returns the history of a session.
        fields: the values in `config["configurable"]` that name it.
    """

    def __init__(self, get_history: GetHistory, fields: Sequence[ConfigurableFieldSpec]) -> None:
        self._get_history = get_history
        self._fields = fields
        self._parameters = _parameters_of(get_history)

    def check(self) -> None:
        """Refuse a function that cannot take the values.

        Raises:
            ConfigError: it says which values there are.
        """
        if not callable(self._get_history):
            raise ConfigError(
                f"get_session_history={self._get_history!r}: expected a function of a session's "
                "id that returns its history, such as InMemoryHistory() or SQLiteHistory(path)"
            )
        if not self._parameters:
            return  # it takes nothing, or does not say what
        try:
            inspect.signature(self._get_history).bind(*self._positional(""), **self._named(""))
        except TypeError as error:
            ids = ", ".join(field.id for field in self._fields)
            raise ConfigError(
                f"get_session_history={show(self._get_history)} cannot be called with {ids}: "
                f"{error}. history_factory_config says which values it gets."
            ) from None

    def values_in(self, scope: Scope | None, owner: object) -> Mapping[str, Any]:
        """Return the values that name the session of a call.

        Raises:
            ConfigError: one is missing.
        """
        if self._parameters == ():
            return {}
        given: Mapping[str, Any] = {} if scope is None else scope.get("configurable", {})
        missing = [field.id for field in self._fields if field.id not in given]
        if missing:
            example = {"configurable": dict.fromkeys(missing, "...")}
            raise ConfigError(
                f"{owner!r}: config['configurable'] has no {', '.join(map(repr, missing))}, so "
                f"there is no session to continue. Pass it: chain.invoke(input, {example!r})."
            )
        return {field.id: given[field.id] for field in self._fields}

    def _positional(self, value: Any) -> tuple[Any, ...]:
        return (value,) if len(self._fields) == 1 else ()

    def _named(self, value: Any) -> dict[str, Any]:
        return {} if len(self._fields) == 1 else dict.fromkeys((f.id for f in self._fields), value)

    def begin(self, values: Mapping[str, Any]) -> tuple[Turn, History]:
        """Wait for the turn of a call; return it and the history. The caller ends the turn."""
        turn = self._first_turn(values)
        try:
            wait_turn(turn)
            history = self._find(values)
            own = _own_key(history)
            if own is None:
                return turn, history
            after = Turn(own)  # gets its place in the queue before the other turn ends
        except BaseException:
            turn.end()
            raise
        turn.end()
        try:
            wait_turn(after)
        except BaseException:
            after.end()
            raise
        return after, history

    async def abegin(self, values: Mapping[str, Any]) -> tuple[Turn, History]:
        """Wait for the turn of a call; return it and the history. The caller ends the turn."""
        turn = self._first_turn(values)
        try:
            await await_turn(turn)
            history = await self._afind(values)
            own = _own_key(history)
            if own is None:
                return turn, history
            after = Turn(own)
        except BaseException:
            turn.end()
            raise
        turn.end()
        try:
            await await_turn(after)
        except BaseException:
            after.end()
            raise
        return after, history

    def place(self, values: Mapping[str, Any]) -> Place:
        """Return a place in the queue for a call that comes later: a row of a batch."""
        return Place(Turn(self._key(values)))

    def _first_turn(self, values: Mapping[str, Any]) -> Turn:
        """Return the turn in the place that is held for this call, or a new one."""
        key, place = self._key(values), _place.get()
        held = None if place is None else place.take(key)
        return Turn(key) if held is None else held

    def _key(self, values: Mapping[str, Any]) -> Hashable:
        return (_hashable(self._get_history), *map(_hashable, values.values()))

    def _find(self, values: Mapping[str, Any]) -> History:
        return self._checked(self._call(values))

    async def _afind(self, values: Mapping[str, Any]) -> History:
        waits = getattr(self._get_history, "blocking", True)
        found = await to_thread(self._call, values) if waits else self._call(values)
        return self._checked(found)

    def _call(self, values: Mapping[str, Any]) -> Any:
        if len(values) == 1:
            return self._get_history(*values.values())
        return self._get_history(**values)

    def _checked(self, history: Any) -> History:
        history = from_foreign(history)
        if isinstance(history, History):
            return history
        if inspect.iscoroutine(history):
            history.close()
            raise SyncAsyncError(
                f"get_session_history={show(self._get_history)} is async. Let it return a history "
                "at once, whose `aget` and `aappend` await what they need."
            )
        raise TypeError(
            f"get_session_history={show(self._get_history)} returned {history!r}, which is no "
            "history: expected a BaseChatMessageHistory, or an object with `get`, `append` and "
            "`clear`."
        )


class Place:
    """A place in the queue, held for the first call inside the block that is of its session."""

    def __init__(self, turn: Turn) -> None:
        self._turn: Turn | None = turn
        self._tokens: list[contextvars.Token[Place | None]] = []

    def take(self, key: Hashable) -> Turn | None:
        """Return the turn that is held, once; None where it is one of another session."""
        if self._turn is None or self._turn.key != key:
            return None
        turn, self._turn = self._turn, None
        return turn

    def close(self) -> None:
        """Give up the place, if nothing has taken it."""
        if self._turn is not None:
            self._turn.end()

    def __enter__(self) -> None:
        self._tokens.append(_place.set(self))

    def __exit__(self, *_: object) -> None:
        _place.reset(self._tokens.pop())
        self.close()


_place: contextvars.ContextVar[Place | None] = contextvars.ContextVar(
    "runnables_history_place", default=None
)
keep_private(_place)


def _parameters_of(function: Any) -> tuple[str, ...] | None:
    """Return the names of a function's parameters; None where they are not known."""
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return None


def _own_key(history: History) -> Hashable:
    """Return what a history is the history of, if it says so."""
    return getattr(history, "_turn_key", None)


def _hashable(value: Hashable) -> Hashable:
    try:
        hash(value)
    except TypeError:  # users may not check types
        return repr(value)
    return value
