"""Errors of parsers of ours, which LangChain's parsers and agents know as their own."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from langchain_core.exceptions import OutputParserException as TheirError

from runnables.errors import OutputParserException

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def their_errors() -> Generator[None]:
    """Make the error of a parser of ours one of LangChain's, too; see `as_their_error`."""
    try:
        yield
    except OutputParserException as error:
        as_their_error(error)
        raise


def as_their_error(error: OutputParserException) -> OutputParserException:
    """Return an error of a parser of ours that is one of LangChain's, too.

    It is the same object, of a class that is derived from both: its class alone changes.
    LangChain sends its `observation` to the model where `send_to_llm` is set.
    """
    if not isinstance(error, TheirError):
        error.__class__ = _both(type(error))
    return error


@cache
def _both(ours: type[OutputParserException]) -> Any:
    """Return a class of errors of ours that LangChain catches as its own."""

    def reduced(self: Any) -> Any:
        _, arguments = ours.__reduce__(cast("Any", self))
        return ours, arguments  # in another process, there may be no LangChain

    body = {"__reduce__": reduced, "__module__": ours.__module__, "send_to_llm": False}
    return type(ours.__name__, (ours, TheirError), body)
