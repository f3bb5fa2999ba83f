"""What code that runs in steps sets in context variables: it keeps it, and others see some of it.

A generator is advanced step by step, and other code runs between two steps: its consumer, and
streams beside it. Python gives them all one context, so they would see a tracing span that the
generator has opened, and close theirs over it. Here, each iterator has `Steps`:

- What it sets, it keeps: it is set again at each step, and taken away when it yields.
- The next step of a pipe sees it, too, unless that one has set the same variable itself.
- Other consumers see it when the iterator has ended, as after the call of a function.
- Of an iterator that was closed before its end, nothing is left.

The steps run in the consumer's own context, where tokens of context variables stay valid. Where the
consumer changes (worker threads, tasks), they run in a context of their own, a copy of the first
consumer's, and a `Flow` takes over what was set there.
"""

from __future__ import annotations

import contextvars
import gc
import sys
from operator import is_
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio
else:
    from runnables.engine import lazy_asyncio as asyncio

Variable = contextvars.ContextVar[Any]
Tokens = dict[Variable, contextvars.Token[Any]]

_UNSET: Final = object()
_PRIVATE: Final[set[Variable]] = set()


def keep_private(variable: Variable) -> None:
    """Let no consumer see what an iterator has set here: it is for the calls inside it."""
    _PRIVATE.add(variable)


class Receiver:
    """The one that pulls an iterator. This one takes everything: a `Flow` takes it on from there.

    Attributes:
        received: what it has from the iterators that it pulls.
    """

    def __init__(self) -> None:
        self.received: dict[Variable, Any] = {}

    def takes(self, variable: Variable, value: Any) -> bool:
        """Tell whether a variable may get another value than this, which it now has."""
        return True


_receiver: contextvars.ContextVar[Receiver | None] = contextvars.ContextVar(
    "runnables_receiver", default=None
)  # the iterator whose step this is, if it is one's
keep_private(_receiver)


class Steps(Receiver):
    """The context variables of one iterator. Its driver calls `enter` and `leave` for each step.

    Args:
        variable: a variable that all steps find set, until the iterator sets it itself.
        value: to which value; None: to that of the consumer.
    """

    def __init__(self, variable: Variable | None = None, value: Any = None) -> None:
        super().__init__()
        self._variable = None if value is None else variable
        self._value = value
        self._kept: dict[Variable, Any] = {}
        self._tokens: Tokens = {}
        self._start: contextvars.Context | None = None

    @property
    def is_idle(self) -> bool:
        """Tell whether neither the iterator nor one that it pulls has set anything."""
        return not self._kept and not self.received

    def takes(self, variable: Variable, value: Any) -> bool:
        """Tell whether the iterator has not set this value itself."""
        if variable in self.received:
            return self.received[variable] is value
        return self._before.get(variable, _UNSET) is value

    def enter(self) -> None:
        """Set what the iterator keeps."""
        self._before = contextvars.copy_context()
        self._start = self._start or self._before
        if self._variable is not None and self._variable not in self._kept:
            _put(self._variable, self._value, self._tokens)
        for variable, value in self._kept.items():
            _put(variable, value, self._tokens)
        self._token = _receiver.set(self)
        self._entered = contextvars.copy_context()

    def leave(self, *, ended: bool = False, closed: bool = False) -> None:
        """Keep what the iterator has set, and leave to its consumer what that may see.

        Args:
            ended: whether there is no further step.
            closed: whether that is because it was closed.
        """
        after = contextvars.copy_context()
        if not self._kept and _is_same(after, self._entered):
            _reset(_receiver, self._token, None)
            if self._variable is not None:
                _put(self._variable, self._before.get(self._variable, _UNSET), self._tokens)
            return
        changes = _changes(self._before, after)
        del changes[_receiver]
        _reset(_receiver, self._token, None)
        for variable, value in changes.items():
            old = self._before.get(variable, _UNSET)
            if closed or not _flows(variable, value, old, self._start, ended=ended):
                _put(variable, old, self._tokens)
        if self._variable is not None and changes.get(self._variable, _UNSET) is self._value:
            del changes[self._variable]
        self._kept = {} if ended else changes


