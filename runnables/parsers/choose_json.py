"""The choice of the JSON value that was asked for, from those in a model's text.

Models write more JSON than the answer: footnotes (`[1]`), templates, schemas, drafts. The value is
chosen, in this order, for that it

1. fits the type or schema that was asked for, where there is one;
2. has content: an object or a list of objects, before a list of plain values or a template
   (`{"name": "string"}`, a JSON schema), before an empty one;
3. is announced: an object is; a list is where it opens a line or follows a colon (elsewhere it is a
   citation or a link);
4. is in a fenced block, or follows "final" or "corrected";
5. stands on lines of its own, and follows a word such as "Answer:".

Values that follow one another, as JSON lines, are one list; where a list was asked for, so are all
objects in the text. Two different values that are equally good, and JSON that is malformed or cut
off and at least as good as the value, are errors: another answer of the model is better than a
guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from runnables.messages.partial_json import JsonError

if TYPE_CHECKING:
    from runnables.parsers.json_candidates import Candidate


class Wanted(Protocol):
    """What was asked for."""

    @property
    def is_list(self) -> bool:
        """Tell whether it is a list."""
        ...

    def fits(self, value: Any, /) -> bool:
        """Tell whether a JSON value is of this kind."""
        ...


_PLACEHOLDER: Final = re.compile(
    r"\.\.\.|…|<.*>|\{.*\}|\[.*\]|string|str|number|int|integer|float|boolean|bool|array|list|"
    r"object|dict|null|any|date|your .*",
    re.IGNORECASE | re.DOTALL,
)


def content_of(value: Any) -> int:
    """Return 2 for an object or a list of objects, 1 for other lists and templates, 0 for {}."""
    if isinstance(value, dict):
        return 0 if not value else 1 if _is_template(cast("dict[str, Any]", value)) else 2
    if isinstance(value, list):
        items = cast("list[object]", value)
        return max((2 if isinstance(item, dict) and item else 1 for item in items), default=0)
    return 1


def _is_template(value: dict[str, Any]) -> bool:
    """Tell whether an object is a JSON schema, or has nothing but placeholders."""
    if "$schema" in value or (value.get("type") == "object" and "properties" in value):
        return True
    leaves = [*_leaves(value)]
    return bool(leaves) and all(
        isinstance(leaf, str) and _PLACEHOLDER.fullmatch(leaf) for leaf in leaves
    )


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for part in cast("dict[str, object]", value).values():
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in cast("list[object]", value):
            yield from _leaves(part)
    else:
        yield value


@dataclass
class _Option:
    """A value that may be the answer, its first candidate, and how good it is."""

    value: Any
    first: Candidate
    rank: tuple[Any, ...]


def choose(found: Sequence[Candidate], wanted: Wanted | None) -> tuple[Any, Candidate | None]:
    """Return the value that was asked for, and the candidate that it is, if it is only one.

    Raises:
        JsonError: there is none, or nothing decides between them.
    """
    only = found[0] if len(found) == 1 else None
    if only and only.error is None and only.is_plausible:
        if not (wanted and wanted.is_list and only.opening == "{"):
            return only.value, only
    if wanted and wanted.is_list and (lines := _all_lines(found, wanted)) is not None:
        return lines, None
    options = [*_options(found, wanted)]
    best = max(options, key=lambda option: option.rank, default=None)
    _refuse_broken(found, best, wanted)
    if best is None:
        raise JsonError("it holds no JSON value")
    rivals = [option for option in options if option.rank == best.rank]
    if any(option.value != best.value for option in rivals):
        raise JsonError(f"it holds {len(rivals)} different values, any of which may be the answer")
    return best.value, None if isinstance(best.value, _Lines) else best.first


class _Lines(list[Any]):
    """The values of JSON lines."""


def _options(found: Sequence[Candidate], wanted: Wanted | None) -> Iterator[_Option]:
    for group in _groups(found, wanted is None):
        first = group[0]
        if any(candidate.error for candidate in group):
            continue
        value = _Lines(line.value for line in group) if len(group) > 1 else first.value
        fits = wanted is not None and wanted.fits(value)
        if fits or first.is_plausible:
            yield _Option(value, first, _rank(first, fits, content_of(value)))


def _groups(found: Sequence[Candidate], joins: bool) -> Iterator[list[Candidate]]:
    """Yield the candidates of JSON lines together, and each other one alone."""
    group: list[Candidate] = []
    for candidate in found:
        first = group[0] if group else None
        if joins and first and not first.error and _continues(candidate, first):
            group.append(candidate)
            continue
        if group:
            yield group
        group = [candidate]
    if group:
        yield group


def _continues(candidate: Candidate, first: Candidate) -> bool:
    """Tell whether a value continues the JSON lines that begin with another one, or a template."""
    if not candidate.is_line_after(first):
        return False
    return bool(candidate.error) or content_of(first.value) != 1 or content_of(candidate.value) < 2


def _all_lines(found: Sequence[Candidate], wanted: Wanted) -> list[Any] | None:
    """Return the list of all values in the text that are its items; None where it is not that."""
    fitting = [line for line in found if line.error is None and wanted.fits(line.value)]
    if any(line.is_plausible for line in fitting):
        return None
    for opening in "{[":
        lines = [line for line in found if line.opening == opening and line.is_announced]
        while lines and (lines[0].error or content_of(lines[0].value) < 2):
            del lines[0]  # a template, before the first line
        if not fitting and (broken := next((line.error for line in lines if line.error), None)):
            raise broken
        if any(line.error for line in lines):
            continue
        values = [line.value for line in lines]
        if values and wanted.fits(values):
            return values
        unmentioned = [line.value for line in lines if not line.is_mentioned]
        if 0 < len(unmentioned) < len(values) and wanted.fits(unmentioned):
            return unmentioned
        if len(values) > 1 and opening == "{" and not fitting:
            return values  # their error tells more than that of one of them
    return None


def _refuse_broken(found: Sequence[Candidate], best: _Option | None, wanted: Wanted | None) -> None:
    """Raise the error of a value that is no JSON, where no other one is better."""
    broken = [candidate for candidate in found if candidate.error]
    after = found.index(best.first) if best else -1
    for candidate in broken:
        rank = _rank(candidate, wanted is not None, candidate.content_if_repaired)
        if (
            best is None
            or rank > best.rank
            or (rank == best.rank and found.index(candidate) > after)
        ):
            assert candidate.error
            raise candidate.error


def _rank(candidate: Candidate, fits: bool, content: int) -> tuple[Any, ...]:
    is_set_off = candidate.in_fence or candidate.is_final
    place = candidate.is_announced, is_set_off, candidate.position
    return fits, content, *place
