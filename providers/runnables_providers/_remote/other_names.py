"""Keywords of LangChain's classes: other names of our settings, and those that mean nothing here.

One rule holds for a keyword that means nothing here. It is taken, and has no effect, where it asks
for what happens anyway; else it is refused with what to write instead.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar, cast

from runnables.errors import ConfigError

AnyClass = TypeVar("AnyClass", bound=type)


class NoEffect(NamedTuple):
    """A keyword that means nothing here.

    Attributes:
        why: the reason.
        values: those that ask for what happens anyway, beside None; None: any value does.
        instead: what to do for any other.
    """

    why: str
    values: tuple[Any, ...] | None = None
    instead: str = ""


_CLIENTS: Final = NoEffect(
    "connections belong to this library",
    ({},),
    "use timeout=, default_headers=, and proxies of the environment",
)
_PROXY: Final = NoEffect("proxies come from the environment", ("",), "set HTTPS_PROXY there")
_NO_VERTEX: Final = NoEffect(
    "only the Gemini API is here, which takes a key",
    (False,),
    "pass api_key=, or base_url= of a gateway that takes one",
)
_WHOLE_STRINGS: Final = NoEffect(
    "strings are embedded as they are", (False,), "split long strings before they are embedded"
)
_RETRY_WAITS: Final = NoEffect(
    "waits are those that the service asks for", (), "bound them with max_retry_delay="
)

NO_EFFECT: Final[Mapping[str, NoEffect]] = {
    "streaming": NoEffect("`stream` streams, and handlers get the chunks of `invoke`, too"),
    "stream": NoEffect("`stream` streams, and handlers get the chunks of `invoke`, too"),
    "stream_usage": NoEffect("usage is always reported"),
    "tiktoken_model_name": NoEffect("tokens are estimated without it"),
    "tiktoken_enabled": NoEffect("tokens are estimated without it"),
    "disable_streaming": NoEffect(
        "the caller chooses", (False,), "call `invoke` instead of `stream`"
    ),
    "verbose": NoEffect("models print nothing, in LangChain neither; ConsoleHandler prints"),
    "n": NoEffect("an input has one answer", (1,), "use `batch` with the input repeated"),
    "candidate_count": NoEffect("an input has one answer", (1,), "use `batch`, the input repeated"),
    "tags": NoEffect("tags are part of the config", ([],), "use with_config(tags=[...])"),
    "profile": NoEffect("nothing reads it", ({},), "leave it out"),
    "output_version": NoEffect("blocks have one format", ("v1",), "read message.content_blocks"),
    "custom_get_token_ids": NoEffect(
        "tokens are estimated", (), "count tokens with count_tokens_approximately"
    ),
    "include_response_headers": NoEffect(
        "the id of the request is there", (False,), "read the id in response_metadata"
    ),
    "use_previous_response_id": NoEffect(
        "conversations are sent in full", (False,), "pass previous_response_id= in a call"
    ),
    "validate_model_on_init": NoEffect(
        "nothing is sent before a call", (False,), "call the model once yourself"
    ),
    "validate_base_url": NoEffect("URLs are always checked", (True,), "pass a valid base_url="),
    "openai_api_type": NoEffect(
        "the class says it", ("azure", "openai", "open_ai"), "choose the class"
    ),
    "convert_system_message_to_human": NoEffect(
        "Gemini takes system messages", (False,), "write a human message yourself"
    ),
    "transport": NoEffect("requests are sent over HTTP", ("rest",), "leave it out"),
    "vertexai": _NO_VERTEX,
    "credentials": _NO_VERTEX,
    "project": _NO_VERTEX,
    "location": _NO_VERTEX,
    "default_query": NoEffect(
        "requests have no query", ({},), "put it into extra_body= or default_headers="
    ),
    "http_client": _CLIENTS,
    "http_async_client": _CLIENTS,
    "http_socket_options": _CLIENTS,
    "client": _CLIENTS,
    "async_client": _CLIENTS,
    "client_args": _CLIENTS,
    "client_kwargs": _CLIENTS,
    "async_client_kwargs": _CLIENTS,
    "sync_client_kwargs": _CLIENTS,
    "client_options": NoEffect("an endpoint is a URL", ({},), "pass the endpoint as base_url="),
    "request_options": NoEffect("its use is a time limit", ({},), "pass timeout="),
    "openai_proxy": _PROXY,
    "anthropic_proxy": _PROXY,
    "check_embedding_ctx_length": _WHOLE_STRINGS,
    "embedding_ctx_length": _WHOLE_STRINGS,
    "show_progress_bar": NoEffect("nothing prints", (False,), "count in your own code"),
    "skip_empty": NoEffect(
        "every string has a vector", (False,), "leave empty strings out before they are embedded"
    ),
    "retry_min_seconds": _RETRY_WAITS,
    "retry_max_seconds": _RETRY_WAITS,
}
"""Keywords of LangChain's models that mean nothing here."""

