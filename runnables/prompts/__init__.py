"""Prompt templates: they turn values into strings or messages."""

from __future__ import annotations

from runnables.prompts.base import BasePromptTemplate
from runnables.prompts.blocks import DictPromptTemplate, ImagePromptTemplate
from runnables.prompts.chat import BaseChatPromptTemplate, ChatPromptTemplate
from runnables.prompts.examples import (
    AsyncExampleSelector,
    BaseExampleSelector,
    ExampleSelector,
    LengthBasedExampleSelector,
)
from runnables.prompts.few_shot import FewShotChatMessagePromptTemplate, FewShotPromptTemplate
from runnables.prompts.formats.base import PromptTemplateFormat
from runnables.prompts.message import (
    AIMessagePromptTemplate,
    BaseMessagePromptTemplate,
    ChatMessagePromptTemplate,
    HumanMessagePromptTemplate,
    MessagesPlaceholder,
    SystemMessagePromptTemplate,
)
from runnables.prompts.string import PromptTemplate, StringPromptTemplate
from runnables.prompts.template import MissingVariableError, PromptInputError

__all__ = [
    "AIMessagePromptTemplate",
    "AsyncExampleSelector",
    "BaseChatPromptTemplate",
    "BaseExampleSelector",
    "BaseMessagePromptTemplate",
    "BasePromptTemplate",
    "ChatMessagePromptTemplate",
    "ChatPromptTemplate",
    "DictPromptTemplate",
    "ExampleSelector",
    "FewShotChatMessagePromptTemplate",
    "FewShotPromptTemplate",
    "HumanMessagePromptTemplate",
    "ImagePromptTemplate",
    "LengthBasedExampleSelector",
    "MessagesPlaceholder",
    "MissingVariableError",
    "PromptInputError",
    "PromptTemplate",
    "PromptTemplateFormat",
    "StringPromptTemplate",
    "SystemMessagePromptTemplate",
]
