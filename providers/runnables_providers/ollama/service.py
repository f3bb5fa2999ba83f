"""The URL of an Ollama server."""

from __future__ import annotations

from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from runnables.errors import ConfigError
from runnables_providers._remote.service import Remote, Service, shown_url

_PORT: Final = 11434

OLLAMA: Final = Service(
    name="ollama",
    display_name="Ollama",
    url=f"http://127.0.0.1:{_PORT}",
    url_variables=("OLLAMA_HOST",),
    key_variables=("OLLAMA_API_KEY",),
    requires_key=False,  # a key is for ollama.com, or for a gateway before the server
)


class OllamaRemote(Remote):
    """A model of an Ollama server, chat or embeddings."""

    service: ClassVar[Service] = OLLAMA

    def _url(self) -> str:
        return server_url(super()._url())


def server_url(host: str) -> str:
    """Return the URL for a value of OLLAMA_HOST: a host, a port after a colon, both, or a URL.

    A server that listens on all interfaces ("0.0.0.0") is reached on this machine.
    """
    url = host if "://" in host else f"http://{host}"
    parts = urlsplit(url)
    name = parts.hostname or "127.0.0.1"
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)
    name = f"[{name}]" if ":" in name else name
    port = _port(host, url) or (None if "://" in host else _PORT)
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    made = f"{parts.scheme}://{user}{name}{f':{port}' if port else ''}{parts.path}".rstrip("/")
    more = f"?{parts.query}#{parts.fragment}" if parts.query or parts.fragment else ""
    return made + more  # which `_check_url` refuses


def _port(host: str, url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        raise ConfigError(
            f"{shown_url(host)!r} is no URL of an Ollama server: its port is no number of a port."
        ) from None


def checked_model(model: Any) -> str:
    """Return the name of a model.

    Raises:
        ConfigError: it is empty or no string.
    """
    if not isinstance(model, str) or not model:
        raise ConfigError(
            f"model={model!r}: expected the name of a model that the Ollama server has, such as "
            "'llama3.2'."
        )
    return model
