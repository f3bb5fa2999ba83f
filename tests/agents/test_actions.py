"""The parts of LangChain's agents: actions, finishes, and the agents that are made of them."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from runnables import (
    AgentAction,
    AgentFinish,
    AgentStep,
    AIMessage,
    AIMessageChunk,
    ChatPromptTemplate,
    ConfigError,
    HumanMessage,
    ModelRefusalError,
    OpenAIToolsAgentOutputParser,
    OutputParserException,
    RunnableLambda,
    ToolAgentAction,
    ToolMessage,
    ToolsAgentOutputParser,
    create_tool_calling_agent,
    format_to_openai_tool_messages,
    format_to_tool_messages,
    invalid_tool_call,
    tool_call,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.agents.test_agent import add, asks
from tests.both_modes import Call

PROMPT = ChatPromptTemplate(
    [
        ("system", "Be brief."),
        ("placeholder", "{chat_history}"),
        ("human", "{input}"),
        ("placeholder", "{agent_scratchpad}"),
    ]
)
TWO = asks(("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4}), text="Let me see.")


def actions_of(answer: AIMessage) -> list[Any]:
    """Return the actions that are read from an answer."""
    actions = ToolsAgentOutputParser().invoke(answer)
    assert isinstance(actions, list)
    return actions


# -- the parser


def test_each_tool_call_of_an_answer_is_an_action(call: Call) -> None:
    """It has the tool, its arguments, the id of the call, the text and the answer itself."""
    action, other = call.invoke(ToolsAgentOutputParser(), TWO)
    assert action == ToolAgentAction("add", {"a": 1, "b": 2}, "Let me see.", [TWO], "1")
    assert (other.tool_input, other.tool_call_id) == ({"a": 3, "b": 4}, "2")
    assert isinstance(action, AgentAction)
    assert action.messages == [TWO]


def test_an_answer_without_a_tool_call_is_the_end(call: Call) -> None:
    """Its output is the text, also where the content is a list of blocks."""
    blocks = AIMessage([{"type": "text", "text": "It is "}, {"type": "text", "text": "3."}])
    for answer in (AIMessage("It is 3."), blocks):
        finish = call.invoke(OpenAIToolsAgentOutputParser(), answer)
        assert finish == AgentFinish({"output": "It is 3."}, "It is 3.")
        assert finish.messages == [AIMessage("It is 3.")]


def test_a_streamed_answer_is_read_when_it_is_complete(call: Call) -> None:
    """The action has a whole message in it, not a chunk."""
    chunks = [AIMessageChunk("It "), AIMessageChunk("is 3.")]
    (finish,) = call.transform(ToolsAgentOutputParser(), chunks)
    assert finish.return_values == {"output": "It is 3."}
    (actions,) = call.transform(ToolsAgentOutputParser(), [TWO])
    assert type(actions[0].message_log[0]) is AIMessage


def test_a_tool_call_that_cannot_be_read_is_an_error(call: Call) -> None:
    """So is one beside others that can; the words for the model name the tool."""
    broken = invalid_tool_call(name="add", args='{"a": 1', id="9", error="it is cut off")
    for calls in ([], TWO.tool_calls):
        answer = AIMessage("", tool_calls=calls, invalid_tool_calls=[broken])
        with pytest.raises(OutputParserException) as caught:
            call.invoke(ToolsAgentOutputParser(), answer)
        assert caught.value.observation == "The call of 'add' cannot be read: it is cut off"
        assert caught.value.llm_output == '{"a": 1'


def test_a_refusal_and_a_text_are_no_decision(call: Call) -> None:
    """A refusal is an error of its own; a string would hide tool calls."""
    refusal = AIMessage([{"type": "refusal", "refusal": "I will not."}])
    with pytest.raises(ModelRefusalError, match="I will not"):
        call.invoke(ToolsAgentOutputParser(), refusal)
    with pytest.raises(TypeError, match="expected the message of a model, got 'It is 3.'"):
        call.invoke(ToolsAgentOutputParser(), "It is 3.")


# -- the steps as messages


def test_the_calls_of_one_answer_follow_it_with_their_results() -> None:
    """The answer is there once; results that are no strings are JSON."""
    one, two = actions_of(TWO)
    assert format_to_openai_tool_messages([(one, 3), (two, {"sum": 7})]) == [
        TWO,
        ToolMessage("3", tool_call_id="1", name="add"),
        ToolMessage('{"sum": 7}', tool_call_id="2", name="add"),
    ]
    assert format_to_tool_messages([]) == []


def test_an_answer_that_repeats_itself_is_sent_again() -> None:
    """Each call is followed by its own result, also when the steps were pickled one by one."""
    steps = [(action, "ok") for _ in range(2) for action in actions_of(TWO)]
    for given in (steps, [pickle.loads(pickle.dumps(step)) for step in steps]):
        types = [message.type for message in format_to_tool_messages(given)]
        assert types == ["ai", "tool", "tool"] * 2


def test_an_action_that_is_no_tool_call_is_followed_by_a_human_message() -> None:
    """The model reads its own words, where there are some, and what came of them."""
    assert format_to_tool_messages(
        [
            (AgentAction("search", "tides", "I search."), "High at six."),
            (AgentAction("a", "", ""), 1),
        ]
    ) == [AIMessage("I search."), HumanMessage("High at six."), HumanMessage("1")]
    assert AgentStep(AgentAction("a", "", "log"), "x").messages == [HumanMessage("x")]


# -- the agent


def test_an_agent_decides_by_the_input_and_the_steps(call: Call) -> None:
    """It is a runnable: its input has the variables of the prompt, and the steps."""
    model = ScriptedChatModel([TWO, "It is 3."])
    agent = create_tool_calling_agent(model, [add], PROMPT)
    actions = call.invoke(agent, {"input": "1 + 2?", "intermediate_steps": []})
    assert actions == actions_of(TWO)
    steps = [(action, "ok") for action in actions]
    finish = call.invoke(
        agent, {"input": "1 + 2?", "chat_history": [("human", "Hi")], "intermediate_steps": steps}
    )
    assert finish.return_values == {"output": "It is 3."}
    assert [message.type for message in model.calls[1].messages] == [
        *("system", "human", "human", "ai", "tool", "tool")
    ]
    assert [offer["function"]["name"] for offer in model.calls[0].options["tools"]] == ["add"]


def test_the_steps_may_be_formatted_in_another_way(call: Call) -> None:
    """The function gets the steps, and returns messages."""
    model = ScriptedChatModel(["ok"])
    agent = create_tool_calling_agent(
        model, [], PROMPT, message_formatter=lambda steps: [HumanMessage(f"{len(steps)} steps")]
    )
    call.invoke(agent, {"input": "go", "intermediate_steps": [(AgentAction("a", "", ""), "")]})
    assert model.calls[0].messages[-1] == HumanMessage("1 steps")


def test_an_agent_is_a_value() -> None:
    """It pickles, and equals one that is made in the same way."""
    model = ScriptedChatModel(["ok"], cycle=True)
    agent = create_tool_calling_agent(model, [], PROMPT)
    assert agent == create_tool_calling_agent(model, [], PROMPT)
    copy = pickle.loads(pickle.dumps(agent))
    assert copy.invoke({"input": "go", "intermediate_steps": []}).log == "ok"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            lambda: create_tool_calling_agent(
                ScriptedChatModel(), [add], ChatPromptTemplate([("human", "{input}")])
            ),
            "no variable 'agent_scratchpad'",
        ),
        (lambda: create_tool_calling_agent(RunnableLambda(len), [add], PROMPT), "no 'bind_tools'"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a model without tools
        (lambda: create_tool_calling_agent(ScriptedChatModel(), [add, add], PROMPT), "Two tools"),
    ],
)
def test_a_wrong_agent_is_refused_when_it_is_made(make: Any, reason: str) -> None:
    """The error comes before anything runs."""
    with pytest.raises(ConfigError, match=reason):
        make()


def test_a_scratchpad_that_is_required_or_partial_will_do() -> None:
    """A placeholder of any kind has the variable."""
    required = ChatPromptTemplate([("human", "{input}"), ("human", "{agent_scratchpad}")])
    for prompt in (required, required.partial(agent_scratchpad="")):
        agent = create_tool_calling_agent(ScriptedChatModel(["done"]), [add], prompt)
        answer: Any = agent.invoke({"input": "Hi", "intermediate_steps": []})
        assert answer.return_values == {"output": "done"}


def test_calls_without_an_id_have_their_results(call: Call) -> None:
    """The model's own way of giving ids relates them, in their order."""
    calls = [tool_call(name="add", args={"a": 1, "b": b}, id=None) for b in (2, 3)]
    answer = AIMessage("", tool_calls=calls)
    steps = [(action, "ok") for action in actions_of(answer)]
    model = ScriptedChatModel(["ok"])
    agent = create_tool_calling_agent(model, [add], PROMPT)
    call.invoke(agent, {"input": "1 + 2?", "intermediate_steps": steps})
    asked, *results = model.calls[0].messages[2:]
    assert isinstance(asked, AIMessage)
    ids = [request["id"] for request in asked.tool_calls]
    assert [result.tool_call_id for result in results if isinstance(result, ToolMessage)] == ids
    assert len(set(ids)) == len(results) == 2
