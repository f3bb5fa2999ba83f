"""Containers of LangChain as containers of ours, over converted parts.

So the streams between their parts are ours: they stop where their reader leaves, and one limit
holds below a call. Only the exact classes are translated, as a subclass may do something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from langchain_core import runnables as theirs
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables.base import RunnableEach as TheirEach

from runnables.compose.assign import RunnableAssign
from runnables.compose.binding import RunnableBinding
from runnables.compose.branch import RunnableBranch
from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.map import RunnableEach
from runnables.compose.parallel import RunnableParallel
from runnables.compose.passthrough import RunnablePassthrough, RunnablePick
from runnables.compose.sequence import RunnableSequence


def translated(runnable: Any) -> Any:
    """Return the container of ours for one of LangChain; None where there is none."""
    make = _MAKERS.get(_plain_class(type(runnable)))
    return None if make is None else make(runnable)


def _plain_class(cls: Any) -> type:
    """Return a class without its type arguments: pydantic makes a subclass for these."""
    generic: Mapping[str, Any] = getattr(cls, "__pydantic_generic_metadata__", {})
    return cast("type", generic.get("origin") or cls)


def _sequence(runnable: theirs.RunnableSequence[Any, Any]) -> Any:
    return RunnableSequence(*runnable.steps, name=runnable.name)


def _parallel(runnable: theirs.RunnableParallel[Any]) -> Any:
    return _named(RunnableParallel(dict(runnable.steps__)), runnable)


def _passthrough(runnable: theirs.RunnablePassthrough[Any]) -> Any:
    has_function = runnable.func is not None or runnable.afunc is not None
    return None if has_function else _named(RunnablePassthrough(), runnable)


def _assign(runnable: Any) -> Any:
    mapper: Any = coerce_to_runnable(runnable.mapper)
    return _named(RunnableAssign(mapper), runnable) if _is_parallel(mapper) else None


def _is_parallel(mapper: object) -> bool:
    return isinstance(mapper, RunnableParallel)


def _pick(runnable: theirs.RunnablePick) -> Any:
    return _named(RunnablePick(runnable.keys), runnable)


def _branch(runnable: theirs.RunnableBranch[Any, Any]) -> Any:
    return _named(RunnableBranch(*runnable.branches, runnable.default), runnable)


def _each(runnable: Any) -> Any:
    return _named(RunnableEach(runnable.bound), runnable)


def _binding(runnable: Any) -> Any:
    """Return a binding of ours; None where options are bound, which only LangChain knows."""
    if runnable.config_factories or not _binds(runnable.config):
        return None
    if runnable.kwargs and not _is_model_with_options(runnable):
        return None
    config: Any = {key: value for key, value in runnable.config.items() if value}
    return RunnableBinding(runnable.bound, kwargs=runnable.kwargs, config=config)


def _is_model_with_options(runnable: Any) -> bool:
    """Tell whether a binding is that of a chat model, with options that we pass on as they are.

    Tools are as the model's own service takes them by then.
    """
    is_model = isinstance(runnable.bound, BaseChatModel)
    return is_model and _OF_TOOLS.isdisjoint(runnable.kwargs)


_OF_TOOLS: Final = frozenset({"tools", "tool_choice", "functions", "function_call"})


def _binds(config: Mapping[str, Any]) -> bool:
    """Tell whether a config has keys of ours alone, and none that is for one call only."""
    return config.get("run_id") is None


def _named(made: Any, runnable: Any) -> Any:
    if runnable.name is not None:
        made.name = runnable.name
    return made


_MAKERS: Final[Mapping[type, Callable[[Any], Any]]] = {
    theirs.RunnableSequence: _sequence,
    theirs.RunnableParallel: _parallel,
    theirs.RunnablePassthrough: _passthrough,
    theirs.RunnableAssign: _assign,
    theirs.RunnablePick: _pick,
    theirs.RunnableBranch: _branch,
    TheirEach: _each,
    theirs.RunnableBinding: _binding,
}
