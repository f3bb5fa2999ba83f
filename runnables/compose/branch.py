"""Choice: runnables that run one of several, by conditions or by a key in the input."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, cast

from runnables.compose.coerce import coerce_part
from runnables.compose.runnable import Runnable
from runnables.compose.typevars import Input, Output
from runnables.core.error_notes import add_location, clock
from runnables.core.rows import Call, Routine, Step
from runnables.engine.collect import acollect, collect
from runnables.engine.stream import StreamInfo, aclose, close, owned
from runnables.errors import did_you_mean

if TYPE_CHECKING:
    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig, Scope

Chosen: TypeAlias = tuple[str, Runnable[Any, Any], Any]
"""The location of the chosen runnable for error notes, the runnable itself, and its input."""


class Choice(Runnable[Input, Output], internal=True):
    """Base of runnables that run one of several. Write `_choose`, and `_achoose` if it waits."""

    @abstractmethod
    def _choose(self, value: Any, scope: Scope | None) -> Chosen:
        """Choose a runnable for an input."""

    async def _achoose(self, value: Any, scope: Scope | None) -> Chosen:
        """Choose a runnable for an input, where that waits for something."""
        return self._choose(value, scope)

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        location, chosen, value = self._choose(value, scope)
        try:
            return chosen.invoke(value, _child_config(scope, location), **kwargs)
        except Exception as error:
            add_location(error, location)
            raise

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        location, chosen, value = await self._achoose(value, scope)
        try:
            return await chosen.ainvoke(value, _child_config(scope, location), **kwargs)
        except Exception as error:
            add_location(error, location)
            raise

    def _row(self, value: Any, scope: Scope, kwargs: dict[str, Any]) -> Routine:
        choose = partial(self._choose, value, scope), partial(self._achoose, value, scope)
        location, chosen, value = yield Call(*choose)
        try:
            config = _child_config(scope, location)
            return (yield Step(chosen, value, config, kwargs, at=location))
        except Exception as error:
            add_location(error, location)
            raise

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        location, chosen, value = self._choose(collect(input), scope)
        chunks = info.delegate_to(chosen.stream(value, _child_config(scope, location), **kwargs))
        began = clock.now
        try:
            yield from chunks
        except Exception as error:
            add_location(error, location, began)
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
        location, chosen, value = await self._achoose(await acollect(input), scope)
        chunks = info.delegate_to(chosen.astream(value, _child_config(scope, location), **kwargs))
        began = clock.now
        try:
            async for chunk in owned(chunks):
                yield chunk
        except Exception as error:
            add_location(error, location, began)
            raise
        finally:
            await aclose(chunks)


class RunnableBranch(Choice[Input, Output], internal=True):
    """An if-else chain: runs the first branch whose condition holds, else the default.

    Conditions are called with the input, in order, until one returns something true; that one's
    runnable then gets the same input. The other branches do not run. To choose by a key that the
    input names, use `RouterRunnable`; to choose by the config of a call,
    `configurable_alternatives`.

    A stream needs the whole input to choose, and then yields the chunks of the chosen branch. The
    types are those in the brackets, `RunnableBranch[int, str](...)`, else Any.

    Args:
        *branches: pairs of a condition and a runnable, and last, by itself, the default. Each of
            them is what `|` takes: a runnable, a function, a dict of steps.

    Raises:
        TypeError: no pair, a last argument that is a pair, or others that are not.

    Example:
        >>> sign = RunnableBranch(
        ...     (lambda n: n > 0, lambda n: "positive"),
        ...     (lambda n: n < 0, lambda n: "negative"),
        ...     lambda n: "zero",
        ... )
        >>> sign.batch([3, -2, 0])
        ['positive', 'negative', 'zero']
    """

    def __init__(self, *branches: Any) -> None:
        if len(branches) < 2:
            raise TypeError("RunnableBranch needs a (condition, runnable) pair and a default")
        *pairs, default = branches
        for number, pair in enumerate(pairs, 1):
            if not isinstance(pair, (tuple, list)) or len(cast("Sequence[Any]", pair)) != 2:
                raise TypeError(
                    f"RunnableBranch: argument {number} is {pair!r}, expected a pair "
                    "(condition, runnable); only the last argument, the default, is no pair"
                )
        if isinstance(default, (tuple, list)):
            raise TypeError(
                f"RunnableBranch: the last argument is {default!r}, expected the default: "
                "a runnable that runs where no condition holds"
            )
        self.branches = tuple(
            (
                coerce_part(condition, f"RunnableBranch: condition {number}"),
                coerce_part(branch, f"RunnableBranch: branch {number}"),
            )
            for number, (condition, branch) in enumerate(pairs, 1)
        )
        self.default = coerce_part(default, "RunnableBranch: the default")

    def __repr__(self) -> str:
        pairs = ", ".join(f"({condition!r}, {branch!r})" for condition, branch in self.branches)
        return f"RunnableBranch({pairs}, {self.default!r})"

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (*chain.from_iterable(self.branches), self.default)

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the schema of the first branch, or the default, that describes its input."""
        from runnables.core.schemas import says_nothing

        if self.InputType is not Any:
            return super().get_input_schema(config)
        runnables = (*(branch for _, branch in self.branches), self.default)
        schemas = [runnable.get_input_schema(config) for runnable in runnables]
        return next((schema for schema in schemas if not says_nothing(schema)), schemas[-1])

    def _choose(self, value: Any, scope: Scope | None) -> Chosen:
        for number, (condition, branch) in enumerate(self.branches, 1):
            if condition.invoke(value, _child_config(scope, f"condition {number}")):
                return f"branch {number} of {len(self.branches)}", branch, value
        return "the default branch", self.default, value

    async def _achoose(self, value: Any, scope: Scope | None) -> Chosen:
        for number, (condition, branch) in enumerate(self.branches, 1):
            if await condition.ainvoke(value, _child_config(scope, f"condition {number}")):
                return f"branch {number} of {len(self.branches)}", branch, value
        return "the default branch", self.default, value


