"""The handlers in the config that users' code receives, and may pass on to another library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.core.config import check_handlers
from runnables.core.foreign import is_foreign, is_loaded, is_same, to_foreign
from runnables.core.handlers import as_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID
    from weakref import ref

    from runnables.core.user_code import UserConfig


def _changing(name: str) -> Any:
    """Return a method of lists after which the config that the list is in takes the change."""
    plain: Any = getattr(list, name)

    def method(self: RunHandlers, *args: Any) -> Any:
        result = plain(self, *args)
        self._changed()
        return result

    method.__name__, method.__doc__ = name, plain.__doc__
    return method


class RunHandlers(list[Any]):
    """A list of handlers, with the runs around the code that receives it.

    LangChain copies the value of `callbacks` before it reads it. There it gets its own manager of
    these handlers, so that it reports to them, as below our run. What users' code asks of such a
    manager most often is here, too: `add_handler`, `remove_handler`, `handlers`, `parent_run_id`.

    Args:
        handlers: the handlers.
        parents: the ids of the runs around, the outermost first.
        path: the steps that lead there.
        owner: the config that the list is in, which takes what is changed; not kept alive.

    Attributes:
        own: handlers of the next run only.
    """

    def __init__(
        self,
        handlers: Iterable[Any],
        parents: tuple[str, ...] = (),
        path: tuple[str, ...] = (),
        owner: ref[UserConfig] | None = None,
    ) -> None:
        super().__init__(handlers)
        self.parents = parents
        self.path = path
        self.own: tuple[Any, ...] = ()
        self._owner = owner

    # -- what LangChain's managers have

    def add_handler(self, handler: Any, inherit: bool = True) -> None:
        """Add a handler for the calls that this config is passed to.

        Args:
            handler: a handler of ours or of LangChain.
            inherit: whether it receives the events of all runs below; else of the next run only.

        Raises:
            ConfigError: it is no handler.
        """
        for new in check_handlers([handler]):
            if any(is_same(new, known) for known in (*self, *self.own)):
                continue
            if inherit:
                super().append(new)
            else:
                self.own = (*self.own, new)
        self._changed()

    def remove_handler(self, handler: Any) -> None:
        """Remove a handler, for the calls that this config is passed to."""
        for old in check_handlers([handler]):
            self[:] = [known for known in self if not is_same(known, old)]
            self.own = tuple(known for known in self.own if not is_same(known, old))
        self._changed()

    @property
    def handlers(self) -> list[Any]:
        """Return the handlers of the next run, as a new list."""
        return [*self, *self.own]

    @property
    def parent_run_id(self) -> UUID | str | None:
        """Return the id of the run around, as a UUID where it is one; None where there is none."""
        return as_uuid(self.parents[-1]) if self.parents else None

    def __getattr__(self, name: str) -> Any:
        """Refuse what else LangChain's managers have, and say the way out."""
        hint = ""
        if name.startswith(("on_", "add_", "remove_", "inheritable_", "set_", "configure", "get_")):
            hint = " to_langchain(config['callbacks']) is LangChain's manager of them, which may."
        raise AttributeError(
            f"config['callbacks'] is a list of handlers, without the attribute {name!r}.{hint}"
        )

    # -- what a list has

    def append(self, handler: Any, /) -> None:
        """Add a handler, as `add_handler` does."""
        self.add_handler(handler)

    def extend(self, handlers: Iterable[Any], /) -> None:
        """Add several handlers."""
        for handler in list(handlers):
            self.add_handler(handler)

    if not TYPE_CHECKING:  # they are those of a list
        insert, remove, pop, clear = map(_changing, ("insert", "remove", "pop", "clear"))
        __setitem__, __delitem__ = map(_changing, ("__setitem__", "__delitem__"))

    def _changed(self) -> None:
        config = None if self._owner is None else self._owner()
        if config is not None:
            config.take_handlers(self)

    def copy(self) -> Any:
        """Return a list of the handlers; where LangChain is loaded, a manager of them."""
        return to_foreign("langchain_core", self) if is_loaded("langchain_core") else list(self)

    def __add__(self, other: Iterable[Any]) -> RunHandlers:
        return RunHandlers([*self, *other], self.parents, self.path)

    def __radd__(self, other: Iterable[Any]) -> Any:
        joined = RunHandlers([*other, *self], self.parents, self.path)
        return joined.copy() if any(map(is_foreign, other)) else joined  # LangChain merges configs

    def __reduce__(self) -> Any:
        return RunHandlers, (list(self), self.parents, self.path)
