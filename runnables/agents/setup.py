"""The parts of an agent, made of its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runnables.agents.toolbox import Toolbox
from runnables.core.foreign import from_foreign
from runnables.errors import ConfigError
from runnables.messages.roles import HumanMessage, SystemMessage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnables.agents.conversation import Conversation
    from runnables.compose.runnable import Runnable
    from runnables.messages.base import BaseMessage

ASK_FOR_STRUCTURED_ANSWER: Final = "Now give your answer in the requested format."
"""The last message to the model before its structured answer. (Some services refuse a conversation
that ends with the model's own words, and others continue those words.)"""


class AgentSetup:
    """The parts of an agent.

    Attributes:
        tools: run the model's requests.
        model: the model, with the tools.
        structured_model: the model with structured output; None without a `response_format`.

    Raises:
        ConfigError: something that is no tool, or a model that takes no tools.
    """

    def __init__(
        self,
        model: Any,
        tools: Iterable[Any],
        system_prompt: str | SystemMessage | None,
        response_format: Any,
        *,
        handle_tool_errors: bool,
    ) -> None:
        self.tools = Toolbox(tools, handle_errors=handle_tool_errors)
        self.model: Runnable[Any, Any] = model
        self.structured_model: Runnable[Any, Any] | None = None
        prompt = SystemMessage(system_prompt) if isinstance(system_prompt, str) else system_prompt
        self._prompt: list[BaseMessage] = [] if prompt is None else [prompt]
        if self.tools.offered:
            self.model = derive(model, "bind_tools", self.tools.offered)
        if response_format is not None:
            self.structured_model = derive(model, "with_structured_output", response_format)

    def prompt_messages(self, conversation: Conversation) -> list[BaseMessage]:
        """Return the messages for the model's next answer."""
        return [*self._prompt, *conversation.messages]

    def structured_prompt(self, conversation: Conversation) -> list[BaseMessage]:
        """Return the messages for the model's structured answer."""
        return [*self.prompt_messages(conversation), HumanMessage(ASK_FOR_STRUCTURED_ANSWER)]


def derive(model: Any, method: str, argument: Any) -> Runnable[Any, Any]:
    """Return the model that one of a model's methods makes."""
    model = from_foreign(model)
    if not hasattr(model, method):
        raise ConfigError(
            f"{model!r} has no {method!r}, which an agent needs of its model: pass a chat model, "
            "or one with a retry, fallbacks or bound options."
        )
    derived: Runnable[Any, Any] = getattr(model, method)(argument)
    return derived


STRUCTURED: Final = "structured response"
"""The label of the call that makes the structured answer."""
