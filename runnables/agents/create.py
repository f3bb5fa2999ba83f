"""How an agent is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from runnables.agents.agent import DEFAULT_MAX_STEPS, Agent
from runnables.compose.runnable import Runnable
from runnables.core.signatures import checks_keywords
from runnables.errors import ConfigError
from runnables.models.registry import init_chat_model

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnables.agents.types import AgentAnswer, AgentState
    from runnables.messages.ai import AIMessage
    from runnables.messages.roles import SystemMessage

T = TypeVar("T")


@overload
def create_agent(
    model: str | Runnable[Any, AIMessage],
    tools: Iterable[Any] | None = None,
    *,
    system_prompt: str | SystemMessage | None = None,
    response_format: None = None,
    max_steps: int = DEFAULT_MAX_STEPS,
    handle_tool_errors: bool = False,
    name: str | None = None,
) -> Agent[AgentState]: ...
@overload
def create_agent(
    model: str | Runnable[Any, AIMessage],
    tools: Iterable[Any] | None = None,
    *,
    system_prompt: str | SystemMessage | None = None,
    response_format: type[T],
    max_steps: int = DEFAULT_MAX_STEPS,
    handle_tool_errors: bool = False,
    name: str | None = None,
) -> Agent[AgentAnswer[T]]: ...
@overload
def create_agent(
    model: str | Runnable[Any, AIMessage],
    tools: Iterable[Any] | None = None,
    *,
    system_prompt: str | SystemMessage | None = None,
    response_format: dict[str, Any],
    max_steps: int = DEFAULT_MAX_STEPS,
    handle_tool_errors: bool = False,
    name: str | None = None,
) -> Agent[AgentAnswer[dict[str, Any]]]: ...
@checks_keywords
def create_agent(
    model: str | Runnable[Any, Any],
    tools: Iterable[Any] | None = None,
    *,
    system_prompt: str | SystemMessage | None = None,
    response_format: Any = None,
    max_steps: int = DEFAULT_MAX_STEPS,
    handle_tool_errors: bool = False,
    name: str | None = None,
) -> Agent[Any]:
    """Make a runnable of a model and tools: the model calls tools until it knows the answer.

    It takes `{"messages": [...]}`, a list of messages or a text, and gives
    `{"messages": [the whole conversation]}`, and `"structured_response"` where there is a
    `response_format`. How it streams is said at `Agent`.

    Args:
        model: a chat model, also with a retry, fallbacks or bound options; or a name for
            `init_chat_model`, such as "local".
        tools: tools, other runnables, functions with docstrings; dicts for tools that run on the
            provider's servers.
        system_prompt: what the model should be and do; it is no part of the conversation.
        response_format: the type of the answer; one more call of the model puts it into this
            form, by `with_structured_output`.
        max_steps: how often the model may answer.
        handle_tool_errors: tell the model of every error of a tool. Without it, the model is told
            of arguments that do not fit, of a name that no tool has, and of a `ToolException`;
            any other error is raised, with a note of which tool it was.
        name: what observers call the agent.

    Raises:
        ConfigError: something that is no tool, two tools of one name, or a model without tools.
        StepLimitError: when run, the model has answered `max_steps` times and still calls tools;
            it carries the conversation.
    """
    if isinstance(model, str):
        model = init_chat_model(model)
    if not isinstance(cast("object", model), Runnable):
        raise ConfigError(f"create_agent({model!r}): expected a chat model, or the name of one")
    return Agent[Any](
        model,
        tools or (),
        system_prompt=system_prompt,
        response_format=response_format,
        max_steps=max_steps,
        handle_tool_errors=handle_tool_errors,
        name=name,
    )
