"""JSON values, one on each line, without I/O."""

from __future__ import annotations

import json
from typing import Any

from runnables_providers._http.lines import Lines


class JSONLinesDecoder:
    """From bytes, however they were cut, to values. The time is linear in the bytes."""

    def __init__(self) -> None:
        self._lines = Lines()

    def feed(self, piece: bytes) -> list[Any]:
        """Take bytes; the values of the lines that they complete. Empty lines are nothing.

        Raises:
            ValueError: a line that is not JSON, or has no end within 64 MB.
        """
        return [json.loads(line) for line in self._lines.feed(piece) if line.strip()]

    def finish(self) -> list[Any]:
        """The end of the stream; the value of a last line that has no end.

        Raises:
            ValueError: it is not JSON, as where the stream was cut.
        """
        rest = self._lines.rest()
        return [json.loads(rest)] if rest.strip() else []
