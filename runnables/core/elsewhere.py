"""Names that are not in `runnables`, but that people look for there: where they are, or what is.

Loaded when such a name is asked for.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from runnables.errors import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_IN_PROVIDERS: Final[Mapping[str, str]] = {
    "openai": "ChatOpenAI AzureChatOpenAI OpenAIEmbeddings Timeouts",
    "anthropic": "ChatAnthropic",
    "google": "ChatGoogleGenerativeAI GoogleGenerativeAIEmbeddings",
    "ollama": "ChatOllama OllamaEmbeddings",
    "local": "LocalChatModel LocalEmbeddings",
    "scripted": "ScriptedChatModel",
}

_STREAMS: Final = "Use an object with `on_event` as a handler, in callbacks=[...]."
_AGENTS: Final = "Use create_agent(model, tools)."
_HISTORY: Final = (
    "Store the list of messages yourself, and pass it to a MessagesPlaceholder of the prompt."
)
_CHAINS: Final = "Pipe its parts: prompt | model | StrOutputParser()."
_TEXT_MODELS: Final = "Models are chat models here: init_chat_model('openai:gpt-5-mini')."
_RESULTS: Final = "Models take and return messages: AIMessage, AIMessageChunk."
_RETRIEVAL: Final = (
    "There is no retrieval here: a function that returns strings is a retriever in a chain."
)
_SERIALIZATION: Final = "Pickle chains; messages have messages_to_dict and messages_from_dict."
_TOOL_PARSERS: Final = "Use PydanticToolsParser, JsonOutputToolsParser, or with_structured_output."

_INSTEAD: Final[Mapping[str, str]] = {
    "AddableDict": "Chunks merge as they declare it: merge_chunks.",
    "BaseCallbackHandler": _STREAMS,
    "BaseChatModel": "Use ChatModel.",
    "BaseGenerationOutputParser": "Use BaseOutputParser.",
    "BaseLLMOutputParser": "Use BaseOutputParser.",
    "BaseCumulativeTransformOutputParser": "Use BaseTransformOutputParser.",
    "BaseLanguageModel": "Use ChatModel.",
    "BaseToolkit": "Use a list of tools.",
    "Callbacks": _STREAMS,
    "ConfigurableFieldSpec": "Use ConfigurableField.",
    "ConsoleCallbackHandler": "Use ConsoleHandler.",
    "ContextOverflowError": "Use ContextLengthError.",
    "FakeListLLM": "Use FakeListChatModel.",
    "FakeStreamingListLLM": "Use FakeListChatModel.",
    "FewShotPromptWithTemplates": "Use FewShotPromptTemplate, whose prefix may be a template.",
    "FunctionMessage": "Use ToolMessage.",
    "FunctionMessageChunk": "Use ToolMessageChunk.",
    "InMemoryChatMessageHistory": _HISTORY,
    "JsonKeyOutputFunctionsParser": _TOOL_PARSERS,
    "JsonOutputFunctionsParser": _TOOL_PARSERS,
    "LLM": _TEXT_MODELS,
    "LLMMathChain": _AGENTS,
    "LanguageModelLike": "Use ChatModel.",
    "LanguageModelOutput": "Use AIMessage.",
    "ModelAuthenticationError": "Use AuthenticationError.",
    "ModelInvalidRequestError": "Use InvalidRequestError.",
    "ModelPermissionDeniedError": "Use PermissionDeniedError.",
    "ModelRateLimitError": "Use RateLimitError.",
    "OpenAI": _TEXT_MODELS,
    "OutputFixingParser": "Use parser.with_repair(model).",
    "PipelinePromptTemplate": "Add prompts with `+`.",
    "PydanticAttrOutputFunctionsParser": _TOOL_PARSERS,
    "PydanticOutputFunctionsParser": _TOOL_PARSERS,
    "RemoveMessage": _HISTORY,
    "ResponseSchema": "Use a pydantic class: model.with_structured_output(MyClass).",
    "RetryOutputParser": "Use parser.with_repair(model).",
    "RetryWithErrorOutputParser": "Use parser.with_repair(model).",
    "RunInfo": "Use an Event.",
    "RunnableSerializable": "Use Runnable.",
    "RunnableWithMessageHistory": _HISTORY,
    "SchemaAnnotationError": "Use ConfigError.",
    "Serializable": _SERIALIZATION,
    "SimpleChatModel": "Use ChatModel.",
    "StdOutCallbackHandler": "Use ConsoleHandler.",
    "StreamingStdOutCallbackHandler": "Use ConsoleHandler, or `for chunk in model.stream(...)`.",
    "StructuredOutputParser": "Use model.with_structured_output(MyClass).",
    "StructuredPrompt": "Use prompt | model.with_structured_output(MyClass).",
    "TavilySearchResults": "Make a tool of a function that calls the service: @tool.",
    "Tool": "Use `tool`, or StructuredTool.from_function.",
    "UsageMetadataCallbackHandler": "Use Usage.",
    "add": "Use merge_chunks.",
    "convert_runnable_to_tool": "Use runnable.as_tool().",
    "create_openai_functions_agent": _AGENTS,
    "create_openai_tools_agent": _AGENTS,
    "create_retriever_tool": "Use tool('name', retriever).",
    "create_schema_from_function": "Use tool(function).args_schema.",
    "dumpd": _SERIALIZATION,
    "dumps": _SERIALIZATION,
    "get_openai_callback": "Use track_usage.",
    "get_usage_metadata_callback": "Use track_usage.",
    "hub": "Write the prompt: ChatPromptTemplate.from_messages([...]).",
    "initialize_agent": _AGENTS,
    "itemgetter": "It is Python's own: from operator import itemgetter.",
    "load": _SERIALIZATION,
    "load_prompt": "Write the prompt: ChatPromptTemplate.from_messages([...]).",
    "load_tools": "Make a tool of a function: @tool.",
    "loads": _SERIALIZATION,
    "patch_config": "Use merge_configs.",
    "render_text_description": "Use tool.args_jsonschema.",
    "set_debug": "Use ConsoleHandler, which prints all runs.",
    "set_llm_cache": "Use cache= of a model, or with_cache of any runnable.",
    "set_verbose": "Use ConsoleHandler, which prints all runs.",
    "stuff_documents_chain": _CHAINS,
}
"""For names of LangChain that are not here: what to use."""

_BY_PATTERN: Final = (
    (r"Chat[A-Z]\w*", "Is its service OpenAI-compatible? Then use ChatOpenAI(base_url=...) of "
     "runnables_providers.openai; init_chat_model('provider:model') knows what is here."),
    (r"\w+Embeddings", "init_embeddings('provider:model') knows those that are here."),
    (r"\w*(Retriever|VectorStore|Loader|TextSplitter|Splitter|Compressor|RecordManager|Index|"
     r"Document|Blob|BlobParser|DocumentTransformer)|FAISS|Chroma|Pinecone|Qdrant|PGVector|Milvus|"
     r"Weaviate|index|aindex|\w*format_document", _RETRIEVAL),
    (r"\w*(Memory|ChatMessageHistory)", _HISTORY),
    (r"\w*Agent\w*|create_\w*agent\w*", _AGENTS),
    (r"\w*Chain|load_\w*chain|create_\w*chain|RetrievalQA\w*", _CHAINS),
    (r"\w*(CallbackHandler|CallbackManager\w*|RunManager|ManagerMixin|Tracer)", _STREAMS),
    (r"\w*(LLM|AI)", _TEXT_MODELS),
    (r"\w*(Generation|GenerationChunk|LLMResult|ChatResult)", _RESULTS),
    (r"\w*Functions?Parser", _TOOL_PARSERS),
)  # fmt: skip
"""For kinds of names, by a pattern of the whole name: what to use."""


def missing_name(name: str, known: Collection[str], *, asked_by: str) -> Exception:
    """Return the error for a name that `runnables` does not have.

    `from runnables import name` asks by `hasattr`, and then looks for a module of that name. Its
    own error says nothing of use, so it gets ours at once, unless there is such a module.

    Args:
        name: the name.
        known: the names that `runnables` has.
        asked_by: the name of the function that asks.
    """
    reason = f"module 'runnables' has no attribute {name!r}"
    from_import = asked_by == "_handle_fromlist"
    if name.startswith("_") or (from_import and find_spec(f"runnables.{name}") is not None):
        return AttributeError(reason)
    hint = where_is(name, known)
    if from_import and hint:
        return ImportError(f"cannot import name {name!r} from 'runnables'.{hint}", name="runnables")
    return AttributeError(f"{reason}.{hint}" if hint else reason)


def where_is(name: str, known: Collection[str]) -> str:
    """Return where a name is that `runnables` does not have, or what to use; "" where nothing is.

    Args:
        name: the name.
        known: the names that `runnables` has.
    """
    for module, names in _IN_PROVIDERS.items():
        if name in names.split():
            return f" Write: from runnables_providers.{module} import {name}"
    if name in _INSTEAD:
        return f" {_INSTEAD[name]}"
    if (typo := nearest(name, known, similarity=0.85)) is not None:
        return f" Did you mean {typo!r}?"
    for pattern, instead in _BY_PATTERN:
        if re.fullmatch(pattern, name):
            return f" {instead}"
    return did_you_mean(name, known)
