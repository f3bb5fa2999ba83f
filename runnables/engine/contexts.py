"""What code that runs in steps sets in context variables: it keeps it, and others see some of it.

A generator is advanced step by step, and other code runs between two steps: its consumer, and
streams beside it. Python gives them all one context, so they would see a tracing span that the
generator has opened, and close theirs over it. Here, each iterator has `Steps`:

- What it sets, it keeps: it is set again at each step, and taken away when it yields.
- The next step of a pipe sees it, too, unless that one has set the same variable itself.
- Other consumers see it when the iterator has ended, as after the call of a function.
- Of an iterator that was closed before its end, or has failed, nothing is left.

The steps run in the consumer's own context, where tokens of context variables stay valid. Where the
consumer changes (worker threads, tasks), they run in a context of their own, a copy of the first
consumer's, and a `Flow` takes over what was set there.
"""

from __future__ import annotations

import contextvars
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from runnables.engine.variables import (
    UNSET,
    Tokens,
    Variable,
    changed_between,
    is_same,
    let_differ,
    put,
    reset,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CHECKED: Final = 8
"""The steps after which an iterator that has set nothing, and has received nothing, is settled."""

_PRIVATE: Final[set[Variable]] = set()


def keep_private(variable: Variable) -> None:
    """Let no consumer see what an iterator has set here: it is for the calls inside it."""
    _PRIVATE.add(variable)


class Receiver:
    """The one that pulls an iterator. This one takes everything: a `Flow` takes it on from there.

    Attributes:
        received: what it has from the iterators that it pulls, and from which of them.
        borrowed: which of that is from one that has not ended, and may yet take it away.
        pulled: how many steps of theirs there were; many where one has ended.
    """

    def __init__(self) -> None:
        self.pulled = 0
        self.received: dict[Variable, tuple[Any, object]] = {}
        self._originals: dict[Variable, Any] = {}
        self.borrowed: set[Variable] = set()

    def receive(
        self, variable: Variable, value: Any, old: Any, source: object, *, ended: bool
    ) -> None:
        """Take note of what an iterator that it pulls has set, in place of an old value."""
        self._originals.setdefault(variable, old)
        self.received[variable] = (value, source)
        if ended:
            self.borrowed.discard(variable)
        else:
            self.borrowed.add(variable)

    def has_received(self, variable: Variable, value: Any) -> bool:
        """Tell whether this value of a variable is from an iterator that it pulls."""
        return variable in self.received and self.received[variable][0] is value

    def takes(self, variable: Variable, value: Any) -> bool:
        """Tell whether a variable may get another value than this, which it now has."""
        return True

    def changes(self, here: contextvars.Context) -> dict[Variable, Any]:
        """Return what is set in this context that was not when its step began."""
        return {variable: value for variable, (value, _) in self.received.items()}

    def base_of(self, variable: Variable) -> Any:
        """Return the value of a variable when its step began."""
        return self._originals.get(variable, UNSET)

    def renew(self) -> None:
        """Set what has another value meanwhile; here, nothing is set."""


_receiver: contextvars.ContextVar[Receiver | None] = contextvars.ContextVar(
    "runnables_receiver", default=None
)
_leftover: contextvars.ContextVar[Mapping[Variable, Any]] = contextvars.ContextVar(
    "runnables_leftover", default=MappingProxyType({})
)  # the variables that are set only as nothing could take them away: they have no default
keep_private(_receiver)
keep_private(_leftover)
let_differ(_receiver)
let_differ(_leftover)
receiver = _receiver.get
"""Return the iterator whose step this is, if it is one's."""


class Steps(Receiver):
    """The context variables of one iterator. Its driver calls `enter` and `leave` for each step.

    Args:
        outer: the iterator whose code has called for this one, which then is no step behind it.
        variable: a variable that all steps find set, until the iterator sets it itself.
        value: to which value; None: to that of the consumer.
        more: returns further variables that a step finds set, with their values at that time.
    """

    def __init__(
        self,
        outer: Receiver | None,
        variable: Variable | None = None,
        value: Any = None,
        more: Callable[[], Mapping[Variable, Any]] | None = None,
    ) -> None:
        super().__init__()
        self._outer = outer
        self._variable = None if value is None else variable
        self._value = value
        self._more = more
        self._kept: dict[Variable, Any] = {}
        self._set: dict[Variable, Any] = {}
        self._tokens: Tokens = {}
        self._start: contextvars.Context | None = None
        self._steps = 0

    @property
    def is_settled(self) -> bool:
        """Tell whether its driver may do without: it sets nothing, and nor do those it pulls.

        Entering and leaving take longer than most chunks. What an iterator sets only later is
        seen by others as Python does it.
        """
        if self._steps < _CHECKED or self._kept or self.received:
            return False
        return not 0 < self.pulled < _CHECKED

    def takes(self, variable: Variable, value: Any) -> bool:
        """Tell whether the iterator has not set this value itself."""
        if variable in self.received:
            return self.has_received(variable, value)
        return variable not in self._kept and self.base_of(variable) is value

    def changes(self, here: contextvars.Context) -> dict[Variable, Any]:
        """Return what is set in this context that was not when its step began."""
        if not self._kept and is_same(here, self._entered):
            return dict(self._set)
        changes = changed_between(self._base, here)
        changes.pop(_receiver, None)
        changes.pop(_leftover, None)
        return changes

    def base_of(self, variable: Variable) -> Any:
        """Return the value of a variable when its step began."""
        return self._base.get(variable, UNSET)

    def enter(self) -> None:
        """Set what the iterator keeps, in place of what the step behind it has set."""
        self._steps += 1
        self._here = self._base = contextvars.copy_context()
        self._hidden = _hide(_receiver.get(), self._outer, self._here, self._tokens)
        if self._hidden:
            self._base = contextvars.copy_context()
        self._start = self._start or self._base
        self._set = {} if self._variable is None else {self._variable: self._value}
        if self._more is not None:
            self._set.update(self._more())
        for variable, value in self._set.items():
            if variable not in self._kept:
                put(variable, value, self._tokens)
        for variable, value in self._kept.items():
            put(variable, value, self._tokens)
        self._token = _receiver.set(self)
        self._entered = contextvars.copy_context()

    def renew(self) -> None:
        """Set within a step what has another value meanwhile, unless the iterator has set it."""
        more: Mapping[Variable, Any] = {} if self._more is None else self._more()
        for variable, value in more.items():
            found = self._set.get(variable, self.base_of(variable))
            if variable not in self._kept and variable.get(UNSET) is found:
                put(variable, value, self._tokens)
                self._set[variable] = value

    def leave(self, *, ended: bool = False, closed: bool = False) -> None:
        """Keep what the iterator has set, and leave to its consumer what that may see.

        Args:
            ended: whether there is no further step.
            closed: whether that is because it was closed, or has failed.
        """
        changes = self.changes(contextvars.copy_context())
        del self._entered  # it refers to this object: a cycle
        reset(_receiver, self._token, None)
        _count_step(self._outer, ended=ended)
        for variable, value in changes.items():
            is_over = ended and variable in self.borrowed and self.has_received(variable, value)
            is_own = variable in self._set and self._set[variable] is value
            if closed or is_own or is_over or not self._flows(variable, value, ended=ended):
                self._put_back(variable)
        for variable in self._hidden:
            if variable not in changes and (closed or not self._takes_away(variable)):
                self._put_back(variable)
        for variable, value in self._set.items():
            if changes.get(variable, UNSET) is value:
                del changes[variable]
        self._kept = {} if ended else changes

    def _flows(self, variable: Variable, value: Any, *, ended: bool) -> bool:
        old = self._here.get(variable, UNSET)
        return _flows(variable, value, old, self._start, self._outer, self, ended=ended)

    def _takes_away(self, variable: Variable) -> bool:
        """Tell whether its consumer has this from it, and it has reset it meanwhile."""
        puller = _receiver.get()
        known = None if puller is None else puller.received.get(variable)
        if puller is None or known is None or known[1] is not self:
            return False
        old = self._here.get(variable, UNSET)
        if old is not known[0]:
            return False
        puller.receive(variable, self.base_of(variable), old, self, ended=False)
        return True

    def _put_back(self, variable: Variable) -> None:
        old = self._here.get(variable, UNSET)
        leftover = _leftover.get()
        if old is not UNSET and leftover.get(variable, UNSET) is old:
            old = UNSET
        now = variable.get(UNSET)
        if now is not old and not put(variable, old, self._tokens):
            _leftover.set({**leftover, variable: now})


class Flow:
    """The way from a context of its own to one of its consumers.

    `take` and `withdraw` are called in the consumer's context.

    Args:
        context: the context of its own.
        start: what was set when it was made.
        outer: the iterator whose code has called for the one in it.
    """

    def __init__(
        self,
        context: contextvars.Context,
        start: contextvars.Context,
        outer: Receiver | None,
    ) -> None:
        self._context = context
        self._start = self._seen = start
        self._outer = outer
        self._given: dict[Variable, Any] = {}
        self._tokens: Tokens = {}

    def another(self) -> Flow:
        """Return the way to one more consumer, which has taken over nothing yet."""
        return Flow(self._context, self._start, self._outer)

    def take(self, *, ended: bool = False) -> None:
        """Set here what was set there since the last time, as far as this consumer may see it.

        Args:
            ended: whether there is no further step.
        """
        now = self._context.copy()
        _count_step(self._outer, ended=ended)
        for variable, value in changed_between(self._start if ended else self._seen, now).items():
            old = variable.get(UNSET)
            if old is not value and _flows(
                variable, value, old, self._start, self._outer, self, ended=ended
            ):
                put(variable, value, self._tokens)
                self._given[variable] = value
        self._seen = now

    def withdraw(self) -> None:
        """Undo here what was taken over, where nothing else was set meanwhile."""
        for variable, value in self._given.items():
            if variable.get(UNSET) is value:
                put(variable, self._start.get(variable, UNSET), self._tokens)
        self._given = {}


def own_context(outer: Receiver | None) -> tuple[contextvars.Context, Flow]:
    """Return a copy of the current context, for an iterator, and the way back from it.

    Args:
        outer: the iterator whose code has called for this one.
    """
    here = contextvars.copy_context()
    context = here.copy()
    context.run(_hide, _receiver.get(), outer, here, {})
    context.run(_receiver.set, Receiver())
    return context, Flow(context, context.copy(), outer)


def hide_next_step(outer: Receiver | None, set_there: Callable[[Variable, Any], object]) -> None:
    """Take away from other contexts, copies of this one, what is set in the step behind them.

    Args:
        outer: the iterator whose code has called for the iterators that run there.
        set_there: sets a variable in those contexts.
    """
    puller = _receiver.get()
    if puller is not None and puller is not outer:
        for variable in puller.changes(contextvars.copy_context()):
            value = puller.base_of(variable)
            if value is UNSET:
                value = contextvars.Context().run(variable.get, None)
            set_there(variable, value)
        set_there(_receiver, None)


def _hide(
    puller: Receiver | None, outer: Receiver | None, here: contextvars.Context, tokens: Tokens
) -> list[Variable]:
    """Take away from an iterator what is set in the step behind it; return which variables."""
    if puller is None or puller is outer:
        return []
    hidden = list(puller.changes(here))
    for variable in hidden:
        put(variable, puller.base_of(variable), tokens)
    return hidden


def _count_step(outer: Receiver | None, *, ended: bool) -> None:
    puller = _receiver.get()
    if puller is not None and puller is not outer:
        puller.pulled += _CHECKED if ended else 1


def _flows(
    variable: Variable,
    value: Any,
    old: Any,
    start: contextvars.Context | None,
    outer: Receiver | None,
    source: object,
    *,
    ended: bool,
) -> bool:
    """Tell whether the consumer, in whose context this runs, sees what an iterator has set.

    Args:
        variable: the variable.
        value: what it was set to.
        old: what the consumer has.
        start: what was set when the iterator began.
        outer: the iterator whose code has called for this one.
        source: the iterator.
        ended: whether there is no further step.
    """
    if variable in _PRIVATE:
        return False
    puller = _receiver.get()
    was_reset = start is not None and start.get(variable, UNSET) is value
    if puller is None or puller is outer:
        return ended and not was_reset
    has_it = puller.has_received(variable, old)
    if not has_it and (was_reset or not puller.takes(variable, old)):
        return False
    puller.receive(variable, value, old, source, ended=ended)
    return True
