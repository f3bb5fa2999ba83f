"""Names that are not in `runnables`, but that people look for there: where they are, or what is.

Loaded when such a name is asked for.
"""

from __future__ import annotations

import re
import sys
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

_HANDLERS: Final = (
    "Handlers subclass BaseCallbackHandler, or have `on_event`; they go into callbacks=[...]."
)
_AGENTS: Final = "Use create_agent(model, tools)."
_HISTORY: Final = (
    "Store the list of messages yourself, and pass it to a MessagesPlaceholder of the prompt."
)
_CHAINS: Final = "Pipe its parts: prompt | model | StrOutputParser()."
_TEXT_MODELS: Final = "Models are chat models here: init_chat_model('openai:gpt-5-mini')."
_RESULTS: Final = "Models take and return messages: AIMessage, AIMessageChunk."
_RETRIEVAL: Final = (
    "There is no store or splitter here: subclass BaseRetriever for a store, or use a function."
)
_SERIALIZATION: Final = "Pickle chains; messages have messages_to_dict and messages_from_dict."
_TOOL_PARSERS: Final = "Use PydanticToolsParser, JsonOutputToolsParser, or with_structured_output."
_MIDDLEWARE: Final = (
    "Agents have no middleware here: wrap the model (model.with_retry(), model.with_fallbacks"
    "([...]), Budget) and the tools, and see create_agent."
)
_INTERNAL: Final = "It is a helper inside LangChain, and nothing here needs it."

