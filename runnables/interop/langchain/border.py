"""What a call takes across the border, in each direction.

- **Out**, from a run of ours to a call of theirs: their config has their handlers as they are, and
  one `EventHandler` for all of ours. Meanwhile there is no current scope, so that what runs inside
  finds its surroundings in their config. `left_scope` keeps the limits.
- **In**, from a run of theirs to a call of ours: handlers of ours are taken out of their
  `EventHandler`, and theirs get a `Bridge`. So no event is reported twice, and none needs a mark.
- **Calls without a config.** Theirs inside a function of ours: LangChain asks `_Ambient` for a
  handler. Ours inside a function of theirs: `scope_inside` reads LangChain's own context variable,
  unless a scope of ours is further in.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from langchain_core.callbacks import CallbackManager
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tracers.context import register_configure_hook

from runnables.core.config import (
    CURRENT_SCOPE,
    OUTER_SCOPES,
    RunnableConfig,
    Scope,
    current_scope,
)
from runnables.core.events import aemit
from runnables.core.foreign import is_same
from runnables.core.stream_runs import StartOnFirstEvent
from runnables.engine.slots import Slots
from runnables.interop.langchain.ambient import (
    found_handlers,
    hide,
    innermost,
    mute_tracers,
)
from runnables.interop.langchain.bridge import Bridge, as_id
from runnables.interop.langchain.contexts import is_silent, left_scope
from runnables.interop.langchain.event_handler import EventHandler, event_handler
from runnables.interop.langchain.managers import handlers_of_ours, parents_of
from runnables.interop.langchain.run_ids import OWN_RUNS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection, Generator, Iterable, Mapping

    from runnables.core.handlers import Event, Handler

# --- in: a call of ours within a run of theirs ------------------------------------------------


class _Below:
    """A handler of ours for what is below a run that LangChain has reported to it already."""

    _passes_on: ClassVar[bool] = True

    def __init__(self, handler: Handler, reported: Collection[str]) -> None:
        self.handler = handler
        self.reported = reported
        self.wants_chunks = getattr(handler, "wants_chunks", False)

    @property
    def run_types(self) -> Any:
        """Return the kinds of runs that the handler wants to see; None: all."""
        return getattr(self.handler, "run_types", None)

    @property
    def raise_error(self) -> bool:
        """Tell whether an error of the handler fails the run."""
        return getattr(self.handler, "raise_error", False)

    def on_event(self, event: Event, /) -> Awaitable[None] | None:
        """Receive an event, and pass on what is below."""
        return None if self._is_reported(event) else self.handler.on_event(event)

    async def aon_event(self, event: Event, /) -> None:
        """Receive an event of an async run, and pass on what is below."""
        if not self._is_reported(event):
            await aemit([self.handler], event)

    def _is_reported(self, event: Event) -> bool:
        return event.run_id in self.reported and event.kind != "custom"


def config_of_ours(
    manager: Any,
    config: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    reported: Collection[str] | None = None,
    kind: type[Scope] = Scope,
    around: object = None,
    has_context: bool = False,
) -> RunnableConfig:
    """Return the config for a call of ours that is a run of theirs, which is open already.

    The call has the id of their run. All below is reported to the handlers of both.

    Args:
        manager: the run manager of their run, sync or async.
        config: their config of the call, for limits and `configurable`.
        name: the name of the run, where it was given one.
        reported: the ids of the runs that LangChain reports: that of this run, and those of the
            other rows of a batch.
        kind: the class of the config.
        around: LangChain's config that is in force, where that was made for a whole batch.
        has_context: whether LangChain runs the call in a context of its own, so that nothing that
            is set there needs to be reset.
    """
    run_id = str(manager.run_id)
    reported = (run_id,) if reported is None else reported
    scope = kind(_scope_around(current_scope()))
    scope.own_handlers = ()
    handlers = handlers_of_ours([*manager.inheritable_handlers, *found_handlers()], reported)
    if run_id not in OWN_RUNS:
        handlers = [one if isinstance(one, Bridge) else _Below(one, reported) for one in handlers]
    parents = parents_of(manager.handlers, run_id)
    _fill(scope, handlers, parents[:-1], config or {})
    scope["tags"] = list(manager.inheritable_tags)
    scope["metadata"] = dict(manager.inheritable_metadata)
    inherited = set(manager.inheritable_tags)
    scope.next_tags = tuple(tag for tag in manager.tags if tag not in inherited)
    scope.next_id, scope.next_name = run_id, name
    if has_context:
        around = _without_handlers(config or {}, handlers)
        hide(handlers)
        CURRENT_SCOPE.set(scope.child(run_id))
    scope.outer_config = var_child_runnable_config.get() if around is None else around
    return scope.config


@contextmanager
def for_batch(manager: Any, config: Mapping[str, Any]) -> Generator[object]:
    """Make a config without handlers the one that LangChain finds inside the block; see below.

    Args:
        manager: the run manager of a row.
        config: LangChain's config of that row.
    """
    before = var_child_runnable_config.get()
    current = CURRENT_SCOPE.get()
    handlers = handlers_of_ours([*manager.inheritable_handlers, *found_handlers()])
    try:
        yield _without_handlers(config, handlers)
    finally:
        var_child_runnable_config.set(before)
        CURRENT_SCOPE.set(current)


def _fill(
    scope: Scope, handlers: Iterable[Handler], parents: tuple[str, ...], config: Mapping[str, Any]
) -> None:
    """Set what a config of LangChain says, and the runs around."""
    scope.handlers = tuple(handlers)
    scope["callbacks"] = list(scope.handlers)
    scope.parents = parents
    scope.run_id = parents[-1] if parents else None
    values = cast("Mapping[str, Any]", config.get("configurable") or {})
    own = {key: value for key, value in values.items() if not key.startswith("__pregel_")}
    if own:
        scope["configurable"] = {**scope.get("configurable", {}), **own}
    if (limit := config.get("max_concurrency")) is not None:
        scope.slots = Slots(limit, scope.slots)
    if (depth := config.get("recursion_limit")) is not None:
        scope["recursion_limit"] = depth


def _without_handlers(config: Mapping[str, Any], handlers: Iterable[Handler]) -> dict[str, Any]:
    """Make a config without these handlers the one that LangChain finds here; return it.

    What LangChain runs inside is then reported once: by `_Ambient`, as below the run of ours.
    LangGraph still finds there what its nodes may ask for.
    """
    mute = mute_tracers(handlers) or None
    bare = {**(var_child_runnable_config.get() or {}), **config, "callbacks": mute}
    for key in ("run_id", "run_name"):
        bare.pop(key, None)
    var_child_runnable_config.set(cast("Any", bare))
    return bare


def scope_inside(scope: Scope | None) -> Scope | None:
    """Return the scope of a call of ours without a config: that of LangChain's run around it.

    Args:
        scope: the current scope, which is returned where no run of LangChain is further in.
    """
    config = cast("Mapping[str, Any] | None", var_child_runnable_config.get())
    if config is None or (scope is not None and scope.outer_config is config):
        return scope
    if is_silent(scope):
        return scope
    found = Scope(Scope(_scope_around(scope)).without_run_settings())
    handlers, parents = _inherited(config.get("callbacks"))
    _fill(found, handlers, parents or found.parents, config)
    found["tags"] = list(config.get("tags") or ())
    found["metadata"] = dict(config.get("metadata") or {})
    found.outer_config = config
    return found


def _scope_around(scope: Scope | None) -> Scope | None:
    """Return the scope whose limits hold: the current one, or the one that was left."""
    # a scope that has a limit alone is an empty dict, so `or` would pass it over
    return left_scope() if scope is None else scope


def _inherited(manager: Any) -> tuple[list[Handler], tuple[str, ...]]:
    """Return the handlers that a manager, or a list, gives to what is below; and its run."""
    if manager is None:
        return [], ()
    if not hasattr(manager, "inheritable_handlers"):  # a list
        return handlers_of_ours(manager), ()
    parents = parents_of(manager.handlers, manager.parent_run_id)
    return handlers_of_ours([*manager.inheritable_handlers, *found_handlers()]), parents


# --- out: a call of theirs within a run of ours -----------------------------------------------


def config_of_theirs(scope: Scope | None) -> Any:
    """Return the config for a call of theirs within our run.

    Args:
        scope: the scope of our run; None: there is no config.
    """
    if scope is None:
        return None
    config: dict[str, Any] = {}
    if scope.observed:
        handlers = scope.handlers, scope.own_handlers
        config["callbacks"] = manager_of(*handlers, scope.parents, scope.path)
    around = cast("Mapping[str, Any]", var_child_runnable_config.get() or {})
    inherited = cast("dict[str, Any]", around.get("configurable") or {})
    configurable = {**inherited, **scope.get("configurable", {})}
    if configurable:
        config["configurable"] = configurable
    if tags := [*scope.get("tags", ()), *scope.next_tags]:
        config["tags"] = tags
    if metadata := scope.get("metadata"):
        config["metadata"] = dict(metadata)
    if scope.next_name is not None:
        config["run_name"] = scope.next_name
    if scope.next_id is not None:
        config["run_id"] = as_id(scope.next_id)
    if scope.slots is not None:
        config["max_concurrency"] = _lowest(scope.slots)
    if (limit := scope.get("recursion_limit")) is not None:
        config["recursion_limit"] = limit
    return config


def manager_of(
    handlers: Iterable[Handler],
    own: Iterable[Handler],
    parents: tuple[str, ...],
    path: tuple[str, ...],
) -> CallbackManager:
    """Return LangChain's manager of handlers of ours.

    Args:
        handlers: the handlers of the next run and all below.
        own: those of the next run only.
        parents: the ids of the runs around, the outermost first.
        path: the steps that lead there.
    """
    below = _handlers_of_theirs(handlers, parents, path)
    all_of_run = [*_handlers_of_theirs(own, parents, path), *below]
    parent = as_id(parents[-1]) if parents else None
    return CallbackManager(all_of_run, inheritable_handlers=below, parent_run_id=parent)


def _handlers_of_theirs(
    handlers: Iterable[Any], parents: tuple[str, ...], path: tuple[str, ...]
) -> list[Any]:
    theirs: list[Any] = [one.handler for one in handlers if isinstance(one, Bridge)]
    ours = [innermost(one) for one in handlers if not isinstance(one, (Bridge, StartOnFirstEvent))]
    if ours:  # the last one, as LangChain gives chunks to the first handler that takes them
        theirs.append(event_handler(ours, parents, path))
    return theirs


def _lowest(slots: Slots) -> int:
    """Return the lowest limit that is in force."""
    lowest, outer = slots.limit, slots.parent
    while outer is not None:
        lowest, outer = min(lowest, outer.limit), outer.parent
    return lowest


def start_runs(scope: Scope | None) -> None:
    """Report the start of the run around a scope, where that waits for its first event."""
    for handler in _waiting(scope):
        handler.on_event(_NO_EVENT)


async def astart_runs(scope: Scope | None) -> None:
    """Report the start of the run around a scope, where that waits for its first event."""
    for handler in _waiting(scope):
        if (started := handler.on_event(_NO_EVENT)) is not None:
            await started


_NO_EVENT: Final = cast("Event", None)
"""What such a handler is called with: it does not read it."""


def _waiting(scope: Scope | None) -> list[StartOnFirstEvent]:
    handlers = () if scope is None else scope.handlers
    return [handler for handler in handlers if isinstance(handler, StartOnFirstEvent)]


_numbers: Final = count(1)


class _Ambient:
    """What LangChain asks for a handler, where a call has no config: a context variable to it."""

    def get(self) -> EventHandler | None:
        """Return the handler for the current scope of ours; None where there is none to tell."""
        scope = current_scope()
        if scope is None or not scope.handlers or is_silent(scope):
            return None
        if not (handlers := _not_around(scope.handlers)):
            return None
        found = event_handler(handlers, scope.parents, scope.path)
        found.found = next(_numbers)
        return found


def _not_around(handlers: Iterable[Handler]) -> list[Handler]:
    """Return the handlers without those that LangChain reports to by itself, by its own config."""
    config = cast("Mapping[str, Any]", var_child_runnable_config.get() or {})
    known = [*_inherited(config.get("callbacks"))[0], *handlers_of_ours(found_handlers())]
    return [one for one in handlers if not any(is_same(one, other) for other in known)]


register_configure_hook(cast("Any", _Ambient()), inheritable=True)
OUTER_SCOPES.append(scope_inside)
