"""What models can call: functions and runnables as tools."""

from runnables.errors import ToolArgumentsError, ToolException
from runnables.tools.base import BaseTool
from runnables.tools.decorator import tool
from runnables.tools.signature import InjectedToolArg, InjectedToolCallId
from runnables.tools.structured import StructuredTool
from runnables.tools.wrapped import RunnableTool, tool_inside

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
