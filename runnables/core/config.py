"""What travels beside the input: the user's `RunnableConfig`, and the `Scope` that it becomes.

A call without a config, inside no other call that had one, has no scope, and pays for none.
Otherwise the scope goes down from call to call explicitly, and is set as the *ambient* scope
around users' functions, so that `chain.invoke(x)` in there joins the call around it.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, TypedDict, cast

from runnables.engine import Slots, check_limit
from runnables.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from uuid import UUID

    from runnables.core.handlers import Handler

DEFAULT_RECURSION_LIMIT: Final = 25


class RunnableConfig(TypedDict, total=False):
    """What a user may say beside the input. Keys that are not listed here are refused.

    Attributes:
        tags: labels for this run and those below it.
        metadata: JSON-like values for this run and those below it.
        callbacks: handlers that are told what this run and those below it do.
        run_name: the name of this run; those below keep theirs.
        run_id: the id of this run; those below get their own.
        max_concurrency: how many leaf calls may be in flight below this call.
        recursion_limit: how often in a row a function may return another runnable.
        configurable: values for configurable fields and alternatives, by their ids.
    """

    tags: list[str]
    metadata: dict[str, Any]
    callbacks: Sequence[Handler] | None
    run_name: str | None
    run_id: UUID | str | None
    max_concurrency: int | None
    recursion_limit: int
    configurable: dict[str, Any]


CONFIG_KEYS: Final = frozenset(RunnableConfig.__annotations__)
_KINDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "tags": (list, tuple, set, frozenset),
    "metadata": Mapping,
    "callbacks": (list, tuple),
    "run_name": str,
    "max_concurrency": int,
    "recursion_limit": int,
    "configurable": Mapping,
}
_EXPECTED: Final[Mapping[object, str]] = {
    _KINDS["tags"]: "a list of texts",
    _KINDS["callbacks"]: "a list of handlers",
    Mapping: "a dict",
    str: "a text",
    int: "a whole number",
}


class Scope(dict[str, Any]):
    """What surrounds a call. As a dict, it is the config that those below it inherit.

    Attributes:
        handlers: who is told of the runs below.
        own: who is told of the next run only (listeners).
        slots: the limit that the call stands in; None: nobody has opened one.
        run_id: the run around this call, as its parent.
        parents: the ids of all runs around it, from the outermost.
        path: the steps that lead here, as a reader would name them.
        returns: how many functions around this call have returned a runnable.
        next_name: the name of the next run.
        next_id: the id of the next run.
        next_tags: tags of the next run only, such as "seq:step:1".
    """

    __slots__ = (
        "handlers",
        "next_id",
        "next_name",
        "next_tags",
        "own_handlers",
        "parents",
        "path",
        "recursion_depth",
        "run_id",
        "slots",
    )

    handlers: tuple[Handler, ...]
    own_handlers: tuple[Handler, ...]
    slots: Slots | None
    run_id: str | None
    parents: tuple[str, ...]
    path: tuple[str, ...]
    recursion_depth: int
    next_name: str | None
    next_id: str | None
    next_tags: tuple[str, ...]

    def __init__(self, around: Scope | None = None) -> None:
        if around is None:
            super().__init__()
            self.handlers = self.own_handlers = self.parents = self.path = self.next_tags = ()
            self.slots = self.run_id = self.next_name = self.next_id = None
            self.recursion_depth = 0
            return
        super().__init__(around)
        self.handlers = around.handlers
        self.own_handlers = around.own_handlers
        self.slots = around.slots
        self.run_id = around.run_id
        self.parents = around.parents
        self.path = around.path
        self.recursion_depth = around.recursion_depth
        self.next_name = around.next_name
        self.next_id = around.next_id
        self.next_tags = around.next_tags

    @property
    def config(self) -> RunnableConfig:
        """This scope as what users' functions are given, and may pass on."""
        return cast("RunnableConfig", self)

    @property
    def observed(self) -> bool:
        """Whether anybody is told of the next run."""
        return bool(self.handlers or self.own_handlers)

    def child(self, run_id: str) -> Scope:
        """The scope for calls inside the run of this id: what was for the next run is used up."""
        scope = self.without_run_settings()
        scope.parents = (*self.parents, run_id)
        scope.run_id = run_id
        return scope

    def without_run_settings(self) -> Scope:
        """The same without what was meant for the next run only."""
        if not (self.own_handlers or self.next_name or self.next_id or self.next_tags):
            return Scope(self) if self.observed else self
        scope = Scope(self)
        scope.own_handlers = scope.next_tags = ()
        scope.next_name = scope.next_id = None
        return scope

    def for_step(self, tag: str, label: str) -> Scope:
        """The scope for one step or branch; the same one where nobody would know."""
        if not self.observed:
            return self
        scope = Scope(self)
        scope.next_tags = (*self.next_tags, tag)
        scope.path = (*self.path, label)
        return scope

    def merged(self, config: RunnableConfig) -> Scope:
        """The same with what a config says on top of it.

        Raises:
            ConfigError: a key that is not one of `RunnableConfig`, or a value of the wrong kind.
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
    new = [
        it for it in check_handlers(handlers) if not any(it is known for known in scope.handlers)
    ]
    scope.handlers = (*scope.handlers, *new)
    scope["callbacks"] = list(scope.handlers)


def check_handlers(handlers: Iterable[Handler]) -> tuple[Handler, ...]:
    """The handlers, each of which must be one.

    Raises:
        ConfigError: names the first that is none.
    """
    checked = tuple(handlers)
    for handler in checked:
        if isinstance(handler, type):
            raise ConfigError(f"callbacks: {handler!r} is a class, expected a handler made of it.")
        if not callable(getattr(handler, "on_event", None)):
            raise ConfigError(
                f"callbacks: {handler!r} has no method on_event(event). "
                "Handlers subclass runnables.Handler, or have that method."
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
    "configurable": _merge_mapping("configurable"),
}


def check_config(config: object) -> None:
    """Refuse a config with a key that nothing reads, or a value of the wrong kind.

    Raises:
        ConfigError: names the key, and the near one that was probably meant.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(f"config={config!r}: expected a dict with keys of RunnableConfig")
    for key, value in cast("Mapping[object, object]", config).items():
        if key not in CONFIG_KEYS:
            raise ConfigError(
                f"Unknown config key {key!r}.{did_you_mean(str(key), CONFIG_KEYS)} "
                f"Known keys: {', '.join(sorted(CONFIG_KEYS))}. "
                "Values of your own go into 'metadata' or 'configurable'."
            )
        kind = _KINDS.get(str(key))
        if value is not None and kind is not None and not isinstance(value, kind):
            raise ConfigError(f"Config key {key!r}: {value!r} is not {_EXPECTED[kind]}")


