"""Parsers of single values: a member of an enum, a date and time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final, TypeVar

from runnables.errors import OutputParserException, did_you_mean
from runnables.parsers.base import QUOTED, BaseOutputParser, unreadable
from runnables.parsers.reasoning import answer_text

E = TypeVar("E", bound=Enum, covariant=True)

_WRAPPING: Final = " \t\r\n\"'`*"
_IN_TAG: Final = re.compile(r"<(\w{1,20})>(.*)</\1>", re.DOTALL)
_EXAMPLES: Final = (datetime(2024, 2, 29, 23, 59, 59, 123456), datetime(1999, 12, 31, 8, 30, 5))


class EnumOutputParser(BaseOutputParser[E], internal=True):
    """A parser to a member of an enum, by its value.

    Models like to decorate a word: quotes, backticks, asterisks and a full stop around it are
    ignored, and so is the case of letters, where only one member fits.

    Args:
        enum: the enum.
        name: the parser's name in events.

    Raises:
        OutputParserException: when run, the text is the value of no member, or of several.

    Example:
        >>> from enum import Enum
        >>> class Tide(Enum):
        ...     EBB = "ebb"
        ...     FLOW = "flow"
        >>> EnumOutputParser(Tide).invoke("**Ebb.**")
        <Tide.EBB: 'ebb'>
    """

    def __init__(self, enum: type[E], *, name: str | None = None) -> None:
        self.enum = enum
        self.name = name

    @property
    def OutputType(self) -> Any:
        """Return the enum."""
        return self.enum

    def parse(self, text: str) -> E:
        """Return the member whose value the text is.

        Raises:
            OutputParserException: it is the value of no member, or of several.
        """
        members = {str(member.value): member for member in reversed(list(self.enum))}
        if (value := match_word(text, [str(member.value) for member in self.enum])) is not None:
            return members[value]
        answer = answer_text(text)
        word = _bare(text if answer is None else answer)[:QUOTED]
        raise OutputParserException(
            f"{word!r} is not one of the possible values of {self.enum.__name__}: "
            f"{self._listed()}.{did_you_mean(word, self._values())}",
            llm_output=text,
        )

    def get_format_instructions(self) -> str:
        """Return the request to answer with one of the values."""
        return f"Answer with exactly one of these values and nothing else: {self._listed()}"

    def _values(self) -> list[str]:
        return [str(member.value) for member in self.enum]

    def _listed(self) -> str:
        return ", ".join(self._values())


def match_word(text: str, words: Sequence[str]) -> str | None:
    """Return the word that an answer is; None where it is none of them, or several.

    Reasoning is left out. The answer is compared as it is, without blanks, without decoration,
    and in any case of letters, until one word fits.
    """
    answer = answer_text(text)
    if answer is None or not words:
        return None
    bare = _bare(answer)
    for reading in (answer, answer.strip(), bare):
        if words.count(reading) == 1:
            return reading
    found = [word for word in words if word.casefold() == bare.casefold()]
    return found[0] if len(found) == 1 else None


def _bare(answer: str) -> str:
    """Return an answer without blanks, decoration, a full stop, and one tag around it."""
    if tagged := _IN_TAG.fullmatch(answer.strip()):
        answer = tagged[2]
    return answer.strip(_WRAPPING).rstrip(".").strip(_WRAPPING)


class DatetimeOutputParser(BaseOutputParser[datetime], internal=True):
    """A parser to a date and time in one format.

    Args:
        format: the format, as `datetime.strptime` reads it.
        name: the parser's name in events.

    Raises:
        OutputParserException: when run, the text is not in this format.

    Example:
        >>> DatetimeOutputParser("%Y-%m-%d").invoke("2024-02-29")
        datetime.datetime(2024, 2, 29, 0, 0)
    """

    def __init__(self, format: str = "%Y-%m-%dT%H:%M:%S.%fZ", *, name: str | None = None) -> None:
        self.format = format
        self.name = name

    def parse(self, text: str) -> datetime:
        """Return the date and time that the text is.

        Raises:
            OutputParserException: it is none in this format.
        """
        answer = answer_text(text)
        if answer is None:
            raise unreadable("The answer ends within the model's reasoning.", text)
        try:
            return datetime.strptime(answer.strip(), self.format)
        except ValueError as error:
            problem = f"The answer is not a date and time like {self.format!r}."
            raise unreadable(problem, text) from error

    def get_format_instructions(self) -> str:
        """Return the request to answer in the format, with examples."""
        examples = ", ".join(example.strftime(self.format) for example in _EXAMPLES)
        return (
            f"Answer with one date and time in the format `{self.format}` and nothing else, "
            f"for example: {examples}"
        )