_GROUPS: Final[Mapping[str, str]] = {
    _AGENTS: (
        "LLMMathChain create_openai_functions_agent create_openai_tools_agent initialize_agent"
    ),
    _CHAINS: "stuff_documents_chain",
    _HANDLERS: (
        "AsyncCallbackManager AsyncCallbackManagerForChainRun BaseCallbackManager CallbackManager "
        "CallbackManagerForChainRun"
    ),
    _HISTORY: "InMemoryChatMessageHistory RemoveMessage RunnableWithMessageHistory",
    _INTERNAL: (
        "ErrorCode FILTERED_ARGS FunctionNonLocals GetLambdaSource InitValidator "
        "IsFunctionArgDict IsLocalDict LC_AUTO_PREFIX LC_ID_PREFIX NonLocals "
        "NotificationMetadata StrictFormatter TracerException acall_func_with_variable_args "
        "accepts_config accepts_context accepts_run_manager add_notification_metadata "
        "asyncio_accepts_context build_extra_kwargs call_func_with_variable_args "
        "check_package_version comma_list convert_to_openai_data_block "
        "convert_to_openai_image_block coro_with_context create_message ensure_id formatter "
        "gated_coro get_async_callback_manager_for_config get_bolded_text "
        "get_callback_manager_for_config get_color_mapping get_colored_text get_config_list "
        "get_executor_for_config get_function_first_arg_dict_keys get_function_nonlocals "
        "get_lambda_source get_notification_metadata get_pydantic_field_names "
        "get_unique_config_specs guard_import image indent_lines_after_first "
        "is_async_callable is_async_generator is_data_content_block is_openai_data_block "
        "is_uuid merge_content mock_now node_data_json node_data_str pre_init print_text "
        "raise_for_status_with_text sanitize_for_postgres set_config_context sorted_values "
        "stringify_dict stringify_value xor_args"
    ),
    _MIDDLEWARE: (
        "AutoModeMiddleware ClearToolUsesEdit CodexSandboxExecutionPolicy "
        "DockerExecutionPolicy ExtendedModelResponse HostExecutionPolicy InterruptOnConfig "
        "LLMToolEmulator ModelCallResult ModelChoice ModelRequest ModelResponse "
        "PIIDetectionError PIIMatch RedactionRule Runtime ToolCallRequest TracePolicy "
        "TriggerClause after_agent after_model before_agent before_model "
        "configure_trace_policy dynamic_prompt hook_config omit_payload wrap_model_call "
        "wrap_tool_call"
    ),
    _RESULTS: "Generation GenerationChunk",
    _RETRIEVAL: (
        "Comparator Comparison DeleteResponse ElementType Expr FilterDirective HeaderType "
        "IndexingResult LangSmithRetrieverParams Language LineType Operation Operator "
        "PathLike RetrieverInput StructuredQuery Tokenizer UpsertResponse VST Visitor "
        "split_text_on_tokens"
    ),
    _SERIALIZATION: "Serializable dumpd dumps load loads",
    _TEXT_MODELS: "OpenAI",
    "Subclass SimpleChatModel: its `_call` gets messages, and returns a string.": "BaseLLM LLM",
    _TOOL_PARSERS: (
        "JsonKeyOutputFunctionsParser JsonOutputFunctionsParser "
        "PydanticAttrOutputFunctionsParser PydanticOutputFunctionsParser "
        "make_invalid_tool_call parse_tool_call parse_tool_calls"
    ),
    "Use AIMessage.": "LanguageModelOutput",
    "Use AuthenticationError.": "ModelAuthenticationError",
    "Use BaseOutputParser.": "BaseGenerationOutputParser BaseLLMOutputParser",
    "Use BaseTransformOutputParser.": "BaseCumulativeTransformOutputParser",
    "Use chain.batch(inputs, max_concurrency=8), or abatch.": (
        "ContextThreadPoolExecutor abatch_iterate batch_iterate gather_with_concurrency"
    ),
    "Use ChatModel.": "BaseLanguageModel LanguageModelLike",
    "Use ChatPromptValue, or a list of messages.": "ChatPromptValueConcrete ImagePromptValue",
    "Use ConfigError.": "SchemaAnnotationError",
    "Use ConfigurableField.": "ConfigurableFieldSpec",
    "Use ConsoleHandler(file), which prints all runs.": "FileCallbackHandler",
    "Use ConsoleHandler, which prints all runs.": (
        "ConsoleCallbackHandler get_debug get_verbose set_debug set_verbose"
    ),
    "Use ContextLengthError.": "ContextOverflowError",
    "Use FakeListChatModel.": "FakeListLLM FakeStreamingListLLM",
    "Use FewShotPromptTemplate, whose prefix may be a template.": "FewShotPromptWithTemplates",
    "Use ImagePromptTemplate, or a dict with the URL.": "ImageURL",
    "Use InMemoryCache or SQLiteCache for answers, and a dict for anything else.": (
        "BaseStore ByteStore InMemoryBaseStore InMemoryByteStore InMemoryStore InvalidKeyException"
    ),
    "Use InvalidRequestError.": "ModelInvalidRequestError ModelNotFoundError",
    "Use ModelError.": "ModelAPIError",
    "Use ModelTimeoutError, or StepTimeout.": "StreamChunkTimeoutError",
    "Use PermissionDeniedError.": "ModelPermissionDeniedError",
    "Use RateLimitError.": "ModelRateLimitError",
    "Use RunnablesError.": "LangChainException",
    "Use RunnableConfig.": "EmptyDict",
    "Use ToolMessage.": "FunctionMessage",
    "Use ToolMessageChunk.": "FunctionMessageChunk",
    "Use an Event.": "Run RunInfo RunLog RunLogPatch",
    "Use cache= of a model, or with_cache of any runnable.": "get_llm_cache set_llm_cache",
    "Use OpenAIEmbeddings(base_url=...) of runnables_providers.openai.": "AzureOpenAIEmbeddings",
    "Use convert_to_openai_function.": (
        "format_tool_to_openai_function convert_pydantic_to_openai_function "
        "convert_python_function_to_openai_function"
    ),
    "Use convert_to_openai_tool, or model.bind_tools([...]).": (
        "FunctionDescription ToolDescription convert_to_anthropic_tool convert_to_json_schema "
        "convert_pydantic_to_openai_tool format_tool_to_openai_tool"
    ),
    "Use create_agent(model, tools, response_format=MyClass).": (
        "AutoStrategy MultipleStructuredOutputsError OutputToolBinding ProviderStrategy "
        "ProviderStrategyBinding SchemaT StructuredOutputError StructuredOutputValidationError "
        "ToolStrategy"
    ),
    "Use merge_chunks.": "aadd add",
    "Chunks merge as they declare it: merge_chunks.": "Addable AddableDict SupportsAdd",
    "Use merge_configs.": "patch_config",
    "Use model.get_num_tokens(text), or count_tokens_approximately.": "get_tokenizer",
    "Use parser.with_repair(model).": (
        "OutputFixingParser RetryOutputParser RetryWithErrorOutputParser"
    ),
    "Use prompt | model.with_structured_output(MyClass).": "StructuredPrompt",
    "Use model.with_structured_output(MyClass).": "ResponseSchema StructuredOutputParser",
    "Use PromptTemplate, which checks itself: .format(...), .input_variables.": (
        "check_valid_template get_template_variables jinja2_formatter validate_jinja2"
    ),
    "Use runnable.as_tool().": "convert_runnable_to_tool",
    "Use tool('name', retriever).": "create_retriever_tool",
    "Use tool(function).args_schema.": "ArgsSchema create_schema_from_function",
    "Annotate it: Callable[[Iterable[BaseTool]], str].": "ToolsRenderer",
    "Add prompts with `+`.": "PipelinePromptTemplate",
    "Blocks that only one service has are NonStandardContentBlock.": (
        "NonStandardAnnotation ServerToolCall ServerToolCallChunk ServerToolResult"
    ),
    "Annotations are dicts, as the service sent them: see TextContentBlock.": "Annotation Citation",
    "Use ContentBlock.": "DataContentBlock",
    "Bind the service's own dict: model.bind_tools([{'type': ...}]).": (
        "ComputerUse OpenAIDecisions custom_tool"
    ),
    "Options of Google's are strings and dicts here: safety_settings={'...': '...'}.": (
        "Environment HarmBlockThreshold HarmCategory MediaResolution Modality create_context_cache"
    ),
    "It is Python's own: from operator import itemgetter.": "itemgetter",
    "A sync function is a step as it is; elsewhere use asyncio.to_thread.": "run_in_executor",
    "Make a tool of a function: @tool.": "load_tools",
    "Make a tool of a function that calls the service: @tool.": "TavilySearchResults",
    "A parameter of the tool that is a RunnableConfig gets the config; mark others with "
    "InjectedToolArg.": "InjectedState InjectedStore ToolRuntime",
    "Graphs of runnables are not here yet.": (
        "Branch CurveStyle Edge Graph LabelsDict MermaidDrawMethod Node NodeStyles Stringifiable"
    ),
    "Models have no profiles here: what a model can do is in its service's own pages.": (
        "ModelProfile ModelProfileRegistry"
    ),
    "Runs have no entries for LangSmith: metadata of your own goes into the config.": (
        "LangSmithParams"
    ),
    "Make a type variable of your own: typing.TypeVar.": "Input K Other Output P T V",
    "Read the environment yourself: os.environ.": (
        "from_env get_from_dict_or_env get_from_env secret_from_env"
    ),
    "Use pydantic.SecretStr.": "convert_to_secret_str",
    "Subclass BaseExampleSelector.": (
        "MaxMarginalRelevanceExampleSelector SemanticSimilarityExampleSelector"
    ),
    "Write the prompt: ChatPromptTemplate.from_messages([...]).": "hub load_prompt",
}
"""For names of LangChain that are not here: what to use."""

