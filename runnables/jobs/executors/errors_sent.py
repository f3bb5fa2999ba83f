"""Errors of rows, as they travel from a worker to the driver."""

from __future__ import annotations

import pickle
import traceback
from typing import Final

from runnables.errors import RemoteError
from runnables.jobs.executors.packing import pack_plainly

_MOST_TEXT: Final = 20_000
"""How many characters of a traceback travel, from its end."""


class WorkerTraceback(Exception):
    """The traceback that an error had in its worker; the cause of that error in the driver."""

    def __init__(self, text: str) -> None:
        super().__init__(text)

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


def pack_error(error: Exception) -> bytes:
    """Return an error as bytes, with its notes and its traceback as text.

    One that cannot be pickled, or that comes out as something else, becomes a `RemoteError`.
    """
    text = "".join(traceback.format_exception(error))[-_MOST_TEXT:]
    try:
        packed = pack_plainly((error, text))
        copy, _ = pickle.loads(packed)
        if type(copy) is type(error) and _text(copy) == _text(error):
            return packed
    except Exception:  # by methods of its class
        pass
    return pack_plainly((_substitute(error), text))


def unpack_error(packed: bytes) -> Exception:
    """Return an error whose cause is the traceback that it had."""
    error: Exception
    error, text = pickle.loads(packed)
    error.__cause__ = WorkerTraceback(text)
    return error


def _substitute(error: Exception) -> RemoteError:
    kind = type(error)
    substitute = RemoteError(_text(error), f"{kind.__module__}.{kind.__qualname__}")
    for note in getattr(error, "__notes__", ()):
        substitute.add_note(note if isinstance(note, str) else str(note))
    return substitute


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "an error without a message"
