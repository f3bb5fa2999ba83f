"""`create_agent`, which makes an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from runnables.agents.agent import DEFAULT_MAX_STEPS, Agent
from runnables.compose.coerce import is_runnable
from runnables.core.foreign import from_foreign
from runnables.core.signatures import checks_keywords
from runnables.errors import ConfigError
from runnables.models.registry import init_chat_model

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnables.agents.types import AgentAnswer, AgentState
    from runnables.compose.runnable import Runnable
    from runnables.core.foreign import ModelOfLangChain
    from runnables.messages.ai import AIMessage
    from runnables.messages.roles import SystemMessage

T = TypeVar("T")


@overload
def create_agent(
    model: str | Runnable[Any, AIMessage] | ModelOfLangChain,
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
    model: str | Runnable[Any, AIMessage] | ModelOfLangChain,
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
    model: str | Runnable[Any, AIMessage] | ModelOfLangChain,
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
    model: str | Runnable[Any, Any] | ModelOfLangChain,
    tools: Iterable[Any] | None = None,
    *,
    system_prompt: str | SystemMessage | None = None,
    response_format: Any = None,
    max_steps: int = DEFAULT_MAX_STEPS,
    handle_tool_errors: bool = False,
    name: str | None = None,
) -> Agent[Any]:
    """Make a runnable of a model and tools: the model calls tools until it knows the answer.

    It takes `{"messages": [...]}`, a list of messages or a string, and returns
    `{"messages": [...]}` with the complete conversation, and with `"structured_response"` if there
    is a `response_format`. `Agent` describes its stream.

    Args:
        model: a chat model, also one of LangChain, or with a retry, fallbacks or bound options;
            or a name for `init_chat_model`, such as "local".
        tools: tools, other runnables, functions with docstrings; dicts for tools that run on the
            provider's servers.
        system_prompt: what the model should be and do; it is no part of the conversation.
        response_format: the type of the structured answer, which one more call of the model
            makes, by `with_structured_output`.
        max_steps: how often the model may answer.
        handle_tool_errors: whether the model gets every error of a tool. By default it gets
            arguments that do not fit, a name that no tool has, and a `ToolException`; any other
            error is raised, with a note that names the tool.
        name: the agent's name in events and traces.

    Raises:
        ConfigError: something that is no tool, two tools of one name, or a model without tools.
        StepLimitError: when run, the model has answered `max_steps` times and still calls tools;
            it carries the conversation.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> @tool
        ... def add(a: int, b: int) -> int:
        ...     '''Add two numbers.'''
        ...     return a + b
        >>> request = tool_call(name="add", args={"a": 1, "b": 2}, id="call_1")
        >>> model = ScriptedChatModel([AIMessage(tool_calls=[request]), "It is 3."])
        >>> state = create_agent(model, [add]).invoke("What is 1 + 2?")
        >>> [(message.type, message.text) for message in state["messages"]]
        [('human', 'What is 1 + 2?'), ('ai', ''), ('tool', '3'), ('ai', 'It is 3.')]
    """
    made: Any = init_chat_model(model) if isinstance(model, str) else from_foreign(model)
    if not is_runnable(made):
        raise ConfigError(f"create_agent({made!r}): expected a chat model, or the name of one")
    return Agent[Any](
        made,
        tools or (),
        system_prompt=system_prompt,
        response_format=response_format,
        max_steps=max_steps,
        handle_tool_errors=handle_tool_errors,
        name=name,
    )
