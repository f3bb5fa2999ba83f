"""Embeddings of OpenAI, and of every server with an OpenAI-compatible API."""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Unpack, cast

from runnables.errors import ConfigError
from runnables_providers._remote.embeddings import HTTPEmbeddings, floats
from runnables_providers._remote.other_names import OPENAI_EMBEDDINGS_NAMES, takes_other_names
from runnables_providers.openai.service import OPENAI

if TYPE_CHECKING:
    from runnables_providers._remote.service import Service
    from runnables_providers._remote.settings import RemoteEmbeddingsSettings
    from runnables_providers.openai.settings import OpenAIEmbeddingsSettings


@takes_other_names(OPENAI_EMBEDDINGS_NAMES)
class OpenAIEmbeddings(HTTPEmbeddings, internal=True):
    """Embeddings of OpenAI, or of any server with an OpenAI-compatible API (`base_url`).

    Args:
        model: the name of the model, such as "text-embedding-3-small". With
            OpenAI's own URL it may be left out, and is then "text-embedding-ada-002", as LangChain
            has it.
        encoding_format: how vectors are sent. "base64" takes less than half of the bytes and a
            tenth of the time to read; None: "base64" from OpenAI, the server's choice from others.
        **settings: the settings below.

    Keyword Args:
        api_key (str | SecretStr | Callable[[], str]): the key, or a function that returns the one
            to use now, called in the thread or loop of each call; by default OPENAI_API_KEY of the
            environment, read at each call.
        base_url (str): another URL than OpenAI's; by default OPENAI_BASE_URL or OPENAI_API_BASE of
            the environment.
        dimensions (int): how many numbers a vector has, for models that can shorten theirs.
        max_batch_size (int): the most strings in one request; by default 256.
        timeout (float | Timeouts): seconds to wait for the first byte of an answer, and between two
            chunks of it; or `Timeouts`, which has each limit by name.
        max_retries (int | None): how often a request is repeated after an error that may pass; 2 by
            default.
        max_retry_delay (float): the longest delay, in seconds, that the service may ask for before
            a retry; 60 by default.
        rate_limiter (BaseRateLimiter): spaces the requests of all models that share it.
        default_headers (Mapping[str, str]): more headers of each request; their values never print.
        extra_body (Mapping[str, Any]): more keys of each request; objects are merged into those of
            the request, and anything else overrides.
        name (str): the name of the model in traces, events and logs.

    Raises:
        AuthenticationError: there is no key for OpenAI's own URL.
        ConfigError: a setting is unknown or out of range.

    Example:
        >>> from runnables_providers.openai import OpenAIEmbeddings
        >>> OpenAIEmbeddings("text-embedding-3-small", api_key="sk-...", dimensions=256).dimensions
        256
    """

    service: ClassVar[Service] = OPENAI
    max_batch_size: int = 256  # OpenAI takes 2048 strings, but no more than 300,000 tokens in all

    def __init__(
        self,
        model: str | None = None,
        *,
        encoding_format: Literal["base64", "float"] | None = None,
        **settings: Unpack[OpenAIEmbeddingsSettings],
    ) -> None:
        if encoding_format not in (None, "base64", "float"):
            raise ConfigError(
                f"encoding_format={encoding_format!r}: expected 'base64', 'float' or None."
            )
        self.encoding_format = encoding_format
        if model is None and settings.get("base_url") is None:
            model = "text-embedding-ada-002"
        super().__init__(model, **cast("RemoteEmbeddingsSettings", settings))

    def _path(self) -> str:
        return "/embeddings"

    def _body(self, strings: Sequence[str], *, query: bool) -> Mapping[str, Any]:
        default_format = "base64" if self._is_official_url() else None
        fields = {
            "model": self.model,
            "encoding_format": self.encoding_format or default_format,
            "dimensions": self.dimensions,
        }
        fields = {key: value for key, value in fields.items() if value is not None}
        return {"input": list(strings), **fields}

    def _vectors(self, body: Any) -> list[list[float]]:
        items = sorted(body["data"], key=lambda item: int(item["index"]))
        return [_numbers(item["embedding"]) for item in items]


def _numbers(vector: Any) -> list[float]:
    """Read a vector: a list of numbers, or the base64 of little-endian 32-bit floats."""
    if not isinstance(vector, str):
        return floats(vector)
    numbers = array("f", base64.b64decode(vector, validate=True))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
