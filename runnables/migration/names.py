"""The table of names: for each of LangChain's, ours, or why it stays LangChain's.

The command `runnables migrate`, the page of the docs and the runner of public code are made of it.
Public names are those of `public_names.py`; what to use for the names that are not here is in
`core/names_of_langchain.py`, of which errors are made, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runnables.core.elsewhere import IN_PROVIDERS
from runnables.public_names import HOMES

if TYPE_CHECKING:
    from collections.abc import Mapping

OURS: Final[Mapping[str, str]] = {
    **{
        name: f"runnables_providers.{module}"
        for module, names in IN_PROVIDERS.items()
        for name in names.split()
    },
    **{name: "runnables" for names in HOMES.values() for name in names.split()},
}
"""Our modules, by the names that are imported from them."""

ROOTS: Final = frozenset(
    "langchain langchain_core langchain_classic langchain_openai langchain_anthropic "
    "langchain_google_genai langchain_ollama langchain_text_splitters langchain_community "
    "langserve".split()
)
"""The packages with names that have counterparts here."""

COMMUNITY: Final = (
    "langchain_community.chat_models",
    "langchain_community.llms",
    "langchain_community.embeddings",
    "langchain_community.callbacks",
    "langchain_community.cache",
    "langchain_community.chat_message_histories",
)
"""The parts of langchain_community whose names may be ours."""

RENAMED: Final[Mapping[str, str]] = {
    "BaseLanguageModel": "ChatModel",
    "ContextOverflowError": "ContextLengthError",
    "LangChainException": "RunnablesError",
    "ModelAuthenticationError": "AuthenticationError",
    "ModelInvalidRequestError": "InvalidRequestError",
    "ModelPermissionDeniedError": "PermissionDeniedError",
    "ModelRateLimitError": "RateLimitError",
    "Ollama": "OllamaLLM",
    "RunnableBindingBase": "RunnableBinding",
    "RunnableEachBase": "RunnableEach",
    "convert_pydantic_to_openai_function": "convert_to_openai_function",
    "convert_pydantic_to_openai_tool": "convert_to_openai_tool",
    "convert_python_function_to_openai_function": "convert_to_openai_function",
    "format_tool_to_openai_function": "convert_to_openai_function",
    "format_tool_to_openai_tool": "convert_to_openai_tool",
}
"""Names that are here under another name, and mean the same."""

MOVED: Final[Mapping[tuple[str, str], str]] = {
    ("langserve", "RemoteRunnable"): "runnables_providers.remote",
    ("langserve", "add_routes"): "runnables.serving",
}
"""Names that are elsewhere than in `runnables`, by package and name."""

AT_THE_ROOT: Final[Mapping[str, str]] = {
    name: f"langchain.{module}"
    for module, names in {
        "agents": "MRKLChain ReActChain SelfAskWithSearchChain",
        "chains": (
            "ConversationChain LLMChain LLMCheckerChain LLMMathChain QAWithSourcesChain VectorDBQA "
            "VectorDBQAWithSourcesChain"
        ),
        "docstore": "InMemoryDocstore Wikipedia",
        "llms": (
            "Anthropic Cohere HuggingFaceHub HuggingFacePipeline HuggingFaceTextGenInference "
            "LlamaCpp Petals SagemakerEndpoint Writer"
        ),
        "utilities": (
            "ArxivAPIWrapper GoogleSearchAPIWrapper GoogleSerperAPIWrapper SearxSearchWrapper "
            "SQLDatabase WikipediaAPIWrapper WolframAlphaAPIWrapper"
        ),
        "vectorstores": "ElasticVectorSearch FAISS",
    }.items()
    for name in names.split()
}
"""The modules of names that older code imports from the package `langchain` itself."""

PYDANTIC: Final = frozenset({"langchain_core.pydantic_v1", "langchain.pydantic_v1"})
"""Modules that had pydantic's own names."""

PYDANTIC_CHANGED: Final[Mapping[str, str]] = {
    "root_validator": "Pydantic 2 has model_validator for it: change the validator by hand.",
    "validator": "Pydantic 2 has field_validator for it; validator is deprecated there.",
}
"""Names of pydantic 1 that pydantic 2 spells otherwise."""

OTHER_MEANING: Final[Mapping[tuple[str, str], str]] = {
    ("langchain.agents", "Agent"): "Use create_agent(model, tools).",
    ("langchain_classic.agents", "Agent"): "Use create_agent(model, tools).",
    ("langchain_core.decisions", "Content"): "Models that decide are not here.",
    ("langchain_core.vectorstores", "VectorStore"): (
        "A store here has other methods: see the page on retrieval."
    ),
    ("langchain.vectorstores", "VectorStore"): (
        "A store here has other methods: see the page on retrieval."
    ),
}
"""Names, by module and what is below it, that mean something else here, and what to do."""

