"""The registry: every runnable of the library, in several variants, each with its inputs.

All tests of laws run over this list. A new runnable class that is not on it fails `test_registry`.
"""

from __future__ import annotations

from tests.laws.registry_combinators import bulk_steps, parallels, sequences, shapes
from tests.laws.registry_fields import classes_with_fields
from tests.laws.registry_functions import generators, lambdas, users_classes
from tests.laws.registry_history import histories
from tests.laws.registry_langchain import of_langchain
from tests.laws.registry_langchain_objects import objects_of_langchain
from tests.laws.registry_models import models, parsers, prompts
from tests.laws.registry_policies import bindings, caches, controls, fallbacks, retries
from tests.laws.registry_remote import remotes
from tests.laws.registry_retrieval import splitters
from tests.laws.registry_tools import agents, tools
from tests.laws.specimens import Specimen

REGISTRY: list[Specimen] = [
    *lambdas(),
    *generators(),
    *sequences(),
    *parallels(),
    *shapes(),
    *bulk_steps(),
    *controls(),
    *retries(),
    *fallbacks(),
    *caches(),
    *bindings(),
    *users_classes(),
    *classes_with_fields(),
    *tools(),
    *prompts(),
    *models(),
    *parsers(),
    *agents(),
    *histories(),
    *splitters(),
    *remotes(),
    *of_langchain(),
    *objects_of_langchain(),
]

BASES = {
    "runnables.compose.runnable.Runnable": "the contract itself",
    "runnables.tools.run_settings.WithRunSettings": "a base of tools",
    "runnables.tools.tool_schemas.ToolSchemas": "a base of tools",
    "runnables.compose.wrappers.Wrapper": "a base, of what wraps another runnable",
    "runnables.compose.branch.Choice": "a base, of branches and routers",
    "runnables.compose.wrappers.ForwardingWrapper": "a base, of wrappers that forward methods",
    "runnables.compose.non_blocking.NonBlockingStep": "a base, of steps that do not wait",
    "runnables.parsers.base.BaseParser": "a base of parsers",
    "runnables.parsers.base.BaseOutputParser": "a base of parsers",
    "runnables.parsers.base.BaseTransformOutputParser": "a base of parsers",
    "runnables.parsers.generations.BaseGenerationOutputParser": "a base of parsers",
    "runnables.parsers.generations.BaseLLMOutputParser": "another name of it",
    "runnables.parsers.lists.ListOutputParser": "a base of parsers",
    "runnables.parsers.repair.RepairLoop": "a base, of what repairs answers",
    "runnables.parsers.tool_calls.ToolCallsParser": "a base of parsers",
    "runnables.prompts.base.BasePromptTemplate": "a base of prompts",
    "runnables.prompts.chat.BaseChatPromptTemplate": "a base of prompts",
    "runnables.prompts.string.StringPromptTemplate": "a base of prompts",
    "runnables.tools.base.BaseTool": "a base of tools",
    "runnables.models.structured.output.StructuredOutput": "a base, of chat models",
    "runnables.models.chat.ChatModel": "a base of models",
    "runnables.models.own_handlers.OwnHandlers": "a base of models",
    "runnables.models.language_model.LanguageModel": "a base of models",
    "runnables.models.text.TextModel": "a base of models",
    "runnables.models.own_fields.WithOptionsAsKeywords": "a base of models",
    "runnables.models.llm.BaseLLM": "a base of models",
    "runnables.models.llm.LLM": "a base of models",
    "runnables.models.base_chat_model.BaseChatModel": "a base of models",
    "runnables.models.base_chat_model.SimpleChatModel": "a base of models",
    "runnables.compose.serializable.RunnableSerializable": "a base, of users' classes with fields",
    "runnables.retrieval.retriever.BaseRetriever": "a base of retrievers",
    "runnables.compose.configurable.ConfiguredRunnable": "a base of configurable runnables",
    "runnables.models.embeddings.Embeddings": "a base of models",
}
"""Classes that cannot run by themselves; each has subclasses in the registry."""

ELSEWHERE = {
    "runnables_providers.local.chat.LocalChatModel": "slow, and real: see tests/providers/local",
    "runnables_providers.local.embeddings.LocalEmbeddings": (
        "slow, and real: see tests/providers/local"
    ),
    "runnables_providers._remote.chat.HTTPModel": "a base, of models that need a server",
    "runnables_providers._remote.chat.HTTPChatModel": "a base, of models that need a server",
    "runnables_providers._remote.text.HTTPTextModel": "a base, of models that need a server",
    "runnables_providers.openai.text.OpenAI": "needs a server: see tests/providers",
    "runnables_providers.ollama.text.OllamaLLM": "needs a server: see tests/providers",
    "runnables_providers.openai.chat.ChatOpenAI": "needs a server: see tests/conformance",
    "runnables_providers.openai.azure.AzureChatOpenAI": "needs a server: see tests/conformance",
    "runnables_providers.anthropic.chat.ChatAnthropic": "needs a server: see tests/conformance",
    "runnables_providers.google.chat.ChatGoogleGenerativeAI": (
        "needs a server: see tests/conformance"
    ),
    "runnables_providers.ollama.chat.ChatOllama": "needs a server: see tests/conformance",
    "runnables_providers._remote.embeddings.HTTPEmbeddings": "a base, of models that need a server",
    "runnables_providers.openai.embeddings.OpenAIEmbeddings": "needs a server: see tests/providers",
    "runnables_providers.google.embeddings.GoogleGenerativeAIEmbeddings": (
        "needs a server: see tests/providers"
    ),
    "runnables_providers.ollama.embeddings.OllamaEmbeddings": "needs a server: see tests/providers",
    "runnables.mcp.server_tool.McpTool": "needs a server: see tests/mcp",
    "runnables.testing.word_embeddings.WordEmbeddings": "it notes its requests, for tests",
    "runnables.models.fakes.FakeEmbeddings": "random: no two calls return the same",
    "runnables.jobs.provider_batch.ProviderBatch": "needs a server: see tests/jobs",
}
"""Classes that the laws cannot be tested with, and why."""
