"""The user's `RunnableConfig`, which travels with an input, and the `Scope` that it becomes.

A call without a config has no scope, and pays for none, unless a call around it has one.
Otherwise each call passes the scope to the calls below it. Around users' functions, it is also set
as the current scope, so that `chain.invoke(x)` in such a function joins the call around it.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypedDict, cast

from runnables.core.foreign import ForeignHandlers, from_foreign, is_foreign, is_same
from runnables.core.options import key_hint
from runnables.core.spans import SpanHandler, spans_of
from runnables.engine.contexts import keep_private
from runnables.engine.slots import Slots, check_limit
from runnables.errors import ConfigError

if TYPE_CHECKING:
    from uuid import UUID

    from runnables.core.foreign import HandlerOfLangChain
    from runnables.core.handlers import Handler

DEFAULT_RECURSION_LIMIT: Final = 25


class RunnableConfig(TypedDict, total=False):
    """A dict of settings for one call. Keys that are not listed here are refused.

    The id of a configurable field of the runnable that is called counts as a key of `configurable`.

    Attributes:
        tags: labels for this run and those below it.
        metadata: JSON-like values for this run and those below it.
        callbacks: handlers that receive the events of this run and of those below it.
        run_name: the name of this run; those below it keep theirs.
        run_id: the id of this run; those below it get their own.
        max_concurrency: how many calls of models, tools and functions may run at once below
            this call.
        recursion_limit: how often in a row a function may return another runnable; 25 by
            default.
        configurable: values for configurable fields and alternatives, by their ids.

    Example:
        >>> config = RunnableConfig(run_name="lengths", max_concurrency=4)
        >>> RunnableLambda(len).batch(["a", "bb"], config)
        [1, 2]
    """

    tags: list[str]
    metadata: dict[str, Any]
    callbacks: Sequence[Handler | HandlerOfLangChain] | None
    run_name: str | None
    run_id: UUID | str | None
    max_concurrency: int | None
    recursion_limit: int
    configurable: dict[str, Any]


CONFIG_KEYS: Final = frozenset(RunnableConfig.__annotations__)
_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "tags": (list, tuple, set, frozenset),
    "metadata": Mapping,
    "callbacks": (list, tuple),
    "run_name": str,
    "max_concurrency": int,
    "recursion_limit": int,
    "configurable": Mapping,
}
_EXPECTED: Final[Mapping[object, str]] = {
    _TYPES["tags"]: "a list of strings",
    _TYPES["callbacks"]: "a list of handlers",
    Mapping: "a dict",
    str: "a string",
    int: "a whole number",
}


class Scope(dict[str, Any]):
    """The surroundings of a call. As a dict, it is the config that the calls below inherit.

    Attributes:
        handlers: the handlers that receive the events of all runs below.
        own_handlers: the handlers that receive the events of the next run only (listeners).
        span_handlers: those of the handlers of the run around this call that make spans.
        slots: the limit that the call runs under; None where no call has set one.
        run_id: the id of the run around this call.
        parents: the ids of all runs around it, from the outermost.
        path: the steps that lead here, as a reader would name them.
        recursion_depth: how many functions around this call have returned a runnable.
        next_name: the name of the next run.
        next_id: the id of the next run.
        next_tags: the tags of the next run only, such as "seq:step:1".
        outer_config: the config of another library that was in force when a call of that library
            led here; None where no such call is around.
    """

    __slots__ = (
        "handlers",
        "next_id",
        "next_name",
        "next_tags",
        "outer_config",
        "own_handlers",
        "parents",
        "path",
        "recursion_depth",
        "run_id",
        "slots",
        "span_handlers",
    )

    handlers: tuple[Handler, ...]
    own_handlers: tuple[Handler, ...]
    span_handlers: tuple[SpanHandler, ...]
    slots: Slots | None
    run_id: str | None
    parents: tuple[str, ...]
    path: tuple[str, ...]
    recursion_depth: int
    next_name: str | None
    next_id: str | None
    next_tags: tuple[str, ...]
    outer_config: object

    def __init__(self, outer: Scope | None = None) -> None:
        if outer is None:
            super().__init__()
            self.handlers = self.own_handlers = self.parents = self.path = self.next_tags = ()
            self.span_handlers = ()
            self.slots = self.run_id = self.next_name = self.next_id = None
            self.recursion_depth = 0
            self.outer_config = None
            return
        super().__init__(outer)
        self.handlers = outer.handlers
        self.own_handlers = outer.own_handlers
        self.span_handlers = outer.span_handlers
        self.slots = outer.slots
        self.run_id = outer.run_id
        self.parents = outer.parents
        self.path = outer.path
        self.recursion_depth = outer.recursion_depth
        self.next_name = outer.next_name
        self.next_id = outer.next_id
        self.next_tags = outer.next_tags
        self.outer_config = outer.outer_config

    @property
    def config(self) -> RunnableConfig:
        """Return this scope as the config that users' functions receive, and may pass on."""
        return cast("RunnableConfig", self)

    @property
    def observed(self) -> bool:
        """Tell whether a handler receives the events of the next run."""
        return bool(self.handlers or self.own_handlers)

    def child(self, run_id: str) -> Scope:
        """Return the scope for calls inside the run of this id, without this run's settings."""
        scope = self.without_run_settings()
        scope.parents = (*self.parents, run_id)
        scope.run_id = run_id
        return scope

    def without_run_settings(self) -> Scope:
        """Return this scope without what was meant for the next run only."""
        if not (self.own_handlers or self.next_name or self.next_id or self.next_tags):
            return Scope(self) if self.observed else self
        scope = Scope(self)
        scope.own_handlers = scope.next_tags = ()
        scope.next_name = scope.next_id = None
        return scope

    def for_step(self, tag: str, label: str) -> Scope:
        """Return the scope for one step or branch; this one, where no handler would see it."""
        if not self.observed:
            return self
        scope = Scope(self)
        scope.next_tags = (*self.next_tags, tag)
        scope.path = (*self.path, label)
        return scope

    def merged(self, config: RunnableConfig) -> Scope:
        """Return this scope with a config applied on top of it.

        Raises:
            ConfigError: a key that is not one of `RunnableConfig`, or a value of the wrong type.
        """
        check_config(config)
        scope = Scope(self)
        for key, value in config.items():
            if value is not None:
                _MERGERS[key](scope, value)
        return scope


