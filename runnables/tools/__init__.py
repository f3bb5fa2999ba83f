"""Tools that models can call: functions, and other runnables."""

from runnables.errors import ToolArgumentsError, ToolException
from runnables.tools.base import BaseTool
from runnables.tools.decorator import tool
from runnables.tools.function_tool import StructuredTool
from runnables.tools.runnable_tool import RunnableTool, tool_inside
from runnables.tools.signature import InjectedToolArg, InjectedToolCallId

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
