"""The same runnable with something bound to it: options, config, types, listeners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.typevars import Input, Output
from runnables.compose.wrappers import ForwardingWrapper, MethodCall
from runnables.core.bulk import arun_micro_batch, run_micro_batch
from runnables.core.config import (
    RunnableConfig,
    Scope,
    check_config,
    ensure_scope,
    lowest,
    merge_configs,
    without,
)
from runnables.core.description import Described, Keys
from runnables.core.signatures import can_take, checks_keywords, is_async
from runnables.core.subclassing import config_of
from runnables.errors import ConfigError, SyncAsyncError

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Iterator,
        Mapping,
        Sequence,
    )

    from pydantic import BaseModel

    from runnables.compose.runnable import Runnable
    from runnables.core.handlers import Event, Handler
    from runnables.engine import AsyncStream, Stream


class RunnableBinding(ForwardingWrapper[Input, Output], internal=True):
    """A runnable with bound options and config; it has no runs of its own.

    Args:
        bound: the runnable.
        kwargs: options that every call gets; those of the call itself win.
        config: config that every call gets; what the call itself says is added, or wins.
        input_type: what it says of its input.
        output_type: what it says of its output.
        listeners: handlers that are told of its own runs only.

    Raises:
        ConfigError: an unknown config key, or a value of the wrong kind.
    """

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
        check_config(config or {})
        self.bound: Runnable[Input, Output] = coerce_to_runnable(bound)
        self.kwargs = dict(kwargs or {})
        self.config: RunnableConfig = config or {}
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
        shown = "".join(f".{name}({_keywords(given)})" for name, given in calls if _any(given))
        inside = repr(self.bound)
        return f"({inside}){shown}" if " | " in inside else f"{inside}{shown}"

    def _identity(self) -> dict[str, Any]:
        chosen = self.config.get("configurable")
        return {"bound": self.bound, "kwargs": self.kwargs, "configurable": chosen}

    def _rewrap(self, made: Any, call: MethodCall) -> Runnable[Any, Any]:
        return self._with(bound=made, input_type=None, output_type=None)

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """The run name that is bound, or the name of the bound runnable."""
        return self.bound.get_name(suffix, name=name or self.config.get("run_name"))

    @property
    def InputType(self) -> Any:
        """What was given, or that of the bound runnable."""
        return self.bound.InputType if self.input_type is None else self.input_type

    @property
    def _accepted_type(self) -> Any:
        return self.bound._accepted_type if self.input_type is None else self.input_type

    @property
    def OutputType(self) -> Any:
        """What was given, or that of the bound runnable."""
        return self.bound.OutputType if self.output_type is None else self.output_type

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Of the type that was given, or that of the bound runnable."""
        if self.input_type is not None:
            return Described.get_input_schema(self)
        return self.bound.get_input_schema(self._config(config))

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Of the type that was given, or that of the bound runnable."""
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

    @property
    def max_batch_size(self) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - read only: that of the bound one
        """As the bound runnable's."""
        return self.bound.max_batch_size

    def _invoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        config = self._config(config_of(scope))
        return run_micro_batch(self.bound, values, config, {**self.kwargs, **kwargs})

    async def _ainvoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        config = self._config(config_of(scope))
        return await arun_micro_batch(self.bound, values, config, {**self.kwargs, **kwargs})

    # -- binding once more adds to the same binding

    def bind(self, **kwargs: Any) -> RunnableBinding[Input, Output]:
        """The same with further options."""
        return self._with(kwargs={**self.kwargs, **kwargs})

    def with_config(
        self, config: RunnableConfig | None = None, **kwargs: Any
    ) -> RunnableBinding[Input, Output]:
        """The same with further config."""
        further: Any = kwargs
        return self._with(config=merge_configs(self.config, config, further))

    @checks_keywords
    def with_types(
        self, *, input_type: Any = None, output_type: Any = None
    ) -> RunnableBinding[Input, Output]:
        """The same with other types."""
        return self._with(
            input_type=self.input_type if input_type is None else input_type,
            output_type=self.output_type if output_type is None else output_type,
        )

    def _with(self, **changes: Any) -> RunnableBinding[Input, Output]:
        return RunnableBinding(**{**self._settings(), **changes})

    @property
    def streams_input(self) -> bool:
        """As the runnable inside."""
        return self.bound.streams_input

    # -- running

    def _config(self, config: RunnableConfig | None) -> RunnableConfig | None:
        """The config of a call: what is bound, below what the call says."""
        if not self.config and not self.listeners:
            return config
        if isinstance(config, Scope):
            named = config.next_name is not None
            scope = config.merged(without(self.config, "run_name") if named else self.config)
        else:
            scope = ensure_scope(None).merged(self._merged(config))
        if self.listeners:
            scope.own_handlers = (*scope.own_handlers, *self.listeners)
        return scope.config

    def _merged(self, config: RunnableConfig | None) -> RunnableConfig:
        """What is bound and what the call says on top of it; of two limits both hold."""
        merged = merge_configs(self.config, config)
        limits = [
            limit for it in (self.config, config or {}) if (limit := it.get("max_concurrency"))
        ]
        return {**merged, "max_concurrency": min(limits)} if limits else merged

    def invoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Output:
        """Run the bound runnable."""
        return self.bound.invoke(input, self._config(config), **{**self.kwargs, **kwargs})

    async def ainvoke(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Output:
        """Run the bound runnable."""
        return await self.bound.ainvoke(input, self._config(config), **{**self.kwargs, **kwargs})

    def transform(
        self, input: Iterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Stream[Output]:
        """Run the bound runnable."""
        return self.bound.transform(input, self._config(config), **{**self.kwargs, **kwargs})

    def atransform(
        self, input: AsyncIterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncStream[Output]:
        """Run the bound runnable."""
        return self.bound.atransform(input, self._config(config), **{**self.kwargs, **kwargs})


class _Listener:
    """Calls functions of the user's with the events of their kinds."""

    def __init__(self, functions: Mapping[str, Callable[[Event], Any]]) -> None:
        self._functions = functions

    def on_event(self, event: Event) -> None:
        """Call the function for this kind of event, where there is one."""
        function = self._functions.get(event.kind)
        if function is not None:
            function(event)


class _AsyncListener:
    """`_Listener` for async functions."""

    def __init__(self, functions: Mapping[str, Callable[[Event], Awaitable[Any]]]) -> None:
        self._functions = functions

    async def on_event(self, event: Event) -> None:
        """Await the function for this kind of event, where there is one."""
        function = self._functions.get(event.kind)
        if function is not None:
            await function(event)


def _given(**functions: Any) -> dict[str, Any]:
    """Those that were given.

    Raises:
        ConfigError: one that cannot be called with an event alone.
    """
    given = {kind: function for kind, function in functions.items() if function is not None}
    for kind, function in given.items():
        if not can_take(function, 1):
            raise ConfigError(
                f"on_{kind}={function!r}: expected a function of one argument, the event; it says "
                "event.input, .output, .error, .name, .run_id, .tags and .metadata."
            )
    return given


def listeners(on_start: Any, on_end: Any, on_error: Any) -> tuple[Handler, ...]:
    """Handlers for sync functions; SyncAsyncError for async ones."""
    functions = _given(start=on_start, end=on_end, error=on_error)
    for kind, function in functions.items():
        if is_async(function):
            raise SyncAsyncError(
                f"with_listeners(on_{kind}={function!r}) is async: use with_alisteners"
            )
    return (_Listener(functions),)


def alisteners(on_start: Any, on_end: Any, on_error: Any) -> tuple[Handler, ...]:
    """Handlers for async functions."""
    return (_AsyncListener(_given(start=on_start, end=on_end, error=on_error)),)


def _any(given: Mapping[Any, Any]) -> bool:
    return any(value is not None for value in given.values())


def _keywords(given: Mapping[Any, Any]) -> str:
    shown = {key: _without_keys(key, it) for key, it in given.items() if it is not None}
    return ", ".join(f"{key}={value!r}" for key, value in shown.items())


def _without_keys(name: Any, value: Any) -> Any:
    """A value as it may be shown: of headers, the names alone, as one of them may be a key."""
    if not str(name).endswith("headers") or not hasattr(value, "keys"):
        return value
    return dict.fromkeys(value.keys(), "**********")