def _merge_tags(scope: Scope, tags: Iterable[str]) -> None:
    scope["tags"] = list(dict.fromkeys((*scope.get("tags", ()), *tags)))


def _merge_mapping(key: str) -> Any:
    def merge(scope: Scope, values: Mapping[str, Any]) -> None:
        scope[key] = {**scope.get(key, {}), **values}

    return merge


def _merge_callbacks(scope: Scope, handlers: Iterable[Handler]) -> None:
    checked, known = check_handlers(handlers), list(scope.handlers)
    for new in checked:
        if not any(is_same(new, old) for old in known):
            known.append(new)
    scope.handlers, scope["callbacks"] = tuple(known), known
    if isinstance(checked, ForeignHandlers):
        _join_run(scope, checked)


def _join_run(scope: Scope, handlers: ForeignHandlers) -> None:
    """Make a run of another library the one around this scope."""
    _merge_tags(scope, handlers.tags)
    scope["metadata"] = {**scope.get("metadata", {}), **handlers.metadata}
    if handlers.parents:
        scope.parents = handlers.parents
        scope.run_id = handlers.parents[-1]


def _merge_configurable(scope: Scope, values: Mapping[str, Any]) -> None:
    own = {key: value for key, value in values.items() if not key.startswith("__pregel_")}
    scope["configurable"] = {**scope.get("configurable", {}), **own}


def check_handlers(handlers: Iterable[Handler]) -> tuple[Handler, ...]:
    """Return the handlers, which are checked; LangChain's, and its managers, become ours.

    Raises:
        ConfigError: names the first value that is no handler, or that it is no list.
    """
    given = from_foreign(handlers)
    if isinstance(given, ForeignHandlers):
        return given
    if callable(getattr(given, "on_event", None)):
        raise ConfigError(f"callbacks: {handlers!r} is not a list of handlers{_in_list(given)}")
    checked = tuple(from_foreign(handler) for handler in given)
    for handler in checked:
        if isinstance(handler, type):
            raise ConfigError(f"callbacks: {handler!r} is a class, expected a handler made of it.")
        if not callable(getattr(handler, "on_event", None)):
            raise ConfigError(
                f"callbacks: {handler!r} has no method on_event(event). Handlers subclass "
                "runnables.BaseCallbackHandler or runnables.Handler, or have that method."
            )
    return checked


def _merge_name(scope: Scope, name: str) -> None:
    scope.next_name = name


def _merge_id(scope: Scope, run_id: object) -> None:
    scope.next_id = str(run_id)


def _merge_limit(scope: Scope, limit: int) -> None:
    scope.slots = Slots(limit, scope.slots)


