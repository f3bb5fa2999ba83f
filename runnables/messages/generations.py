"""Answers as LangChain's results hold them, for handlers and models that were written for it.

Nothing here makes or takes them otherwise: models return messages, or strings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.merging import join_metadata_by_key

if TYPE_CHECKING:
    from runnables.messages.base import BaseMessage


@dataclass(frozen=True, kw_only=True)
class ChatGeneration:
    """An answer of a model, as LangChain holds it.

    Attributes:
        message: the message.
        generation_info: what the service said about it, such as the `finish_reason`.

    Example:
        >>> ChatGeneration(message=AIMessage("Ahoy!")).text
        'Ahoy!'
    """

    message: BaseMessage
    generation_info: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """Return the text of the message."""
        return self.message.text


@dataclass(frozen=True, kw_only=True)
class ChatGenerationChunk(ChatGeneration):
    """A chunk of an answer of a model, as LangChain holds it.

    Example:
        >>> ChatGenerationChunk(message=AIMessageChunk("Ah")).text
        'Ah'
    """

    message: AIMessageChunk


class Generation(ChatGeneration):
    """An answer of a model of text, as LangChain holds it; its message is an AI message.

    Args:
        text: the answer.
        generation_info: what the service said about it, such as the `finish_reason`.

    Example:
        >>> Generation(text="Ahoy!")
        Generation(text='Ahoy!')
    """

    def __init__(self, *, text: str, generation_info: dict[str, Any] | None = None) -> None:
        super().__init__(message=self._message(text), generation_info=generation_info)

    def _message(self, text: str) -> AIMessage:
        return AIMessage(text)

    def __repr__(self) -> str:
        info = f", generation_info={self.generation_info!r}" if self.generation_info else ""
        return f"{type(self).__name__}(text={str(self.text)!r}{info})"


class GenerationChunk(Generation):
    """A chunk of an answer of a model of text, as LangChain holds it; `+` joins two of them.

    Example:
        >>> GenerationChunk(text="Ah") + GenerationChunk(text="oy!")
        GenerationChunk(text='Ahoy!')
    """

    def _message(self, text: str) -> AIMessage:
        return AIMessageChunk(text)

    def __add__(self, other: object) -> GenerationChunk:
        """Return the chunk that both make."""
        if not isinstance(other, GenerationChunk):
            return NotImplemented
        info = join_metadata_by_key([self.generation_info or {}, other.generation_info or {}])
        return GenerationChunk(text=self.text + other.text, generation_info=info or None)


@dataclass(kw_only=True)
class ChatResult:
    """The answers to one conversation, as LangChain holds them.

    Attributes:
        generations: the answers; the first one counts.
        llm_output: what the service said about all of them.

    Example:
        >>> ChatResult(generations=[ChatGeneration(message=AIMessage("Ahoy!"))]).llm_output
    """

    generations: list[ChatGeneration]
    llm_output: dict[str, Any] | None = None


@dataclass(kw_only=True)
class LLMResult:
    """The answers that `on_llm_end` gets: those to each prompt, of which there is one.

    `BaseLLM._generate` returns them, too.

    Attributes:
        generations: a list for each prompt, with its answers: `generations[0][0]`.
        llm_output: the `token_usage` and the `model_name`, where the service reported them.

    Example:
        >>> class Printer(BaseCallbackHandler):
        ...     def on_llm_end(self, response: LLMResult, **kwargs):
        ...         print(response.generations[0][0].text)
        >>> model = FakeListChatModel(["Ahoy!"])
        >>> answer = model.invoke("Hello", {"callbacks": [Printer()]})
        Ahoy!
    """

    generations: list[list[ChatGeneration]]
    llm_output: dict[str, Any] = field(default_factory=dict[str, Any])