CHAT_NAMES: Final[Mapping[str, str]] = {
    "model_name": "model",
    "request_timeout": "timeout",
    "default_request_timeout": "timeout",
    "stop_sequences": "stop",
    "max_tokens_to_sample": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
}
"""Names that people write for the settings of any chat model."""

OPENAI_NAMES: Final[Mapping[str, str]] = {
    **CHAT_NAMES,
    "openai_api_key": "api_key",
    "openai_api_base": "base_url",
    "openai_organization": "organization",
}
AZURE_NAMES: Final[Mapping[str, str]] = {
    **OPENAI_NAMES,
    "deployment_name": "azure_deployment",
    "openai_api_version": "api_version",
}
ANTHROPIC_NAMES: Final[Mapping[str, str]] = {
    **CHAT_NAMES,
    "reasoning_effort": "effort",
    "anthropic_api_key": "api_key",
    "anthropic_api_url": "base_url",
}
GOOGLE_NAMES: Final[Mapping[str, str]] = {
    **CHAT_NAMES,
    "google_api_key": "api_key",
    "additional_headers": "default_headers",
    "reasoning_effort": "thinking_level",
    "retries": "max_retries",
}
OLLAMA_NAMES: Final[Mapping[str, str]] = {
    **CHAT_NAMES,
    "format": "response_format",
    "reasoning": "think",
}

_EMBEDDINGS_NAMES: Final[Mapping[str, str]] = {
    "model_name": "model",
    "request_timeout": "timeout",
    "chunk_size": "max_batch_size",
}
OPENAI_EMBEDDINGS_NAMES: Final[Mapping[str, str]] = {
    **_EMBEDDINGS_NAMES,
    "openai_api_key": "api_key",
    "openai_api_base": "base_url",
    "headers": "default_headers",
}
GOOGLE_EMBEDDINGS_NAMES: Final[Mapping[str, str]] = {
    **_EMBEDDINGS_NAMES,
    "google_api_key": "api_key",
    "additional_headers": "default_headers",
    "output_dimensionality": "dimensions",
}
OLLAMA_EMBEDDINGS_NAMES: Final[Mapping[str, str]] = _EMBEDDINGS_NAMES


class _OtherName:
    """An attribute that reads the setting of another name."""

    def __init__(self, setting: str) -> None:
        self._setting = setting

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else getattr(instance, self._setting, None)


def takes_other_names(names: Mapping[str, str]) -> Callable[[AnyClass], AnyClass]:
    """Decorate a class so that it takes settings by other names, too, and reads them by these.

    Args:
        names: our setting by each other name.

    Raises:
        ConfigError: raised by the class; a setting by two names, or a keyword that means nothing
            here with a value that asks for something.
    """

    def decorate(cls: AnyClass) -> AnyClass:
        init = cast("Any", cls).__init__

        @functools.wraps(init)
        def renaming(self: Any, *args: Any, **kwargs: Any) -> None:
            if not kwargs.keys().isdisjoint(_OTHERS):
                args, kwargs = _renamed_arguments(cast("type", self.__class__), names, args, kwargs)
            init(self, *args, **kwargs)

        made = cast("Any", cls)
        made.__init__ = renaming
        made._other_names = names
        for name, setting in names.items():
            setattr(made, name, _OtherName(setting))
        return cls

    return decorate


def renamed(owner: str, names: Mapping[str, str], given: dict[str, Any]) -> dict[str, Any]:
    """Return settings with our names.

    Args:
        owner: the class that takes them, for errors.
        names: our setting by each other name.
        given: the settings; returned as they are where none has another name.

    Raises:
        ConfigError: a setting by two names.
    """
    if names.keys().isdisjoint(given):
        return given
    settings: dict[str, Any] = {}
    for name, value in given.items():
        ours = names.get(name, name)
        if ours in settings or (ours != name and ours in given):
            raise _twice(owner, name, ours)
        settings[ours] = value
    return settings


