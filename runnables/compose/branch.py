"""Runnables that decide what runs: branches and routes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, cast

from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.runnable import Runnable
from runnables.compose.typevars import Input, Output
from runnables.core.error_notes import add_location
from runnables.engine import StreamInfo, aclose, acollect, close, collect, raw_iterator
from runnables.errors import did_you_mean

if TYPE_CHECKING:
    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig, Scope

Chosen: TypeAlias = tuple[str, Runnable[Any, Any], Any]
"""Where the chosen runnable stands, itself, and its input."""


class Choice(Runnable[Input, Output], internal=True):
    """Base of what runs one of its runnables. Write `_choose`, and `_achoose` where it waits."""

    @abstractmethod
    def _choose(self, value: Any, scope: Scope | None) -> Chosen:
        """Which of them runs on this input: where it stands, itself, and what it gets."""

    async def _achoose(self, value: Any, scope: Scope | None) -> Chosen:
        """`_choose`, where choosing waits for something."""
        return self._choose(value, scope)

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        where, chosen, value = self._choose(value, scope)
        try:
            return chosen.invoke(value, _child_config(scope, where), **kwargs)
        except Exception as error:
            add_location(error, where)
            raise

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        where, chosen, value = await self._achoose(value, scope)
        try:
            return await chosen.ainvoke(value, _child_config(scope, where), **kwargs)
        except Exception as error:
            add_location(error, where)
            raise

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        where, chosen, value = self._choose(collect(input), scope)
        chunks = info.delegate_to(chosen.stream(value, _child_config(scope, where), **kwargs))
        try:
            yield from chunks
        except Exception as error:
            add_location(error, where)
            raise
        finally:
            close(chunks)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        where, chosen, value = await self._achoose(await acollect(input), scope)
        chunks = info.delegate_to(chosen.astream(value, _child_config(scope, where), **kwargs))
        try:
            async for chunk in raw_iterator(chunks):
                yield chunk
        except Exception as error:
            add_location(error, where)
            raise
        finally:
            await aclose(chunks)


class RunnableBranch(Choice[Input, Output], internal=True):
    """Runs the first branch whose condition holds for the input, else the default.

    Args:
        *branches: pairs of a condition (a runnable or function that gives a bool) and a
            runnable; last, the default.

    Raises:
        TypeError: no pair, a last one that is a pair, or others that are not.
    """

    def __init__(self, *branches: Any) -> None:
        if len(branches) < 2:
            raise TypeError("RunnableBranch needs a (condition, runnable) pair and a default")
        *pairs, default = branches
        for at, pair in enumerate(pairs):
            if not isinstance(pair, (tuple, list)) or len(cast("Sequence[Any]", pair)) != 2:
                raise TypeError(
                    f"RunnableBranch: argument {at + 1} is {pair!r}, expected a pair "
                    "(condition, runnable); only the last argument, the default, stands alone"
                )
        if isinstance(default, (tuple, list)):
            raise TypeError(
                f"RunnableBranch: the last argument is {default!r}, expected the default: "
                "a runnable that runs where no condition holds"
            )
        self.branches = tuple(
            (coerce_to_runnable(condition), coerce_to_runnable(branch))
            for condition, branch in pairs
        )
        self.default = coerce_to_runnable(default)

    def __repr__(self) -> str:
        pairs = ", ".join(f"({condition!r}, {branch!r})" for condition, branch in self.branches)
        return f"RunnableBranch({pairs}, {self.default!r})"

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (*(it for pair in self.branches for it in pair), self.default)

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """That of the first branch, or the default, which says something of its input."""
        from runnables.core.schemas import says_nothing

        if self.InputType is not Any:
            return super().get_input_schema(config)
        runnables = (*(branch for _, branch in self.branches), self.default)
        schemas = [it.get_input_schema(config) for it in runnables]
        return next((it for it in schemas if not says_nothing(it)), schemas[-1])

    def _choose(self, value: Any, scope: Scope | None) -> Chosen:
        for at, (condition, branch) in enumerate(self.branches):
            if condition.invoke(value, _child_config(scope, f"condition {at + 1}")):
                return f"branch {at + 1} of {len(self.branches)}", branch, value
        return "the default branch", self.default, value

    async def _achoose(self, value: Any, scope: Scope | None) -> Chosen:
        for at, (condition, branch) in enumerate(self.branches):
            if await condition.ainvoke(value, _child_config(scope, f"condition {at + 1}")):
                return f"branch {at + 1} of {len(self.branches)}", branch, value
        return "the default branch", self.default, value


class RouterInput(TypedDict):
    """The input of a `RouterRunnable`.

    Attributes:
        key: which runnable.
        input: its input.
    """

    key: str
    input: Any


class RouterRunnable(Choice[RouterInput, Output], internal=True):
    """Runs the runnable that the input names: `{"key": which, "input": its input}`.

    Args:
        runnables: a mapping of keys to runnables, or to what `|` takes for one.
    """

    def __init__(self, runnables: Mapping[str, Any]) -> None:
        self.runnables = {key: coerce_to_runnable(it) for key, it in runnables.items()}

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return self.runnables.values()

    def _missing_keys(self, keys: frozenset[str]) -> frozenset[str]:
        return frozenset(RouterInput.__required_keys__) - keys

    def _choose(self, value: Any, scope: Scope | None) -> Chosen:
        if not isinstance(value, Mapping) or "key" not in value or "input" not in value:
            raise TypeError(f"{self!r} got {value!r}, expected a dict with 'key' and 'input'")
        given = cast("Mapping[str, Any]", value)
        key = given["key"]
        if key not in self.runnables:
            raise ValueError(
                f"No runnable for the key {key!r}.{did_you_mean(str(key), self.runnables)} "
                f"Known keys: {', '.join(self.runnables)}."
            )
        return f'route "{key}"', self.runnables[key], given["input"]


def _child_config(scope: Scope | None, where: str) -> RunnableConfig | None:
    if scope is None:
        return None
    return scope.for_step(where.split(" of ")[0].replace(" ", ":"), where).config
