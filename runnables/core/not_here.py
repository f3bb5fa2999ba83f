"""Names of a class of LangChain that the class of that name here does not have."""

from __future__ import annotations

from typing import NoReturn


class NotHere:
    """An attribute that is not there, whose error says what to write.

    Args:
        instead: what to write, a sentence.

    Example:
        >>> from runnables.core.not_here import NotHere
        >>> class Splitter:
        ...     from_language = NotHere("Pass separators=.")
        >>> Splitter.from_language
        Traceback (most recent call last):
        AttributeError: Splitter has no 'from_language'. Pass separators=.
        >>> hasattr(Splitter(), "from_language")
        False
    """

    def __init__(self, instead: str) -> None:
        self._instead = instead
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(f"{owner.__name__} has no {self._name!r}. {self._instead}")
