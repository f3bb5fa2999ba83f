"""JSON lines."""

from __future__ import annotations

import json
from typing import Any


class JSONLinesDecoder:
    """Provisional."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[Any]:
        """Take bytes."""
        *whole, self._rest = (self._rest + piece).split(b"\n")
        return [json.loads(it) for it in whole if it.strip()]

    def finish(self) -> list[Any]:
        """The end."""
        return [json.loads(self._rest)] if self._rest.strip() else []
