"""Names of LangChain that are not here, by subject: for each, one sentence on what to use.

Errors, the command `runnables migrate` and the table in `docs/names-of-langchain.md` are made of
them. A name that is here needs none. What holds for many names is a pattern of the whole name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

AGENTS: Final = "Use create_agent(model, tools)."
HANDLERS: Final = (
    "Handlers subclass BaseCallbackHandler, or have `on_event`; they go into callbacks=[...]."
)
HISTORY: Final = (
    "Use with_history(chain, SQLiteHistory(path)), or RunnableWithMessageHistory; for another "
    "store, subclass BaseChatMessageHistory."
)
CHAINS: Final = "Pipe its parts: prompt | model | StrOutputParser()."
TEXT_MODELS: Final = (
    "Use a chat model, init_chat_model('provider:model'); or subclass LLM, whose `_call` gets a "
    "prompt."
)
RESULTS: Final = "Models take and return messages: AIMessage, AIMessageChunk."
RETRIEVAL: Final = (
    "Use SQLiteStore, or InMemoryVectorStore; for another store, subclass VectorStore, or "
    "BaseRetriever for a search of another kind."
)
SPLITTERS: Final = (
    "Use RecursiveCharacterTextSplitter, which knows Markdown's headings; it takes separators."
)
LOADERS: Final = (
    "Use load_documents(path) for text, Markdown and HTML; for other files, make Document objects."
)
TOOL_PARSERS: Final = "Use PydanticToolsParser, JsonOutputToolsParser, or with_structured_output."
MIDDLEWARE: Final = (
    "Agents have no middleware here: wrap the model (with_retry, with_fallbacks, Budget) and "
    "the tools."
)
COMPATIBLE: Final = (
    "If its service is OpenAI-compatible, use ChatOpenAI(base_url=...) of "
    "runnables_providers.openai; otherwise see init_chat_model('provider:model')."
)
EMBEDDINGS: Final = "init_embeddings('provider:model') knows those that are here."
SERVICE_TOOLS: Final = "Make a tool of a function that calls the service: @tool."

SENTENCES: Final[Mapping[str, Mapping[str, str]]] = {
    "Runnables and their config": {
        "Use chain.batch(inputs, max_concurrency=8), or abatch.": (
            "ContextThreadPoolExecutor abatch_iterate batch_iterate gather_with_concurrency"
        ),
        "Use Runnable.": "DynamicRunnable",
        "Use RunnablesError.": "LangChainException",
        "Use RunnableConfig.": "CONFIG_KEYS EmptyDict",
        "Use merge_chunks.": (
            "agenerate_from_stream generate_from_stream merge_chat_generation_chunks"
        ),
        "Chunks merge as they declare it: merge_chunks.": "Addable SupportsAdd",
        "Use merge_configs.": "patch_config",
        "A sync function is a step as it is; elsewhere use asyncio.to_thread.": "run_in_executor",
        "Use chain.get_graph().draw_mermaid(), or its .draw_ascii(), .draw_mermaid_png().": (
            "AsciiCanvas Branch CurveStyle LabelsDict MARKDOWN_SPECIAL_CHARS "
            "NodeStyles PngDrawer Stringifiable VertexViewer draw_ascii "
            "draw_mermaid draw_mermaid_png"
        ),
        "Use contextvars: what one step sets, the next one sees.": (
            "CONTEXT_CONFIG_PREFIX CONTEXT_CONFIG_SUFFIX_GET CONTEXT_CONFIG_SUFFIX_SET Context "
            "ContextGet ContextSet PrefixContext SetValue Values aconfig_with_context "
            "config_with_context"
        ),
        "Use runnable.with_retry(stop_after_attempt=3), or max_retries= of a model.": (
            "ExponentialJitterParams create_base_retry_decorator"
        ),
        "Use RunnableBinding.": "RunnableBindingBase",
        "Use RunnableEach.": "RunnableEachBase",
        "Use ensure_config(), which returns the config of the running step.": (
            "var_child_runnable_config"
        ),
        "Use RunnablePassthrough().": "aidentity identity",
    },
    "Messages and models": {
        TEXT_MODELS: "AnthropicLLM",
        "Use AuthenticationError.": "ModelAuthenticationError",
        "Use ChatModel.": "BaseLanguageModel",
        "Use ContextLengthError.": "ContextOverflowError",
        "Use InMemoryCache or SQLiteCache for answers, and a dict for anything else.": (
            "BaseStore ByteStore InMemoryBaseStore InMemoryByteStore InMemoryStore "
            "InvalidKeyException"
        ),
        "Use InvalidRequestError.": "ModelInvalidRequestError ModelNotFoundError",
        "Use ModelError.": "ModelAPIError",
        "Use ModelTimeoutError, or StepTimeout.": "StreamChunkTimeoutError",
        "Use PermissionDeniedError.": "ModelPermissionDeniedError",
        "Use RateLimitError.": "ModelRateLimitError",
        "Use ToolMessage.": "FunctionMessage",
        "Use ToolMessageChunk.": "FunctionMessageChunk",
        "Use cache= of a model, or with_cache of any runnable.": (
            "aget_prompts aupdate_cache get_llm_cache get_prompts set_llm_cache update_cache"
        ),
        "Use model.get_num_tokens(text), or count_tokens_approximately.": "get_tokenizer",
        "Blocks that only one service has are NonStandardContentBlock.": (
            "NonStandardAnnotation ServerToolCall ServerToolCallChunk ServerToolResult"
        ),
        "Annotations are dicts, as the service sent them: see TextContentBlock.": (
            "Annotation Citation"
        ),
        "Use ContentBlock.": (
            "Base64ContentBlock BaseDataContentBlock DataContentBlock IDContentBlock "
            "MessageContentBlock ToolContentBlock URLContentBlock"
        ),
        "Bind the service's own dict: model.bind_tools([{'type': ...}]).": (
            "ComputerUse OpenAIDecisions custom_tool"
        ),
        "Options of Google's are strings and dicts here: safety_settings={'...': '...'}.": (
            "Environment HarmBlockThreshold HarmCategory MediaResolution Modality "
            "create_context_cache"
        ),
        "Models have no profiles here: what a model can do is in its service's own pages.": (
            "ModelProfile ModelProfileRegistry"
        ),
        "Models that decide are not here: use model.with_structured_output(MyClass).": (
            "Answer BaseDecisionModel Box BoxAnswer BoxCoordinates Choice ChoiceAnswer "
            "ClassifierRequest ClassifierResponse Noul NoulAnswer NoulCriteria Question Score "
            "ScoreAnswer State"
        ),
        "Use Stream or AsyncStream, which model.stream and model.astream return.": (
            "AsyncChatModelStream AsyncProjection AsyncTextProjection SyncProjection "
            "SyncTextProjection"
        ),
        "Use ScriptedChatModel of runnables_providers.scripted, which raises what it is given.": (
            "FakeListChatModelError FakeListLLMError"
        ),
        "Use FakeListChatModel.": "FakeChatModel",
        "It is a str: .text.": "TextAccessor",
        "Write the block as a dict: {'type': 'text', 'text': '...'}.": (
            "create_audio_block create_citation create_file_block create_image_block "
            "create_non_standard_block create_plaintext_block create_reasoning_block "
            "create_text_block create_video_block"
        ),
        "Use tool_call(name=..., args=..., id=...).": "create_tool_call",
        COMPATIBLE: "ChatMistralAI",
    },
    "Embeddings, documents, retrieval": {
        RETRIEVAL: (
            "BaseCrossEncoder BaseMedia Comparator Comparison DeleteResponse Expr "
            "FilterDirective HypotheticalDocumentEmbedder IndexingException "
            "IndexingResult LangSmithRetrieverParams Operation Operator "
            "RetrieverInput StructuredQuery UpsertResponse VST Visitor "
            "create_history_aware_retriever maximal_marginal_relevance"
        ),
        SPLITTERS: "ElementType HeaderType Language LineType Tokenizer split_text_on_tokens",
        LOADERS: "PathLike",
        "Use OpenAIEmbeddings(base_url=...) of runnables_providers.openai.": (
            "AzureOpenAIEmbeddings"
        ),
        EMBEDDINGS: "AwaEmbeddings MistralAIEmbeddings",
    },
    "Prompts": {
        "Use ChatPromptValue, or a list of messages.": "ImagePromptValue",
        "Use ImagePromptTemplate, or a dict with the URL.": "ImageURL",
        "Use prompt | model.with_structured_output(MyClass).": "StructuredPrompt",
        "Use PromptTemplate, which checks itself: .format(...), .input_variables.": (
            "DEFAULT_FORMATTER_MAPPING DEFAULT_VALIDATOR_MAPPING check_valid_template "
            "get_template_variables jinja2_formatter mustache_formatter mustache_schema "
            "mustache_template_vars validate_f_string_template validate_jinja2"
        ),
        "Add prompts with `+`.": "PipelinePromptTemplate",
        "Subclass BaseExampleSelector.": "NGramOverlapExampleSelector",
        "Write the prompt: ChatPromptTemplate.from_messages([...]).": ("hub try_load_from_hub"),
        "Use load_prompt(path).": "load_prompt_from_config type_to_loader_dict",
        "Use PromptTemplate.": "Prompt",
        "Use BaseMessagePromptTemplate.": "BaseStringMessagePromptTemplate",
        "Use PromptError.": "ChevronError",
    },
    "Parsers and structured output": {
        TOOL_PARSERS: (
            "JsonKeyOutputFunctionsParser JsonOutputFunctionsParser "
            "PydanticAttrOutputFunctionsParser PydanticOutputFunctionsParser "
            "default_tool_chunk_parser default_tool_parser make_invalid_tool_call "
            "parse_tool_call parse_tool_calls"
        ),
        "Use BaseTransformOutputParser.": "BaseCumulativeTransformOutputParser",
        "Use model.with_structured_output(MyClass).": "create_structured_output_runnable",
        "Write a function, and pipe the model into it: model | StrOutputParser() | function.": (
            "BooleanOutputParser CombiningOutputParser GuardrailsOutputParser "
            "PandasDataFrameOutputParser RegexDictParser RegexParser YamlOutputParser"
        ),
        "Use StrOutputParser.": "NoOpOutputParser",
        "Use parser.get_format_instructions().": "JSON_FORMAT_INSTRUCTIONS XML_FORMAT_INSTRUCTIONS",
    },
    "Tools": {
        "Use ConfigError.": "SchemaAnnotationError",
        "Use convert_to_openai_tool, or model.bind_tools([...]).": (
            "FunctionDescription ToolDescription convert_pydantic_to_openai_tool "
            "convert_to_anthropic_tool convert_to_json_schema format_tool_to_openai_tool"
        ),
        "Use runnable.as_tool().": "convert_runnable_to_tool",
        "Use tool(function).args_schema.": "create_schema_from_function",
        "Make a tool of a function: @tool.": "get_all_tool_names load_huggingface_tool load_tools",
        SERVICE_TOOLS: (
            "AINAppOps AINOwnerOps AINRuleOps AINTransfer AINValueOps AIPluginTool APIOperation "
            "BingSearchResults BraveSearch DuckDuckGoSearchResults EdenaiTool GmailCreateDraft "
            "GmailGetMessage GmailGetThread GmailSearch GmailSendMessage GoogleSearchResults "
            "GoogleSerperResults IFTTTWebhook JiraAction MetaphorSearchResults NasaAction "
            "O365CreateDraftMessage O365SearchEmails O365SearchEvents O365SendEvent "
            "O365SendMessage OpenAPISpec SearchAPIResults SearxSearchResults SlackGetChannel "
            "SlackGetMessage SlackScheduleMessage SlackSendMessage TavilySearchResults "
            "ZapierNLAListActions"
        ),
        "A RunnableConfig as a parameter gets the config; mark others with InjectedToolArg.": (
            "InjectedState InjectedStore ToolRuntime"
        ),
        "Return a ToolMessage from the tool.": "ToolOutputMixin",
        "Use handle_tool_errors= of create_agent, or handle_tool_error= of a tool.": (
            "ToolExceptionHandlerOutput"
        ),
        "Use convert_to_openai_function.": (
            "convert_pydantic_to_openai_function convert_python_function_to_openai_function "
            "format_tool_to_openai_function"
        ),
    },
    "Agents and chains": {
        AGENTS: "LLMMathChain create_pbi_agent create_sql_agent load_agent",
        "Use create_tool_calling_agent; or create_agent(model, tools), which needs no executor.": (
            "create_openai_functions_agent create_openai_tools_agent "
            "format_to_openai_function_messages format_to_openai_functions "
            "OpenAIFunctionsAgent OpenAIFunctionsAgentOutputParser OpenAIMultiFunctionsAgent"
        ),
        "Agents that write tool calls as text are not here: use create_agent(model, tools).": (
            "ConversationalAgent ConversationalChatAgent JSONAgentOutputParser ReActChain "
            "ReActJsonSingleInputOutputParser ReActSingleInputOutputParser "
            "SelfAskWithSearchChain StructuredChatAgent XMLAgent XMLAgentOutputParser "
            "ZeroShotAgent create_json_chat_agent create_react_agent "
            "create_self_ask_with_search_agent create_structured_chat_agent create_xml_agent "
            "format_log_to_messages format_log_to_str format_xml initialize_agent"
        ),
        "Use ToolAgentAction.": "AgentActionMessageLog OpenAIToolAgentAction",
        "Use executor.stream(input).": "AgentExecutorIterator",
        "Pass AgentExecutor a runnable that returns a list of AgentAction, or an AgentFinish.": (
            "AgentOutputParser BaseMultiActionAgent BaseSingleActionAgent LLMSingleActionAgent "
            "MultiActionAgentOutputParser RunnableAgent RunnableMultiActionAgent"
        ),
        CHAINS: (
            "VectorDBQA create_citation_fuzzy_match_runnable create_extraction_chain_pydantic "
            "create_tagging_chain_pydantic generate_example stuff_documents_chain"
        ),
        MIDDLEWARE: (
            "AutoModeMiddleware ClearToolUsesEdit CodexSandboxExecutionPolicy "
            "DockerExecutionPolicy ExtendedModelResponse HostExecutionPolicy "
            "LLMToolEmulator ModelCallResult ModelChoice ModelRequest ModelResponse "
            "PIIDetectionError PIIMatch RedactionRule Runtime ToolCallRequest TracePolicy "
            "TriggerClause after_agent after_model before_agent before_model "
            "configure_trace_policy dynamic_prompt hook_config omit_payload wrap_model_call "
            "wrap_tool_call"
        ),
        "Tools ask for approval themselves: @tool(needs_approval=True).": (
            "HumanInTheLoopMiddleware InterruptOnConfig"
        ),
        "Use create_agent(model, tools, response_format=MyClass).": (
            "AutoStrategy MultipleStructuredOutputsError OutputToolBinding ProviderStrategy "
            "ProviderStrategyBinding ResponseFormat SchemaKind SchemaT StructuredOutputError "
            "StructuredOutputValidationError ToolStrategy"
        ),
    },
    "History": {
        HISTORY: (
            "ConversationStringBufferMemory ConversationSummaryBufferMemory "
            "ConversationTokenBufferMemory FileChatMessageHistory "
            "InMemoryEntityStore MessagesOrDictWithMessages MongoDBChatMessageHistory "
            "PostgresChatMessageHistory RedisChatMessageHistory RedisEntityStore "
            "SQLChatMessageHistory SQLiteEntityStore StreamlitChatMessageHistory "
            "UpstashRedisEntityStore XataChatMessageHistory ZepChatMessageHistory"
        ),
    },
    "Handlers, runs, tracing": {
        HANDLERS: (
            "AsyncCallbackManager AsyncCallbackManagerForChainRun BaseCallbackManager "
            "CallbackManager CallbackManagerForChainRun run_collector_var"
        ),
        "Use ConsoleHandler(file), which prints all runs.": "FileCallbackHandler",
        "Use ConsoleHandler, which prints all runs.": (
            "ConsoleCallbackHandler get_debug get_verbose set_debug set_verbose"
        ),
        "Use an Event.": (
            "BaseRun ChainRun LLMRun LogEntry RunInfo RunLog RunLogPatch RunState "
            "RunTypeEnum ToolRun"
        ),
        "The id of a run is run_id of its events.": "RUN_KEY",
        "Calls inside of a step belong to its run: RunnableLambda(function), or @chain.": (
            "atrace_as_chain_group trace_as_chain_group"
        ),
        "Use StreamEvent.": "BaseStreamEvent CustomStreamEvent EventData StandardStreamEvent",
        "Use with_listeners, whose functions get an Event.": "AsyncListener Listener",
        "There is no LangSmith here: OpenTelemetryHandler sends runs to other tools.": (
            "LangChainTracerV1 LangSmithParams TracerSession TracerSessionBase TracerSessionV1 "
            "TracerSessionV1Base TracerSessionV1Create get_client tracing_callback_var "
            "tracing_enabled tracing_v2_callback_var tracing_v2_enabled wait_for_all_evaluators "
            "wait_for_all_tracers"
        ),
    },
    "Serialization": {
        "Pickle chains; messages have messages_to_dict and messages_from_dict.": (
            "ALL_SERIALIZABLE_MAPPINGS BaseSerialized DEFAULT_NAMESPACES DISALLOW_LOAD_FROM_PATH "
            "OLD_CORE_NAMESPACES_MAPPING Reviver SERIALIZABLE_MAPPING Serializable "
            "SerializedConstructor SerializedNotImplemented SerializedSecret dumpd dumps load "
            "loads to_json_not_implemented"
        ),
    },
    "Python's and pydantic's own": {
        "It is Python's own: from operator import itemgetter.": "itemgetter",
        "Make a type variable of your own: typing.TypeVar.": (
            "FormatOutputType Func Input K LanguageModelOutputVar MessagePromptTemplateT Other "
            "Output P RETURN_VAL_TYPE T TBaseModel U V"
        ),
        "Read the environment yourself: os.environ.": (
            "env_var_is_set from_env get_from_dict_or_env get_from_env get_runtime_environment "
            "secret_from_env"
        ),
        "Use pydantic.SecretStr.": "convert_to_secret_str",
        "Use pydantic itself: BaseModel, create_model, TypeAdapter.": (
            "IS_PYDANTIC_V1 IS_PYDANTIC_V2 PYDANTIC_MAJOR_VERSION PYDANTIC_MINOR_VERSION "
            "PYDANTIC_VERSION PydanticBaseModel TypeBaseModel create_model create_model_v2 "
            "get_fields get_pydantic_major_version is_basemodel_instance is_basemodel_subclass "
            "is_pydantic_v1_subclass is_pydantic_v2_subclass model_json_schema model_validate"
        ),
        "It is Python's own: from enum import StrEnum.": "StrEnum",
        "It is Python's own: from contextlib import aclosing.": "aclosing",
        "Use uuid.uuid4.": "uuid7",
        "Use runnables.__version__.": "VERSION",
    },
    "Inside LangChain": {
        "It is a helper inside LangChain, and nothing here needs it.": (
            "AllowedObject CONFIGURABLE_TO_TRACING_METADATA_EXCLUDED_KEYS COPIABLE_KEYS "
            "DEFAULT_LINK_REGEX DEFAULT_RECURSION_LIMIT Defs EMPTY_DICT ErrorCode FILTERED_ARGS "
            "FunctionNonLocals GetLambdaSource InitValidator IsFunctionArgDict IsLocalDict "
            "KNOWN_BLOCK_TYPES LC_AUTO_PREFIX LC_ID_PREFIX MILLISECONDS_IN_SECOND NAMESPACE_UUID "
            "NO_DEFAULT NoLock NonLocals NotificationMetadata "
            "OVERRIDABLE_LANGSMITH_INHERITABLE_METADATA_KEYS PREFIXES_TO_IGNORE "
            "PREFIXES_TO_IGNORE_REGEX PROVIDER_TRANSLATORS PYTHON_TO_JSON_TYPES "
            "SCHEMA_FORMAT_TYPE SUFFIXES_TO_IGNORE SUFFIXES_TO_IGNORE_REGEX Scopes "
            "StrictFormatter TOOL_MESSAGE_BLOCK_TYPES Tee TracerException URL_BASE "
            "acall_func_with_variable_args accepts_config accepts_context accepts_run_manager "
            "add_notification_metadata ahandle_event asyncio_accepts_context atee "
            "build_extra_kwargs call_func_with_variable_args check_package_version comma_list "
            "convert_to_openai_data_block coro_with_context "
            "create_message default default_init_validator dereference_refs droplastn elapsed "
            "ensure_id extract_sub_links find_all_links formatter g_token_cache gated_coro "
            "get_all_basemodel_annotations get_async_callback_manager_for_config get_bolded_text "
            "get_callback_manager_for_config get_color_mapping get_colored_text get_config_list "
            "get_executor_for_config get_function_first_arg_dict_keys get_function_nonlocals "
            "get_headers get_lambda_source get_msg_title_repr get_notification_metadata "
            "get_pydantic_field_names get_translator get_unique_config_specs grab_literal "
            "guard_import handle_event image indent_lines_after_first is_async_callable "
            "is_async_generator is_interactive_env is_openai_data_block "
            "is_subsequence is_uuid l_sa_check log_error_once make_options_spec "
            "mock_now nested_element node_data_json node_data_str parse_tag pre_init "
            "prefix_config_spec print_sys_info print_text py_anext r_sa_check "
            "raise_for_status_with_text register_configure_hook register_translator render "
            "safetee sanitize_for_postgres set_config_context shielded sorted_values "
            "stringify_dict stringify_value tee_peer tokenize translate_content "
            "translate_content_chunk translate_grounding_metadata_to_citations "
            "try_json_stringify try_neq_default xor_args"
        ),
    },
}
"""For each subject: for each sentence, the names that it is for."""
