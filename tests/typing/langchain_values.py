"""Values of LangChain in our calls, as type checkers see them. Read by them; not run."""

from __future__ import annotations

from typing import Any, assert_type

from langchain_core.messages import AIMessage as TheirAnswer, HumanMessage as TheirQuestion
from langchain_core.tools import BaseTool as TheirTool

from runnables import (
    AIMessage,
    BaseMessage,
    ChatModel,
    convert_to_messages,
    create_agent,
    from_langchain,
    to_langchain,
    tool,
    trim_messages,
)


def conversations(model: ChatModel, asked: TheirQuestion, answered: TheirAnswer) -> None:
    assert_type(model.invoke([asked, answered]), AIMessage)
    assert_type(convert_to_messages([asked, AIMessage("Hello")]), list[BaseMessage])
    trim_messages([asked, answered], max_tokens=10, token_counter=len)


@tool
def double(a: int) -> int:
    """Double a number."""
    return 2 * a


def tools(model: ChatModel, theirs: TheirTool) -> None:
    assert_type(model.bind_tools([theirs, double]).invoke("Hi"), AIMessage)
    create_agent(model, [theirs, double])
    # what is converted is of a kind that only the program knows
    assert_type(from_langchain(theirs), Any)
    assert_type(to_langchain(double), Any)