_INSTEAD: Final = {name: instead for instead, names in _GROUPS.items() for name in names.split()}

_BY_PATTERN: Final = (
    (r"\w*Middleware", _MIDDLEWARE),
    (r"Chat[A-Z]\w*", "Is its service OpenAI-compatible? Then use ChatOpenAI(base_url=...) of "
     "runnables_providers.openai; init_chat_model('provider:model') knows what is here."),
    (r"\w+Embeddings", "init_embeddings('provider:model') knows those that are here."),
    (r"\w*(Retriever|VectorStore|Loader|TextSplitter|Splitter|Compressor|RecordManager|Index|"
     r"Document|Blob|BlobParser|DocumentTransformer)|FAISS|Chroma|Pinecone|Qdrant|PGVector|Milvus|"
     r"Weaviate|index|aindex", _RETRIEVAL),
    (r"\w*(Memory|ChatMessageHistory)", _HISTORY),
    (r"\w*Agent\w*|create_\w*agent\w*", _AGENTS),
    (r"\w*Chain|load_\w*chain|create_\w*chain|RetrievalQA\w*", _CHAINS),
    (r"\w*(CallbackHandler|CallbackManager\w*|RunManager|ManagerMixin|Tracer)", _HANDLERS),
    (r"\w*(LLM|AI)", _TEXT_MODELS),
    (r"\w*(Generation|GenerationChunk|LLMResult|ChatResult)", _RESULTS),
    (r"\w*Functions?Parser", _TOOL_PARSERS),
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
