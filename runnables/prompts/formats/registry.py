"""The template formats by name, and compilation of a template in any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runnables.errors import PromptError, did_you_mean
from runnables.prompts.formats.fstring import FString
from runnables.prompts.formats.jinja import Jinja
from runnables.prompts.formats.mustache import DEFAULT_DELIMITERS, Mustache

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnables.prompts.formats.base import Compiled

_FORMATS: Final[Mapping[str, Callable[[str], Compiled]]] = {
    "f-string": FString,
    "mustache": Mustache,
    "jinja2": Jinja,
}


def compile_template(template: str, template_format: str = "f-string") -> Compiled:
    """Parse a template.

    Raises:
        PromptError: an unknown format, or a template that is not well formed.
        MissingExtra: the format needs a package that is not installed.
    """
    if template_format not in _FORMATS:
        known = ", ".join(repr(name) for name in _FORMATS)
        raise PromptError(
            f"Unsupported template format: {template_format}. Use one of {known}."
            f"{did_you_mean(str(template_format), _FORMATS)}"
        )
    if not isinstance(template, str):  # pyright: ignore[reportUnnecessaryIsInstance] - users may not check types
        raise PromptError(f"Invalid template: {template!r}. A template is a string.")
    return _FORMATS[template_format](template)


def join_templates(left: str, right: str, template_format: str) -> str:
    """Return two templates, one after the other, where that means the same as both.

    Raises:
        PromptError: together they would mean something else.
    """
    compiled = compile_template(left, template_format)
    if isinstance(compiled, Mustache) and compiled.delimiters != DEFAULT_DELIMITERS:
        opening, closing = compiled.delimiters
        raise PromptError(
            f"Cannot add to a template that ends with other delimiters, {opening!r} and "
            f"{closing!r}. Set them back at its end: '{opening}={{{{ }}}}={closing}'."
        )
    if template_format != "f-string" and left.endswith("{") and right.startswith(("{", "%", "#")):
        raise PromptError(
            f"Cannot add {right[:20]!r} to {left[-20:]!r}: together they would be a tag. "
            "Put a space between them, or write them as one template."
        )
    return left + right
