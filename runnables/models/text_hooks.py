"""Hooks of models of text in LangChain's form, made to serve `TextModel`, too.

Each hook has two callers, as those of chat models have: see `result_hooks`.
"""

from __future__ import annotations

from typing import Any, Final

from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.generations import ChatGeneration, LLMResult
from runnables.messages.kinds import text_chunk, text_message
from runnables.models.result_hooks import HookForm, adapt_hooks_of


def adapt_text_hooks(cls: type) -> None:
    """Let the hooks that this class itself writes serve `TextModel`, too."""
    adapt_hooks_of(cls, _TEXT)


def _prompt(messages: Any) -> str:
    """Return the prompt, which is the content of the only message."""
    prompt: str = messages[0].content
    return prompt


def _prompts(messages: Any) -> list[str]:
    return [_prompt(messages)]


def _answer(model: object, result: Any) -> AIMessage:
    """Return the first answer of a result as a message, with the metadata that is beside it."""
    if not (isinstance(result, LLMResult) and result.generations and result.generations[0]):
        raise TypeError(
            f"{type(model).__name__}._generate returned {result!r}: it returns an LLMResult with "
            "an answer, LLMResult(generations=[[Generation(text=...)]])."
        )
    generation = result.generations[0][0]
    metadata = {**result.llm_output, **(generation.generation_info or {})}
    return text_message(str(generation.text), response_metadata=metadata)


def _chunk(model: object, chunk: Any) -> AIMessageChunk:
    if isinstance(chunk, str):
        return text_chunk(str(chunk))
    if not isinstance(chunk, ChatGeneration):
        raise TypeError(
            f"{type(model).__name__}._stream gave {chunk!r}: it yields GenerationChunk objects."
        )
    return AIMessageChunk(str(chunk.text), response_metadata=chunk.generation_info or {})


_TEXT: Final = HookForm(_prompts, _prompt, _answer, _chunk)
