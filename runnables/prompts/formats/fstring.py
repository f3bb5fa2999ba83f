"""Templates in the format of f-strings: `{name}`, `{name!r}`, `{price:.2f}`, `{{` and `}}`.

A field is a plain name, and nothing else: no attribute (`{a.b}`), no index (`{a[0]}`), no
position (`{}`, `{0}`), no field within a format. So a template can show the values that it
receives, and nothing that is reachable from them.

Names are Python identifiers. So every variable can be a keyword, and a single brace of a JSON
example is an error with line and column, not a variable called `"a"` that is missing later.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from runnables.errors import PromptError
from runnables.prompts.formats.base import Variables, line_and_column, shorten, template_error
from runnables.prompts.formats.shown import is_missing, missing_value, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_BRACES: Final = (
    "For literal braces write '{{' and '}}', or use template_format='mustache', "
    "where single braces are plain text."
)
_TEXT: Final = re.compile(r"(?:[^{}]|\{\{|\}\})+")
_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_PARTS: Final = re.compile(r"(?P<name>[^!:]*)(?:!(?P<conversion>[^:]*))?(?::(?P<spec>.*))?", re.S)
_CONVERSIONS: Final[Mapping[str | None, Callable[[Any], Any]]] = {
    None: lambda value: value,
    "s": str,
    "r": repr,
    "a": ascii,
}


class Field(NamedTuple):
    """A field of a template, which a value replaces.

    Attributes:
        name: the variable.
        conversion: "s", "r", "a", or None.
        spec: the format, as in `format(value, spec)`.
        offset: the index in the template where the field begins.
    """

    name: str
    conversion: str | None
    spec: str
    offset: int


class FString:
    """A template in the format of f-strings.

    Args:
        template: the string.

    Raises:
        PromptError: it is not well formed; the message has line, column and the way out.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        self._parts = list(_split(template))
        names = [part.name for part in self._parts if isinstance(part, Field)]
        self.variables = Variables(dict.fromkeys(names, str))

    def render(self, values: Mapping[str, Any], /) -> str:
        """Return the string with the values filled in.

        Raises:
            PromptError: a value that its format does not accept.
        """
        return "".join(
            [
                part if isinstance(part, str) else self._format(part, values[part.name])
                for part in self._parts
            ]
        )

    def _format(self, field: Field, value: Any) -> str:
        if type(value) is str and not field.spec and field.conversion in (None, "s"):
            return value
        if field.conversion in (None, "s"):
            value = shown(value)
        if field.conversion is None and is_missing(value):
            line, column = line_and_column(self.template, field.offset)
            raise missing_value(
                field.name,
                value,
                f"Line {line}, column {column} of the template",
                f"If it should read so, write {{{field.name}!s}}.",
            )
        try:
            return format(_CONVERSIONS[field.conversion](value), field.spec)
        except (ValueError, TypeError) as error:
            line, column = line_and_column(self.template, field.offset)
            raise PromptError(
                f"Line {line}, column {column} of the template: the format {field.spec!r} does "
                f"not accept the value of {field.name!r}, a {type(value).__name__}: {error}."
            ) from error


def _split(template: str) -> Iterator[str | Field]:
    """Yield the strings and the fields of a template, in order."""
    index = 0
    while index < len(template):
        if text := _TEXT.match(template, index):
            yield text[0].replace("{{", "{").replace("}}", "}")
            index = text.end()
        elif field := _FIELD.match(template, index):
            yield _field(template, index, field[1])
            index = field.end()
        else:
            raise _single_brace(template, index)


def _field(template: str, offset: int, body: str) -> Field:
    parts = _PARTS.fullmatch(body)
    assert parts is not None, "the pattern matches every string"
    name, conversion, spec = parts["name"], parts["conversion"], parts["spec"] or ""
    if problem := _problem_with(name, conversion):
        what = f"{shorten('{' + body + '}')!r} is not a variable: {problem[0]}"
        raise template_error(template, offset, what, problem[1])
    return Field(name, conversion, spec, offset)


def _problem_with(name: str, conversion: str | None) -> tuple[str, str] | None:
    """Return what is wrong with a field and the way out, or None."""
    if not name.isidentifier():
        return _problem_with_name(name)
    if conversion not in _CONVERSIONS:
        return f"'!{conversion}' is not a conversion", "Use '!r', '!s' or '!a'."
    return None


def _problem_with_name(name: str) -> tuple[str, str]:
    root = re.split(r"[.\[]", name)[0]
    if name == "" or name.isdigit():
        return "values have names, not positions", f"Write for example {{text}}. {_BRACES}"
    if name.strip().isidentifier():
        return "a name has no spaces around it", f"Write {{{name.strip()}}}. {_BRACES}"
    if root.isidentifier() and root != name:
        return (
            "attributes and indices of values are out of reach of a template",
            f"Pass the part that you need as a variable of its own. {_BRACES}",
        )
    return f"{shorten(name)!r} is not a name", _BRACES


def _single_brace(template: str, index: int) -> PromptError:
    if template[index] == "}":
        return template_error(template, index, "a single '}' closes nothing", _BRACES)
    body = re.compile(r"[^{}]*").match(template, index + 1)
    assert body is not None, "the pattern matches every string"
    name, colon, _ = body[0].partition(":")
    if colon and name.isidentifier() and template[body.end() : body.end() + 1] == "{":
        problem = "a format cannot hold a variable of its own"
        return template_error(template, index, problem, f"Write the format out. {_BRACES}")
    return template_error(template, index, "a single '{' that no name and '}' follow", _BRACES)