def _merge_recursion(scope: Scope, limit: int) -> None:
    scope["recursion_limit"] = limit


_MERGERS: Final[Mapping[str, Any]] = {
    "tags": _merge_tags,
    "metadata": _merge_mapping("metadata"),
    "callbacks": _merge_callbacks,
    "run_name": _merge_name,
    "run_id": _merge_id,
    "max_concurrency": _merge_limit,
    "recursion_limit": _merge_recursion,
    "configurable": _merge_configurable,
}


def check_config(config: object) -> None:
    """Refuse a config with a key that nothing reads, or a value of the wrong type.

    Raises:
        ConfigError: names the key, and a similar one that was probably meant.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(f"config={config!r}: expected a dict with keys of RunnableConfig")
    for key, value in cast("Mapping[object, object]", config).items():
        if key not in CONFIG_KEYS:
            raise ConfigError(
                f"Unknown config key {key!r}.{key_hint(str(key), CONFIG_KEYS)} "
                f"Known keys: {', '.join(sorted(CONFIG_KEYS))}. "
                "Values of your own go into 'metadata' or 'configurable'."
            )
        expected = _TYPES.get(str(key))
        if value is None or expected is None or isinstance(value, expected):
            continue
        if key != "callbacks" or not is_foreign(value):
            raise ConfigError(
                f"Config key {key!r}: {value!r} is not {_EXPECTED[expected]}{_in_list(value)}"
            )


def _in_list(value: Any) -> str:
    """Return how to write a handler, or something that holds handlers, as a list."""
    if callable(getattr(value, "on_event", None)):
        return ". Write: callbacks=[handler]"
    return ". Write: callbacks=manager.handlers" if hasattr(value, "handlers") else ""


_current: contextvars.ContextVar[Scope | None] = contextvars.ContextVar(
    "runnables_scope", default=None
)
keep_private(_current)  # what a step opens reaches the calls inside it, not the steps behind it
current_scope = _current.get
"""Return the scope around the caller, or None."""

OUTER_SCOPES: Final[list[Callable[[Scope | None], Scope | None]]] = []
"""What finds the scope of a call that another library has made around this code.

An adapter adds a function when it is loaded: it takes the current scope, and returns the one that
applies.
"""


def scope_here() -> Scope | None:
    """Return the scope around the caller, also where another library has called it; or None."""
    scope = _current.get()
    return OUTER_SCOPES[0](scope) if OUTER_SCOPES else scope


class activate:
    """A context manager that makes a scope the current one inside the block.

    The scope must have nothing that is for the next run only. (A generator function with
    `contextmanager` would take a microsecond longer.)
    """

    __slots__ = ("_scope", "_spans", "_token")

    def __init__(self, scope: Scope | None) -> None:
        self._scope = scope

    def __enter__(self) -> None:
        # setting the same scope again would only make more objects for the garbage collector
        self._token = None if _current.get() is self._scope else _current.set(self._scope)
        self._spans: spans_of | None = None
        if self._scope is not None and self._scope.span_handlers:
            self._spans = spans_of(self._scope).__enter__()

    def __exit__(self, *_: object) -> None:
        if self._spans is not None:
            self._spans.__exit__()
        if (token := self._token) is not None:
            try:
                _current.reset(token)
            except ValueError:  # it was set in another context: a generator went on in another task
                _current.set(None if token.old_value is token.MISSING else token.old_value)


CURRENT_SCOPE: Final = _current
"""The context variable itself, for fan-outs: their work joins the scope that is set here."""


def resolve_scope(config: RunnableConfig | None) -> Scope | None:
    """Return the scope of a call with this config; None where it has neither scope nor config."""
    if isinstance(config, Scope):
        return config
    current = scope_here()
    if config is None:
        return current
    return (Scope() if current is None else current).merged(config)


def lowest(*limits: int | None) -> int | None:
    """Return the lowest of several limits; None where none is set.

    Raises:
        ConfigError: a value that is no limit.
    """
    return min((check_limit(limit) for limit in limits if limit is not None), default=None)


def ensure_scope(config: RunnableConfig | None) -> Scope:
    """Return `resolve_scope(config)`, or an empty scope where there is none."""
    scope = resolve_scope(config)
    return Scope() if scope is None else scope


def without(config: RunnableConfig, *keys: str) -> RunnableConfig:
    """Return a config without these keys."""
    kept = {key: value for key, value in config.items() if key not in keys}
    return cast("RunnableConfig", kept)
