"""Binding: a runnable with options, a config, types or listeners that every call gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.listeners import for_run
from runnables.compose.runnable import Runnable
from runnables.compose.typevars import Input, Output
from runnables.compose.wrappers import ForwardingWrapper, MethodCall, innermost
from runnables.core.config import (
    RunnableConfig,
    Scope,
    check_config,
    ensure_scope,
    lowest,
    without,
)
from runnables.core.config_merging import merge_configs
from runnables.core.description import Described, Keys, checked_config
from runnables.core.missing_input import may_lack_input
from runnables.core.rows import Routine, RowOrder, Step
from runnables.core.signatures import checks_keywords
from runnables.core.values import show_settings

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Callable,
        Iterator,
        Mapping,
        Sequence,
    )

    from pydantic import BaseModel

    from runnables.core.handlers import Handler
    from runnables.engine.stream import AsyncStream, Stream


class RunnableBinding(ForwardingWrapper[Input, Output], internal=True):
    """A runnable with options, a config, types or listeners that every call gets.

    It has no runs of its own: its events are those of the runnable inside. `bind`, `with_config`,
    `with_types` and `with_listeners` make one, and add to it when they are called of one.

    Args:
        bound: the runnable, or what `|` takes for one.
        kwargs: options that every call gets; those that the call itself passes win.
        config: config that every call gets; a call's own config is added, and wins where both set
            a key.
        input_type: the declared type of its input; None: that of the runnable.
        output_type: the declared type of its output; None: that of the runnable.
        listeners: handlers that receive the events of its own runs only.

    Raises:
        ConfigError: an unknown config key, or a value of the wrong kind.

    Example:
        >>> RunnableBinding(int, kwargs={"base": 2}).invoke("101")
        5
    """

    _has_own_run = False

    def __init__(
        self,
        bound: Any,
        *,
        kwargs: Mapping[str, Any] | None = None,
        config: RunnableConfig | None = None,
        input_type: Any = None,
        output_type: Any = None,
        listeners: Sequence[Handler] = (),
    ) -> None:
        self.bound: Runnable[Input, Output] = coerce_to_runnable(bound)
        config = checked_config(self.bound, config or {})
        check_config(config)
        self.kwargs = dict(kwargs or {})
        self.config: RunnableConfig = config
        self.input_type = input_type
        self.output_type = output_type
        self.listeners = tuple(listeners)

    def __repr__(self) -> str:
        calls = [
            ("bind", self.kwargs),
            ("with_config", self.config),
            ("with_types", {"input_type": self.input_type, "output_type": self.output_type}),
            ("with_listeners", {"...": ...} if self.listeners else {}),
        ]
        shown = "".join(
            f".{name}({keywords})" for name, values in calls if (keywords := show_settings(values))
        )
        inside = repr(self.bound)
        return f"({inside}){shown}" if " | " in inside else f"{inside}{shown}"

    def _identity(self) -> dict[str, Any]:
        chosen = self.config.get("configurable")
        return {"bound": self.bound, "kwargs": self.kwargs, "configurable": chosen}

    def _rewrap(self, made: Any, call: MethodCall) -> Runnable[Any, Any]:
        # What the method has bound is later than what is bound here: of two, later ones win.
        before, now = _options_of(self.bound), _options_of(made)
        later = {key for key in now if before.get(key, _UNBOUND) is not now[key]}
        kwargs = {key: value for key, value in self.kwargs.items() if key not in later}
        return self._with(bound=made, kwargs=kwargs, input_type=None, output_type=None)

    def _innermost(self, config: RunnableConfig | None) -> Runnable[Any, Any]:
        return innermost(self.bound, merge_configs(self.config, config))

    def _call_inside(self, method: Callable[..., Any], call: MethodCall) -> Any:
        """Call a method of what the bound config chooses, unless it makes a runnable."""
        if self.config.get("configurable"):
            result = call.apply_to(self._innermost(call.config))
            if not isinstance(result, Runnable):
                return result
        return super()._call_inside(method, call)

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the run name that is bound, or the name of the bound runnable."""
        return self.bound.get_name(suffix, name=name or self.config.get("run_name"))

    @property
    def InputType(self) -> Any:
        """Return the input type that is set, or that of the bound runnable."""
        return self.bound.InputType if self.input_type is None else self.input_type

    @property
    def _accepted_type(self) -> Any:
        return self.bound._accepted_type if self.input_type is None else self.input_type

    @property
    def OutputType(self) -> Any:
        """Return the output type that is set, or that of the bound runnable."""
        return self.bound.OutputType if self.output_type is None else self.output_type

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the schema of the input type that is set, or that of the bound runnable."""
        if self.input_type is not None:
            return Described.get_input_schema(self)
        return self.bound.get_input_schema(self._config(config))

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the schema of the output type that is set, or that of the bound runnable."""
        if self.output_type is not None:
            return Described.get_output_schema(self)
        return self.bound.get_output_schema(self._config(config))

    def _input_schema_given_next(
        self, following: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        if self.input_type is not None:
            return self.input_schema
        return self.bound._input_schema_given_next(following, self._config(config))

    def _output_schema_given_previous(
        self, preceding: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        if self.output_type is not None:
            return self.output_schema
        return self.bound._output_schema_given_previous(preceding, self._config(config))

    def _output_keys(self, keys: Keys) -> Keys:
        return self.bound._output_keys(keys)

    def _missing_keys(self, keys: frozenset[str]) -> frozenset[str]:
        return self.bound._missing_keys(keys)

    def _wrapped(self) -> Runnable[Input, Output]:
        return self.bound

    def _batch_limit(self) -> int | None:
        return lowest(self.config.get("max_concurrency"), self.bound._batch_limit())

    def _row(self, value: Any, scope: Scope, kwargs: dict[str, Any]) -> Routine:
        config = self._config(scope.config)
        return (yield Step(self.bound, value, config, {**self.kwargs, **kwargs}))

    def _row_order(self) -> RowOrder | None:
        order = self.bound._row_order()
        return None if order is None else lambda config: order(self._config(config) or {})

    def _for_batch(self, config: Any, kwargs: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
        is_list = _is_list(config)
        each: list[Any] = config if is_list else [config]
        is_within = any(isinstance(one, Scope) for one in each)
        if is_within or self.listeners or type(self) is not RunnableBinding:
            return self, config, kwargs
        # here, as the config of each item is on top of what is bound
        merged = [self._merged(one) for one in each]
        of_all: Any = merged if is_list else merged[0]
        return self.bound._for_batch(of_all, {**self.kwargs, **kwargs})

    def _is_blocking(self) -> bool:
        return self.bound._is_blocking()

    # -- binding once more adds to the same binding

    def bind(self, **kwargs: Any) -> RunnableBinding[Input, Output]:
        """Return this runnable with more options; later ones win."""
        return self._with(kwargs={**self.kwargs, **kwargs})

    def with_config(
        self, config: RunnableConfig | None = None, **kwargs: Any
    ) -> RunnableBinding[Input, Output]:
        """Return this runnable with more config; later keys win."""
        more: Any = kwargs
        given = (checked_config(self.bound, one) for one in (config, more))
        return self._with(config=merge_configs(self.config, *given))

    @checks_keywords
    def with_types(
        self, *, input_type: Any = None, output_type: Any = None
    ) -> RunnableBinding[Input, Output]:
        """Return this runnable with other declared types."""
        return self._with(
            input_type=self.input_type if input_type is None else input_type,
            output_type=self.output_type if output_type is None else output_type,
        )

    def _with(self, **changes: Any) -> RunnableBinding[Input, Output]:
        return RunnableBinding(**{**self._settings(), **changes})

    @property
    def streams_input(self) -> bool:
        """Tell whether the bound runnable works on chunks of the input as they come."""
        return self.bound.streams_input

    # -- running

    def _config(self, config: RunnableConfig | None) -> RunnableConfig | None:
        """Return the config of a call: its own on top of what is bound."""
        if not self.config and not self.listeners:
            return config
        if isinstance(config, Scope):
            named = config.next_name is not None
            scope = config.merged(without(self.config, "run_name") if named else self.config)
        else:
            given = checked_config(self.bound, config)
            scope = ensure_scope(None).merged(self._merged(given))
        if self.listeners:
            scope.own_handlers = (*scope.own_handlers, *for_run(self.listeners, scope))
        return scope.config

    def _merged(self, config: RunnableConfig | None) -> RunnableConfig:
        """Return the config of a call on top of what is bound; of two limits both hold."""
        merged = merge_configs(self.config, config)
        limit = lowest(*(given.get("max_concurrency") for given in (self.config, config or {})))
        return merged if limit is None else {**merged, "max_concurrency": limit}

    @may_lack_input
    def invoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Output:
        """Run the bound runnable."""
        return self.bound.invoke(input, self._config(config), **{**self.kwargs, **kwargs})

    @may_lack_input
    async def ainvoke(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Output:
        """Do what `invoke` does, async."""
        return await self.bound.ainvoke(input, self._config(config), **{**self.kwargs, **kwargs})

    def transform(
        self, input: Iterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Stream[Output]:
        """Run the bound runnable on an input in chunks."""
        return self.bound.transform(input, self._config(config), **{**self.kwargs, **kwargs})

    def atransform(
        self, input: AsyncIterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncStream[Output]:
        """Run the bound runnable on an input in chunks, for `async for`."""
        return self.bound.atransform(input, self._config(config), **{**self.kwargs, **kwargs})


def _is_list(config: Any) -> bool:
    return isinstance(config, list)


_UNBOUND: Final = object()


def _options_of(runnable: Any) -> dict[str, Any]:
    """Return the options that are bound to a runnable, or to the first step of a sequence."""
    if _is_a(runnable, RunnableBinding):
        return {**_options_of(runnable.bound), **runnable.kwargs}
    if _is_a(runnable, ForwardingWrapper):
        return _options_of(runnable._wrapped())
    steps: Any = getattr(runnable, "steps", ())
    return _options_of(steps[0]) if isinstance(steps, tuple) and steps else {}


def _is_a(value: Any, kind: type) -> bool:
    return isinstance(value, kind)
