"""Runnables: prompts, models, parsers, tools and plain functions, piped with `|`.

Everything is a `Runnable`: `invoke` runs it on one input, `batch` on many, and `stream` yields the
output in chunks. Each has an async counterpart: `ainvoke`, `abatch`, `astream`. Names are loaded
when they are first used, so that importing the package costs little.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, Final

from runnables.public_names import HOMES

if TYPE_CHECKING:
    from runnables.agents import (
        Agent as Agent,
        AgentAnswer as AgentAnswer,
        AgentInput as AgentInput,
        AgentMessages as AgentMessages,
        AgentState as AgentState,
        ApprovalRequest as ApprovalRequest,
        create_agent as create_agent,
    )
    from runnables.agents.actions import (
        AgentAction as AgentAction,
        AgentFinish as AgentFinish,
        AgentStep as AgentStep,
        OpenAIToolsAgentOutputParser as OpenAIToolsAgentOutputParser,
        ToolAgentAction as ToolAgentAction,
        ToolsAgentOutputParser as ToolsAgentOutputParser,
        create_tool_calling_agent as create_tool_calling_agent,
        format_to_openai_tool_messages as format_to_openai_tool_messages,
        format_to_tool_messages as format_to_tool_messages,
    )
    from runnables.agents.executor import AgentExecutor as AgentExecutor
    from runnables.cache import (
        BaseCache as BaseCache,
        InMemoryCache as InMemoryCache,
        RunnableCache as RunnableCache,
    )
    from runnables.cache.sqlite import SQLiteCache as SQLiteCache
    from runnables.callbacks import (
        AsyncCallbackHandler as AsyncCallbackHandler,
        BaseCallbackHandler as BaseCallbackHandler,
        BaseTracer as BaseTracer,
        OpenAICallbackHandler as OpenAICallbackHandler,
        Run as Run,
        RunCollectorCallbackHandler as RunCollectorCallbackHandler,
        StdOutCallbackHandler as StdOutCallbackHandler,
        StreamingStdOutCallbackHandler as StreamingStdOutCallbackHandler,
        UsageMetadataCallbackHandler as UsageMetadataCallbackHandler,
        collect_runs as collect_runs,
        get_openai_callback as get_openai_callback,
        get_usage_metadata_callback as get_usage_metadata_callback,
    )
    from runnables.callbacks.event_stream import StreamEvent as StreamEvent
    from runnables.compose.assign import RunnableAssign as RunnableAssign
    from runnables.compose.binding import RunnableBinding as RunnableBinding
    from runnables.compose.branch import (
        RouterInput as RouterInput,
        RouterRunnable as RouterRunnable,
        RunnableBranch as RunnableBranch,
    )
    from runnables.compose.coerce import coerce_to_runnable as coerce_to_runnable
    from runnables.compose.configurable import (
        RunnableConfigurableAlternatives as RunnableConfigurableAlternatives,
        RunnableConfigurableFields as RunnableConfigurableFields,
    )
    from runnables.compose.configurable_fields import (
        AnyConfigurableField as AnyConfigurableField,
        ConfigurableField as ConfigurableField,
        ConfigurableFieldMultiOption as ConfigurableFieldMultiOption,
        ConfigurableFieldSingleOption as ConfigurableFieldSingleOption,
        ConfigurableFieldSpec as ConfigurableFieldSpec,
    )
    from runnables.compose.decorator import chain as chain
    from runnables.compose.functions import RunnableLambda as RunnableLambda
    from runnables.compose.generators import RunnableGenerator as RunnableGenerator
    from runnables.compose.map import RunnableEach as RunnableEach
    from runnables.compose.non_blocking import (
        Decoder as Decoder,
        NonBlockingStep as NonBlockingStep,
    )
    from runnables.compose.parallel import (
        RunnableMap as RunnableMap,
        RunnableParallel as RunnableParallel,
    )
    from runnables.compose.passthrough import (
        RunnablePassthrough as RunnablePassthrough,
        RunnablePick as RunnablePick,
    )
    from runnables.compose.policies.fallbacks import RunnableWithFallbacks as RunnableWithFallbacks
    from runnables.compose.policies.retry import RunnableRetry as RunnableRetry
    from runnables.compose.policies.timeout import RunnableTimeout as RunnableTimeout
    from runnables.compose.runnable import Runnable as Runnable
    from runnables.compose.sequence import RunnableSequence as RunnableSequence
    from runnables.compose.serializable import RunnableSerializable as RunnableSerializable
    from runnables.core.config import (
        RunnableConfig as RunnableConfig,
    )
    from runnables.core.config_merging import merge_configs as merge_configs
    from runnables.core.console import ConsoleHandler as ConsoleHandler
    from runnables.core.events import (
        adispatch_custom_event as adispatch_custom_event,
        dispatch_custom_event as dispatch_custom_event,
    )
    from runnables.core.handlers import Callbacks as Callbacks, Event as Event, Handler as Handler
    from runnables.core.run_managers import (
        AsyncCallbackManagerForLLMRun as AsyncCallbackManagerForLLMRun,
        AsyncCallbackManagerForRetrieverRun as AsyncCallbackManagerForRetrieverRun,
        CallbackManagerForLLMRun as CallbackManagerForLLMRun,
        CallbackManagerForRetrieverRun as CallbackManagerForRetrieverRun,
    )
    from runnables.core.user_code import ensure_config as ensure_config
    from runnables.engine.addable import AddableDict as AddableDict, aadd as aadd, add as add
    from runnables.engine.cancellation import is_cancelled as is_cancelled
    from runnables.engine.deltas import MergeableChunk as MergeableChunk
    from runnables.engine.merging import (
        DELTAS as DELTAS,
        RESET as RESET,
        SNAPSHOTS as SNAPSHOTS,
        ByIndex as ByIndex,
        ByKey as ByKey,
        CustomMerge as CustomMerge,
        Merge as Merge,
        merge_chunks as merge_chunks,
    )
    from runnables.engine.stream import AsyncStream as AsyncStream, Stream as Stream
    from runnables.errors import (
        ApprovalError as ApprovalError,
        AuthenticationError as AuthenticationError,
        BatchStopped as BatchStopped,
        BudgetExceeded as BudgetExceeded,
        CheckpointError as CheckpointError,
        ConfigError as ConfigError,
        ContextLengthError as ContextLengthError,
        EarlierFailure as EarlierFailure,
        EmptyStream as EmptyStream,
        InvalidRequestError as InvalidRequestError,
        MergeError as MergeError,
        MissingExtra as MissingExtra,
        ModelConnectionError as ModelConnectionError,
        ModelError as ModelError,
        ModelRefusalError as ModelRefusalError,
        ModelTimeoutError as ModelTimeoutError,
        OutputParserException as OutputParserException,
        PermissionDeniedError as PermissionDeniedError,
        PromptError as PromptError,
        RateLimitError as RateLimitError,
        RecursionLimitError as RecursionLimitError,
        RemoteError as RemoteError,
        RunnablesError as RunnablesError,
        ServerError as ServerError,
        StepLimitError as StepLimitError,
        StepTimeout as StepTimeout,
        StoreError as StoreError,
        SyncAsyncError as SyncAsyncError,
        ToolArgumentsError as ToolArgumentsError,
        ToolException as ToolException,
        WeightsError as WeightsError,
        WorkerLostError as WorkerLostError,
        is_retryable as is_retryable,
    )
    from runnables.graph.draw_method import MermaidDrawMethod as MermaidDrawMethod
    from runnables.graph.explain import explain as explain
    from runnables.graph.graph import (
        Edge as Edge,
        Graph as Graph,
        Group as Group,
        Node as Node,
    )
    from runnables.history import (
        BaseChatMessageHistory as BaseChatMessageHistory,
        ChatMessageHistory as ChatMessageHistory,
        ConversationBufferMemory as ConversationBufferMemory,
        ConversationBufferWindowMemory as ConversationBufferWindowMemory,
        ConversationSummaryMemory as ConversationSummaryMemory,
        History as History,
        InMemoryChatMessageHistory as InMemoryChatMessageHistory,
        InMemoryHistory as InMemoryHistory,
        RunnableWithMessageHistory as RunnableWithMessageHistory,
        SQLiteChatMessageHistory as SQLiteChatMessageHistory,
        SQLiteHistory as SQLiteHistory,
        SummarizeHistory as SummarizeHistory,
        with_history as with_history,
    )
    from runnables.interop.langchain import (
        from_langchain as from_langchain,
        to_langchain as to_langchain,
    )
    from runnables.jobs.estimate import (
        Estimate as Estimate,
        aestimate as aestimate,
        estimate as estimate,
    )
    from runnables.jobs.executors.ray_executor import RayExecutor as RayExecutor
    from runnables.jobs.job import (
        AsyncBatchJob as AsyncBatchJob,
        BatchJob as BatchJob,
        BatchResult as BatchResult,
    )
    from runnables.jobs.options import JobOptions as JobOptions
    from runnables.jobs.progress import Progress as Progress
    from runnables.jobs.provider_batch import (
        ProviderBatch as ProviderBatch,
        acancel_provider_job as acancel_provider_job,
        cancel_provider_job as cancel_provider_job,
        via_flex as via_flex,
        via_provider as via_provider,
    )
    from runnables.jobs.provider_states import BatchProgress as BatchProgress
    from runnables.mcp import (
        McpServerError as McpServerError,
        McpTimeoutError as McpTimeoutError,
        McpTools as McpTools,
        mcp_tools as mcp_tools,
    )
    from runnables.messages import (
        AIMessage as AIMessage,
        AIMessageChunk as AIMessageChunk,
        AnyMessage as AnyMessage,
        AudioContentBlock as AudioContentBlock,
        BaseMessage as BaseMessage,
        BaseMessageChunk as BaseMessageChunk,
        ChatMessage as ChatMessage,
        ChatMessageChunk as ChatMessageChunk,
        ChatPromptValue as ChatPromptValue,
        ChatPromptValueConcrete as ChatPromptValueConcrete,
        Content as Content,
        ContentBlock as ContentBlock,
        ConversationError as ConversationError,
        FileContentBlock as FileContentBlock,
        HumanMessage as HumanMessage,
        HumanMessageChunk as HumanMessageChunk,
        ImageContentBlock as ImageContentBlock,
        InputTokenDetails as InputTokenDetails,
        InvalidToolCall as InvalidToolCall,
        MessageLikeRepresentation as MessageLikeRepresentation,
        MessagesLike as MessagesLike,
        NonStandardContentBlock as NonStandardContentBlock,
        OutputTokenDetails as OutputTokenDetails,
        PlainTextContentBlock as PlainTextContentBlock,
        PromptValue as PromptValue,
        ReasoningContentBlock as ReasoningContentBlock,
        RefusalContentBlock as RefusalContentBlock,
        RemoveMessage as RemoveMessage,
        StringPromptValue as StringPromptValue,
        SystemMessage as SystemMessage,
        SystemMessageChunk as SystemMessageChunk,
        TextContentBlock as TextContentBlock,
        ToolCall as ToolCall,
        ToolCallChunk as ToolCallChunk,
        ToolMessage as ToolMessage,
        ToolMessageChunk as ToolMessageChunk,
        UsageMetadata as UsageMetadata,
        VideoContentBlock as VideoContentBlock,
        add_ai_message_chunks as add_ai_message_chunks,
        add_usage as add_usage,
        convert_to_messages as convert_to_messages,
        convert_to_openai_image_block as convert_to_openai_image_block,
        convert_to_openai_messages as convert_to_openai_messages,
        count_tokens_approximately as count_tokens_approximately,
        filter_messages as filter_messages,
        get_buffer_string as get_buffer_string,
        invalid_tool_call as invalid_tool_call,
        is_data_content_block as is_data_content_block,
        merge_content as merge_content,
        merge_message_runs as merge_message_runs,
        message_chunk_to_message as message_chunk_to_message,
        message_from_dict as message_from_dict,
        message_to_chunk as message_to_chunk,
        message_to_dict as message_to_dict,
        messages_from_dict as messages_from_dict,
        messages_to_dict as messages_to_dict,
        subtract_usage as subtract_usage,
        tool_call as tool_call,
        tool_call_chunk as tool_call_chunk,
        trim_messages as trim_messages,
    )
    from runnables.messages.generations import (
        ChatGeneration as ChatGeneration,
        ChatGenerationChunk as ChatGenerationChunk,
        ChatResult as ChatResult,
        Generation as Generation,
        GenerationChunk as GenerationChunk,
        LLMResult as LLMResult,
    )
    from runnables.models import (
        ChatModel as ChatModel,
        Embeddings as Embeddings,
        LanguageModelInput as LanguageModelInput,
        RawAnswer as RawAnswer,
        StopSequenceFilter as StopSequenceFilter,
        atruncate_stream as atruncate_stream,
        convert_to_openai_function as convert_to_openai_function,
        convert_to_openai_tool as convert_to_openai_tool,
        init_chat_model as init_chat_model,
        init_embeddings as init_embeddings,
        truncate_at_stop as truncate_at_stop,
        truncate_message as truncate_message,
        truncate_stream as truncate_stream,
    )
    from runnables.models.base_chat_model import (
        BaseChatModel as BaseChatModel,
        SimpleChatModel as SimpleChatModel,
    )
    from runnables.models.batch_service import BatchStatus as BatchStatus
    from runnables.models.budget import Budget as Budget
    from runnables.models.fakes import (
        DeterministicFakeEmbedding as DeterministicFakeEmbedding,
        FakeEmbeddings as FakeEmbeddings,
        FakeListChatModel as FakeListChatModel,
        FakeMessagesListChatModel as FakeMessagesListChatModel,
        GenericFakeChatModel as GenericFakeChatModel,
        ParrotFakeChatModel as ParrotFakeChatModel,
    )
    from runnables.models.llm import (
        LLM as LLM,
        BaseLLM as BaseLLM,
    )
    from runnables.models.rate_limits import (
        BaseRateLimiter as BaseRateLimiter,
        InMemoryRateLimiter as InMemoryRateLimiter,
    )
    from runnables.models.text_fakes import (
        FakeListLLM as FakeListLLM,
        FakeStreamingListLLM as FakeStreamingListLLM,
    )
    from runnables.models.usage import (
        Usage as Usage,
        track_usage as track_usage,
    )
    from runnables.parsers import (
        BaseGenerationOutputParser as BaseGenerationOutputParser,
        BaseLLMOutputParser as BaseLLMOutputParser,
        BaseOutputParser as BaseOutputParser,
        BaseParser as BaseParser,
        BaseTransformOutputParser as BaseTransformOutputParser,
        CommaSeparatedListOutputParser as CommaSeparatedListOutputParser,
        DatetimeOutputParser as DatetimeOutputParser,
        EnumOutputParser as EnumOutputParser,
        JsonError as JsonError,
        JsonExtractor as JsonExtractor,
        JsonOutputKeyToolsParser as JsonOutputKeyToolsParser,
        JsonOutputParser as JsonOutputParser,
        JsonOutputToolsParser as JsonOutputToolsParser,
        JsonReader as JsonReader,
        ListOutputParser as ListOutputParser,
        MarkdownListOutputParser as MarkdownListOutputParser,
        NumberedListOutputParser as NumberedListOutputParser,
        OutputFixingParser as OutputFixingParser,
        PydanticOutputParser as PydanticOutputParser,
        PydanticToolsParser as PydanticToolsParser,
        RepairParser as RepairParser,
        ResponseSchema as ResponseSchema,
        RetryOutputParser as RetryOutputParser,
        RetryWithErrorOutputParser as RetryWithErrorOutputParser,
        SimpleJsonOutputParser as SimpleJsonOutputParser,
        StrOutputParser as StrOutputParser,
        StructuredOutputParser as StructuredOutputParser,
        XMLOutputParser as XMLOutputParser,
        answer_text as answer_text,
        parse_and_check_json_markdown as parse_and_check_json_markdown,
        parse_json_markdown as parse_json_markdown,
        parse_partial_json as parse_partial_json,
    )
    from runnables.prompts import (
        AIMessagePromptTemplate as AIMessagePromptTemplate,
        AsyncExampleSelector as AsyncExampleSelector,
        BaseChatPromptTemplate as BaseChatPromptTemplate,
        BaseExampleSelector as BaseExampleSelector,
        BaseMessagePromptTemplate as BaseMessagePromptTemplate,
        BasePromptTemplate as BasePromptTemplate,
        ChatMessagePromptTemplate as ChatMessagePromptTemplate,
        ChatPromptTemplate as ChatPromptTemplate,
        DictPromptTemplate as DictPromptTemplate,
        ExampleSelector as ExampleSelector,
        FewShotChatMessagePromptTemplate as FewShotChatMessagePromptTemplate,
        FewShotPromptTemplate as FewShotPromptTemplate,
        FewShotPromptWithTemplates as FewShotPromptWithTemplates,
        HumanMessagePromptTemplate as HumanMessagePromptTemplate,
        ImagePromptTemplate as ImagePromptTemplate,
        LengthBasedExampleSelector as LengthBasedExampleSelector,
        MaxMarginalRelevanceExampleSelector as MaxMarginalRelevanceExampleSelector,
        MessagesPlaceholder as MessagesPlaceholder,
        MissingVariableError as MissingVariableError,
        PromptInputError as PromptInputError,
        PromptTemplate as PromptTemplate,
        PromptTemplateFormat as PromptTemplateFormat,
        SemanticSimilarityExampleSelector as SemanticSimilarityExampleSelector,
        StringPromptTemplate as StringPromptTemplate,
        SystemMessagePromptTemplate as SystemMessagePromptTemplate,
        load_prompt as load_prompt,
    )
    from runnables.retrieval import (
        Added as Added,
        BaseRetriever as BaseRetriever,
        Document as Document,
        DocumentLoadError as DocumentLoadError,
        InMemoryVectorStore as InMemoryVectorStore,
        QdrantStore as QdrantStore,
        RecursiveCharacterTextSplitter as RecursiveCharacterTextSplitter,
        SQLiteStore as SQLiteStore,
        StoreRetriever as StoreRetriever,
        Synced as Synced,
        VectorStore as VectorStore,
        aformat_document as aformat_document,
        create_retriever_tool as create_retriever_tool,
        document_id as document_id,
        format_document as format_document,
        format_documents as format_documents,
        iter_documents as iter_documents,
        load_documents as load_documents,
    )
    from runnables.serving.text_streams import (
        growing_text as growing_text,
        text_stream as text_stream,
    )
    from runnables.tools import (
        AsyncCallbackManagerForToolRun as AsyncCallbackManagerForToolRun,
        BaseTool as BaseTool,
        BaseToolkit as BaseToolkit,
        CallbackManagerForToolRun as CallbackManagerForToolRun,
        InjectedToolArg as InjectedToolArg,
        InjectedToolCallId as InjectedToolCallId,
        RunnableTool as RunnableTool,
        StructuredTool as StructuredTool,
        Tool as Tool,
        render_text_description as render_text_description,
        render_text_description_and_args as render_text_description_and_args,
        tool as tool,
        tool_example_to_messages as tool_example_to_messages,
    )
    from runnables.tracing import (
        OpenTelemetryHandler as OpenTelemetryHandler,
        trace_runs as trace_runs,
    )
    from runnables.type_names import (
        ArgsSchema as ArgsSchema,
        GetSessionHistoryCallable as GetSessionHistoryCallable,
        LanguageModelLike as LanguageModelLike,
        LanguageModelOutput as LanguageModelOutput,
        MessageLike as MessageLike,
        OutputParserLike as OutputParserLike,
        RetrieverLike as RetrieverLike,
        RetrieverOutput as RetrieverOutput,
        RetrieverOutputLike as RetrieverOutputLike,
        RunnableLike as RunnableLike,
        ToolsRenderer as ToolsRenderer,
    )

__version__ = "0.1.0"

_HOME_OF: Final = {name: home for home, names in HOMES.items() for name in names.split()}

if not TYPE_CHECKING:  # checkers take the imports above for the public names, also for `import *`
    __all__ = sorted(_HOME_OF)

    def __getattr__(name: str) -> Any:
        """Load a name from the module in which it lives."""
        if name not in _HOME_OF:
            elsewhere = importlib.import_module("runnables.core.elsewhere")
            raise elsewhere.missing_name(name, _HOME_OF, asked_by=sys._getframe(1).f_code.co_name)
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