class RouterInput(TypedDict):
    """The input of a `RouterRunnable`.

    Attributes:
        key: the key of the runnable that runs.
        input: the input of that runnable.

    Example:
        >>> RouterInput(key="upper", input="Ada")
        {'key': 'upper', 'input': 'Ada'}
    """

    key: str
    input: Any


class RouterRunnable(Choice[RouterInput, Output], internal=True):
    """A switch: runs the runnable whose key the input names, on the rest of the input.

    The input is a dict with two keys (`RouterInput`): `key` names the runnable, and `input` is what
    it gets. The others do not run. A step before it often computes the key, as a model that sorts
    questions by subject does. To choose by conditions, use `RunnableBranch`.

    Args:
        runnables: the runnables by key, or what `|` takes for one.

    Raises:
        TypeError: when run, an input without these two keys.
        ValueError: when run, a key that there is not.

    Example:
        >>> case = RouterRunnable({"upper": str.upper, "lower": str.lower})
        >>> case.invoke({"key": "upper", "input": "Ada"})
        'ADA'
        >>> named = {"key": lambda text: "lower" if text.isupper() else "upper", "input": str}
        >>> (named | case).batch(["ADA", "Ada"])
        ['ada', 'ADA']
    """

    def __init__(self, runnables: Mapping[str, Any]) -> None:
        given: Any = runnables
        if not isinstance(given, Mapping):
            raise TypeError(f"RouterRunnable({given!r}): expected a dict of runnables by key.")
        self.runnables = {
            key: coerce_part(runnable, f"RouterRunnable: key {key!r}")
            for key, runnable in runnables.items()
        }

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return self.runnables.values()

    def _missing_keys(self, keys: frozenset[str]) -> frozenset[str]:
        return frozenset(RouterInput.__required_keys__) - keys

    def _choose(self, value: Any, scope: Scope | None) -> Chosen:
        if not isinstance(value, Mapping) or "key" not in value or "input" not in value:
            raise TypeError(f"{self!r} got {value!r}, expected a dict with 'key' and 'input'")
        routed = cast("Mapping[str, Any]", value)
        key = routed["key"]
        if key not in self.runnables:
            raise ValueError(
                f"No runnable for the key {key!r}.{did_you_mean(str(key), self.runnables)} "
                f"Known keys: {', '.join(self.runnables)}."
            )
        return f'route "{key}"', self.runnables[key], routed["input"]


def _child_config(scope: Scope | None, location: str) -> RunnableConfig | None:
    if scope is None:
        return None
    return scope.for_step(location.split(" of ")[0].replace(" ", ":"), location).config
