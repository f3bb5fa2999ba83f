"""What a span says about an error: its type, and a message without secrets and without content."""

from __future__ import annotations

from typing import Final, NamedTuple

from pydantic import ValidationError

from runnables.errors import OutputParserException, ToolArgumentsError
from runnables.redaction import hide_in_text
from runnables.tracing.strings import writable

_MAX_LENGTH: Final = 2_000
"""The most characters of a message."""

_QUOTING: Final = (OutputParserException, ToolArgumentsError, ValidationError)
"""Errors whose message repeats what a model or a user has written."""

_WITHHELD: Final = "The message quotes content, which is not recorded."


class Failure(NamedTuple):
    """An error as a span has it.

    Attributes:
        type: the name of its class, with that of the module unless it is one of Python's own.
        message: its message.
    """

    type: str
    message: str


def failure_of(error: BaseException, *, content: bool) -> Failure:
    """Return an error as a span has it.

    Args:
        error: the error.
        content: whether the content of runs is recorded.
    """
    kind = type(error)
    prefix = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    name = f"{prefix}{kind.__qualname__}"
    if not content and isinstance(error, _QUOTING):
        return Failure(name, _WITHHELD)
    try:
        message = str(error)
    except Exception:  # an error of the user's whose own method fails
        message = ""
    return Failure(name, writable(hide_in_text(message)[:_MAX_LENGTH]))
