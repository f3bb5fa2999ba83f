"""Runnables around another one, whose types and chunks are as that one's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.runnable import Runnable
from runnables.typevars import Input, Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic import BaseModel

    from runnables.config import RunnableConfig
    from runnables.engine.merging import Merge


class Around(Runnable[Input, Output], reports=True):
    """Base of what stands around one runnable and says of itself what that one says."""

    def _like(self) -> Runnable[Input, Output]:
        """The runnable that this one is like."""
        raise NotImplementedError

    @property
    def merge(self) -> Merge:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - read only: it follows from the runnable inside
        """As the runnable inside; a stream adds up as the one that gives it."""
        return self._like().merge

    @property
    def InputType(self) -> Any:
        """That of the runnable inside."""
        return self._like().InputType

    @property
    def OutputType(self) -> Any:
        """That of the runnable inside."""
        return self._like().OutputType

    def _batch_limit(self) -> int | None:
        return self._like()._batch_limit()

    @property
    def _accepted_type(self) -> Any:
        return self._like()._accepted_type

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """That of the runnable inside."""
        return self._like().get_input_schema(config)

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """That of the runnable inside."""
        return self._like().get_output_schema(config)

    def _input_before(
        self, following: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        return self._like()._input_before(following, config)

    def _output_after(
        self, preceding: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        return self._like()._output_after(preceding, config)

    def _inner(self) -> Iterable[Runnable[Any, Any]]:
        return (self._like(),)
