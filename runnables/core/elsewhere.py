"""Names that are not in `runnables`, but that people look for there: where they are, or what is.

Loaded when such a name is asked for.
"""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from runnables.core.names_of_langchain import (
    AGENTS,
    CHAINS,
    COMPATIBLE,
    EMBEDDINGS,
    HANDLERS,
    HISTORY,
    LOADERS,
    MIDDLEWARE,
    RESULTS,
    RETRIEVAL,
    SENTENCES,
    SERVICE_TOOLS,
    SPLITTERS,
    TEXT_MODELS,
    TOOL_PARSERS,
)
from runnables.errors import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

IN_PROVIDERS: Final[Mapping[str, str]] = {
    "openai": "ChatOpenAI AzureChatOpenAI OpenAI OpenAIEmbeddings Timeouts",
    "anthropic": "ChatAnthropic",
    "google": "ChatGoogleGenerativeAI GoogleGenerativeAIEmbeddings",
    "ollama": "ChatOllama OllamaEmbeddings OllamaLLM",
    "local": "LocalChatModel LocalEmbeddings",
    "scripted": "ScriptedChatModel",
}

_SENTENCE_OF: Final = {
    name: sentence
    for sentences in SENTENCES.values()
    for sentence, names in sentences.items()
    for name in names.split()
}

_BY_PATTERN: Final = (
    (r"\w*(Memory|ChatMessageHistory)", HISTORY),
    (r"\w*Middleware", MIDDLEWARE),
    (r"Chat[A-Z]\w*|\w+Chat|HumanInputChatModel|\w+ChatEndpoint|\w+MaasChat", COMPATIBLE),
    (r"\w+Embeddings(Endpoint)?|\w+SemanticEmbedding", EMBEDDINGS),
    (r"\w*(TextSplitter|Splitter)", SPLITTERS),
    (r"\w*(Loader|Blob|BlobParser)", LOADERS),
    (r"\w*(Retriever|VectorStore|Compressor|RecordManager|Index|"
     r"Document|DocumentTransformer)|FAISS|Chroma|Pinecone|Qdrant|PGVector|Milvus|"
     r"Weaviate|index|aindex", RETRIEVAL),
    (r"\w*Agent\w*|create_\w*agent\w*", AGENTS),
    (r"\w*Chain|load_\w*chain|create_\w*chain|RetrievalQA\w*", CHAINS),
    (r"\w*(CallbackHandler|CallbackManager\w*|RunManager|ManagerMixin|Tracer)", HANDLERS),
    (r"\w*(LLM|AI)", TEXT_MODELS),
    (r"\w*(Generation|GenerationChunk|LLMResult|ChatResult)", RESULTS),
    (r"\w*Functions?Parser", TOOL_PARSERS),
    (r"\w+(Query|Search|Input|Serper|API|NLA)Run(Action)?|\w+(Tool|Toolkit)", SERVICE_TOOLS),
)  # fmt: skip
"""For kinds of names, by a pattern of the whole name: what to use."""


def missing_name(
    name: str, known: Collection[str], *, asked_by: str, module: str = "runnables"
) -> Exception:
    """Return the error for a name that a package does not have.

    `from package import name` asks by `hasattr`, and then looks for a module of that name. Its
    own error says nothing of use, so it gets ours at once, unless there is such a module.

    Args:
        name: the name.
        known: the names that the package has.
        asked_by: the name of the function that asks.
        module: the package: `runnables`, one inside of it, or that of the providers.
    """
    reason = f"module {module!r} has no attribute {name!r}"
    from_import = asked_by == "_handle_fromlist"
    if name.startswith("_") or (from_import and find_spec(f"{module}.{name}") is not None):
        return AttributeError(reason)
    hint = where_is(name, known, module)
    if from_import and hint:
        return ImportError(f"cannot import name {name!r} from {module!r}.{hint}", name=module)
    return AttributeError(f"{reason}.{hint}" if hint else reason)


def where_is(name: str, known: Collection[str], module: str = "runnables") -> str:
    """Return where a name is that a package does not have, or what to use; "" where nothing is.

    Args:
        name: the name.
        known: the names that the package has.
        module: the package.
    """
    if module != "runnables" and name in sys.modules["runnables"].__all__:
        return f" Write: from runnables import {name}"
    for module, names in IN_PROVIDERS.items():
        if name in names.split():
            return f" Write: from runnables_providers.{module} import {name}"
    if name in _SENTENCE_OF:
        return f" {_SENTENCE_OF[name]}"
    if (typo := nearest(name, known, similarity=0.85)) is not None:
        return f" Did you mean {typo!r}?"
    for pattern, instead in _BY_PATTERN:
        if re.fullmatch(pattern, name):
            return f" {instead}"
    return did_you_mean(name, known)
