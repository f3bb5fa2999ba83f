"""Handlers that each run of LangChain finds by itself: in context variables, or by the environment.

`get_usage_metadata_callback`, `collect_runs` and LangSmith's tracing work so. Below a run of
LangChain, our runs are reported to them, too. Where LangChain then opens a run for the same call,
it must not find them again, or they hear of the call twice.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.context import _configure_hooks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextvars import Token


_is_reported: ContextVar[bool] = ContextVar("runnables_reported", default=False)
"""Whether the run of the call around is LangChain's, and has been reported by it."""


def found_handlers() -> list[Any]:
    """Return the handlers of LangChain that its runs find in context variables."""
    return [handler for variable in _variables() if (handler := variable.get(None)) is not None]


def hide(handlers: Iterable[Any]) -> list[tuple[ContextVar[Any], Token[Any]]]:
    """Hide those of LangChain's handlers that stand in some of ours from LangChain's runs.

    Args:
        handlers: handlers of ours.

    Returns:
        What `show` takes to undo it in this context.
    """
    known = {id(target) for one in handlers if (target := _target(one)) is not None}
    return [
        (variable, variable.set(None))
        for variable in (_variables() if known else ())
        if id(variable.get(None)) in known
    ]


def show(hidden: Iterable[tuple[ContextVar[Any], Token[Any]]]) -> None:
    """Undo what `hide` has done."""
    for variable, token in hidden:
        variable.reset(token)


class reported:
    """A context for a call of ours that is a run of LangChain, and not reported a second time.

    All that LangChain's runs find has received it, also where our call leads to one of LangChain.
    In a generator, enter it around each step, never across a `yield`.
    """

    __slots__ = ("_hidden", "_token")

    def __enter__(self) -> None:
        self._token = _is_reported.set(True)
        variables = [one for one in _variables() if one.get(None) is not None]
        self._hidden = [(variable, variable.set(None)) for variable in variables]

    def __exit__(self, *_: object) -> None:
        show(self._hidden)
        _is_reported.reset(self._token)


class hidden:
    """A context in which runs of LangChain do not find what stands in some handlers of ours.

    In a generator, enter it around each step, never across a `yield`.
    """

    __slots__ = ("_handlers", "_hidden")

    def __init__(self, handlers: Iterable[Any]) -> None:
        self._handlers = handlers

    def __enter__(self) -> None:
        self._hidden = hide(self._handlers)

    def __exit__(self, *_: object) -> None:
        show(self._hidden)


def mute_tracers(handlers: Iterable[Any]) -> list[Any]:
    """Return what keeps LangChain's runs from making a tracer, where one hears of us already.

    Where LangSmith's tracing or LangChain's `set_debug` is on, each run makes a tracer, unless it
    has one of that class.

    Args:
        handlers: handlers of ours.
    """
    if _is_reported.get():
        return [_mute_class(name)() for name in _MADE]
    tracers = {made_class(target): target for target in map(_target, handlers)}
    return [_mute(name, tracer) for name, tracer in tracers.items() if name is not None]


def _mute(name: str, tracer: Any) -> Any:
    """Return what mutes a tracer.

    LangChain tells a tracer where in LangSmith's trace it is, in these dicts, and finds only the
    one that is muted. So both share them: else what runs within a `@traceable` would be a trace of
    its own.
    """
    made = _mute_class(name)()
    for shared in ("run_map", "order_map", "_external_run_ids"):
        if hasattr(tracer, shared):
            setattr(made, shared, getattr(tracer, shared))
    return made


_MADE: Final[Mapping[str, str]] = {
    "LangChainTracer": "langchain_core.tracers.langchain",
    "ConsoleCallbackHandler": "langchain_core.tracers.stdout",
}


def made_class(handler: object) -> str | None:
    """Return the class of a tracer of LangChain that its runs make by themselves; None: another."""
    names = [base.__name__ for base in type(handler).__mro__]
    return None if is_mute(handler) else next((name for name in _MADE if name in names), None)


def innermost(handler: Any) -> Any:
    """Return the handler that stands in one of ours: the user's own."""
    return handler.handler if getattr(handler.__class__, "_passes_on", False) else handler


def without(handlers: Iterable[Any], others: Iterable[Any]) -> tuple[Any, ...]:
    """Return the handlers of ours that are in none of the others, which may be LangChain's.

    Of a tracer that LangChain makes by itself, another of the same class counts as the same.
    """
    targets = [innermost(other) for other in others]
    known = {id(target) for target in targets}
    made = {made_class(target) for target in targets} - {None}
    return tuple(
        one
        for one in handlers
        if id(innermost(one)) not in known and made_class(innermost(one)) not in made
    )


def is_mute(handler: object) -> bool:
    """Tell whether a handler is one that `mute_tracers` has made."""
    return isinstance(handler, _Mute)


def _variables() -> Iterable[ContextVar[Any]]:
    found: list[Any] = [hook[0] for hook in _configure_hooks]
    return [variable for variable in found if variable.__class__ is ContextVar]  # ours is none


def _target(handler: Any) -> Any:
    """Return the handler of LangChain that a handler of ours passes events to; None: none."""
    return handler.handler if getattr(handler.__class__, "_tells_langchain", False) else None


class _Mute:
    """What makes a tracer trace nothing, as the first of its bases."""

    ignore_llm = ignore_retry = ignore_chain = ignore_agent = True
    ignore_retriever = ignore_chat_model = ignore_custom_event = True

    def __init__(self) -> None:
        BaseTracer.__init__(cast("Any", self))  # no client

    def copy_with_metadata_defaults(self, **_: Any) -> _Mute:
        return self


@cache
def _mute_class(name: str) -> Any:
    # here, as they take a tenth of a second to load, and LangChain loads them when a run begins
    base: Any = getattr(import_module(_MADE[name]), name)
    return type("Mute", (_Mute, base), {})
