"""The names of spans' attributes, in one table: two conventions have them, and both still move.

- GenAI: OpenTelemetry's semantic conventions for generative AI, 0.1.0 of the repository
  semantic-conventions-genai, to which they moved from semantic-conventions 1.41. Their status is
  "development".
- OpenInference: openinference-semantic-conventions 0.1.42, which Phoenix and others read.

Only what neither has is a name of ours.
"""

from __future__ import annotations

from typing import Final


class GenAI:
    """The names of OpenTelemetry's conventions for generative AI, and of its general ones."""

    OPERATION: Final = "gen_ai.operation.name"
    PROVIDER: Final = "gen_ai.provider.name"
    CONVERSATION: Final = "gen_ai.conversation.id"
    AGENT_NAME: Final = "gen_ai.agent.name"

    REQUEST_MODEL: Final = "gen_ai.request.model"
    REQUEST_STREAM: Final = "gen_ai.request.stream"
    RESPONSE_MODEL: Final = "gen_ai.response.model"
    RESPONSE_ID: Final = "gen_ai.response.id"
    FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
    FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"

    INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
    OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
    CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
    CACHE_WRITTEN_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
    REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"

    TOOL_NAME: Final = "gen_ai.tool.name"
    TOOL_TYPE: Final = "gen_ai.tool.type"
    TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
    TOOL_CALL_ID: Final = "gen_ai.tool.call.id"

    # content
    INPUT_MESSAGES: Final = "gen_ai.input.messages"
    OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
    TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
    TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
    TOOL_RESULT: Final = "gen_ai.tool.call.result"
    QUERY: Final = "gen_ai.retrieval.query.text"
    DOCUMENTS: Final = "gen_ai.retrieval.documents"

    # general
    ERROR_TYPE: Final = "error.type"
    EXCEPTION: Final = "exception"
    EXCEPTION_TYPE: Final = "exception.type"
    EXCEPTION_MESSAGE: Final = "exception.message"


REQUEST_OPTIONS: Final = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "max_tokens": "gen_ai.request.max_tokens",
    "seed": "gen_ai.request.seed",
    "stop": "gen_ai.request.stop_sequences",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
}
"""GenAI: the options of a call of a model."""

PROVIDERS: Final = {
    "google": "gcp.gemini",
    "azure_openai": "azure.ai.openai",
}
"""GenAI: the services whose name is another one there than ours."""

OPERATIONS: Final = {
    "chat_model": "chat",
    "llm": "text_completion",
    "embeddings": "embeddings",
    "retriever": "retrieval",
    "tool": "execute_tool",
}
"""GenAI: the operations, by the type of a run."""

AGENT: Final = "invoke_agent"
"""GenAI: the operation of an agent."""

WORKFLOW: Final = "invoke_workflow"
"""GenAI: the operation of an outermost chain."""


class OpenInference:
    """The names of OpenInference's conventions."""

    KIND: Final = "openinference.span.kind"
    SESSION: Final = "session.id"
    USER: Final = "user.id"
    METADATA: Final = "metadata"
    TAGS: Final = "tag.tags"
    AGENT_NAME: Final = "agent.name"

    MODEL: Final = "llm.model_name"
    PROVIDER: Final = "llm.provider"
    PARAMETERS: Final = "llm.invocation_parameters"
    FINISH_REASON: Final = "llm.finish_reason"
    EMBEDDING_MODEL: Final = "embedding.model_name"
    TOTAL_TOKENS: Final = "llm.token_count.total"
    INPUT_TOKENS: Final = "llm.token_count.prompt"
    OUTPUT_TOKENS: Final = "llm.token_count.completion"
    CACHE_READ_TOKENS: Final = "llm.token_count.prompt_details.cache_read"
    CACHE_WRITTEN_TOKENS: Final = "llm.token_count.prompt_details.cache_write"
    REASONING_TOKENS: Final = "llm.token_count.completion_details.reasoning"
    COST: Final = "llm.cost.total"

    TOOL_NAME: Final = "tool.name"
    TOOL_DESCRIPTION: Final = "tool.description"
    TOOL_ID: Final = "tool.id"

    # content
    INPUT: Final = "input.value"
    INPUT_TYPE: Final = "input.mime_type"
    OUTPUT: Final = "output.value"
    OUTPUT_TYPE: Final = "output.mime_type"
    INPUT_MESSAGES: Final = "llm.input_messages"
    OUTPUT_MESSAGES: Final = "llm.output_messages"
    ROLE: Final = "message.role"
    CONTENT: Final = "message.content"
    CALLS: Final = "message.tool_calls"
    ANSWERED_CALL: Final = "message.tool_call_id"
    CALL_ID: Final = "tool_call.id"
    CALL_NAME: Final = "tool_call.function.name"
    CALL_ARGUMENTS: Final = "tool_call.function.arguments"
    DOCUMENTS: Final = "retrieval.documents"
    DOCUMENT: Final = "document.content"
    DOCUMENT_ID: Final = "document.id"
    DOCUMENT_METADATA: Final = "document.metadata"


KINDS: Final = {
    "chat_model": "LLM",
    "llm": "LLM",
    "embeddings": "EMBEDDING",
    "retriever": "RETRIEVER",
    "tool": "TOOL",
    "prompt": "PROMPT",
}
"""OpenInference: the kinds of spans, by the type of a run; an agent is "AGENT", others "CHAIN"."""

LLM_PROVIDERS: Final = {"azure_openai": "azure"}
"""OpenInference: the services whose name is another one there than ours."""


class Own:
    """The names that neither convention has."""

    NAME: Final = "runnables.name"
    RUN_ID: Final = "runnables.run_id"
    RUN_TYPE: Final = "runnables.run_type"
    PATH: Final = "runnables.path"
    FROM_CACHE: Final = "runnables.from_cache"
    STOPPED: Final = "runnables.stopped"
    RETRY: Final = "runnables.retry"
    RESTART: Final = "runnables.restart"
    ATTEMPT: Final = "runnables.attempt"
    DELAY: Final = "runnables.retry_delay"
    DATA: Final = "runnables.data"


CONVERSATION_KEYS: Final = ("conversation_id", "session_id", "thread_id")
"""The keys of a run's metadata, or of its `configurable`, that name a conversation."""

USER_KEY: Final = "user_id"
"""The key of a run's metadata that names a user."""