def our_options(cls: type, given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a call with our names, without those that mean nothing here.

    Args:
        cls: the class of the model.
        given: the options; returned as they are where there is nothing to do.

    Raises:
        ConfigError: an option by two names, or one that means nothing here with a value that asks
            for something.
    """
    if _OTHERS.isdisjoint(given):
        return given
    names: Mapping[str, str] = getattr(cls, "_other_names", {})
    kept = _with_effect(cls.__name__, {*names, *getattr(cls, "known_options", ())}, given)
    return renamed(cls.__name__, names, kept)


def _renamed_arguments(
    cls: type, names: Mapping[str, str], args: tuple[Any, ...], given: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    owner = cls.__name__
    if any(names.get(name) == "model" for name in given):
        named = args[0] if args else given.get("model")
        if named is not None:
            raise _twice(owner, "model_name", "model")
        args = args[1:]
        given = {name: value for name, value in given.items() if name != "model"}
    known = {*getattr(cls, "known_options", ())}
    own = _own_keywords(cls)
    kept = _with_effect(owner, known | own | {*names}, given)
    if kept.get("cache") is False:  # none is used unless one is given
        kept["cache"] = None
    if "model_kwargs" in kept:
        kept = _with_model_kwargs(owner, known, own - known, names, kept)
    return args, renamed(owner, names, kept)


def _with_effect(owner: str, known: set[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return keywords without those that mean nothing here.

    Raises:
        ConfigError: one of those, with a value that asks for something.
    """
    kept: dict[str, Any] = {}
    for name, value in given.items():
        rule = None if name in known else NO_EFFECT.get(name)
        if rule is None:
            kept[name] = value
        elif not (value is None or rule.values is None or value in rule.values):
            shown = repr(value) if isinstance(value, int) else f"<{type(value).__name__}>"
            raise ConfigError(
                f"{owner}: {name}={shown} means nothing here, as {rule.why}: {rule.instead}."
            )
    return kept


def _own_keywords(cls: type) -> set[str]:
    """Return the keywords that a class, or a class of which it is one, takes by name."""
    return {
        name
        for base in cls.__mro__
        if (init := vars(base).get("__init__")) is not None
        for code in [getattr(_unwrapped(init), "__code__", None)]
        if code is not None
        for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    }


def _unwrapped(function: Any) -> Any:
    while (inner := getattr(function, "__wrapped__", None)) is not None:
        function = inner
    return function


def _with_model_kwargs(
    owner: str,
    known: set[str],
    others: set[str],
    names: Mapping[str, str],
    given: dict[str, Any],
) -> dict[str, Any]:
    """Return settings with the entries of `model_kwargs` among them.

    An option that the class knows is that option; a setting that is no option (`others`) is
    refused; anything else goes into the body of requests.
    """
    settings = dict(given)
    more = settings.pop("model_kwargs")
    if more is None:
        return settings
    if not isinstance(more, Mapping):
        raise ConfigError(
            f"{owner}: model_kwargs is of type {type(more).__name__!r}: expected a dict."
        )
    body: dict[str, Any] = {}
    for name, value in _with_effect(owner, known | others, cast("Mapping[str, Any]", more)).items():
        ours = names.get(name, name)
        if ours in settings or ours in {names.get(other, other) for other in settings}:
            raise ConfigError(f"{owner} got {ours!r} twice, once in model_kwargs: keep one.")
        if ours in others:
            raise ConfigError(
                f"{owner}: model_kwargs has {name!r}, which is a setting of its own: write "
                f"{owner}({name}=...)."
            )
        if ours in known:
            settings[ours] = value
        else:
            body[name] = value
    if body:
        settings["extra_body"] = {**body, **(settings.get("extra_body") or {})}
    return settings


def _twice(owner: str, name: str, ours: str) -> ConfigError:
    return ConfigError(f"{owner} got {name!r} and {ours!r}, two names of one setting: keep one.")


_OTHERS: Final = frozenset(
    {
        *NO_EFFECT,
        *CHAT_NAMES,
        *OPENAI_NAMES,
        *AZURE_NAMES,
        *ANTHROPIC_NAMES,
        *GOOGLE_NAMES,
        *OLLAMA_NAMES,
        *_EMBEDDINGS_NAMES,
    }
    | {*OPENAI_EMBEDDINGS_NAMES, *GOOGLE_EMBEDDINGS_NAMES, "model_kwargs", "cache"}
)
"""All keywords that a call of a class is looked at for."""
