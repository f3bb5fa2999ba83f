"""Tools as text for a prompt, for models that cannot be bound to tools."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runnables.tools.base import BaseTool


def render_text_description(tools: Iterable[BaseTool[Any]]) -> str:
    """Return a line for each tool: its name, its function's parameters, its description.

    Args:
        tools: the tools.

    Example:
        >>> @tool
        ... def add(a: int, b: int = 1) -> int:
        ...     '''Add two numbers.'''
        ...     return a + b
        >>> print(render_text_description([add]))
        add(a: int, b: int = 1) -> int - Add two numbers.
    """
    return "\n".join(map(_described, tools))


def render_text_description_and_args(tools: Iterable[BaseTool[Any]]) -> str:
    """Return a line for each tool, as `render_text_description` does, with its arguments.

    Args:
        tools: the tools.

    Example:
        >>> shout = Tool(name="shout", func=lambda x: x.upper(), description="Loud.")
        >>> print(render_text_description_and_args([shout]))
        shout(x) - Loud., args: {'tool_input': {'type': 'string'}}
    """
    return "\n".join(f"{_described(tool)}, args: {tool.args}" for tool in tools)


def _described(tool: BaseTool[Any]) -> str:
    function = getattr(tool, "func", None) or getattr(tool, "coroutine", None)
    parameters = "" if function is None else str(inspect.signature(function))
    return f"{tool.name}{parameters} - {tool.description}"
