"""A readable tree of a run, printed as it happens."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from runnables.core.handlers import Event

_MARKS: Final = {"start": "▶", "end": "✓", "error": "✗", "cancelled": "■", "custom": "•"}
_COLOURS: Final = {"end": 32, "error": 31, "cancelled": 33, "custom": 36}


class ConsoleHandler:
    """Prints what runs do, a line for each start and end, indented by depth.

    Goes into `config={"callbacks": [ConsoleHandler()]}`. An end says how long the run took, what
    it gave, and the tokens that a model used. Lines of runs that go on at once are mixed; each
    is written whole.

    Args:
        file: where to; stderr by default, looked up at each line.
        width: the most characters of an input or output to show; 0: none.
        chunks: whether to print a line for each piece of a stream as well; models that are
            invoked are then streamed, so that theirs show.
    """

    def __init__(
        self, file: TextIO | None = None, *, width: int = 60, chunks: bool = False
    ) -> None:
        self.width = width
        self.chunks = chunks
        self._file = file

    @property
    def wants_chunks(self) -> bool:
        """Whether models that are invoked are to be streamed, so that their pieces show."""
        return self.chunks

    def on_event(self, event: Event) -> None:
        """Print the event's line."""
        if event.kind == "chunk" and not self.chunks:
            return
        file = self._file or sys.stderr
        line = self._line(event, colourful=file.isatty()) + "\n"
        encoding = getattr(file, "encoding", None) or "utf-8"
        file.write(line.encode(encoding, "replace").decode(encoding))
        file.flush()

    def _line(self, event: Event, *, colourful: bool) -> str:
        mark = _MARKS.get(event.kind, "·")
        if colourful and event.kind in _COLOURS:
            mark = f"\x1b[{_COLOURS[event.kind]}m{mark}\x1b[0m"
        said = " ".join(part for part in (event.name, _seconds(event), self._what(event)) if part)
        depth = len(event.parent_ids) + (event.kind == "custom")
        return f"{'│ ' * depth}{mark} {said}"

    def _what(self, event: Event) -> str:
        if event.kind == "error":
            return ": ".join(
                it for it in (type(event.error).__name__, self._short(event.error)) if it
            )
        if event.kind == "start":
            return self._short(event.input)
        if event.kind == "chunk":
            return self._short(event.chunk)
        if event.kind == "custom":
            return self._short(event.data)
        shown = self._short(event.output)
        return " ".join(part for part in (_tokens(event.usage), shown and f"→ {shown}") if part)

    def _short(self, value: object) -> str:
        if value is None or self.width == 0:
            return ""
        text = " ".join(_readable(value).split())
        return text if len(text) <= self.width else text[: self.width - 1] + "…"


def _readable(value: object) -> str:
    """A message by its text, an error by what it says, anything else by its repr."""
    if isinstance(value, BaseException):
        return str(value)
    text = getattr(value, "text", None)
    return repr(text) if isinstance(text, str) else repr(value)


def _seconds(event: Event) -> str:
    if event.seconds is None:
        return ""
    if event.seconds < 0.9995:
        return f"{event.seconds * 1000:.3g} ms"
    return f"{event.seconds:.2f} s"


def _tokens(usage: Any) -> str:
    if not isinstance(usage, Mapping):
        return ""
    counts: Mapping[str, Any] = {**usage}
    return f"{counts.get('input_tokens', 0)}+{counts.get('output_tokens', 0)} tokens"
