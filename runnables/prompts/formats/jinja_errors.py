"""The error of a Jinja template that reaches for what its sandbox forbids."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from runnables.errors import PromptError

JinjaSecurityError: Final[type[PromptError]] = type(
    "JinjaSecurityError",
    (PromptError, import_module("jinja2.sandbox").SecurityError),  # an extra: checkers lack it
    {"__module__": __name__, "__doc__": "An error of a template that left its sandbox."},
)
"""A `PromptError` that is also the `SecurityError` of Jinja, for code that catches that one."""
