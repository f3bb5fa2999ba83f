"""Tools that models can call: functions, and other runnables."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.errors import ToolArgumentsError, ToolException
    from runnables.tools.base import BaseTool
    from runnables.tools.decorator import tool
    from runnables.tools.function_tool import StructuredTool
    from runnables.tools.runnable_tool import RunnableTool, tool_inside
    from runnables.tools.signature import InjectedToolArg, InjectedToolCallId
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "runnables.errors": "ToolArgumentsError ToolException",
            "runnables.tools.base": "BaseTool",
            "runnables.tools.decorator": "tool",
            "runnables.tools.function_tool": "StructuredTool",
            "runnables.tools.runnable_tool": "RunnableTool tool_inside",
            "runnables.tools.signature": "InjectedToolArg InjectedToolCallId",
        },
    )

__all__ = [
    "BaseTool",
    "InjectedToolArg",
    "InjectedToolCallId",
    "RunnableTool",
    "StructuredTool",
    "ToolArgumentsError",
    "ToolException",
    "tool",
    "tool_inside",
]
