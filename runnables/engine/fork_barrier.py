"""Sections of code that no fork interrupts.

A fork copies the memory and the one thread that forks. What another thread was doing stays half
done in the child, and its locks stay locked. That is so for the locks within a C library, and for
what SQLite has noted in memory of its locks on a file, which the child does not have.

So a fork waits, in its own thread, until no thread is in a section, and none enters one before the
fork is done. A fork does not wait for ever: a section that outlasts it is one that the child must
not use, which `was_interrupted` tells.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_WAIT_SECONDS: Final = 10.0
"""How long a fork waits for sections, most of which take a few milliseconds."""


class _Section(NamedTuple):
    """A section that a thread is in."""

    thread: int
    name: Hashable


class ForkBarrier:
    """Sections that no fork interrupts, and what is done before a fork.

    Args:
        seconds: how long a fork waits for sections.
    """

    def __init__(self, seconds: float = _WAIT_SECONDS) -> None:
        self.seconds = seconds
        self._before: list[Callable[[], object]] = []
        self._interrupted: frozenset[Hashable] = frozenset()
        self._start()

    def _start(self) -> None:
        # a lock that its thread may take again, as a signal or a finalizer may come in between
        self._changed = threading.Condition(threading.RLock())
        self._sections: dict[object, _Section] = {}
        self._forks = 0

    def enter(self, name: Hashable) -> object:
        """Enter a section, where no fork is under way; return what `leave` takes.

        A thread that is in a section may enter another one at any time: a fork waits for it.

        Args:
            name: what a child must not use, where a fork could not wait.
        """
        section, thread = object(), threading.get_ident()
        with self._changed:
            while self._forks and all(thread != each.thread for each in self._sections.values()):
                self._changed.wait()
            self._sections[section] = _Section(thread, name)
        return section

    def leave(self, section: object) -> None:
        """Leave a section."""
        with self._changed:
            self._sections.pop(section, None)  # in a child, it may be one of the parent
            self._changed.notify_all()

    def was_interrupted(self, name: Hashable) -> bool:
        """Tell whether this process is a child, and the parent was in such a section at the fork.

        Then the child can neither use nor close what the section was about.
        """
        return name in self._interrupted

    def before_fork(self, function: Callable[[], object]) -> None:
        """Have a function called before each fork, when no thread is in a section."""
        self._before.append(function)

    @property
    def is_forking(self) -> bool:
        """Return whether a thread is about to fork."""
        return self._forks > 0

    # -- what Python calls around a fork

    def wait(self) -> None:
        """Wait until no other thread is in a section; let none enter one."""
        thread = threading.get_ident()
        with self._changed:
            self._forks += 1
            self._changed.wait_for(
                lambda: all(each.thread == thread for each in self._sections.values()), self.seconds
            )
        for function in self._before:
            function()

    def go_on(self) -> None:
        """Let threads enter sections again: the fork is done, and this is the parent."""
        with self._changed:
            self._forks -= 1
            self._changed.notify_all()

    def start_child(self) -> None:
        """Begin anew, with the one thread of a child."""
        self._interrupted |= {each.name for each in self._sections.values()}
        self._start()


FORKS: Final = ForkBarrier()
"""The sections of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=FORKS.wait, after_in_parent=FORKS.go_on, after_in_child=FORKS.start_child
    )


__all__ = ["FORKS", "ForkBarrier"]
