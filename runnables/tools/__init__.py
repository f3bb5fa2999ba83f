"""Tools that models can call: functions, and other runnables."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.errors import ToolArgumentsError, ToolException
    from runnables.tools.base import BaseTool
    from runnables.tools.decorator import tool
    from runnables.tools.examples import tool_example_to_messages
    from runnables.tools.from_config import (
        AsyncCallbackManagerForToolRun,
        CallbackManagerForToolRun,
    )
    from runnables.tools.function_tool import StructuredTool
    from runnables.tools.render import render_text_description, render_text_description_and_args
    from runnables.tools.runnable_tool import RunnableTool, tool_inside
    from runnables.tools.signature import InjectedToolArg, InjectedToolCallId
    from runnables.tools.single_input import Tool
    from runnables.tools.toolkit import BaseToolkit
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "runnables.errors": "ToolArgumentsError ToolException",
            "runnables.tools.base": "BaseTool",
            "runnables.tools.decorator": "tool",
            "runnables.tools.examples": "tool_example_to_messages",
            "runnables.tools.from_config": (
                "AsyncCallbackManagerForToolRun CallbackManagerForToolRun"
            ),
            "runnables.tools.function_tool": "StructuredTool",
            "runnables.tools.render": ("render_text_description render_text_description_and_args"),
            "runnables.tools.runnable_tool": "RunnableTool tool_inside",
            "runnables.tools.signature": "InjectedToolArg InjectedToolCallId",
            "runnables.tools.single_input": "Tool",
            "runnables.tools.toolkit": "BaseToolkit",
        },
    )

__all__ = [
    "AsyncCallbackManagerForToolRun",
    "BaseTool",
    "BaseToolkit",
    "CallbackManagerForToolRun",
    "InjectedToolArg",
    "InjectedToolCallId",
    "RunnableTool",
    "StructuredTool",
    "Tool",
    "ToolArgumentsError",
    "ToolException",
    "render_text_description",
    "render_text_description_and_args",
    "tool",
    "tool_example_to_messages",
    "tool_inside",
]
