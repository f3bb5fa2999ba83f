"""The handlers in the config that users' code receives, and may pass on to another library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.core.foreign import is_foreign, is_loaded, to_foreign

if TYPE_CHECKING:
    from collections.abc import Iterable


class RunHandlers(list[Any]):
    """A list of handlers, with the runs around the code that receives it.

    LangChain copies the value of `callbacks` before it reads it. There it gets its own manager of
    these handlers, so that it reports to them, as below our run.

    Args:
        handlers: the handlers.
        parents: the ids of the runs around, the outermost first.
        path: the steps that lead there.
    """

    def __init__(
        self, handlers: Iterable[Any], parents: tuple[str, ...] = (), path: tuple[str, ...] = ()
    ) -> None:
        super().__init__(handlers)
        self.parents = parents
        self.path = path

    def copy(self) -> Any:
        """Return a list of the handlers; where LangChain is loaded, a manager of them."""
        return to_foreign("langchain_core", self) if is_loaded("langchain_core") else list(self)

    def __add__(self, other: Iterable[Any]) -> RunHandlers:
        return RunHandlers([*self, *other], self.parents, self.path)

    def __radd__(self, other: Iterable[Any]) -> Any:
        joined = RunHandlers([*other, *self], self.parents, self.path)
        return joined.copy() if any(map(is_foreign, other)) else joined  # LangChain merges configs
