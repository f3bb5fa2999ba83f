"""Templates in the format of Mustache, as far as prompts need it.

`{{name}}`, `{{{name}}}` and `{{&name}}` all insert the value unescaped: a prompt is not HTML.
`{{#name}}...{{/name}}` repeats for the items of a list, enters a dict, or shows its text where
the value is true; `{{^name}}...{{/name}}` shows it where the value is false or empty.
`{{a.b}}` looks into dicts only, never at attributes. `{{.}}` is the current item. None and empty
containers render as an empty string; a name that the data does not have is an error.
`{{! ... }}` is a comment; `{{=<% %>=}}` changes the delimiters. A line with nothing but a section
tag, a comment or a change of delimiters is left out.

Partials (`{{> x}}`) and functions as values are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from runnables.errors import PromptError, did_you_mean
from runnables.prompts.formats.base import (
    Variables,
    is_dict,
    is_list,
    line_and_column,
    shorten,
    template_error,
    union,
)
from runnables.prompts.formats.shown import is_missing, missing_value, shown

Delimiters = tuple[str, str]
DEFAULT_DELIMITERS: Final[Delimiters] = ("{{", "}}")
_LITERAL: Final = (
    "For literal double braces change the delimiters first, as in '{{=<% %>=}}'; from there on "
    "variables are written '<%name%>'."
)
_NO_NAME: Final = re.compile(r"[\s{}()\[\]<>\"'|,;=]")
_REST_OF_LINE: Final = re.compile(r"[ \t]*(?:\r?\n|\Z)")
_MISSING: Final = object()


class Tag(NamedTuple):
    """A tag between two delimiters.

    Attributes:
        kind: "" for a value, else one of `#^/!=>`.
        name: the text, without sigil and spaces.
        start: the index of the opening delimiter.
        end: the index behind the closing delimiter.
    """

    kind: str
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class VariableTag:
    """A tag that a value replaces."""

    path: tuple[str, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Section:
    """A section that is rendered once, repeatedly, or not at all."""

    path: tuple[str, ...]
    offset: int
    inverted: bool
    body: list[Node] = field(default_factory=list["Node"])


Node = str | VariableTag | Section


class Mustache:
    """A template in the format of Mustache.

    Args:
        template: the string.

    Raises:
        PromptError: it is not well formed, or has a partial; the message has line, column and
            the way out.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        reader = _Reader(template)
        self._nodes = reader.read()
        self.delimiters = reader.delimiters
        """The delimiters that are valid at the end of the template."""
        self.variables = _variables(self._nodes)

    def render(self, values: Mapping[str, Any], /) -> str:
        """Return the string with the values filled in.

        Raises:
            PromptError: a name that the data does not have, or a value that is a function.
        """
        out: list[str] = []
        self._render(self._nodes, (values,), out)
        return "".join(out)

    def _render(self, nodes: Sequence[Node], scopes: tuple[Any, ...], out: list[str]) -> None:
        for node in nodes:
            if isinstance(node, str):
                out.append(node)
            elif isinstance(node, VariableTag):
                out.append(self._text(node, scopes))
            else:
                for scope in self._scopes(node, scopes):
                    self._render(node.body, scope, out)

    def _text(self, node: VariableTag, scopes: tuple[Any, ...]) -> str:
        value = self._value_of(node, scopes)
        if value is _MISSING:
            raise self._missing(node, scopes)
        empty = value is None or (not value and (is_list(value) or is_dict(value)))
        if empty:
            return ""
        if is_missing(value):
            name = ".".join(node.path) or "."
            raise missing_value(name, value, self._location(node), "Pass None, or the word itself.")
        return str(shown(value))

    def _scopes(self, node: Section, scopes: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Return a stack of scopes for each time that a section is rendered."""
        found = self._value_of(node, scopes)
        value: Any = None if found is _MISSING else found
        if node.inverted:
            return [] if value else [scopes]
        if is_list(value):
            return [(*scopes, item) for item in value]
        return [(*scopes, value)] if value else []

    def _value_of(self, node: VariableTag | Section, scopes: tuple[Any, ...]) -> Any:
        value = _look_up(node.path, scopes)
        if not callable(value):
            return value
        raise PromptError(
            f"{self._location(node)}: the value of {'.'.join(node.path)!r} is a function, which a "
            "template does not call. Call it first and pass its result."
        )

    def _missing(self, node: VariableTag, scopes: tuple[Any, ...]) -> PromptError:
        name = ".".join(node.path)
        known = {key for scope in scopes for key in _keys(scope)}
        return PromptError(
            f"{self._location(node)}: the data has no {name!r}."
            f"{did_you_mean(name, known)} Names look into "
            "dicts only; pass None where there is nothing to show."
        )

    def _location(self, node: VariableTag | Section) -> str:
        line, column = line_and_column(self.template, node.offset)
        return f"Line {line}, column {column} of the template"


def _keys(scope: Any) -> list[str]:
    return [str(key) for key in scope] if is_dict(scope) else []


def _look_up(path: tuple[str, ...], scopes: tuple[Any, ...]) -> Any:
    """Return the value of a dotted name; the nearest scope with its first part has it."""
    if not path:
        return scopes[-1]
    for scope in reversed(scopes):
        value = _item(scope, path[0])
        if value is not _MISSING:
            break
    else:
        return _MISSING
    for part in path[1:]:
        value = _item(value, part)
    return value


def _item(value: Any, key: str) -> Any:
    return value.get(key, _MISSING) if is_dict(value) else _MISSING


def _variables(nodes: Sequence[Node], inside: bool = False) -> Variables:
    """Return the variables; those within sections are optional, as the data may have them."""
    return union(_variables_of(node, inside) for node in nodes if not isinstance(node, str))


def _variables_of(node: VariableTag | Section, inside: bool) -> Variables:
    own = {node.path[0]: Any} if node.path else {}
    this = Variables(optional=own) if inside else Variables(required=own)
    return (
        this if isinstance(node, VariableTag) else union((this, _variables(node.body, inside=True)))
    )


class _Reader:
    """A parser of a template, from its first to its last character."""

    def __init__(self, template: str) -> None:
        self.template = template
        self.delimiters = DEFAULT_DELIMITERS
        self._open: list[Section] = []
        self._nodes: list[Node] = []

    def read(self) -> list[Node]:
        index = 0
        while (start := self.template.find(self.delimiters[0], index)) >= 0:
            tag = self._tag(start)
            before, after = self._surroundings(tag, index)
            self._add(self.template[index:before])
            self._handle_tag(tag)
            index = after
        self._add(self.template[index:])
        if self._open:
            section = self._open[-1]
            name = ".".join(section.path)
            raise self._error(
                section.offset,
                f"the section {name!r} is never closed",
                f"Close it with '{{{{/{name}}}}}'. {_LITERAL}",
            )
        return self._nodes

    def _body(self) -> list[Node]:
        return self._open[-1].body if self._open else self._nodes

    def _add(self, text: str) -> None:
        if text:
            self._body().append(text)

    def _tag(self, start: int) -> Tag:
        opening, closing = self.delimiters
        inner = start + len(opening)
        sigil = self.template[inner : inner + 1]
        kind = sigil if sigil in tuple("#^/!=>&{") else ""
        if kind == "{" and self.delimiters != DEFAULT_DELIMITERS:
            kind = ""  # only the default delimiters can be tripled
        closing = {"{": "}" + closing, "=": "=" + closing}.get(kind, closing)
        end = self.template.find(closing, inner + len(kind))
        if end < 0:
            raise self._error(start, f"{opening!r} without a {closing!r} after it", _LITERAL)
        name = self.template[inner + len(kind) : end].strip()
        return Tag("" if kind in ("{", "&") else kind, name, start, end + len(closing))

    def _surroundings(self, tag: Tag, index: int) -> tuple[int, int]:
        """Return where the text before a tag ends and continues; a tag alone takes its line."""
        if tag.kind:
            line = self.template.rfind("\n", 0, tag.start) + 1
            rest = _REST_OF_LINE.match(self.template, tag.end)
            if line >= index and not self.template[line : tag.start].strip(" \t") and rest:
                return line, rest.end()
        return tag.start, tag.end

    def _handle_tag(self, tag: Tag) -> None:
        if tag.kind == "=":
            self._set_delimiters(tag)
        elif tag.kind == "/":
            self._close(tag)
        elif tag.kind == ">":
            way_out = "Add the templates together with '+', or pass the text as a variable."
            raise self._error(tag.start, "partials are not supported", way_out)
        elif tag.kind != "!":
            self._add_node(tag)

    def _add_node(self, tag: Tag) -> None:
        path = self._path(tag)
        if not tag.kind:
            self._body().append(VariableTag(path, tag.start))
            return
        section = Section(path, tag.start, inverted=tag.kind == "^")
        self._body().append(section)
        self._open.append(section)

    def _close(self, tag: Tag) -> None:
        if not self._open:
            problem = f"{tag.name!r} is closed, and no section is open"
            raise self._error(tag.start, problem, f"Open it with '{{{{#{tag.name}}}}}'.")
        expected = ".".join(self._open[-1].path) or "."
        if tag.name != expected:
            problem = f"{tag.name!r} is closed, and the open section is {expected!r}"
            raise self._error(tag.start, problem, f"Write '{{{{/{expected}}}}}' here.")
        self._open.pop()

    def _path(self, tag: Tag) -> tuple[str, ...]:
        if tag.name == ".":
            if self._open:
                return ()
            way_out = "Name a variable."
            raise self._error(tag.start, "'.' is the current item, and no section is open", way_out)
        path = tuple(tag.name.split("."))
        if "" in path or _NO_NAME.search(tag.name):
            raise self._error(tag.start, f"{shorten(tag.name)!r} is not a name", _LITERAL)
        return path

    def _set_delimiters(self, tag: Tag) -> None:
        new = tag.name.split()
        if len(new) != 2 or any("=" in delimiter for delimiter in new):
            problem = "a change of delimiters takes two of them"
            raise self._error(tag.start, problem, "Write for example '{{=<% %>=}}'.")
        self.delimiters = (new[0], new[1])

    def _error(self, offset: int, problem: str, way_out: str) -> PromptError:
        return template_error(self.template, offset, problem, way_out)
