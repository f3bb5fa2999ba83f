"""Embeddings of OpenAI, and of every server that speaks as OpenAI does."""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from runnables.errors import ConfigError
from runnables_providers._remote.embeddings import HTTPEmbeddings, floats
from runnables_providers.openai.chat import OPENAI

if TYPE_CHECKING:
    from runnables_providers._remote.service import Service


class OpenAIEmbeddings(HTTPEmbeddings, internal=True):
    """Embeddings of OpenAI, or of any server that speaks as it does (`base_url`).

    Args:
        model: as the service calls it, for instance "text-embedding-3-small".
        encoding_format: how numbers travel. "base64" takes less than half of the bytes and a
            tenth of the time to read; None: "base64" from OpenAI, what they like from others.
        **settings: those of `HTTPEmbeddings`.

    Raises:
        AuthenticationError: no key is given or in OPENAI_API_KEY, for OpenAI's own address.
        ConfigError: a setting that is unknown or out of range.
    """

    service: ClassVar[Service] = OPENAI
    max_batch_size: int = 256  # OpenAI takes 2048 texts, but no more than 300,000 tokens together

    def __init__(
        self,
        model: str | None = None,
        *,
        encoding_format: Literal["base64", "float"] | None = None,
        **settings: Any,
    ) -> None:
        if encoding_format not in (None, "base64", "float"):
            raise ConfigError(
                f"encoding_format={encoding_format!r}: expected 'base64', 'float' or None."
            )
        self.encoding_format = encoding_format
        super().__init__(model, **settings)

    def _path(self) -> str:
        return "/embeddings"

    def _body(self, texts: Sequence[str], *, query: bool) -> Mapping[str, Any]:
        own = "base64" if self._is_own() else None
        told = {
            "model": self.model,
            "encoding_format": self.encoding_format or own,
            "dimensions": self.dimensions,
        }
        return {"input": list(texts), **{key: it for key, it in told.items() if it is not None}}

    def _vectors(self, body: Any) -> list[list[float]]:
        found = sorted(body["data"], key=lambda it: int(it["index"]))
        return [_numbers(it["embedding"]) for it in found]


def _numbers(vector: Any) -> list[float]:
    """A vector, which is a list of numbers, or the bytes of little-endian 32-bit floats."""
    if not isinstance(vector, str):
        return floats(vector)
    numbers = array("f", base64.b64decode(vector, validate=True))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
