"""What LangChain's models over ours have in common: the calls, the options, the description.

The run is LangChain's, which reports it. Ours is not reported: our handlers hear of it through
theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast
from uuid import uuid4

from runnables.cache.keys import digest
from runnables.compose.wrappers import innermost
from runnables.core.config import Scope, ensure_scope
from runnables.engine.stream import aclose, close
from runnables.interop.langchain.ambient import reported
from runnables.interop.langchain.model_facts import provider_name
from runnables.interop.langchain.old_functions import with_tools

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping

    from langchain_core.language_models import LangSmithParams

    from runnables.core.config import RunnableConfig

_SAYS_HOW: Final = frozenset(
    "stream stream_usage ls_structured_output_format structured_output_format run_manager "
    "callbacks".split()
)
"""Keywords that LangChain passes to every model, and that change nothing of the answer."""

_SETTINGS: Final = ("model", "temperature", "max_tokens", "stop", "seed", "top_p")


def _unreported() -> RunnableConfig:
    """Return the config of a call of ours: that of the call around it, without handlers."""
    scope = Scope(ensure_scope(None).without_run_settings())
    scope.handlers = scope.own_handlers = ()
    scope.span_handlers = ()
    scope.pop("callbacks", None)
    return scope.config


def invoke(ours: Any, value: Any, stop: list[str] | None, keywords: Mapping[str, Any]) -> Any:
    """Return the output of a model of ours.

    Args:
        ours: the model, which may have a retry, fallbacks or bound options around it.
        value: the input.
        stop: stop sequences.
        keywords: the other keywords of their call.
    """
    with reported():
        return ours.invoke(value, _unreported(), **options_of(stop, keywords))


async def ainvoke(
    ours: Any, value: Any, stop: list[str] | None, keywords: Mapping[str, Any]
) -> Any:
    """Return the output of a model of ours; see `invoke`."""
    with reported():
        return await ours.ainvoke(value, _unreported(), **options_of(stop, keywords))


def stream(
    ours: Any, value: Any, stop: list[str] | None, keywords: Mapping[str, Any]
) -> Generator[Any, None, None]:
    """Yield the chunks of a model of ours; see `invoke`."""
    chunks = ours.stream(value, _unreported(), **options_of(stop, keywords))
    try:
        while True:
            with reported():
                chunk = next(chunks, _END)
            if chunk is _END:
                return
            yield chunk
    finally:
        with reported():
            close(chunks)


async def astream(
    ours: Any, value: Any, stop: list[str] | None, keywords: Mapping[str, Any]
) -> AsyncGenerator[Any, None]:
    """Yield the chunks of a model of ours; see `invoke`."""
    chunks = ours.astream(value, _unreported(), **options_of(stop, keywords))
    try:
        while True:
            with reported():
                chunk = await anext(chunks, _END)
            if chunk is _END:
                return
            yield chunk
    finally:
        with reported():
            await aclose(chunks)


_END: Final = object()


def options_of(stop: list[str] | None, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a call of ours, for a call of theirs; see `invoke`."""
    options = {name: value for name, value in keywords.items() if name not in _SAYS_HOW}
    if stop is not None:
        options["stop"] = stop
    if "functions" in options or "function_call" in options:
        return with_tools(options)
    return options


def parameters(ours: Any) -> dict[str, Any]:
    """Return what LangChain's traces show of a model of ours.

    Secrets are hidden, as they are in every `repr`.
    """
    model: Any = innermost(ours, None)
    settings = {name: getattr(model, name, None) for name in _SETTINGS}
    known = {name: value for name, value in settings.items() if value is not None}
    name = known.get("model")
    return {**known, **({"model_name": name} if name else {}), "runnable": repr(ours)}


def cache_key(ours: Any) -> str:
    """Return what distinguishes a model of ours from others in LangChain's caches.

    It is the key that our own caches have: a `repr` may leave out what decides the answer. A model
    that has no key gets one that no other has.
    """
    try:
        return digest(ours)
    except TypeError:
        return uuid4().hex


def description(adapter: object, ours: Any) -> dict[str, Any]:
    """Return what LangChain's handlers get as `serialized`: the class, and a name to show."""
    kind = type(adapter)
    path = [*kind.__module__.split("."), kind.__name__]
    name = ours.get_name()
    return {"lc": 1, "type": "not_implemented", "id": path, "repr": repr(ours), "name": name}


def tracing_parameters(
    ours: Any, kind: str, stop: list[str] | None, keywords: Mapping[str, Any]
) -> LangSmithParams:
    """Return the metadata by which tracers know a model: its provider, name and settings.

    Args:
        ours: the model.
        kind: "chat" or "llm".
        stop: the stop sequences of a call.
        keywords: the options of a call.
    """
    model: Any = innermost(ours, None)
    options = {**{name: getattr(model, name, None) for name in _SETTINGS}, **keywords}
    found = {
        "ls_model_name": options.get("model") or model.get_name(),
        "ls_temperature": options.get("temperature"),
        "ls_max_tokens": options.get("max_tokens"),
        "ls_stop": stop or options.get("stop"),
    }
    shown = {name: value for name, value in found.items() if value is not None}
    return cast(
        "LangSmithParams", {"ls_provider": provider_name(model), "ls_model_type": kind, **shown}
    )
