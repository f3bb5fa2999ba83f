"""LangChain's names of types, for annotations in code that has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel

from runnables.compose.runnable import Runnable
from runnables.history.base import History
from runnables.messages.ai import AIMessage
from runnables.messages.base import BaseMessage
from runnables.messages.convert import LanguageModelInput
from runnables.prompts.chat import BaseChatPromptTemplate
from runnables.prompts.message import BaseMessagePromptTemplate
from runnables.retrieval.documents import Document
from runnables.tools.base import BaseTool

RunnableLike: TypeAlias = Runnable[Any, Any] | Callable[..., Any] | Mapping[str, Any]
"""What a pipe takes for a step: a runnable, a function, or a dict of such."""

LanguageModelOutput: TypeAlias = BaseMessage | str
"""What a model answers: a message; a model of text a string."""

LanguageModelLike: TypeAlias = Runnable[LanguageModelInput, AIMessage]
"""A chat model, or what stands for one, such as a model with tools or with fallbacks."""

OutputParserLike: TypeAlias = Runnable[LanguageModelOutput, Any]
"""What reads the answer of a model."""

MessageLike: TypeAlias = BaseMessage | BaseMessagePromptTemplate | BaseChatPromptTemplate
"""A part of a chat prompt."""

ArgsSchema: TypeAlias = type[BaseModel] | dict[str, Any]
"""The `args_schema` of a tool: a pydantic model of its arguments, or their JSON schema."""

ToolsRenderer: TypeAlias = Callable[[list[BaseTool[Any]]], str]
"""What describes tools in a prompt, such as `render_text_description`."""

GetSessionHistoryCallable: TypeAlias = Callable[..., History]
"""What `RunnableWithMessageHistory` gets the history of a session from."""

RetrieverOutput: TypeAlias = list[Document]
"""What a retriever finds."""

RetrieverLike: TypeAlias = Runnable[str, list[Document]]
"""A retriever, or what stands for one."""

RetrieverOutputLike: TypeAlias = Runnable[Any, list[Document]]
"""A runnable that finds documents, for any kind of input."""
