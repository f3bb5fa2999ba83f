"""What the template formats share: the variables that they find, and where they are wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeGuard

from runnables.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

PromptTemplateFormat = Literal["f-string", "mustache", "jinja2"]
"""How the text of a template is to be read."""


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of a template, each with the type that its values are expected to have."""

    required: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Without a value for one of these, formatting raises."""
    optional: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """These may be given, and need not be."""

    @property
    def names(self) -> list[str]:
        """All of them, the required ones first."""
        return [*self.required, *self.optional]

    def with_values_for(self, names: Collection[str]) -> Variables:
        """The variables that remain when `names` have values already: those become optional."""
        if not names:
            return self
        required = {name: kind for name, kind in self.required.items() if name not in names}
        everything = {**self.optional, **self.required}
        return Variables(
            required, {name: kind for name, kind in everything.items() if name not in required}
        )


def union(parts: Iterable[Variables]) -> Variables:
    """The variables of several templates; what one of them requires is required."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    required: dict[str, Any] = {}
    optional: dict[str, Any] = {}
    for part in parts:
        required.update(part.required)
        optional.update(part.optional)
    return Variables(
        required, {name: kind for name, kind in optional.items() if name not in required}
    )


class Compiled(Protocol):
    """A template that has been read, and found well formed."""

    @property
    def variables(self) -> Variables:
        """What the template needs and takes."""
        ...

    def render(self, values: Mapping[str, Any], /) -> str:
        """The text with the values in place; they are never read as template text.

        Raises:
            PromptError: a value that is missing inside the data, or does not fit its place.
        """
        ...


def line_and_column(template: str, offset: int) -> tuple[int, int]:
    """The line and the column, both from 1, of a character of the template."""
    before = template[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def template_error(template: str, offset: int, problem: str, way_out: str) -> PromptError:
    """The error for a template that is not well formed; it shows the line with a caret.

    Args:
        template: the whole text.
        offset: the index of the character that is wrong.
        problem: what is wrong, as a sentence without its full stop.
        way_out: what to write instead, as whole sentences.
    """
    line, column = line_and_column(template, offset)
    shown, at = _excerpt(template.split("\n")[line - 1], column - 1)
    return PromptError(
        f"Line {line}, column {column} of the template: {problem}. {way_out}\n"
        f"    {shown}\n    {' ' * at}^"
    )


def _excerpt(line: str, at: int, around: int = 40) -> tuple[str, int]:
    """A part of a long line, and where in it the character stands."""
    start = max(0, at - around)
    return line[start : at + around].replace("\t", " ").rstrip(), at - start


def is_dict(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Whether a value is a dict, or can be read like one."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether a value is a list, a tuple, or a sequence of another kind; a text is not."""
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def shorten(text: str, limit: int = 60) -> str:
    """The text, or its beginning with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
