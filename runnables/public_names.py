"""The public names of `runnables`, by the module that each is loaded from."""

from __future__ import annotations

from typing import Final

# fmt: off - one line a module
HOMES: Final = {
    "runnables.agents": (
        "Agent AgentAnswer AgentInput AgentMessages AgentState ApprovalRequest create_agent"
    ),
    "runnables.agents.actions": (
        "AgentAction AgentFinish AgentStep create_tool_calling_agent "
        "format_to_openai_tool_messages format_to_tool_messages OpenAIToolsAgentOutputParser "
        "ToolAgentAction ToolsAgentOutputParser"
    ),
    "runnables.agents.executor": "AgentExecutor",
    "runnables.cache": "BaseCache InMemoryCache RunnableCache",
    "runnables.cache.sqlite": "SQLiteCache",
    "runnables.callbacks": (
        "AsyncCallbackHandler BaseCallbackHandler BaseTracer collect_runs get_openai_callback "
        "get_usage_metadata_callback OpenAICallbackHandler Run RunCollectorCallbackHandler "
        "StdOutCallbackHandler "
        "StreamingStdOutCallbackHandler UsageMetadataCallbackHandler"
    ),
    "runnables.callbacks.event_stream": "StreamEvent",
    "runnables.compose.assign": "RunnableAssign",
    "runnables.compose.binding": "RunnableBinding",
    "runnables.compose.branch": "RouterInput RouterRunnable RunnableBranch",
    "runnables.compose.coerce": "coerce_to_runnable",
    "runnables.compose.configurable": "RunnableConfigurableAlternatives RunnableConfigurableFields",
    "runnables.compose.configurable_fields": (
        "AnyConfigurableField ConfigurableField ConfigurableFieldMultiOption "
        "ConfigurableFieldSingleOption ConfigurableFieldSpec"
    ),
    "runnables.compose.decorator": "chain",
    "runnables.compose.functions": "RunnableLambda",
    "runnables.compose.generators": "RunnableGenerator",
    "runnables.compose.map": "RunnableEach",
    "runnables.compose.non_blocking": "Decoder NonBlockingStep",
    "runnables.compose.parallel": "RunnableMap RunnableParallel",
    "runnables.compose.passthrough": "RunnablePassthrough RunnablePick",
    "runnables.compose.policies.fallbacks": "RunnableWithFallbacks",
    "runnables.compose.policies.retry": "RunnableRetry",
    "runnables.compose.policies.timeout": "RunnableTimeout",
    "runnables.compose.runnable": "Runnable",
    "runnables.compose.sequence": "RunnableSequence",
    "runnables.compose.serializable": "RunnableSerializable",
    "runnables.core.config": "RunnableConfig",
    "runnables.core.config_merging": "merge_configs",
    "runnables.core.console": "ConsoleHandler",
    "runnables.core.events": "adispatch_custom_event dispatch_custom_event",
    "runnables.core.handlers": "Callbacks Event Handler",
    "runnables.core.run_managers": (
        "AsyncCallbackManagerForLLMRun AsyncCallbackManagerForRetrieverRun "
        "CallbackManagerForLLMRun CallbackManagerForRetrieverRun"
    ),
    "runnables.core.user_code": "ensure_config",
    "runnables.engine.addable": "aadd add AddableDict",
    "runnables.engine.cancellation": "is_cancelled",
    "runnables.engine.deltas": "MergeableChunk",
    "runnables.engine.merging": (
        "ByIndex ByKey CustomMerge DELTAS Merge merge_chunks RESET SNAPSHOTS"
    ),
    "runnables.engine.stream": "AsyncStream Stream",
    "runnables.errors": (
        "ApprovalError AuthenticationError BatchStopped BudgetExceeded CheckpointError ConfigError "
        "ContextLengthError EarlierFailure EmptyStream "
        "InvalidRequestError is_retryable MergeError MissingExtra ModelConnectionError "
        "ModelError ModelRefusalError ModelTimeoutError OutputParserException "
        "PermissionDeniedError PromptError RateLimitError RecursionLimitError RemoteError "
        "RunnablesError "
        "ServerError StepLimitError StepTimeout StoreError SyncAsyncError ToolArgumentsError "
        "ToolException WeightsError WorkerLostError"
    ),
    "runnables.graph.draw_method": "MermaidDrawMethod",
    "runnables.graph.explain": "explain",
    "runnables.graph.graph": "Edge Graph Group Node",
    "runnables.history": (
        "BaseChatMessageHistory ChatMessageHistory ConversationBufferMemory "
        "ConversationBufferWindowMemory ConversationSummaryMemory History "
        "InMemoryChatMessageHistory InMemoryHistory RunnableWithMessageHistory "
        "SQLiteChatMessageHistory SQLiteHistory SummarizeHistory with_history"
    ),
    "runnables.interop.langchain": "from_langchain to_langchain",
    "runnables.jobs.estimate": "aestimate Estimate estimate",
    "runnables.jobs.executors.ray_executor": "RayExecutor",
    "runnables.jobs.job": "AsyncBatchJob BatchJob BatchResult",
    "runnables.jobs.options": "JobOptions",
    "runnables.jobs.progress": "Progress",
    "runnables.jobs.provider_batch": (
        "acancel_provider_job cancel_provider_job ProviderBatch via_flex via_provider"
    ),
    "runnables.jobs.provider_states": "BatchProgress",
    "runnables.mcp": "mcp_tools McpServerError McpTimeoutError McpTools",
    "runnables.messages": (
        "add_ai_message_chunks add_usage AIMessage AIMessageChunk AnyMessage "
        "AudioContentBlock BaseMessage BaseMessageChunk ChatMessage ChatMessageChunk "
        "ChatPromptValue ChatPromptValueConcrete Content ContentBlock ConversationError "
        "convert_to_messages convert_to_openai_image_block convert_to_openai_messages "
        "count_tokens_approximately "
        "FileContentBlock filter_messages get_buffer_string HumanMessage HumanMessageChunk "
        "ImageContentBlock InputTokenDetails invalid_tool_call InvalidToolCall "
        "is_data_content_block merge_content merge_message_runs message_chunk_to_message "
        "message_from_dict message_to_chunk message_to_dict MessageLikeRepresentation "
        "messages_from_dict messages_to_dict MessagesLike NonStandardContentBlock "
        "OutputTokenDetails PlainTextContentBlock PromptValue ReasoningContentBlock "
        "RefusalContentBlock RemoveMessage StringPromptValue subtract_usage SystemMessage "
        "SystemMessageChunk TextContentBlock tool_call tool_call_chunk ToolCall ToolCallChunk "
        "ToolMessage ToolMessageChunk trim_messages UsageMetadata VideoContentBlock"
    ),
    "runnables.messages.generations": (
        "ChatGeneration ChatGenerationChunk ChatResult Generation GenerationChunk LLMResult"
    ),
    "runnables.models": (
        "atruncate_stream ChatModel convert_to_openai_function convert_to_openai_tool "
        "Embeddings init_chat_model init_embeddings LanguageModelInput RawAnswer "
        "StopSequenceFilter truncate_at_stop truncate_message truncate_stream"
    ),
    "runnables.models.base_chat_model": "BaseChatModel SimpleChatModel",
    "runnables.models.batch_service": "BatchStatus",
    "runnables.models.budget": "Budget",
    "runnables.models.fakes": (
        "DeterministicFakeEmbedding FakeEmbeddings FakeListChatModel "
        "FakeMessagesListChatModel GenericFakeChatModel ParrotFakeChatModel"
    ),
    "runnables.models.llm": "BaseLLM LLM",
    "runnables.models.rate_limits": "BaseRateLimiter InMemoryRateLimiter",
    "runnables.models.text_fakes": "FakeListLLM FakeStreamingListLLM",
    "runnables.models.usage": "track_usage Usage",
    "runnables.parsers": (
        "answer_text BaseGenerationOutputParser BaseLLMOutputParser BaseOutputParser "
        "BaseParser BaseTransformOutputParser CommaSeparatedListOutputParser "
        "DatetimeOutputParser EnumOutputParser JsonError JsonExtractor "
        "JsonOutputKeyToolsParser JsonOutputParser JsonOutputToolsParser JsonReader "
        "ListOutputParser MarkdownListOutputParser NumberedListOutputParser "
        "OutputFixingParser parse_and_check_json_markdown parse_json_markdown "
        "parse_partial_json PydanticOutputParser PydanticToolsParser RepairParser "
        "ResponseSchema RetryOutputParser RetryWithErrorOutputParser SimpleJsonOutputParser "
        "StrOutputParser StructuredOutputParser XMLOutputParser"
    ),
    "runnables.prompts": (
        "AIMessagePromptTemplate AsyncExampleSelector BaseChatPromptTemplate "
        "BaseExampleSelector BaseMessagePromptTemplate BasePromptTemplate "
        "ChatMessagePromptTemplate ChatPromptTemplate DictPromptTemplate ExampleSelector "
        "FewShotChatMessagePromptTemplate FewShotPromptTemplate FewShotPromptWithTemplates "
        "HumanMessagePromptTemplate ImagePromptTemplate LengthBasedExampleSelector load_prompt "
        "MaxMarginalRelevanceExampleSelector MessagesPlaceholder MissingVariableError "
        "PromptInputError PromptTemplate PromptTemplateFormat "
        "SemanticSimilarityExampleSelector StringPromptTemplate SystemMessagePromptTemplate"
    ),
    "runnables.retrieval": (
        "Added aformat_document BaseRetriever create_retriever_tool Document document_id "
        "DocumentLoadError format_document format_documents InMemoryVectorStore "
        "iter_documents load_documents QdrantStore RecursiveCharacterTextSplitter SQLiteStore "
        "StoreRetriever Synced VectorStore"
    ),
    "runnables.serving.text_streams": "growing_text text_stream",
    "runnables.tools": (
        "AsyncCallbackManagerForToolRun BaseTool BaseToolkit CallbackManagerForToolRun "
        "InjectedToolArg InjectedToolCallId render_text_description "
        "render_text_description_and_args RunnableTool StructuredTool Tool tool "
        "tool_example_to_messages"
    ),
    "runnables.tracing": "OpenTelemetryHandler trace_runs",
    "runnables.type_names": (
        "ArgsSchema GetSessionHistoryCallable LanguageModelLike LanguageModelOutput MessageLike "
        "OutputParserLike RetrieverLike RetrieverOutput RetrieverOutputLike RunnableLike "
        "ToolsRenderer"
    ),
}
# fmt: on
