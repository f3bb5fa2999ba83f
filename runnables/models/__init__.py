"""Models: what a provider fills in, and what every model can do."""

from runnables.models.chat import ChatModel, LanguageModelInput, RawAnswer
from runnables.models.embeddings import Embeddings
from runnables.models.registry import init_chat_model, init_embeddings
from runnables.models.schemas import convert_to_openai_tool
from runnables.models.stops import StopCutter, acut_chunks, cut_at_stop, cut_chunks, cut_message

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
]
