"""A decoder of JSON lines, without I/O."""

from __future__ import annotations

import json
from typing import Any

from runnables_providers._http.lines import LineSplitter


class JSONLinesDecoder:
    """Decoder of bytes, split anywhere, into values. The time is linear in the bytes."""

    def __init__(self) -> None:
        self._lines = LineSplitter()

    def feed(self, data: bytes) -> list[Any]:
        """Take bytes; return the values of the lines that they complete. Empty lines are skipped.

        Raises:
            ValueError: a line is not JSON, or has no end within 64 MB.
        """
        return [json.loads(line) for line in self._lines.feed(data) if line.strip()]

    def finish(self) -> list[Any]:
        """End the stream; return the value of a last line that has no line end.

        Raises:
            ValueError: the last line is not JSON, as in a stream that was cut off.
        """
        rest = self._lines.rest()
        return [json.loads(rest)] if rest.strip() else []
