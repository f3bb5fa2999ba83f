"""What an agent decides, as LangChain up to 0.3 holds it: actions, and the answer that ends them.

An agent of that form is a runnable from the input and the steps so far to actions or a finish.
`AgentExecutor` runs it. Here are its parts, for agents that are piped by hand as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from runnables.agents.setup import derive
from runnables.agents.toolbox import Toolbox
from runnables.compose.functions import RunnableLambda
from runnables.compose.passthrough import RunnablePassthrough, RunnablePick
from runnables.core.signatures import checks_keywords
from runnables.errors import ConfigError, ModelRefusalError
from runnables.messages.ai import AIMessage
from runnables.messages.kinds import complete_message
from runnables.messages.roles import HumanMessage, ToolMessage
from runnables.parsers.base import BaseParser, text_of, unreadable
from runnables.tools.results import as_content

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.messages.base import BaseMessage
    from runnables.prompts.base import BasePromptTemplate

SCRATCHPAD: Final = "agent_scratchpad"
STEPS: Final = "intermediate_steps"


@dataclass
class AgentAction:
    """A tool that an agent wants to be run.

    Attributes:
        tool: the name of the tool.
        tool_input: its arguments, or the string that is its only one.
        log: the words of the model around it.

    Example:
        >>> AgentAction("search", {"query": "tides"}, "Let me search.").tool
        'search'
    """

    tool: str
    tool_input: str | dict[str, Any]
    log: str

    @property
    def messages(self) -> Sequence[BaseMessage]:
        """Return the messages that led to it."""
        return [AIMessage(self.log)]


@dataclass
class ToolAgentAction(AgentAction):
    """An action that is a tool call of a model.

    Attributes:
        message_log: the answer of the model, which may have more calls.
        tool_call_id: the id of the call, which its result repeats.

    Example:
        >>> answer = AIMessage("", tool_calls=[tool_call(name="add", args={"a": 1}, id="call_1")])
        >>> action = ToolsAgentOutputParser().invoke(answer)[0]
        >>> action.tool, action.tool_input, action.tool_call_id
        ('add', {'a': 1}, 'call_1')
    """

    message_log: Sequence[BaseMessage]
    tool_call_id: str | None

    @property
    def messages(self) -> Sequence[BaseMessage]:
        """Return the answer of the model."""
        return self.message_log


@dataclass
class AgentStep:
    """An action, and what its tool returned.

    Attributes:
        action: the action.
        observation: the result of the tool, as it is; or the error that the model gets.

    Example:
        >>> AgentStep(AgentAction("search", "tides", ""), "High at six.").messages
        [HumanMessage('High at six.')]
    """

    action: AgentAction
    observation: Any

    @property
    def messages(self) -> Sequence[BaseMessage]:
        """Return the message that tells the model the result."""
        content = as_content(self.observation)
        if not isinstance(self.action, ToolAgentAction):
            return [HumanMessage(content)]
        name, call_id = self.action.tool, self.action.tool_call_id or ""
        return [ToolMessage(content, tool_call_id=call_id, name=name)]


@dataclass
class AgentFinish:
    """The end of an agent's work.

    Attributes:
        return_values: what the executor returns beside the input: `{"output": ...}`.
        log: the words of the model.

    Example:
        >>> AgentFinish({"output": "It is 3."}, "It is 3.").messages
        [AIMessage('It is 3.')]
    """

    return_values: dict[str, Any]
    log: str

    @property
    def messages(self) -> Sequence[BaseMessage]:
        """Return the answer as a message."""
        return [AIMessage(self.log)]


Decision: TypeAlias = list[AgentAction] | AgentFinish
"""What an agent decides."""


def format_to_tool_messages(
    intermediate_steps: Sequence[tuple[AgentAction, Any]],
) -> list[BaseMessage]:
    """Return the steps of an agent as messages: each answer of the model, and its results.

    Args:
        intermediate_steps: pairs of an action and its observation. Actions of one answer follow
            each other; an action that is no tool call becomes its log, and a human message.

    Example:
        >>> answer = AIMessage("", tool_calls=[tool_call(name="add", args={"a": 1}, id="call_1")])
        >>> actions = ToolsAgentOutputParser().invoke(answer)
        >>> [message.type for message in format_to_tool_messages([(actions[0], 1)])]
        ['ai', 'tool']
    """
    messages: list[BaseMessage] = []
    answer: BaseMessage | None = None
    answered: set[str] = set()
    for action, observation in intermediate_steps:
        asked = list(action.messages)
        call_id = getattr(action, "tool_call_id", None)
        if not isinstance(action, ToolAgentAction):
            messages += [message for message in asked if message.content]
            answer = None
        elif asked[-1:] != [answer] or call_id in answered:  # another answer
            messages += asked
            answer, answered = asked[-1] if asked else None, set()
        answered.update([call_id] if call_id else ())
        messages += AgentStep(action, observation).messages
    return messages


format_to_openai_tool_messages = format_to_tool_messages


class ToolsAgentOutputParser(BaseParser[Decision], internal=True):
    """A parser from the answer of a model to the actions of an agent, or to its finish.

    Each tool call is a `ToolAgentAction`. An answer without any is an `AgentFinish` with its text
    as "output".

    Raises:
        OutputParserException: when run, a tool call that cannot be read.
        ModelRefusalError: when run, a refusal without a tool call.
        TypeError: when run, something other than the message of a model.

    Example:
        >>> ToolsAgentOutputParser().invoke(AIMessage("It is 3."))
        AgentFinish(return_values={'output': 'It is 3.'}, log='It is 3.')
    """

    @property
    def InputType(self) -> Any:
        """Return the type of a model's message."""
        return AIMessage

    @property
    def OutputType(self) -> Any:
        """Return the type of a list of actions, or a finish."""
        return Decision

    def _parse_input(self, input: Any) -> Decision:
        if not isinstance(input, AIMessage):
            raise TypeError(f"{self!r}: expected the message of a model, got {input!r}")
        answer = cast("AIMessage", complete_message(input))
        text = text_of(answer, self)
        for call in answer.invalid_tool_calls:
            problem = f"The call of {call['name']!r} cannot be read: {call.get('error')}"
            raise unreadable(problem, text or call["args"] or "")
        if answer.tool_calls:
            return [
                ToolAgentAction(
                    tool=call["name"],
                    tool_input=call["args"],
                    log=text or f"{call['name']}({call['args']})",
                    message_log=[answer],
                    tool_call_id=call["id"],
                )
                for call in answer.tool_calls
            ]
        if answer.refusal:
            raise ModelRefusalError(answer.refusal, text)
        return AgentFinish({"output": text}, text)


