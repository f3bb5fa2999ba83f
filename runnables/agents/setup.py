"""What an agent is made of, once its settings are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runnables.agents.toolbox import Toolbox
from runnables.errors import ConfigError
from runnables.messages.roles import HumanMessage, SystemMessage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnables.agents.conversation import Conversation
    from runnables.compose.runnable import Runnable
    from runnables.messages.base import BaseMessage

ASK_FOR_STRUCTURED_ANSWER: Final = "Now give your answer in the form that is asked for."
"""What the model is told last, where its answer has a form. (A conversation that ends with its own
words is refused by some services, and others go on with these words.)"""


class AgentSetup:
    """What follows of an agent's settings.

    Attributes:
        tools: who serves the model's requests.
        model: the model, which knows the tools.
        former: the model, which gives an answer in a form; None where none is asked for.

    Raises:
        ConfigError: something that is no tool, or a model that takes none.
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
            self.model = _ask(model, "bind_tools", self.tools.offered)
        if response_format is not None:
            self.structured_model = _ask(model, "with_structured_output", response_format)

    def prompt_messages(self, conversation: Conversation) -> list[BaseMessage]:
        """What the model reads when it is its turn."""
        return [*self._prompt, *conversation.messages]

    def structured_prompt(self, conversation: Conversation) -> list[BaseMessage]:
        """What the model reads when its last answer is put into a form."""
        return [*self.prompt_messages(conversation), HumanMessage(ASK_FOR_STRUCTURED_ANSWER)]


def _ask(model: Any, method: str, argument: Any) -> Runnable[Any, Any]:
    if not hasattr(model, method):
        raise ConfigError(
            f"{model!r} has no {method!r}, which an agent needs of its model: give it a chat "
            "model, or one with a retry, fallbacks or bound options."
        )
    made: Runnable[Any, Any] = getattr(model, method)(argument)
    return made
