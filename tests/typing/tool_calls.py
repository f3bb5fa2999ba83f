"""What type checkers infer of the input of a tool. Read by mypy and pyright; not run."""

from __future__ import annotations

from typing import Any, assert_type

from pydantic import BaseModel

from runnables import (
    AIMessage,
    BaseTool,
    RunnableLambda,
    RunnableTool,
    StructuredTool,
    ToolCall,
    ToolMessage,
    tool,
    tool_call,
)


class Args(BaseModel):
    a: int


@tool
def double(a: int) -> int:
    """Double a number."""
    return 2 * a


@tool
async def adouble(a: int) -> int:
    """Double a number."""
    return 2 * a


# a tool call is answered by a message: one of a model, one that is made, one that is written out
assert_type(double.invoke(AIMessage("").tool_calls[0]), ToolMessage)
assert_type(double.invoke(tool_call(name="double", args={"a": 1}, id="1")), ToolMessage)
assert_type(double.invoke(ToolCall(name="double", args={}, id="1", type="tool_call")), ToolMessage)
assert_type(
    double.invoke({"type": "tool_call", "name": "double", "args": {"a": 1}, "id": "1"}),
    ToolMessage,
)
assert_type([double.invoke(call) for call in AIMessage("").tool_calls], list[ToolMessage])

# arguments return the result: a dict, an object of the schema, the value of the only argument
assert_type(double.invoke({"a": 1}), int)
assert_type(double.invoke(dict[str, Any](a=1)), int)
assert_type(double.invoke(Args(a=1)), int)
assert_type(double.invoke(1), int)
assert_type(double.invoke("1"), int)
assert_type(double.invoke([1]), int)

# with a config and options
assert_type(double.invoke({"a": 1}, {"tags": ["t"]}, user="ada"), int)
assert_type(double.invoke(AIMessage("").tool_calls[0], {"tags": ["t"]}, user="ada"), ToolMessage)


async def awaited() -> None:
    assert_type(await adouble.ainvoke(AIMessage("").tool_calls[0]), ToolMessage)
    assert_type(await adouble.ainvoke({"a": 1}), int)
    assert_type(await adouble.ainvoke(1), int)


# every kind of tool
length: RunnableTool[int] = RunnableLambda[str, int](len).as_tool()
assert_type(length.invoke(AIMessage("").tool_calls[0]), ToolMessage)
assert_type(length.invoke({"input": "a"}), int)
made = StructuredTool.from_function(len, name="len")
assert_type(made.invoke(AIMessage("").tool_calls[0]), ToolMessage)
assert_type(made.invoke({"obj": "a"}), Any)


def use(some: BaseTool[str], call: ToolCall) -> None:
    assert_type(some.invoke(call), ToolMessage)
    assert_type(some.invoke(call["args"]), str)
