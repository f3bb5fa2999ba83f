"""Models: what a provider fills in, and what every model can do."""

from runnables.messages.convert import LanguageModelInput
from runnables.models.chat import ChatModel
from runnables.models.embeddings import Embeddings
from runnables.models.http_errors import model_error, retry_after
from runnables.models.registry import init_chat_model, init_embeddings
from runnables.models.stop_sequences import (
    StopCutter,
    acut_chunks,
    cut_at_stop,
    cut_chunks,
    cut_message,
)
from runnables.models.structured.output import RawAnswer
from runnables.models.structured.schemas import convert_to_openai_tool
from runnables.models.structured.strict import strict_schema, without_references

__all__ = [
    # to use
    "ChatModel",
    "Embeddings",
    "LanguageModelInput",
    "RawAnswer",
    "init_chat_model",
    "init_embeddings",
    # to write providers
    "StopCutter",
    "acut_chunks",
    "convert_to_openai_tool",
    "cut_at_stop",
    "cut_chunks",
    "cut_message",
    "model_error",
    "retry_after",
    "strict_schema",
    "without_references",
]
