"""The subjects of the API reference: the page and the heading of every public name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def full_path(name: str) -> str:
    """Return what a name in the lists below stands for.

    `Runnable` is `runnables.Runnable`, `testing.WireFormat` is `runnables.testing.WireFormat`. Any
    other module is a provider's: `openai.ChatOpenAI` is `runnables_providers.openai.ChatOpenAI`.
    """
    is_of_a_provider = "." in name and not name.startswith(("testing.", "serving."))
    return f"{'runnables_providers' if is_of_a_provider else 'runnables'}.{name}"


@dataclass(frozen=True)
class Subject:
    """A page of the reference.

    Attributes:
        file: its name, without the ending.
        about: what its first paragraph says.
        sections: names by heading, as a reader looks for them; `full_path` says where they live.
    """

    file: str
    title: str
    about: str
    sections: dict[str, str]

    def names(self) -> Iterator[str]:
        """Yield the full path of each name on the page, from top to bottom."""
        for names in self.sections.values():
            yield from map(full_path, names.split())


SUBJECTS = (
    Subject(
        "running",
        "Running and composing",
        "Everything is a `Runnable`. These are its methods, what `|` and the fluent methods make, "
        "and the options of a call.",
        {
            "The contract": "Runnable RunnableSerializable",
            "Chains": "RunnableSequence RunnableParallel RunnableMap RunnableEach RunnableBranch "
            "RouterRunnable RouterInput",
            "Dicts": "RunnablePassthrough RunnableAssign RunnablePick",
            "Options and config": "RunnableBinding RunnableConfig ensure_config merge_configs "
            "is_cancelled",
            "Configurable runnables": "ConfigurableField ConfigurableFieldSingleOption "
            "ConfigurableFieldMultiOption ConfigurableFieldSpec RunnableConfigurableFields "
            "RunnableConfigurableAlternatives",
            "Streams": "Stream AsyncStream",
            "How chunks add up": "DELTAS SNAPSHOTS RESET ByKey ByIndex CustomMerge Merge "
            "MergeableChunk merge_chunks AddableDict add aadd",
            "LangChain's names of types": "RunnableLike AnyConfigurableField MessageLike "
            "LanguageModelLike LanguageModelOutput OutputParserLike ArgsSchema ToolsRenderer "
            "GetSessionHistoryCallable RetrieverLike RetrieverOutput RetrieverOutputLike",
        },
    ),
    Subject(
        "functions",
        "Functions",
        "Functions and generator functions as steps, and bases for steps of your own.",
        {
            "As steps": "RunnableLambda RunnableGenerator chain coerce_to_runnable",
            "Steps of your own": "NonBlockingStep Decoder",
        },
    ),
    Subject(
        "policies",
        "Policies",
        "What happens when a step fails or takes too long. Each is made by a method of `Runnable`: "
        "`with_retry`, `with_fallbacks`, `with_timeout`.",
        {
            "Retries, fallbacks, timeouts": "RunnableRetry RunnableWithFallbacks RunnableTimeout",
            "What is worth a retry": "is_retryable",
        },
    ),
    Subject(
        "messages",
        "Messages",
        "What models read and write.",
        {
            "Messages": "BaseMessage HumanMessage AIMessage SystemMessage ToolMessage ChatMessage "
            "RemoveMessage",
            "Tool calls": "ToolCall InvalidToolCall ToolCallChunk tool_call invalid_tool_call "
            "tool_call_chunk",
            "Content blocks": "ContentBlock Content TextContentBlock ReasoningContentBlock "
            "RefusalContentBlock ImageContentBlock AudioContentBlock VideoContentBlock "
            "FileContentBlock PlainTextContentBlock NonStandardContentBlock "
            "is_data_content_block",
            "What stands for messages": "convert_to_messages MessageLikeRepresentation "
            "MessagesLike AnyMessage",
            "Select and trim": "trim_messages filter_messages merge_message_runs "
            "count_tokens_approximately get_buffer_string",
            "Save and convert": "message_to_dict message_from_dict messages_to_dict "
            "messages_from_dict convert_to_openai_messages convert_to_openai_image_block",
            "Chunks": "BaseMessageChunk AIMessageChunk HumanMessageChunk SystemMessageChunk "
            "ToolMessageChunk ChatMessageChunk message_to_chunk message_chunk_to_message "
            "add_ai_message_chunks merge_content",
            "Token counts": "UsageMetadata InputTokenDetails OutputTokenDetails add_usage "
            "subtract_usage",
        },
    ),
    Subject(
        "prompts",
        "Prompts",
        "Templates that turn values into messages or a string.",
        {
            "Chat prompts": "ChatPromptTemplate MessagesPlaceholder",
            "Text prompts": "PromptTemplate PromptTemplateFormat",
            "Parts of a chat prompt": "HumanMessagePromptTemplate AIMessagePromptTemplate "
            "SystemMessagePromptTemplate ChatMessagePromptTemplate ImagePromptTemplate "
            "DictPromptTemplate",
            "Examples": "FewShotChatMessagePromptTemplate FewShotPromptTemplate "
            "FewShotPromptWithTemplates "
            "LengthBasedExampleSelector SemanticSimilarityExampleSelector "
            "MaxMarginalRelevanceExampleSelector "
            "ExampleSelector AsyncExampleSelector BaseExampleSelector",
            "Prompts in files": "load_prompt",
            "What a prompt makes": "PromptValue ChatPromptValue ChatPromptValueConcrete "
            "StringPromptValue",
            "Bases": "BasePromptTemplate BaseChatPromptTemplate StringPromptTemplate "
            "BaseMessagePromptTemplate",
        },
    ),
    Subject(
        "parsers",
        "Parsers",
        "Runnables that read a model's answer, chunk by chunk where that makes sense.",
        {
            "Text": "StrOutputParser answer_text",
            "JSON and objects": "JsonOutputParser SimpleJsonOutputParser PydanticOutputParser",
            "Lists and values": "ListOutputParser CommaSeparatedListOutputParser "
            "NumberedListOutputParser MarkdownListOutputParser EnumOutputParser "
            "DatetimeOutputParser XMLOutputParser",
            "Tool calls": "JsonOutputToolsParser JsonOutputKeyToolsParser PydanticToolsParser",
            "Fields that are described": "StructuredOutputParser ResponseSchema",
            "Correcting answers": (
                "RepairParser OutputFixingParser RetryOutputParser RetryWithErrorOutputParser"
            ),
            "Parsers of your own": "BaseOutputParser BaseTransformOutputParser "
            "BaseGenerationOutputParser BaseLLMOutputParser BaseParser",
            "Partial JSON": "parse_partial_json parse_json_markdown parse_and_check_json_markdown "
            "JsonReader JsonExtractor JsonError",
        },
    ),
    Subject(
        "tools",
        "Tools and agents",
        "Functions that a model can call, and models that call them until they know the answer.",
        {
            "Tools": "tool StructuredTool Tool RunnableTool BaseTool BaseToolkit InjectedToolArg "
            "InjectedToolCallId CallbackManagerForToolRun AsyncCallbackManagerForToolRun "
            "convert_to_openai_tool convert_to_openai_function tool_example_to_messages "
            "render_text_description render_text_description_and_args",
            "Tools of MCP servers": "mcp_tools McpTools",
            "Agents": "create_agent Agent AgentInput AgentMessages AgentState AgentAnswer "
            "ApprovalRequest",
            "Agents as LangChain had them": "AgentExecutor create_tool_calling_agent AgentAction "
            "ToolAgentAction AgentFinish AgentStep ToolsAgentOutputParser "
            "OpenAIToolsAgentOutputParser format_to_tool_messages format_to_openai_tool_messages",
        },
    ),
    Subject(
        "history",
        "History",
        "Chains that continue a session, where its messages are stored, and what shortens them.",
        {
            "Chains with a history": "with_history RunnableWithMessageHistory",
            "Stores": "SQLiteHistory SQLiteChatMessageHistory InMemoryHistory "
            "InMemoryChatMessageHistory ChatMessageHistory",
            "Stores of your own": "History BaseChatMessageHistory",
            "Long conversations": "SummarizeHistory",
            "Loaded and saved by hand": "ConversationBufferMemory ConversationBufferWindowMemory "
            "ConversationSummaryMemory",
        },
    ),
    Subject(
        "models",
        "Models",
        "Chat models: how one is made, what every one can do, and models for tests.",
        {
            "Make one": "init_chat_model",
            "What every model can do": "ChatModel LanguageModelInput RawAnswer",
            "Stop sequences, for models of your own": "truncate_at_stop truncate_message "
            "truncate_stream atruncate_stream StopSequenceFilter",
            "Models with LangChain's hooks": "BaseChatModel SimpleChatModel ChatResult LLMResult "
            "ChatGeneration ChatGenerationChunk CallbackManagerForLLMRun "
            "AsyncCallbackManagerForLLMRun",
            "Models of text": "LLM BaseLLM Generation GenerationChunk",
            "Models without a service": "FakeListChatModel FakeMessagesListChatModel "
            "GenericFakeChatModel ParrotFakeChatModel FakeListLLM FakeStreamingListLLM",
        },
    ),
    Subject(
        "embeddings",
        "Embeddings",
        "Models that turn strings into vectors.",
        {
            "Embeddings": "init_embeddings Embeddings",
            "Without a service": "DeterministicFakeEmbedding FakeEmbeddings",
        },
    ),
    Subject(
        "retrieval",
        "Retrieval",
        "Documents, and what finds them for a question.",
        {
            "Documents": "Document document_id format_documents format_document aformat_document",
            "From files": "load_documents iter_documents",
            "Split": "RecursiveCharacterTextSplitter",
            "Stores": "SQLiteStore InMemoryVectorStore QdrantStore StoreRetriever Added Synced",
            "Stores of your own": "VectorStore testing.VectorStoreTests testing.WordEmbeddings",
            "As a tool": "create_retriever_tool",
            "Retrievers of your own": "BaseRetriever CallbackManagerForRetrieverRun "
            "AsyncCallbackManagerForRetrieverRun",
        },
    ),
    Subject(
        "interop",
        "Objects of LangChain",
        "What makes an object of LangChain one of this library, and the other way round.",
        {"Conversion": "from_langchain to_langchain"},
    ),
    Subject(
        "limits",
        "Caches, limits and money",
        "What keeps calls of models from being made twice, too fast, or for too much.",
        {
            "Caches": "InMemoryCache SQLiteCache RunnableCache BaseCache",
            "Rate limits": "InMemoryRateLimiter BaseRateLimiter",
            "Money": "Budget",
            "Half the price: batch jobs of the providers, and flex": "via_provider via_flex "
            "ProviderBatch BatchProgress BatchStatus cancel_provider_job acancel_provider_job",
        },
    ),
    Subject(
        "jobs",
        "Batch jobs",
        "What the keywords of a job make of a batch: its handle, its numbers, its end.",
        {
            "The handles": "BatchJob AsyncBatchJob BatchResult",
            "The keywords": "JobOptions",
            "More than one machine": "RayExecutor",
            "The numbers": "Progress",
            "Before anything is paid": "estimate aestimate Estimate",
        },
    ),
    Subject(
        "pictures",
        "Pictures and explanations",
        "What can be seen of a chain before it runs. `get_graph` of every `Runnable` makes a "
        "`Graph`.",
        {
            "The graph": "Graph Node Edge Group MermaidDrawMethod",
            "In words": "explain",
        },
    ),
    Subject(
        "events",
        "Events and usage",
        "What can be seen of a run: in the console, as a stream of events, as a count of tokens.",
        {
            "Watch": "ConsoleHandler StreamEvent",
            "Handlers of your own": "Handler Event Callbacks",
            "Handlers with a method for each event": "BaseCallbackHandler AsyncCallbackHandler "
            "StdOutCallbackHandler StreamingStdOutCallbackHandler",
            "Runs as trees": "BaseTracer Run collect_runs RunCollectorCallbackHandler",
            "Traces": "OpenTelemetryHandler trace_runs",
            "Events of your own": "dispatch_custom_event adispatch_custom_event",
            "Usage": "track_usage Usage",
            "Usage, as LangChain has it": "get_usage_metadata_callback "
            "UsageMetadataCallbackHandler get_openai_callback OpenAICallbackHandler",
        },
    ),
    Subject(
        "errors",
        "Errors",
        "Every error of the library is a `RunnablesError`. An error of your own function stays "
        "what it is.",
        {
            "The base": "RunnablesError",
            "Building and calling": "ConfigError SyncAsyncError MissingExtra MergeError "
            "EmptyStream RecursionLimitError StepTimeout",
            "Prompts and parsers": "PromptError MissingVariableError PromptInputError "
            "OutputParserException",
            "Models and services": "ModelError RateLimitError ServerError ModelConnectionError "
            "ModelTimeoutError AuthenticationError PermissionDeniedError InvalidRequestError "
            "ContextLengthError ConversationError ModelRefusalError WeightsError BudgetExceeded",
            "Documents from files": "DocumentLoadError",
            "Batches as jobs": "BatchStopped CheckpointError EarlierFailure "
            "RemoteError WorkerLostError",
            "Stores": "StoreError",
            "Tools and agents": "ToolException ToolArgumentsError StepLimitError ApprovalError "
            "McpServerError McpTimeoutError",
        },
    ),
    Subject(
        "serving",
        "Serving",
        "Chains as services, for which `runnables.serving` needs the extra `serve`; their clients, "
        "for which `runnables_providers.remote` needs the extra `remote`; and chains in pages of "
        "the same process, which need none.",
        {
            "Servers and routes": "serving.serve serving.create_app serving.add_routes",
            "Tools of an MCP server": "serving.mcp_server serving.serve_mcp serving.mcp_app",
            "Limits": "serving.Limits serving.Resume",
            "Clients": "remote.RemoteRunnable",
            "Pages in the same process": "text_stream growing_text",
        },
    ),
    Subject(
        "testing",
        "Testing",
        "A scripted model, and the suite that every model of the library passes. "
        "The suites need pytest.",
        {
            "A scripted model": "scripted.ScriptedChatModel scripted.Delay scripted.ScriptedCall",
            "Suites to subclass": "testing.ChatModelTests "
            "testing.EmbeddingsTests testing.WireFormat "
            "testing.EmbeddingsWireFormat",
            "Requests and responses": "testing.RecordedRequest testing.Response "
            "testing.ScriptedReply testing.ScriptedToolCall testing.Unsupported "
            "testing.json_line testing.sse_event",
            "For more tests": "testing.Harness testing.SyncAsyncCall "
            "testing.ReplayServer testing.StreamedResponse testing.Stall "
            "testing.Disconnect",
        },
    ),
    Subject(
        "providers",
        "Providers",
        "The classes behind `init_chat_model` and `init_embeddings`, for settings that only one "
        "provider has.",
        {
            "OpenAI and Azure": "openai.ChatOpenAI openai.AzureChatOpenAI openai.OpenAI "
            "openai.OpenAIEmbeddings openai.Timeouts",
            "Anthropic": "anthropic.ChatAnthropic",
            "Google": "google.ChatGoogleGenerativeAI google.GoogleGenerativeAIEmbeddings",
            "Ollama": "ollama.ChatOllama ollama.OllamaLLM ollama.OllamaEmbeddings",
            "The local model": "local.LocalChatModel local.LocalEmbeddings "
            "local.Weights local.SMOLLM2 local.MINILM local.cache_dir "
            "local.fetch local.unload",
        },
    ),
)
