"""Templates in the manner of f-strings: `{name}`, `{name!r}`, `{price:.2f}`, `{{` and `}}`.

A field is a plain name, and nothing else: no attribute (`{a.b}`), no index (`{a[0]}`), no
position (`{}`, `{0}`), no field within a format. So a template can show the values that it is
given, and nothing that is reachable from them.

Names are Python identifiers. Every variable can then be given as a keyword, and a stray brace of
a JSON example is an error where it stands, not a variable called `"a"` that is missing later.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from runnables.errors import PromptError
from runnables.prompts.formats.base import Variables, line_and_column, shorten, template_error

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
    """A place for a value.

    Attributes:
        name: the variable.
        conversion: "s", "r", "a", or None.
        spec: the format, as in `format(value, spec)`.
        offset: where in the template the field begins.
    """

    name: str
    conversion: str | None
    spec: str
    offset: int


class FString:
    """A template in the manner of f-strings.

    Args:
        template: the text.

    Raises:
        PromptError: it is not well formed; the message gives line, column and the way out.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        self._parts = list(_split(template))
        names = [piece.name for piece in self._parts if isinstance(piece, Field)]
        self.variables = Variables(dict.fromkeys(names, str))

    def render(self, values: Mapping[str, Any], /) -> str:
        """The text with the values in place.

        Raises:
            PromptError: a value that its format does not take.
        """
        return "".join(
            [
                piece if isinstance(piece, str) else self._value(piece, values[piece.name])
                for piece in self._parts
            ]
        )

    def _value(self, field: Field, value: Any) -> str:
        if type(value) is str and not field.spec and field.conversion in (None, "s"):
            return value
        try:
            return format(_CONVERSIONS[field.conversion](value), field.spec)
        except (ValueError, TypeError) as error:
            line, column = line_and_column(self.template, field.offset)
            raise PromptError(
                f"Line {line}, column {column} of the template: the format {field.spec!r} does "
                f"not take the value of {field.name!r}, a {type(value).__name__}: {error}."
            ) from error


def _split(template: str) -> Iterator[str | Field]:
    """The texts and the fields, in order."""
    at = 0
    while at < len(template):
        if text := _TEXT.match(template, at):
            yield text[0].replace("{{", "{").replace("}}", "}")
            at = text.end()
        elif found := _FIELD.match(template, at):
            yield _field(template, at, found[1])
            at = found.end()
        else:
            raise _lone_brace(template, at)


def _field(template: str, offset: int, body: str) -> Field:
    parts = _PARTS.fullmatch(body)
    assert parts is not None, "the pattern takes every text"
    name, conversion, spec = parts["name"], parts["conversion"], parts["spec"] or ""
    if problem := _problem_with(name, conversion):
        what = f"{shorten('{' + body + '}')!r} is not a variable: {problem[0]}"
        raise template_error(template, offset, what, problem[1])
    return Field(name, conversion, spec, offset)


def _problem_with(name: str, conversion: str | None) -> tuple[str, str] | None:
    """What is wrong with a field and the way out, or None."""
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
            f"Give the part that you need as a variable of its own. {_BRACES}",
        )
    return f"{shorten(name)!r} is not a name", _BRACES


def _lone_brace(template: str, at: int) -> PromptError:
    if template[at] == "}":
        return template_error(template, at, "a single '}' closes nothing", _BRACES)
    body = re.compile(r"[^{}]*").match(template, at + 1)
    assert body is not None, "the pattern takes every text"
    name, colon, _ = body[0].partition(":")
    if colon and name.isidentifier() and template[body.end() : body.end() + 1] == "{":
        problem = "a format cannot hold a variable of its own"
        return template_error(template, at, problem, f"Write the format out. {_BRACES}")
    return template_error(template, at, "a single '{' that no name and '}' follow", _BRACES)
