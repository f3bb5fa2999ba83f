"""OpenAI, Azure's form of it, and every service that speaks as OpenAI does.

from runnables_providers.openai import AzureChatOpenAI, ChatOpenAI, OpenAIEmbeddings
"""

from runnables_providers._http import Timeouts as Timeouts
from runnables_providers.openai.azure import AzureChatOpenAI as AzureChatOpenAI
from runnables_providers.openai.chat import ChatOpenAI as ChatOpenAI
from runnables_providers.openai.embeddings import OpenAIEmbeddings as OpenAIEmbeddings

__all__ = ["AzureChatOpenAI", "ChatOpenAI", "OpenAIEmbeddings", "Timeouts"]
