"""The types of LangChain's objects in our chains. mypy and pyright read this file; it is not run."""

from __future__ import annotations

from typing import Any, assert_type

from langchain_core.language_models import FakeListChatModel as TheirModel
from langchain_core.runnables import RunnablePassthrough as TheirPassthrough

from runnables import (
    Agent,
    AgentState,
    ChatPromptTemplate,
    RunnableLambda,
    StrOutputParser,
    create_agent,
    from_langchain,
    to_langchain,
)

theirs = TheirModel(responses=["Ahoy!"])
prompt = ChatPromptTemplate.from_template("{x}")

# Where theirs stands, the type is not known; behind it, ours is.
assert_type((prompt | theirs).invoke({"x": "Hello"}), Any)
assert_type((prompt | theirs | StrOutputParser()).invoke({"x": "Hello"}), str)
assert_type(from_langchain(theirs), Any)
assert_type(to_langchain(prompt), Any)
assert_type(create_agent(theirs), Agent[AgentState])

# Their pipe takes ours, too.
assert_type((TheirPassthrough[str]() | RunnableLambda(len)).invoke("abc"), Any)
