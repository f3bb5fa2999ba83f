"""Answers as LangChain's results hold them, for handlers and models that were written for it.

Nothing here makes or takes them otherwise: models return messages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runnables.messages.ai import AIMessageChunk
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
    """The answers that `on_llm_end` gets: those to each conversation, of which there is one.

    Attributes:
        generations: a list for each conversation, with its answers: `generations[0][0]`.
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
