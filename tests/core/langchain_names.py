"""The public names of LangChain's packages, as their `__all__` lists them, by module."""

from __future__ import annotations

from typing import Final

NAMES: Final = {
    "langchain_core.runnables": (
        "AddableDict ConfigurableField ConfigurableFieldMultiOption ConfigurableFieldSingleOption "
        "ConfigurableFieldSpec RouterInput RouterRunnable Runnable RunnableAssign RunnableBinding "
        "RunnableBranch RunnableConfig RunnableGenerator RunnableLambda RunnableMap "
        "RunnableParallel RunnablePassthrough RunnablePick RunnableSequence RunnableSerializable "
        "RunnableWithFallbacks RunnableWithMessageHistory aadd add chain ensure_config "
        "get_config_list patch_config run_in_executor"
    ),
    "langchain_core.prompts": (
        "AIMessagePromptTemplate BaseChatPromptTemplate BasePromptTemplate "
        "ChatMessagePromptTemplate ChatPromptTemplate DictPromptTemplate "
        "FewShotChatMessagePromptTemplate FewShotPromptTemplate FewShotPromptWithTemplates "
        "HumanMessagePromptTemplate MessagesPlaceholder PromptTemplate StringPromptTemplate "
        "SystemMessagePromptTemplate aformat_document check_valid_template format_document "
        "get_template_variables jinja2_formatter load_prompt validate_jinja2"
    ),
    "langchain_core.output_parsers": (
        "BaseCumulativeTransformOutputParser BaseGenerationOutputParser BaseLLMOutputParser "
        "BaseOutputParser BaseTransformOutputParser CommaSeparatedListOutputParser "
        "JsonOutputKeyToolsParser JsonOutputParser JsonOutputToolsParser ListOutputParser "
        "MarkdownListOutputParser NumberedListOutputParser PydanticOutputParser "
        "PydanticToolsParser SimpleJsonOutputParser StrOutputParser XMLOutputParser"
    ),
    "langchain_core.messages": (
        "AIMessage AIMessageChunk Annotation AnyMessage AudioContentBlock BaseMessage "
        "BaseMessageChunk ChatMessage ChatMessageChunk Citation ContentBlock DataContentBlock "
        "FileContentBlock FunctionMessage FunctionMessageChunk HumanMessage HumanMessageChunk "
        "ImageContentBlock InputTokenDetails InvalidToolCall LC_AUTO_PREFIX LC_ID_PREFIX "
        "MessageLikeRepresentation NonStandardAnnotation NonStandardContentBlock "
        "NotificationMetadata OutputTokenDetails PlainTextContentBlock ReasoningContentBlock "
        "RefusalContentBlock RemoveMessage ServerToolCall ServerToolCallChunk ServerToolResult "
        "SystemMessage SystemMessageChunk TextContentBlock ToolCall ToolCallChunk ToolMessage "
        "ToolMessageChunk UsageMetadata VideoContentBlock add_notification_metadata "
        "convert_to_messages convert_to_openai_data_block convert_to_openai_image_block "
        "convert_to_openai_messages ensure_id filter_messages get_buffer_string "
        "get_notification_metadata is_data_content_block merge_content merge_message_runs "
        "message_chunk_to_message message_to_dict messages_from_dict messages_to_dict "
        "trim_messages"
    ),
    "langchain_core.tools": (
        "ArgsSchema BaseTool BaseToolkit FILTERED_ARGS InjectedToolArg InjectedToolCallId "
        "RetrieverInput SchemaAnnotationError StructuredTool Tool ToolException ToolsRenderer "
        "convert_runnable_to_tool create_retriever_tool create_schema_from_function "
        "render_text_description render_text_description_and_args tool"
    ),
    "langchain_core.language_models": (
        "BaseChatModel BaseLLM BaseLanguageModel FakeListChatModel FakeListLLM "
        "FakeMessagesListChatModel FakeStreamingListLLM GenericFakeChatModel LLM LangSmithParams "
        "LanguageModelInput LanguageModelLike LanguageModelOutput ModelProfile "
        "ModelProfileRegistry ParrotFakeChatModel SimpleChatModel get_tokenizer "
        "is_openai_data_block"
    ),
    "langchain_core.documents": "BaseDocumentCompressor BaseDocumentTransformer Document",
    "langchain_core.callbacks": (
        "AsyncCallbackHandler AsyncCallbackManager AsyncCallbackManagerForChainGroup "
        "AsyncCallbackManagerForChainRun AsyncCallbackManagerForLLMRun "
        "AsyncCallbackManagerForRetrieverRun AsyncCallbackManagerForToolRun AsyncParentRunManager "
        "AsyncRunManager BaseCallbackHandler BaseCallbackManager BaseRunManager CallbackManager "
        "CallbackManagerForChainGroup CallbackManagerForChainRun CallbackManagerForLLMRun "
        "CallbackManagerForRetrieverRun CallbackManagerForToolRun CallbackManagerMixin Callbacks "
        "ChainManagerMixin FileCallbackHandler LLMManagerMixin ParentRunManager "
        "RetrieverManagerMixin RunManager RunManagerMixin StdOutCallbackHandler "
        "StreamingStdOutCallbackHandler ToolManagerMixin UsageMetadataCallbackHandler "
        "adispatch_custom_event dispatch_custom_event get_usage_metadata_callback"
    ),
    "langchain_core.embeddings": "DeterministicFakeEmbedding Embeddings FakeEmbeddings",
    "langchain_core.retrievers": "BaseRetriever LangSmithRetrieverParams",
    "langchain_core.vectorstores": "InMemoryVectorStore VST VectorStore VectorStoreRetriever",
    "langchain_core.caches": "BaseCache InMemoryCache",
    "langchain_core.chat_history": "BaseChatMessageHistory InMemoryChatMessageHistory",
    "langchain_core.example_selectors": (
        "BaseExampleSelector LengthBasedExampleSelector MaxMarginalRelevanceExampleSelector "
        "SemanticSimilarityExampleSelector sorted_values"
    ),
    "langchain_core.exceptions": (
        "ContextOverflowError ErrorCode LangChainException ModelAPIError ModelAuthenticationError "
        "ModelConnectionError ModelError ModelInvalidRequestError ModelNotFoundError "
        "ModelPermissionDeniedError ModelRateLimitError ModelRefusalError ModelTimeoutError "
        "OutputParserException TracerException create_message"
    ),
    "langchain_core.outputs": (
        "ChatGeneration ChatGenerationChunk ChatResult Generation GenerationChunk LLMResult RunInfo"
    ),
    "langchain_core.rate_limiters": "BaseRateLimiter InMemoryRateLimiter",
    "langchain_core.stores": (
        "BaseStore ByteStore InMemoryBaseStore InMemoryByteStore InMemoryStore "
        "InvalidKeyException K V"
    ),
    "langchain_core.tracers": (
        "BaseTracer ConsoleCallbackHandler EvaluatorCallbackHandler LangChainTracer "
        "LogStreamCallbackHandler Run RunLog RunLogPatch"
    ),
    "langchain_core.utils": (
        "StrictFormatter abatch_iterate batch_iterate build_extra_kwargs check_package_version "
        "comma_list convert_to_secret_str formatter from_env get_bolded_text get_color_mapping "
        "get_colored_text get_from_dict_or_env get_from_env get_pydantic_field_names guard_import "
        "image mock_now pre_init print_text raise_for_status_with_text sanitize_for_postgres "
        "secret_from_env stringify_dict stringify_value xor_args"
    ),
    "langchain_core.load": "InitValidator Serializable dumpd dumps load loads",
    "langchain_core.indexing": (
        "DeleteResponse DocumentIndex InMemoryRecordManager IndexingResult RecordManager "
        "UpsertResponse aindex index"
    ),
    "langchain_core.chat_loaders": "BaseChatLoader",
    "langchain_core.document_loaders": (
        "BaseBlobParser BaseLoader Blob BlobLoader LangSmithLoader PathLike"
    ),
    "langchain_core.prompt_values": (
        "ChatPromptValue ChatPromptValueConcrete ImagePromptValue ImageURL PromptValue "
        "StringPromptValue"
    ),
    "langchain_core.runnables.config": (
        "ContextThreadPoolExecutor EmptyDict P T acall_func_with_variable_args "
        "call_func_with_variable_args get_async_callback_manager_for_config "
        "get_callback_manager_for_config get_executor_for_config merge_configs set_config_context"
    ),
    "langchain_core.runnables.utils": (
        "Addable FunctionNonLocals GetLambdaSource Input IsFunctionArgDict IsLocalDict NonLocals "
        "Output SupportsAdd accepts_config accepts_context accepts_run_manager "
        "asyncio_accepts_context coro_with_context gated_coro gather_with_concurrency "
        "get_function_first_arg_dict_keys get_function_nonlocals get_lambda_source "
        "get_unique_config_specs indent_lines_after_first is_async_callable is_async_generator"
    ),
    "langchain_core.runnables.graph": (
        "Branch CurveStyle Edge Graph LabelsDict MermaidDrawMethod Node NodeStyles Stringifiable "
        "is_uuid node_data_json node_data_str"
    ),
    "langchain_core.runnables.base": (
        "Other RunnableBindingBase RunnableEach RunnableEachBase coerce_to_runnable"
    ),
    "langchain_core.utils.function_calling": (
        "FunctionDescription ToolDescription convert_to_json_schema convert_to_openai_function "
        "convert_to_openai_tool tool_example_to_messages"
    ),
    "langchain_openai": (
        "AzureChatOpenAI AzureOpenAI AzureOpenAIEmbeddings ChatOpenAI OpenAI OpenAIDecisions "
        "OpenAIEmbeddings StreamChunkTimeoutError custom_tool"
    ),
    "langchain_anthropic": "AnthropicLLM ChatAnthropic convert_to_anthropic_tool",
    "langchain_google_genai": (
        "ChatGoogleGenerativeAI ComputerUse Environment GoogleGenerativeAI "
        "GoogleGenerativeAIEmbeddings HarmBlockThreshold HarmCategory MediaResolution Modality "
        "create_context_cache"
    ),
    "langchain_ollama": "ChatOllama OllamaEmbeddings OllamaLLM",
    "langchain_mistralai": "ChatMistralAI MistralAIEmbeddings",
    "langchain_groq": "ChatGroq",
    "langchain_text_splitters": (
        "CharacterTextSplitter ElementType ExperimentalMarkdownSyntaxTextSplitter "
        "HTMLHeaderTextSplitter HTMLSectionSplitter HTMLSemanticPreservingSplitter HeaderType "
        "JSFrameworkTextSplitter KonlpyTextSplitter Language LatexTextSplitter LineType "
        "MarkdownHeaderTextSplitter MarkdownTextSplitter NLTKTextSplitter PythonCodeTextSplitter "
        "RecursiveCharacterTextSplitter RecursiveJsonSplitter "
        "SentenceTransformersTokenTextSplitter SpacyTextSplitter TextSplitter TokenTextSplitter "
        "Tokenizer split_text_on_tokens"
    ),
    "langchain.agents": "AgentState create_agent",
    "langchain.tools": "InjectedState InjectedStore ToolRuntime",
    "langchain.chat_models": "init_chat_model",
    "langchain.embeddings": "init_embeddings",
    "langchain.agents.middleware": (
        "AgentMiddleware AutoModeMiddleware ClearToolUsesEdit CodexSandboxExecutionPolicy "
        "ContextEditingMiddleware DockerExecutionPolicy ExtendedModelResponse "
        "FilesystemFileSearchMiddleware HostExecutionPolicy HumanInTheLoopMiddleware "
        "InputAgentState InterruptOnConfig LLMToolEmulator LLMToolSelectorMiddleware "
        "ModelCallLimitMiddleware ModelCallResult ModelChoice ModelFallbackMiddleware "
        "ModelRefusalMiddleware ModelRequest ModelResponse ModelRetryMiddleware "
        "ModelRouterMiddleware OutputAgentState PIIDetectionError PIIMatch PIIMiddleware "
        "ProviderToolSearchMiddleware RedactionRule Runtime ShellToolMiddleware "
        "SummarizationMiddleware TodoListMiddleware ToolCallLimitMiddleware ToolCallRequest "
        "ToolErrorMiddleware ToolRetryMiddleware TracePolicy TriggerClause after_agent "
        "after_model before_agent before_model configure_trace_policy dynamic_prompt hook_config "
        "omit_payload wrap_model_call wrap_tool_call"
    ),
    "langchain.agents.structured_output": (
        "AutoStrategy MultipleStructuredOutputsError OutputToolBinding ProviderStrategy "
        "ProviderStrategyBinding SchemaT StructuredOutputError StructuredOutputValidationError "
        "ToolStrategy"
    ),
    "langchain_core.output_parsers.openai_tools": (
        "make_invalid_tool_call parse_tool_call parse_tool_calls"
    ),
    "langchain_core.output_parsers.openai_functions": (
        "JsonKeyOutputFunctionsParser JsonOutputFunctionsParser OutputFunctionsParser "
        "PydanticAttrOutputFunctionsParser PydanticOutputFunctionsParser"
    ),
    "langchain_core.globals": (
        "get_debug get_llm_cache get_verbose set_debug set_llm_cache set_verbose"
    ),
    "langchain_core.structured_query": (
        "Comparator Comparison Expr FilterDirective Operation Operator StructuredQuery Visitor"
    ),
}