class Flow:
    """The way from a context of its own to one of its consumers.

    `take` and `withdraw` are called in the consumer's context.

    Args:
        context: the context of its own.
        start: what was set when it was made.
    """

    def __init__(self, context: contextvars.Context, start: contextvars.Context) -> None:
        self._context = context
        self._start = self._seen = start
        self._given: dict[Variable, Any] = {}
        self._tokens: Tokens = {}

    def another(self) -> Flow:
        """Return the way to one more consumer, which has taken over nothing yet."""
        return Flow(self._context, self._start)

    def take(self, *, ended: bool = False) -> None:
        """Set here what was set there since the last time, as far as this consumer may see it.

        Args:
            ended: whether there is no further step.
        """
        now = self._context.copy()
        for variable, value in _changes(self._start if ended else self._seen, now).items():
            old = variable.get(_UNSET)
            if old is not value and _flows(variable, value, old, self._start, ended=ended):
                _put(variable, value, self._tokens)
                self._given[variable] = value
        self._seen = now

    def withdraw(self) -> None:
        """Undo here what was taken over, where nothing else was set meanwhile."""
        for variable, value in self._given.items():
            if variable.get(_UNSET) is value:
                _put(variable, self._start.get(variable, _UNSET), self._tokens)
        self._given = {}


def own_context() -> tuple[contextvars.Context, Flow]:
    """Return a copy of the current context, for an iterator, and the way back from it."""
    context = contextvars.copy_context()
    context.run(_receiver.set, Receiver())
    return context, Flow(context, context.copy())


def _flows(
    variable: Variable, value: Any, old: Any, start: contextvars.Context | None, *, ended: bool
) -> bool:
    """Tell whether the consumer, in whose context this runs, sees what an iterator has set.

    Args:
        variable: the variable.
        value: what it was set to.
        old: what the consumer has.
        start: what was set when the iterator began.
        ended: whether there is no further step.
    """
    if variable in _PRIVATE:
        return False
    receiver = _receiver.get()
    if receiver is not None and receiver.received.get(variable, _UNSET) is old:
        receiver.received[variable] = value
        return True
    if start is not None and start.get(variable, _UNSET) is value:
        return False  # it was set, and is reset by now
    if receiver is None:
        return ended
    if receiver.takes(variable, old):
        receiver.received[variable] = value
        return True
    return False


def _is_same(one: contextvars.Context, other: contextvars.Context) -> bool:
    """Tell whether nothing was set; by identity, as some values cannot be compared."""
    return (
        len(one) == len(other)
        and all(map(is_, one.values(), other.values()))
        and all(map(is_, one, other))
    )


def _changes(before: contextvars.Context, after: contextvars.Context) -> dict[Variable, Any]:
    """Return the variables whose value is another one, with the new value."""
    changes = {
        variable: value
        for variable, value in after.items()
        if before.get(variable, _UNSET) is not value
    }
    if len(after) - len(before) < len(changes):  # a few may be gone
        changes.update({variable: _UNSET for variable in before if variable not in after})
    return changes


def _put(variable: Variable, value: Any, tokens: Tokens) -> None:
    """Set a variable, or take its value away, for which there is a token if it was set here."""
    if value is not _UNSET:
        token = variable.set(value)
        if token.old_value is contextvars.Token.MISSING:
            tokens[variable] = token
    elif (known := tokens.pop(variable, None)) is not None:
        _reset(variable, known, _UNSET)
    else:
        _set_default(variable)


def _reset(variable: Variable, token: contextvars.Token[Any], otherwise: Any) -> None:
    try:
        variable.reset(token)
    except ValueError:  # it was set in another context than this one
        if otherwise is _UNSET:
            _set_default(variable)
        else:
            variable.set(otherwise)


def _set_default(variable: Variable) -> None:
    """Set a variable to its default. One that has none stays as it is until its owner resets it."""
    try:
        default = contextvars.Context().run(variable.get)
    except LookupError:
        return
    variable.set(default)


def task_context() -> contextvars.Context | None:
    """Return the context of the current task, itself and no copy; None outside of a task."""
    task: Any = asyncio.current_task()
    if task is None:
        return None
    if sys.version_info >= (3, 12):
        return task.get_context()
    # 3.11 has no such method; the first context that its task refers to is its own
    return next((found for found in gc.get_referents(task) if _is_context(found)), None)


def _is_context(thing: object) -> bool:
    return isinstance(thing, contextvars.Context)
