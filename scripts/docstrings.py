"""Let griffe read `Example:` in docstrings as the section that it calls `Examples:`.

Without this, an `Example:` is a note, and its `>>>` lines are no code.
"""

from __future__ import annotations

import re
from typing import Any

import griffe


class OneExample(griffe.Extension):
    """An extension of griffe that renames the heading as docstrings are collected."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename the heading in the docstring of an object, where there is one."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(
                r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE
            )
