"""From bytes to the JSON values of a stream, in either form that services use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables_providers._http import JSONLinesDecoder, SSEDecoder
from runnables_providers._remote.json_values import read_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class JSONEvents:
    """The JSON values of a stream.

    Args:
        lines: whether each line is one; else each event of a server-sent stream has one as its
            data, but for OpenAI's "[DONE]".
    """

    def __init__(self, *, lines: bool) -> None:
        self._decoder = JSONLinesDecoder() if lines else SSEDecoder()
        self._lines = lines

    def feed(self, piece: bytes) -> Iterable[Any]:
        """The values that some bytes complete, read as they are asked for."""
        found = self._decoder.feed(piece)
        return found if self._lines else _values(found)

    def finish(self) -> Iterable[Any]:
        """The rest."""
        found = self._decoder.finish()
        return found if self._lines else _values(found)


# One value at a time: a hundred at once would be walked through by every collection of garbage
# until the last of them is used.
def _values(events: Iterable[Any]) -> Iterator[Any]:
    for event in events:
        if event.data and event.data != "[DONE]":
            yield read_json(event.data)
