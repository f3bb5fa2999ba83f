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
        values: those that ask for what happens anyway, beside None; None: any value does.
        instead: what to do for any other.
    """

    values: tuple[Any, ...] | None
    instead: str = ""


NO_EFFECT: Final[Mapping[str, NoEffect]] = {
    "streaming": NoEffect(None),  # `stream` streams, and handlers get the chunks of `invoke`
    "stream_usage": NoEffect(None),  # usage is always reported
    "disable_streaming": NoEffect((False,), "call `invoke` instead of `stream`"),
    "verbose": NoEffect((False,), "pass config={'callbacks': [ConsoleHandler()]}"),
    "tiktoken_model_name": NoEffect(None),  # tokens are estimated without it
    "transport": NoEffect(("rest",), "requests are sent over HTTP"),
    "convert_system_message_to_human": NoEffect(
        (False,), "Gemini takes system messages; write a human message yourself"
    ),
    "validate_model_on_init": NoEffect((False,), "call the model once yourself"),
    "include_response_headers": NoEffect((False,), "read the id in response_metadata"),
    "check_embedding_ctx_length": NoEffect((False,), "split long strings before they are embedded"),
    "show_progress_bar": NoEffect((False,), "count in your own code"),
    "skip_empty": NoEffect((False,), "leave empty strings out before they are embedded"),
    "openai_proxy": NoEffect(("",), "set HTTPS_PROXY in the environment"),
    "anthropic_proxy": NoEffect(("",), "set HTTPS_PROXY in the environment"),
    "http_client": NoEffect((), "use timeout=, default_headers= and proxies of the environment"),
    "http_async_client": NoEffect(
        (), "use timeout=, default_headers= and proxies of the environment"
    ),
    "default_query": NoEffect(({},), "put the query into base_url"),
    "custom_get_token_ids": NoEffect((), "count tokens with count_tokens_approximately"),
    "output_version": NoEffect(("v1",), "read message.content_blocks"),
    "openai_api_type": NoEffect(("azure", "openai", "open_ai"), "choose the class"),
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
    "anthropic_api_key": "api_key",
    "anthropic_api_url": "base_url",
}
GOOGLE_NAMES: Final[Mapping[str, str]] = {
    **CHAT_NAMES,
    "google_api_key": "api_key",
    "additional_headers": "default_headers",
}
OLLAMA_NAMES: Final[Mapping[str, str]] = {**CHAT_NAMES, "reasoning": "think"}

_EMBEDDINGS_NAMES: Final[Mapping[str, str]] = {
    "model_name": "model",
    "request_timeout": "timeout",
    "chunk_size": "max_batch_size",
}
OPENAI_EMBEDDINGS_NAMES: Final[Mapping[str, str]] = {
    **_EMBEDDINGS_NAMES,
    "openai_api_key": "api_key",
    "openai_api_base": "base_url",
}
GOOGLE_EMBEDDINGS_NAMES: Final[Mapping[str, str]] = {
    **_EMBEDDINGS_NAMES,
    "google_api_key": "api_key",
    "output_dimensionality": "dimensions",
}
OLLAMA_EMBEDDINGS_NAMES: Final[Mapping[str, str]] = _EMBEDDINGS_NAMES


class _OtherName:
    """An attribute that reads the setting of another name."""

    def __init__(self, setting: str) -> None:
        self._setting = setting

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else getattr(instance, self._setting)


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
    """Return options with our names.

    Args:
        owner: the class or object that takes them, for errors.
        names: our option by each other name.
        given: the options; returned as they are where none has another name.

    Raises:
        ConfigError: an option by two names.
    """
    if names.keys().isdisjoint(given):
        return given
    options: dict[str, Any] = {}
    for name, value in given.items():
        ours = names.get(name, name)
        if ours in options or (ours != name and ours in given):
            raise _twice(owner, name, ours)
        options[ours] = value
    return options


def _renamed_arguments(
    cls: type, names: Mapping[str, str], args: tuple[Any, ...], given: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    owner = cls.__name__
    known = getattr(cls, "known_options", ())
    if args and any(names.get(name) == "model" for name in given):
        if args[0] is not None:
            raise _twice(owner, "model_name", "model")
        args = args[1:]
    kept: dict[str, Any] = {}
    for name, value in given.items():
        rule = None if name in names or name in known else NO_EFFECT.get(name)
        if rule is None or name in _own_keywords(cls):
            kept[name] = value
        elif not (value is None or rule.values is None or value in rule.values):
            shown = repr(value) if isinstance(value, bool | str) else f"<{type(value).__name__}>"
            raise ConfigError(f"{owner}: {name}={shown} means nothing here: {rule.instead}.")
    if kept.get("cache") is False:  # none is used unless one is given
        kept["cache"] = None
    if "model_kwargs" in kept:
        kept = _with_model_kwargs(owner, known, names, kept)
    return args, renamed(owner, names, kept)


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
    owner: str, known: Any, names: Mapping[str, str], given: dict[str, Any]
) -> dict[str, Any]:
    """Return settings with the entries of `model_kwargs` among them.

    An option that the class knows is that option; anything else goes into the body of requests.
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
    for name, value in cast("Mapping[str, Any]", more).items():
        ours = names.get(name, name)
        if ours in settings:
            raise ConfigError(f"{owner} got {ours!r} twice, once in model_kwargs: keep one.")
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
