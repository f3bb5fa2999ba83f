"""Prompt templates: they turn values into strings or messages."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.prompts.base import BasePromptTemplate
    from runnables.prompts.blocks import DictPromptTemplate, ImagePromptTemplate
    from runnables.prompts.chat import BaseChatPromptTemplate, ChatPromptTemplate
    from runnables.prompts.examples import (
        AsyncExampleSelector,
        BaseExampleSelector,
        ExampleSelector,
        LengthBasedExampleSelector,
    )
    from runnables.prompts.few_shot import (
        FewShotChatMessagePromptTemplate,
        FewShotPromptTemplate,
        FewShotPromptWithTemplates,
    )
    from runnables.prompts.formats.base import PromptTemplateFormat
    from runnables.prompts.load import load_prompt
    from runnables.prompts.message import (
        AIMessagePromptTemplate,
        BaseMessagePromptTemplate,
        ChatMessagePromptTemplate,
        HumanMessagePromptTemplate,
        MessagesPlaceholder,
        SystemMessagePromptTemplate,
    )
    from runnables.prompts.similar_examples import (
        MaxMarginalRelevanceExampleSelector,
        SemanticSimilarityExampleSelector,
    )
    from runnables.prompts.string import PromptTemplate, StringPromptTemplate
    from runnables.prompts.template import MissingVariableError, PromptInputError
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "runnables.prompts.base": "BasePromptTemplate",
            "runnables.prompts.blocks": "DictPromptTemplate ImagePromptTemplate",
            "runnables.prompts.chat": "BaseChatPromptTemplate ChatPromptTemplate",
            "runnables.prompts.examples": (
                "AsyncExampleSelector BaseExampleSelector ExampleSelector "
                "LengthBasedExampleSelector"
            ),
            "runnables.prompts.few_shot": (
                "FewShotChatMessagePromptTemplate FewShotPromptTemplate FewShotPromptWithTemplates"
            ),
            "runnables.prompts.formats.base": "PromptTemplateFormat",
            "runnables.prompts.load": "load_prompt",
            "runnables.prompts.message": (
                "AIMessagePromptTemplate BaseMessagePromptTemplate ChatMessagePromptTemplate "
                "HumanMessagePromptTemplate MessagesPlaceholder SystemMessagePromptTemplate"
            ),
            "runnables.prompts.similar_examples": (
                "MaxMarginalRelevanceExampleSelector SemanticSimilarityExampleSelector"
            ),
            "runnables.prompts.string": "PromptTemplate StringPromptTemplate",
            "runnables.prompts.template": "MissingVariableError PromptInputError",
        },
    )

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
    "FewShotPromptWithTemplates",
    "HumanMessagePromptTemplate",
    "ImagePromptTemplate",
    "LengthBasedExampleSelector",
    "MaxMarginalRelevanceExampleSelector",
    "MessagesPlaceholder",
    "MissingVariableError",
    "PromptInputError",
    "PromptTemplate",
    "PromptTemplateFormat",
    "SemanticSimilarityExampleSelector",
    "StringPromptTemplate",
    "SystemMessagePromptTemplate",
    "load_prompt",
]
