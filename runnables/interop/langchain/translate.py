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
from langchain_core.runnables.configurable import (
    RunnableConfigurableAlternatives as TheirAlternatives,
    RunnableConfigurableFields as TheirFields,
)
from langchain_core.runnables.retry import RunnableRetry as TheirRetry

from runnables.compose.assign import RunnableAssign
from runnables.compose.binding import RunnableBinding
from runnables.compose.branch import RunnableBranch
from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.map import RunnableEach
from runnables.compose.parallel import RunnableParallel
from runnables.compose.passthrough import RunnablePassthrough, RunnablePick
from runnables.compose.policies.fallbacks import RunnableWithFallbacks
from runnables.compose.policies.retry import RunnableRetry
from runnables.compose.sequence import RunnableSequence
from runnables.compose.wrappers import innermost
from runnables.errors import ConfigError
from runnables.interop.langchain.chat_models import OF_TOOLS, ChatModelWithTools
from runnables.interop.langchain.configurable import ConfigurableOfLangChain
from runnables.models.chat import ChatModel
from runnables.models.text import TextModel


def translated(runnable: Any) -> Any:
    """Return the container of ours for one of LangChain; None where there is none."""
    make = _MAKERS.get(_plain_class(type(runnable)))
    return None if make is None else make(runnable)


def _plain_class(cls: Any) -> type:
    """Return a class without its type arguments: pydantic makes a subclass for these."""
    if cls.__name__ == "_ChatModelBinding":  # a class for type checkers alone, says LangChain
        return theirs.RunnableBinding
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
    bound: Any = coerce_to_runnable(runnable.bound)
    if runnable.kwargs and not _is_model(bound):
        return None
    if not OF_TOOLS.isdisjoint(runnable.kwargs):
        return _with_tools(runnable)
    return _with_options(runnable, lambda options: RunnableBinding(bound, **options))


def _with_options(runnable: Any, make: Callable[[dict[str, Any]], Any]) -> Any:
    """Return what is made with the bound options and config; None where a config is not ours."""
    if runnable.config_factories or runnable.config.get("run_id") is not None:
        return None
    config: Any = {key: value for key, value in runnable.config.items() if value}
    return make({"kwargs": runnable.kwargs, "config": config})


def _with_tools(runnable: Any) -> Any:
    """Return a model with tools, which are as the model's own service takes them by then."""
    bound: Any = runnable.bound
    if isinstance(bound, BaseChatModel):
        plain = theirs.RunnableBinding(bound=bound, kwargs=runnable.kwargs, config={})
        model = ChatModelWithTools(plain if runnable.config else runnable)
        return _with_options(runnable, lambda options: _configured(model, options["config"]))
    if _plain_class(type(bound)) is TheirRetry:  # as of `model.bind_tools(tools).with_retry()`
        inside = type(runnable)(bound=bound.bound, kwargs=runnable.kwargs, config=runnable.config)
        return translated(bound.model_copy(update={"bound": inside}))
    return None


def _configured(model: Any, config: Any) -> Any:
    return model.with_config(config) if config else model


def _retry(runnable: Any) -> Any:
    """Return a retry of ours around a model, which then is a model, too; None around others."""
    bound: Any = coerce_to_runnable(runnable.bound)
    if not _is_model(bound) or not OF_TOOLS.isdisjoint(runnable.kwargs):
        return None
    settings: dict[str, Any] = {
        "retry_if_exception_type": runnable.retry_exception_types,
        "wait_exponential_jitter": runnable.wait_exponential_jitter,
        "exponential_jitter_params": runnable.exponential_jitter_params,
        "stop_after_attempt": runnable.max_attempt_number,
    }
    try:
        made = _with_options(runnable, lambda more: RunnableRetry(bound, **settings, **more))
    except ConfigError:  # such as attempts without an end
        return None
    return None if made is None else _named(made, runnable)


def _fallbacks(runnable: Any) -> Any:
    """Return fallbacks of ours among models, which then are a model, too; None among others."""
    parts: list[Any] = [coerce_to_runnable(part) for part in runnable.runnables]
    if not all(map(_is_model, parts)):
        return None
    errors: Any = runnable.exceptions_to_handle
    key = runnable.exception_key
    try:
        made: Any = RunnableWithFallbacks(
            parts[0], parts[1:], exceptions_to_handle=errors, exception_key=key
        )
    except ConfigError:  # such as no fallbacks
        return None
    return _named(made, runnable)


def _configurable(runnable: Any) -> Any:
    """Return a configurable model of ours for one of LangChain; None for what is no model."""
    made = ConfigurableOfLangChain(runnable)
    return made if _is_model(made) else None


def _is_model(runnable: Any) -> bool:
    """Tell whether a runnable of ours is a model, with what is around it."""
    return isinstance(innermost(runnable, None), (ChatModel, TextModel))


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
    TheirRetry: _retry,
    theirs.RunnableWithFallbacks: _fallbacks,
    TheirFields: _configurable,
    TheirAlternatives: _configurable,
}
