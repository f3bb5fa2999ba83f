"""Conversion of graphs that LangGraph has compiled."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from runnables.core.options import unknown_option
from runnables.core.weak_cache import weak_cache
from runnables.engine.merging import SNAPSHOTS, Merge
from runnables.errors import EmptyStream
from runnables.interop.langchain.chunks import add_as_theirs
from runnables.interop.langchain.leaf import ForeignRunnable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def from_theirs(x: Any) -> ForeignRunnable:
    """Return our counterpart of a compiled graph of theirs."""
    return GraphOfLangGraph(x)


class GraphOfLangGraph(ForeignRunnable, internal=True):
    """A compiled graph of LangGraph, as a runnable of ours.

    Its stream yields the state after each step, as `stream_mode="values"` does, so that the last
    chunk is what `invoke` returns: LangGraph's own default, "updates", yields parts of the state
    under the names of nodes. Pass another `stream_mode` to have its chunks; they do not add up.
    """

    @property
    def streams_input(self) -> bool:
        """Tell that a graph starts with its whole input."""
        return False

    def _check_options(self, options: dict[str, Any]) -> None:
        """Refuse options that LangGraph does not know: it would drop them."""
        for name in options:
            if name not in (known := _options_of(type(self.runnable))):
                raise unknown_option(self.get_name(), name, known)

    def _their_chunks(self, input: Iterator[Any], config: Any, kwargs: dict[str, Any]) -> Any:
        return self.runnable.stream(self._whole(list(input)), config, **_with_mode(kwargs))

    async def _their_achunks(
        self, input: AsyncIterator[Any], config: Any, kwargs: dict[str, Any]
    ) -> Any:
        whole = self._whole([chunk async for chunk in input])
        return self.runnable.astream(whole, config, **_with_mode(kwargs))

    def _whole(self, chunks: list[Any]) -> Any:
        """Return the whole input, of chunks of which LangChain adds those that it can add."""
        if not chunks:
            raise EmptyStream(self)
        return add_as_theirs(chunks)

    def _merge_of(self, first: Any, kwargs: dict[str, Any]) -> Merge:
        return SNAPSHOTS if _with_mode(kwargs)["stream_mode"] == "values" else self.merge


def _with_mode(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {"stream_mode": "values", **kwargs}


@weak_cache
def _options_of(cls: Any) -> list[str]:
    """Return the keywords of the calls of a class of graphs."""
    names = {*signature(cls.invoke).parameters, *signature(cls.stream).parameters, *_DEPRECATED}
    return sorted(names - {"self", "input", "config", "kwargs"})


_DEPRECATED: Final = ("checkpoint_during",)
"""The keywords that LangGraph takes among its `**kwargs`."""
