"""Tools that are classes: `class X(BaseTool)` with fields, and with `_run`, `_arun`, or both."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from runnables.core.fields import declare_fields
from runnables.core.signatures import is_async
from runnables.errors import ConfigError

Functions = tuple[Callable[..., Any] | None, Callable[..., Any] | None]
"""A sync function and an async one."""

KNOWN: Final[Mapping[str, tuple[Any, Any]]] = {
    "name": (str, ...),
    "description": (str, ...),
    "args_schema": (Any, None),
    "return_direct": (bool, False),
    "response_format": (Any, "content"),
    "handle_tool_error": (Any, False),
    "handle_validation_error": (Any, False),
    "needs_approval": (Any, False),
    "tags": (Any, None),
    "metadata": (Any, None),
    "callbacks": (Any, None),
    "verbose": (bool, False),
}
"""The settings of every tool: for each its type and its default."""


def read_class(cls: Any) -> None:
    """Read the fields of a user's class; hide an `args_schema` from its property of that name."""
    declare_fields(cls)
    own = cast("Mapping[str, Any]", vars(cls))
    if "args_schema" in own and not isinstance(own["args_schema"], property):
        cls._hidden = {"args_schema": own["args_schema"]}
        del cls.args_schema


def functions_of(tool: object, base: type) -> Functions:
    """Return the `_run` and the `_arun` that a class has written, as functions of a tool.

    Raises:
        ConfigError: it has written neither.
    """
    found: dict[str, Any] = {
        name: getattr(tool, name)
        for name in ("_run", "_arun")
        if inspect.getattr_static(type(tool), name) is not vars(base)[name]
    }
    if not found:
        raise ConfigError(
            f"{type(tool).__name__} has neither a `_run` nor an `_arun`. Write what the tool does: "
            "def _run(self, city: str) -> str: ..."
        )
    func, coroutine = found.get("_run"), found.get("_arun")
    if coroutine is None and is_async(func):
        func, coroutine = None, func
    return cast("Functions", (func, coroutine))
