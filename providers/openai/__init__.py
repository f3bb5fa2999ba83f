"""OpenAI, Azure's form of it, and every service that speaks as OpenAI does.

from providers.openai import AzureChatOpenAI, ChatOpenAI, OpenAIEmbeddings
"""

from providers._http import Timeouts as Timeouts
from providers.openai.azure import AzureChatOpenAI as AzureChatOpenAI
from providers.openai.chat import ChatOpenAI as ChatOpenAI
from providers.openai.embeddings import OpenAIEmbeddings as OpenAIEmbeddings

__all__ = ["AzureChatOpenAI", "ChatOpenAI", "OpenAIEmbeddings", "Timeouts"]