STAYS: Final[Mapping[str, str]] = {
    "langgraph": "its graphs take our chains as nodes, and are steps of ours",
    "langgraph_sdk": "it is a client of its own service",
    "langgraph_supervisor": "its graphs are steps of ours",
    "langgraph_swarm": "its graphs are steps of ours",
    "langsmith": "its functions take a chain as a function",
    "deepagents": "its graphs are steps of ours",
    "langchain.agents.middleware": "it belongs to LangChain's own create_agent",
    "langchain.agents.structured_output": "it belongs to LangChain's own create_agent",
    "langchain.callbacks": "handlers go into callbacks= of ours",
    "langchain.chat_models": "its models are steps of ours",
    "langchain.chains": "chains take our parts, and are steps of ours",
    "langchain.agents": "agents take our parts, and are steps of ours",
    "langchain.document_loaders": "loaders give documents",
    "langchain.document_transformers": "they take and give documents",
    "langchain.docstore": "it keeps documents",
    "langchain.embeddings": "embeddings give what ours take, and take ours",
    "langchain.evaluation": "evaluators take our models",
    "langchain.graphs": "its chains are steps of ours",
    "langchain.hub": "what it loads is a step of ours",
    "langchain.indexes": "it keeps documents",
    "langchain.load": "it reads what LangChain has stored",
    "langchain.llms": "its models are steps of ours",
    "langchain.memory": "memories belong to its chains",
    "langchain.output_parsers": "parsers are steps of ours",
    "langchain.retrievers": "retrievers are steps of ours",
    "langchain.smith": "it evaluates our chains, too",
    "langchain.sql_database": "it is a client of databases",
    "langchain.storage": "stores hold bytes",
    "langchain.text_splitter": "splitters take and give documents",
    "langchain.tools": "its tools are tools of our models",
    "langchain.utilities": "they are clients of services",
    "langchain.utils": "they are plain functions",
    "langchain.vectorstores": "stores are asked through their retrievers",
    "langchain_classic": "chains, agents and retrievers take our parts, and are steps of ours",
    "langchain_community": "stores, loaders and tools are steps of ours, or give what ours take",
    "langchain_core.document_loaders": "loaders give documents",
    "langchain_core.indexing": "it fills LangChain's stores",
    "langchain_core.stores": "stores hold bytes",
    "langchain_core.vectorstores": "stores are asked through their retrievers",
    "langchain_experimental": "its chains are steps of ours",
    "langchain_hub": "what it loads is a step of ours",
    "langchain_text_splitters": "splitters take and give documents",
    "langchain_mcp_adapters": "its tools are tools of our models; see also runnables.mcp_tools",
    **dict.fromkeys(
        (
            "langchain_aws", "langchain_azure_ai", "langchain_cerebras", "langchain_cohere",
            "langchain_databricks", "langchain_deepseek", "langchain_fireworks",
            "langchain_google_community", "langchain_google_vertexai", "langchain_groq",
            "langchain_huggingface", "langchain_ibm", "langchain_mistralai",
            "langchain_nvidia_ai_endpoints", "langchain_openrouter", "langchain_perplexity",
            "langchain_together", "langchain_upstage", "langchain_xai",
        ),
        "its models are steps of ours",
    ),
    **dict.fromkeys(
        (
            "langchain_astradb", "langchain_chroma", "langchain_couchbase",
            "langchain_elasticsearch", "langchain_milvus", "langchain_mongodb", "langchain_neo4j",
            "langchain_pinecone", "langchain_postgres", "langchain_qdrant", "langchain_redis",
            "langchain_weaviate",
        ),
        "its stores are asked through their retrievers",
    ),
    **dict.fromkeys(
        ("langchain_docling", "langchain_exa", "langchain_tavily", "langchain_unstructured"),
        "its tools and loaders give what ours take",
    ),
}  # fmt: skip
"""Packages and modules that may stay LangChain's, and how they go together with ours.

A name in them that is here becomes ours all the same.
"""

IN_1: Final[Mapping[str, str]] = {
    "agents": "AgentState create_agent",
    "chat_models": "BaseChatModel init_chat_model",
    "embeddings": "Embeddings init_embeddings",
    "tools": (
        "BaseTool InjectedState InjectedStore InjectedToolArg InjectedToolCallId ToolException "
        "ToolRuntime tool"
    ),
}
"""The names that `langchain` still has since version 1, by module; the others of these modules, and
all other modules, are in langchain_classic. The adapter needs that version."""

WHOLE_IN_1: Final = (
    "langchain.agents.factory",
    "langchain.agents.middleware",
    "langchain.agents.structured_output",
    "langchain.mcp",
    "langchain.messages",
    "langchain.rate_limiters",
)
"""Modules that `langchain` has had since version 1."""

_CHAT: Final[Mapping[str, str]] = {
    "model_name": "model",
    "request_timeout": "timeout",
    "default_request_timeout": "timeout",
    "stop_sequences": "stop",
    "max_tokens_to_sample": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
}
_OPENAI: Final = {
    **_CHAT,
    "openai_api_key": "api_key",
    "openai_api_base": "base_url",
    "openai_organization": "organization",
}
_OLLAMA: Final = {**_CHAT, "format": "response_format", "reasoning": "think"}
_EMBEDDINGS: Final = {
    "model_name": "model",
    "request_timeout": "timeout",
    "chunk_size": "max_batch_size",
}

KEYWORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "ChatOpenAI": _OPENAI,
    "OpenAI": _OPENAI,
    "AzureChatOpenAI": {
        **_OPENAI,
        "deployment_name": "azure_deployment",
        "openai_api_version": "api_version",
    },
    "ChatAnthropic": {
        **_CHAT,
        "reasoning_effort": "effort",
        "anthropic_api_key": "api_key",
        "anthropic_api_url": "base_url",
    },
    "ChatGoogleGenerativeAI": {
        **_CHAT,
        "google_api_key": "api_key",
        "additional_headers": "default_headers",
        "reasoning_effort": "thinking_level",
        "retries": "max_retries",
    },
    "ChatOllama": _OLLAMA,
    "OllamaLLM": _OLLAMA,
    "OpenAIEmbeddings": {
        **_EMBEDDINGS,
        "openai_api_key": "api_key",
        "openai_api_base": "base_url",
        "headers": "default_headers",
    },
    "GoogleGenerativeAIEmbeddings": {
        **_EMBEDDINGS,
        "google_api_key": "api_key",
        "additional_headers": "default_headers",
        "output_dimensionality": "dimensions",
    },
    "OllamaEmbeddings": _EMBEDDINGS,
}
"""Keywords that have another name here, by our class; the classes take both names."""

NO_KEYWORD: Final[Mapping[str, Mapping[str, str]]] = {
    "JsonOutputParser": {"diff": "Compare the snapshots yourself."},
    "ChatPromptTemplate": dict.fromkeys(
        ("tags", "metadata"), "Use prompt.with_config(tags=[...], metadata={...})."
    ),
    "PromptTemplate": {
        **dict.fromkeys(
            ("tags", "metadata"), "Use prompt.with_config(tags=[...], metadata={...})."
        ),
        "output_parser": "Pipe it behind the model: prompt | model | parser.",
    },
    "AgentExecutor": dict.fromkeys(
        ("memory", "trim_intermediate_steps"),
        "Use RunnableWithMessageHistory(executor, ...), or shorten the steps in your own agent.",
    ),
    "AIMessage": {"example": "Leave it out: no model sees it."},
    "HumanMessage": {"example": "Leave it out: no model sees it."},
    "SystemMessage": {"example": "Leave it out: no model sees it."},
}  # fmt: skip
"""Keywords that are not here, by our class, and what to do."""

STAYS_WITH: Final[Mapping[str, frozenset[str]]] = {
    "create_agent": frozenset(
        "middleware checkpointer store state_schema context_schema interrupt_before "
        "interrupt_after debug cache".split()
    ),
    "PromptTemplate": frozenset({"output_parser"}),
}
"""Functions of ours that stay LangChain's where they are called with one of these keywords."""

STAYS_WITH_ANY: Final[Mapping[str, frozenset[str]]] = {
    "create_agent": frozenset({"stream_mode", "subgraphs"}),
}
"""Functions of ours that stay LangChain's where any call has one of these keywords: what they make
is called with it."""

STAYS_BESIDE: Final[Mapping[str, frozenset[str]]] = {
    "create_agent": frozenset({"langgraph.types.Command"}),
}
"""Functions of ours that stay LangChain's where one of these is imported: tools return it, and
only its own agents, which are graphs, carry it out."""

COMPANIONS: Final[Mapping[str, str]] = {"AgentState": "create_agent"}
"""Names that stay LangChain's where another one does."""

FLAGS: Final[Mapping[str, str]] = {
    "debug": "Use ConsoleHandler, which prints all runs.",
    "verbose": "Use ConsoleHandler, which prints all runs.",
    "llm_cache": "Use cache= of a model, or with_cache of any runnable.",
    "__version__": "Use runnables.__version__.",
}
"""Attributes of the package `langchain` itself, and what to use."""

METHODS: Final[Mapping[str, str]] = {
    "astream_log": "Use astream_events.",
    "aget_relevant_documents": "Use ainvoke.",
    "get_relevant_documents": "Use invoke.",
    "apredict_messages": "Use ainvoke.",
    "predict_messages": "Use invoke.",
    "generate_prompt": "Use batch.",
    "from_role_strings": "Pass the same pairs to ChatPromptTemplate([...]).",
    "config_specs": "Use config_schema().",
}
"""Methods that no class here has, and what to use; their names are LangChain's alone."""

NO_METHOD: Final[Mapping[str, Mapping[str, str]]] = {
    "RecursiveCharacterTextSplitter": {
        "from_tiktoken_encoder": (
            "Pass length_function=lambda text: len(encoding.encode(text)), of tiktoken."
        ),
        "from_huggingface_tokenizer": (
            "Pass length_function=lambda text: len(tokenizer.encode(text))."
        ),
        "from_language": "Pass separators=, the best first.",
        "get_separators_for_language": "Write the separators, the best first.",
    },
    "InMemoryVectorStore": {"load": "Use SQLiteStore, which is a file."},
}
"""Methods of classes that our class of that name does not have, and what to do."""
