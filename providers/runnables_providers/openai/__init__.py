"""Models of OpenAI, of Azure, and of every service with an OpenAI-compatible API."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables_providers._http import Timeouts as Timeouts
    from runnables_providers.openai.azure import AzureChatOpenAI as AzureChatOpenAI
    from runnables_providers.openai.chat import ChatOpenAI as ChatOpenAI
    from runnables_providers.openai.embeddings import OpenAIEmbeddings as OpenAIEmbeddings
    from runnables_providers.openai.text import OpenAI as OpenAI
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "runnables_providers._http": "Timeouts",
            "runnables_providers.openai.azure": "AzureChatOpenAI",
            "runnables_providers.openai.chat": "ChatOpenAI",
            "runnables_providers.openai.embeddings": "OpenAIEmbeddings",
            "runnables_providers.openai.text": "OpenAI",
        },
    )

__all__ = ["AzureChatOpenAI", "ChatOpenAI", "OpenAI", "OpenAIEmbeddings", "Timeouts"]