def refuse_options(runnable: object, options: Mapping[str, Any]) -> None:
    """Refuse keywords of a call that nothing would read.

    Raises:
        ConfigError: names the first of them.
    """
    for name in options:
        raise ConfigError(f"{runnable!r} takes no option {name!r}")


def check_near_options(options: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse an option for the steps that can only be a slip of one of the call's own.

    Raises:
        ConfigError: names both.
    """
    for name in options:
        if found := get_close_matches(name, list(known), n=1, cutoff=0.85):
            raise ConfigError(f"There is no option {name!r}. Did you mean {found[0]!r}?")


_current: contextvars.ContextVar[Scope | None] = contextvars.ContextVar(
    "runnables_scope", default=None
)
current_scope = _current.get
"""The scope around the code that asks, or None."""


class activate:
    """Make a scope, without anything for the next run only, the ambient one inside the block.

    (A generator function with `contextmanager` would take a microsecond longer.)
    """

    __slots__ = ("_scope", "_token")

    def __init__(self, scope: Scope | None) -> None:
        self._scope = scope

    def __enter__(self) -> None:
        # setting what is set makes objects that every collection of garbage goes through
        known = _current.get() is self._scope
        self._token = None if known else _current.set(self._scope)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _current.reset(self._token)


CURRENT_SCOPE: Final = _current
"""For fan-outs: what is done inside joins the scope that is set here, without a config."""

set_current_scope = _current.set
reset_current_scope = _current.reset


def resolve_scope(config: RunnableConfig | None) -> Scope | None:
    """The scope that a call with this config stands in; None where nothing travels with it."""
    if isinstance(config, Scope):
        return config
    around = _current.get()
    if config is None:
        return around
    return (Scope() if around is None else around).merged(config)


def lowest(*limits: int | None) -> int | None:
    """The limit that holds where several do; None where nobody says one.

    Raises:
        ConfigError: one that is no limit.
    """
    said = [check_limit(it) for it in limits if it is not None]
    return min(said, default=None)


def ensure_scope(config: RunnableConfig | None) -> Scope:
    """As `resolve_scope`, but always a scope."""
    scope = resolve_scope(config)
    return Scope() if scope is None else scope


def without(config: RunnableConfig, *keys: str) -> RunnableConfig:
    """A config without these keys."""
    return cast("RunnableConfig", {k: v for k, v in config.items() if k not in keys})


def merge_configs(*configs: RunnableConfig | None) -> RunnableConfig:
    """One config out of several; what comes later wins, tags, metadata and callbacks add up.

    Raises:
        ConfigError: an unknown key, or a value of the wrong kind.
    """
    merged: dict[str, Any] = {}
    for config in configs:
        check_config(config or {})
        for key, value in (config or {}).items():
            if value is not None:
                merged[key] = _COMBINERS.get(key, _later)(merged.get(key), value)
    return cast("RunnableConfig", merged)


def _later(_old: Any, new: Any) -> Any:
    return new


def _joined(old: Any, new: Any) -> list[Any]:
    return [*(old or ()), *(it for it in new if it not in (old or ()))]


def _updated(old: Any, new: Any) -> dict[str, Any]:
    return {**(old or {}), **new}


_COMBINERS: Final[Mapping[str, Any]] = {
    "tags": _joined,
    "callbacks": _joined,
    "metadata": _updated,
    "configurable": _updated,
}
