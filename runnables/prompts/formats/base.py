"""The parts that all template formats share: variables, and errors with line and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeGuard

from runnables.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

PromptTemplateFormat = Literal["f-string", "mustache", "jinja2"]
"""The format of a template's string."""


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of a template, each with the type that its values are expected to have."""

    required: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The variables without a default, by name: each needs a value."""
    optional: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The variables that may be left out, by name."""

    @property
    def names(self) -> list[str]:
        """Return all names, the required ones first."""
        return [*self.required, *self.optional]

    def with_values_for(self, names: Collection[str]) -> Variables:
        """Return the variables when `names` have values already: those become optional."""
        if not names:
            return self
        required = {name: kind for name, kind in self.required.items() if name not in names}
        all_kinds = {**self.optional, **self.required}
        return Variables(
            required, {name: kind for name, kind in all_kinds.items() if name not in required}
        )


def union(parts: Iterable[Variables]) -> Variables:
    """Return the variables of several templates; what one of them requires is required."""
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
    """A parsed template, which is well formed."""

    @property
    def variables(self) -> Variables:
        """Return the required and the optional variables."""
        ...

    def render(self, values: Mapping[str, Any], /) -> str:
        """Return the string with the values filled in; values are never read as templates.

        Raises:
            PromptError: a value that is missing inside the data, or does not fit its format.
        """
        ...


def line_and_column(template: str, offset: int) -> tuple[int, int]:
    """Return the line and the column of a character of the template; both count from 1."""
    before = template[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def template_error(template: str, offset: int, problem: str, way_out: str) -> PromptError:
    """Return the error for a template that is not well formed; it shows the line with a caret.

    Args:
        template: the whole template.
        offset: the index of the character that is wrong.
        problem: what is wrong, as a sentence without its full stop.
        way_out: what to write instead, as whole sentences.
    """
    line, column = line_and_column(template, offset)
    shown, indent = _excerpt(template.split("\n")[line - 1], column - 1)
    return PromptError(
        f"Line {line}, column {column} of the template: {problem}. {way_out}\n"
        f"    {shown}\n    {' ' * indent}^"
    )


def _excerpt(line: str, index: int, around: int = 40) -> tuple[str, int]:
    """Return the part of a line around a character, and the index of the character in it."""
    start = max(0, index - around)
    return line[start : index + around].replace("\t", " ").rstrip(), index - start


def is_dict(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Tell whether a value is a dict or another mapping."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Tell whether a value is a list, a tuple, or another sequence that is not a string."""
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def shorten(text: str, limit: int = 60) -> str:
    """Return the text, or its beginning with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
