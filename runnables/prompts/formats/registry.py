"""The template formats by name, and compilation of a template in any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from runnables.errors import PromptError, did_you_mean
from runnables.prompts.formats.base import PromptTemplateFormat
from runnables.prompts.formats.fstring import FString

if TYPE_CHECKING:
    from runnables.prompts.formats.base import Compiled


def compile_template(template: str, template_format: str = "f-string") -> Compiled:
    """Parse a template.

    Raises:
        PromptError: an unknown format, or a template that is not well formed.
        MissingExtra: the format needs a package that is not installed.
    """
    formats = get_args(PromptTemplateFormat)
    if template_format not in formats:
        known = ", ".join(map(repr, formats))
        raise PromptError(
            f"Unsupported template format: {template_format}. Use one of {known}."
            f"{did_you_mean(str(template_format), formats)}"
        )
    if not isinstance(template, str):  # pyright: ignore[reportUnnecessaryIsInstance] - users may not check types
        raise PromptError(f"Invalid template: {template!r}. A template is a string.")
    # the parsers of the two rarer formats are imported where a template is written in one
    if template_format == "mustache":
        from runnables.prompts.formats.mustache import Mustache

        return Mustache(template)
    if template_format == "jinja2":
        from runnables.prompts.formats.jinja import Jinja

        return Jinja(template)
    return FString(template)


def join_templates(left: str, right: str, template_format: str) -> str:
    """Return two templates, one after the other, where that means the same as both.

    Raises:
        PromptError: together they would mean something else.
    """
    compile_template(left, template_format)
    if template_format == "mustache":
        _refuse_other_delimiters(left)
    if template_format != "f-string" and left.endswith("{") and right.startswith(("{", "%", "#")):
        raise PromptError(
            f"Cannot add {right[:20]!r} to {left[-20:]!r}: together they would be a tag. "
            "Put a space between them, or write them as one template."
        )
    return left + right


def _refuse_other_delimiters(left: str) -> None:
    from runnables.prompts.formats.mustache import DEFAULT_DELIMITERS, Mustache

    opening, closing = delimiters = Mustache(left).delimiters
    if delimiters != DEFAULT_DELIMITERS:
        raise PromptError(
            f"Cannot add to a template that ends with other delimiters, {opening!r} and "
            f"{closing!r}. Set them back at its end: '{opening}={{{{ }}}}={closing}'."
        )