OpenAIToolsAgentOutputParser = ToolsAgentOutputParser


@checks_keywords
def create_tool_calling_agent(
    llm: Runnable[Any, AIMessage],
    tools: Iterable[Any],
    prompt: BasePromptTemplate,
    *,
    message_formatter: Callable[[Any], list[BaseMessage]] = format_to_tool_messages,
) -> Runnable[dict[str, Any], Decision]:
    """Make an agent for an `AgentExecutor`: a runnable that decides on the next actions.

    It takes the variables of the prompt and "intermediate_steps", the steps so far. New code is
    shorter with `create_agent`, which needs no executor.

    Args:
        llm: a chat model, also with a retry, fallbacks or bound options.
        tools: tools, other runnables, functions with docstrings.
        prompt: a prompt with a placeholder for "agent_scratchpad", where the steps go.
        message_formatter: makes messages of the steps.

    Raises:
        ConfigError: a prompt without that placeholder, something that is no tool, two tools of one
            name, or a model without tools.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> prompt = ChatPromptTemplate(
        ...     [("human", "{input}"), ("placeholder", "{agent_scratchpad}")]
        ... )
        >>> agent = create_tool_calling_agent(ScriptedChatModel(["Ahoy!"]), [], prompt)
        >>> agent.invoke({"input": "Hello", "intermediate_steps": []})
        AgentFinish(return_values={'output': 'Ahoy!'}, log='Ahoy!')
    """
    optional: Iterable[str] = getattr(prompt, "optional_variables", ())
    if SCRATCHPAD not in {*prompt.input_variables, *prompt.partial_variables, *optional}:
        raise ConfigError(
            f"create_tool_calling_agent: the prompt has no variable {SCRATCHPAD!r}, where the steps"
            f' go. Add ("placeholder", "{{{SCRATCHPAD}}}") as its last message.'
        )
    offered = Toolbox(tools, handle_errors=False).offered
    model = derive(llm, "bind_tools", offered) if offered else llm
    scratchpad = RunnablePick(STEPS) | RunnableLambda(message_formatter)
    steps = RunnablePassthrough[Any].assign(**{SCRATCHPAD: scratchpad})
    return steps | prompt | model | ToolsAgentOutputParser()
