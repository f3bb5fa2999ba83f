"""Chat models and embedding models: their base classes, by name, and helpers for providers."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.client_errors import retry_after
    from runnables.messages.convert import LanguageModelInput
    from runnables.models.chat import ChatModel
    from runnables.models.embeddings import Embeddings
    from runnables.models.http_errors import model_error
    from runnables.models.registry import init_chat_model, init_embeddings
    from runnables.models.stop_sequences import (
        StopSequenceFilter,
        atruncate_stream,
        truncate_at_stop,
        truncate_message,
        truncate_stream,
    )
    from runnables.models.structured.output import RawAnswer
    from runnables.models.structured.schemas import (
        convert_to_openai_function,
        convert_to_openai_tool,
    )
    from runnables.models.structured.strict import strict_schema, without_references
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "runnables.client_errors": "retry_after",
            "runnables.messages.convert": "LanguageModelInput",
            "runnables.models.chat": "ChatModel",
            "runnables.models.embeddings": "Embeddings",
            "runnables.models.http_errors": "model_error",
            "runnables.models.registry": "init_chat_model init_embeddings",
            "runnables.models.stop_sequences": (
                "StopSequenceFilter atruncate_stream truncate_at_stop truncate_message "
                "truncate_stream"
            ),
            "runnables.models.structured.output": "RawAnswer",
            "runnables.models.structured.schemas": (
                "convert_to_openai_function convert_to_openai_tool"
            ),
            "runnables.models.structured.strict": "strict_schema without_references",
        },
    )

__all__ = [
    # to use
    "ChatModel",
    "Embeddings",
    "LanguageModelInput",
    "RawAnswer",
    "init_chat_model",
    "init_embeddings",
    # to write providers
    "StopSequenceFilter",
    "atruncate_stream",
    "convert_to_openai_function",
    "convert_to_openai_tool",
    "truncate_at_stop",
    "truncate_stream",
    "truncate_message",
    "model_error",
    "retry_after",
    "strict_schema",
    "without_references",
]
