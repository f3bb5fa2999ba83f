"""Which calls of a tool need the approval of a person, and why."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from runnables.core.schemas import is_whole
from runnables.core.signatures import can_take, is_async
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError, SyncAsyncError
from runnables.tools.arguments import data_name, validated

if TYPE_CHECKING:
    from runnables.tools.base import BaseTool

ApprovalNeed: TypeAlias = bool | str
"""Whether a call needs approval: True or False, or True as a string that tells the person why."""

NeedsApproval: TypeAlias = (
    ApprovalNeed | Callable[[dict[str, Any]], ApprovalNeed | Awaitable[ApprovalNeed]]
)
"""Which calls need approval: all, none, or those for whose arguments a function says so."""


def check_needs_approval(tool: str, value: Any) -> None:
    """Refuse what does not say which calls need approval.

    Raises:
        ConfigError: it is neither a bool, a reason, nor a function of the arguments.
    """
    if not tells_need(value):
        raise ConfigError(
            f"The tool {tool!r} has needs_approval={value!r}: expected True, False, the reason as "
            "a string, or a function of the dict of the arguments that returns one of these."
        )


def tells_need(value: Any) -> bool:
    """Tell whether a value says which calls need approval."""
    return isinstance(value, bool) or (isinstance(value, str) and value != "") or can_take(value, 1)


def is_method(cls: type, value: Any) -> bool:
    """Tell whether this value of a field is a method that a class has written: of the tool, too."""
    written = inspect.getattr_static(cls, "needs_approval", None)
    return inspect.isfunction(value) and written is value and not can_take(value, 1)


def approval_need(tool: BaseTool[Any], arguments: Mapping[str, Any]) -> ApprovalNeed:
    """Tell whether a call of a tool needs approval.

    Args:
        tool: the tool.
        arguments: those of the call, as the model has written them.

    Raises:
        ToolArgumentsError: they do not fit, so that the tool would not run.
        SyncAsyncError: the function of `needs_approval` is async.
        ConfigError: it has returned something else than a bool or a string.
    """
    decide = tool.needs_approval
    if decide is False:
        return False
    checked = _checked(tool, arguments)
    return _read(tool, _decide(tool, decide, checked)) if callable(decide) else decide


async def aapproval_need(tool: BaseTool[Any], arguments: Mapping[str, Any]) -> ApprovalNeed:
    """Do what `approval_need` does, async; a sync function runs in a worker thread."""
    decide = tool.needs_approval
    if decide is False:
        return False
    checked = _checked(tool, arguments)
    return _read(tool, await _adecide(tool, decide, checked)) if callable(decide) else decide


def _decide(tool: BaseTool[Any], decide: Any, arguments: dict[str, Any]) -> Any:
    need = None if is_async(decide) else decide(arguments)
    if inspect.iscoroutine(need):
        need.close()
    if is_async(decide) or inspect.isawaitable(need):
        raise SyncAsyncError(
            f"needs_approval of the tool {tool.get_name()!r} is async, so a sync call cannot ask "
            "it. Use `ainvoke`, or pass a sync function."
        )
    return need


async def _adecide(tool: BaseTool[Any], decide: Any, arguments: dict[str, Any]) -> Any:
    need = decide(arguments) if is_async(decide) else await to_thread(decide, arguments)
    return await need if inspect.isawaitable(need) else need


def _read(tool: BaseTool[Any], need: Any) -> ApprovalNeed:
    """Return what the function has returned; None, of a forgotten `return`, is no answer."""
    if isinstance(need, (bool, str)):
        return need
    raise ConfigError(
        f"needs_approval of the tool {tool.get_name()!r} has returned {need!r}: expected True, "
        "False, or the reason as a string. The tool was not run."
    )


def _checked(tool: BaseTool[Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments by name as the tool will get them: converted, and with defaults."""
    schema = tool.tool_call_schema
    if isinstance(schema, dict):
        return tool._check_by_json_schema(dict(arguments))
    if is_whole(schema):
        return dict(arguments)
    checked = validated(tool.get_name(), schema, arguments)
    fields = type(checked).model_fields.items()
    values = {data_name(name, field): getattr(checked, name) for name, field in fields}
    return {**arguments, **values}
