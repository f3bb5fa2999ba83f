"""What LangChain's models over ours have in common: the config, the options, the description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from runnables.cache.keys import digest
from runnables.compose.wrappers import innermost
from runnables.core.config import Scope, ensure_scope
from runnables.engine.stream import aclose, close
from runnables.interop.langchain.ambient import reported

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping

    from runnables.core.config import RunnableConfig

_SAYS_HOW: Final = frozenset(
    "stream stream_usage ls_structured_output_format structured_output_format run_manager "
    "callbacks".split()
)
"""Keywords that LangChain passes to every model, and that change nothing of the answer."""

_SETTINGS: Final = ("model", "temperature", "max_tokens", "stop", "seed", "top_p")


def unreported() -> RunnableConfig:
    """Return the config for a call of ours that is a run of theirs, which has been reported.

    Our handlers hear of it through theirs. The limits and all else of the call around it hold.
    """
    scope = Scope(ensure_scope(None).without_run_settings())
    scope.handlers = scope.own_handlers = ()
    scope.span_handlers = ()
    scope.pop("callbacks", None)
    return scope.config


def invoke_unreported(ours: Any, value: Any, options: Mapping[str, Any]) -> Any:
    """Return the output of a model of ours, whose run is one of theirs; see `unreported`."""
    with reported():
        return ours.invoke(value, unreported(), **options)


async def ainvoke_unreported(ours: Any, value: Any, options: Mapping[str, Any]) -> Any:
    """Return the output of a model of ours, whose run is one of theirs; see `unreported`."""
    with reported():
        return await ours.ainvoke(value, unreported(), **options)


def stream_unreported(
    ours: Any, value: Any, options: Mapping[str, Any]
) -> Generator[Any, None, None]:
    """Yield the chunks of a model of ours, whose run is one of theirs; see `unreported`."""
    chunks = ours.stream(value, unreported(), **options)
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


async def astream_unreported(
    ours: Any, value: Any, options: Mapping[str, Any]
) -> AsyncGenerator[Any, None]:
    """Yield the chunks of a model of ours, whose run is one of theirs; see `unreported`."""
    chunks = ours.astream(value, unreported(), **options)
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
    """Return the options of a call of ours, for a call of theirs.

    Args:
        stop: stop sequences.
        keywords: the other keywords of their call.
    """
    options = {name: value for name, value in keywords.items() if name not in _SAYS_HOW}
    if stop is not None:
        options["stop"] = stop
    if "functions" in options or "function_call" in options:
        from runnables.interop.langchain.old_functions import with_tools

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
) -> dict[str, Any]:
    """Return the metadata by which tracers know a model: its provider, name and settings.

    Args:
        ours: the model.
        kind: "chat" or "llm".
        stop: the stop sequences of a call.
        keywords: the options of a call.
    """
    model: Any = innermost(ours, None)
    options = {**{name: getattr(model, name, None) for name in _SETTINGS}, **keywords}
    provider = type(model).__name__.removeprefix("Chat").removesuffix("ChatModel").lower()
    found = {
        "ls_model_name": options.get("model") or model.get_name(),
        "ls_temperature": options.get("temperature"),
        "ls_max_tokens": options.get("max_tokens"),
        "ls_stop": stop or options.get("stop"),
    }
    shown = {name: value for name, value in found.items() if value is not None}
    return {"ls_provider": provider, "ls_model_type": kind, **shown}
