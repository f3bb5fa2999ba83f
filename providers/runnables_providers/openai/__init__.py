"""Models of OpenAI, of Azure, and of every service with an OpenAI-compatible API."""

from runnables_providers._http import Timeouts as Timeouts
from runnables_providers.openai.azure import AzureChatOpenAI as AzureChatOpenAI
from runnables_providers.openai.chat import ChatOpenAI as ChatOpenAI
from runnables_providers.openai.embeddings import OpenAIEmbeddings as OpenAIEmbeddings

__all__ = ["AzureChatOpenAI", "ChatOpenAI", "OpenAIEmbeddings", "Timeouts"]
