"""The console handler, which prints a run as a tree while it happens."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TextIO

from runnables.redaction import hide, hide_in_text

if TYPE_CHECKING:
    from runnables.core.handlers import Event

_MARKS: Final = {"start": "▶", "end": "✓", "error": "✗", "cancelled": "■", "custom": "•"}
_ANSI_COLORS: Final = {"end": 32, "error": 31, "cancelled": 33, "custom": 36}


class ConsoleHandler:
    """A handler that prints a line for each start and end of a run, indented by depth.

    It goes into `config={"callbacks": [ConsoleHandler()]}`. The line of an end says how long the
    run took, what it returned, and the tokens that a model used. Runs at the same time mix their
    lines; each line is written whole.

    Args:
        file: the file to print to; stderr by default, looked up at each line.
        width: how many characters of an input or output to show at most; 0 shows none.
        chunks: whether to print a line for each chunk of a stream as well. A model that is
            invoked is then streamed, so that its chunks show.

    Example:
        >>> import sys
        >>> handler = ConsoleHandler(sys.stdout)
        >>> (RunnableLambda(len) | str).invoke("abc", {"callbacks": [handler]})
        ▶ RunnableSequence 'abc'
        │ ▶ len 'abc'
        │ ✓ len ... ms → 3
        │ ▶ str 3
        │ ✓ str ... ms → '3'
        ✓ RunnableSequence ... ms → '3'
        '3'
    """

    def __init__(
        self, file: TextIO | None = None, *, width: int = 60, chunks: bool = False
    ) -> None:
        self.width = width
        self.chunks = chunks
        self._file = file

    @property
    def wants_chunks(self) -> bool:
        """Tell whether models that are invoked are to be streamed, so that their chunks show."""
        return self.chunks

    def on_event(self, event: Event) -> None:
        """Print the event's line."""
        if event.kind == "chunk" and not self.chunks:
            return
        file = self._file or sys.stderr
        line = self._line(event, in_color=file.isatty()) + "\n"
        encoding = getattr(file, "encoding", None) or "utf-8"
        file.write(line.encode(encoding, "replace").decode(encoding))
        file.flush()

    def _line(self, event: Event, *, in_color: bool) -> str:
        mark = _MARKS.get(event.kind, "·")
        if in_color and event.kind in _ANSI_COLORS:
            mark = f"\x1b[{_ANSI_COLORS[event.kind]}m{mark}\x1b[0m"
        parts = (event.name, _seconds(event), self._details(event))
        depth = len(event.parent_ids) + (event.kind == "custom")
        return f"{'│ ' * depth}{mark} {' '.join(filter(None, parts))}"

    def _details(self, event: Event) -> str:
        if event.kind == "error":
            return ": ".join(filter(None, (type(event.error).__name__, self._short(event.error))))
        if event.kind == "start":
            return self._short(event.input)
        if event.kind == "chunk":
            return self._short(event.chunk)
        if event.kind == "custom":
            return self._short(event.data)
        shown = self._short(event.output)
        return " ".join(filter(None, (_tokens(event.usage), shown and f"→ {shown}")))

    def _short(self, value: object) -> str:
        if value is None or self.width == 0:
            return ""
        text = " ".join(_readable(value).split())
        return text if len(text) <= self.width else text[: self.width - 1] + "…"


def _readable(value: object) -> str:
    """Return the text of a message, the words of an error, or the repr of anything else; without
    the secrets in it."""
    if isinstance(value, BaseException):
        return hide_in_text(str(value))
    text = getattr(value, "text", None)
    return hide_in_text(repr(hide(text if isinstance(text, str) else value)))


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
