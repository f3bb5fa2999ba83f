"""The executor of LangChain's agents: its loop, its stream, its limits, what it shares."""

from __future__ import annotations

import asyncio
import pickle
import threading
from typing import Annotated, Any

import pytest

from runnables import (
    AgentAction,
    AgentExecutor,
    AgentFinish,
    AIMessage,
    AuthenticationError,
    ConfigError,
    HumanMessage,
    InjectedToolArg,
    InjectedToolCallId,
    InMemoryHistory,
    ModelRefusalError,
    OpenAIToolsAgentOutputParser,
    OutputParserException,
    Runnable,
    RunnableLambda,
    RunnableWithMessageHistory,
    StepLimitError,
    StepTimeout,
    StructuredTool,
    Tool,
    ToolMessage,
    convert_to_openai_tool,
    create_tool_calling_agent,
    format_to_openai_tool_messages,
    invalid_tool_call,
    merge_chunks,
    tool,
)
from runnables.agents.progress import STOPPED
from runnables.engine.timeouts import async_sleep, sleep
from runnables_providers.scripted import Delay, ScriptedChatModel
from tests.agents.test_actions import PROMPT
from tests.agents.test_agent import SUM, add, asks, crash, fail
from tests.both_modes import Call, run_clean
from tests.laws.gauges import Gauge

QUESTION = {"input": "1 + 2?"}


def executor_of(model: ScriptedChatModel, *tools: Any, **options: Any) -> AgentExecutor:
    """Return an executor of an agent with this model."""
    return AgentExecutor(
        agent=create_tool_calling_agent(model, tools, PROMPT), tools=tools, **options
    )


def observed(output: Any) -> list[Any]:
    """Return the observations of an output."""
    return [observation for _, observation in output["intermediate_steps"]]


# -- the loop


def test_the_agent_decides_until_it_has_finished(call: Call) -> None:
    """The output is the input, and the text of the last answer."""
    model = ScriptedChatModel([SUM, asks(("add", {"a": 3, "b": 4})), "It is 7."])
    question = {**QUESTION, "chat_history": [HumanMessage("Hi"), AIMessage("Hello")]}
    output = call.invoke(executor_of(model, add), question)
    assert output == {**question, "output": "It is 7."}
    assert [len(request.messages) for request in model.calls] == [4, 6, 8]
    assert model.calls[2].messages[4:6] == [SUM, ToolMessage("3", tool_call_id="1", name="add")]


def test_the_steps_are_returned_where_they_are_wanted(call: Call) -> None:
    """Results are what the tools return, as they are."""
    executor = executor_of(ScriptedChatModel([SUM, "3"]), add, return_intermediate_steps=True)
    ((action, observation),) = call.invoke(executor, QUESTION)["intermediate_steps"]
    assert (action.tool, action.tool_input, action.tool_call_id) == ("add", {"a": 1, "b": 2}, "1")
    assert observation == 3


def test_an_agent_may_be_piped_by_hand(call: Call) -> None:
    """The forms of LangChain's guides run."""
    model = ScriptedChatModel([SUM, "3"])
    agent = (
        {
            "input": lambda x: x["input"],
            "agent_scratchpad": lambda x: format_to_openai_tool_messages(x["intermediate_steps"]),
        }
        | PROMPT
        | model.bind(tools=[convert_to_openai_tool(add)])
        | OpenAIToolsAgentOutputParser()
    )
    executor = AgentExecutor.from_agent_and_tools(agent=agent, tools=[add], verbose=False)
    assert call.invoke(executor, QUESTION) == {**QUESTION, "output": "3"}


def test_an_agent_may_be_a_function_that_returns_one_action(call: Call) -> None:
    """A string is the value of the tool's only argument."""

    def decide(values: dict[str, Any]) -> AgentAction | AgentFinish:
        if steps := values["intermediate_steps"]:
            return AgentFinish({"output": steps[-1][1], "tries": len(steps)}, "")
        return AgentAction("up", values["input"], "")

    def loud(text: str) -> str:
        return text.upper()

    up = Tool(name="up", func=loud, description="Loud.")
    executor = AgentExecutor(agent=decide, tools=[up])
    assert call.invoke(executor, {"input": "ahoy"}) == {
        "input": "ahoy",
        "output": "AHOY",
        "tries": 1,
    }


def test_a_tool_may_end_the_work(call: Call) -> None:
    """The result of a `return_direct` tool is the output, unless it failed."""
    direct = tool(return_direct=True)(add.func)
    assert call.invoke(executor_of(ScriptedChatModel([SUM]), direct), QUESTION)["output"] == 3
    wrong = asks(("add", {"a": 1}))
    executor = executor_of(ScriptedChatModel([wrong, "Sorry."]), direct)
    assert call.invoke(executor, QUESTION)["output"] == "Sorry."


# -- tools


def test_the_tools_of_one_decision_run_at_once(call: Call) -> None:
    """Each waits for the other; results are in the order of the calls."""
    meeting = threading.Barrier(2, timeout=20)

    @tool
    def meet(name: str) -> str:
        """Meet another."""
        meeting.wait()
        return name

    model = ScriptedChatModel([asks(("meet", {"name": "a"}), ("meet", {"name": "b"})), "ok"])
    executor = executor_of(model, meet, return_intermediate_steps=True)
    assert observed(call.invoke(executor, QUESTION)) == ["a", "b"]


def test_the_model_gets_the_errors_that_are_meant_for_it(call: Call) -> None:
    """They are those that an agent of `create_agent` gives it."""
    wrong = asks(("fail", {"why": "fog"}), ("ad", {}), ("add", {"a": "x", "b": 1}))
    executor = executor_of(
        ScriptedChatModel([wrong, "ok"]), add, fail, return_intermediate_steps=True
    )
    failed, unknown, misfit = observed(call.invoke(executor, QUESTION))
    assert failed == "cannot: fog"
    assert unknown == "There is no tool 'ad'. Did you mean 'add'? Known tools: add, fail."
    assert "a: " in misfit


def test_other_errors_are_raised_with_a_note(call: Call) -> None:
    """The note names the tool and the step."""
    for run in (call.invoke, call.stream):
        with pytest.raises(KeyError) as caught:
            run(executor_of(ScriptedChatModel([asks(("crash", {}))]), crash), QUESTION)
        assert caught.value.__notes__ == ['in tool "crash", step 1']
        model = ScriptedChatModel([SUM, AuthenticationError("no key")])
        with pytest.raises(AuthenticationError) as failure:
            run(executor_of(model, add), QUESTION)
        assert failure.value.__notes__[-1].endswith("step 2")


def test_injected_arguments_come_from_the_program(call: Call) -> None:
    """The model's own value is refused; the id of the call is injected."""

    @tool
    def whoami(
        user: Annotated[str, InjectedToolArg], call_id: Annotated[str, InjectedToolCallId]
    ) -> str:
        """Return the user."""
        return f"{user} in {call_id}"

    script = [asks(("whoami", {"user": "root"}), ("whoami", {})), "ok"]
    executor = executor_of(
        ScriptedChatModel(script), whoami.bind(user="ada"), return_intermediate_steps=True
    )
    assert observed(call.invoke(executor, QUESTION)) == [
        "The tool 'whoami' has no argument 'user'.",
        "ada in 2",
    ]


# -- answers that cannot be parsed

BROKEN = AIMessage(
    "", invalid_tool_calls=[invalid_tool_call(name="add", args='{"a"', id="1", error="cut off")]
)
PROBLEM = "The call of 'add' cannot be read: cut off"


@pytest.mark.parametrize(
    ("handling", "words"),
    [(True, PROBLEM), ("Again!", "Again!"), (lambda error: f"{type(error).__name__}", None)],
)
def test_the_model_may_get_the_error_of_its_answer(call: Call, handling: Any, words: Any) -> None:
    """It reads what it wrote, and what is wrong with it, in words that may be chosen."""
    model = ScriptedChatModel([BROKEN, "It is 3."])
    executor = executor_of(model, add, handle_parsing_errors=handling)
    chunks = call.stream(executor, QUESTION)
    assert chunks[-1]["output"] == "It is 3."
    assert model.calls[1].messages[-2:] == [
        AIMessage('{"a"'),
        HumanMessage(words or "OutputParserException"),
    ]
    assert chunks[0]["steps"][0].action.tool == "_Exception"


def test_otherwise_the_error_is_raised(call: Call) -> None:
    """A refusal is raised in any case: another attempt would not help."""
    with pytest.raises(OutputParserException, match="cannot be read"):
        call.invoke(executor_of(ScriptedChatModel([BROKEN]), add), QUESTION)
    refusal = AIMessage([{"type": "refusal", "refusal": "I will not."}])
    executor = executor_of(ScriptedChatModel([refusal]), add, handle_parsing_errors=True)
    with pytest.raises(ModelRefusalError):
        call.invoke(executor, QUESTION)


def test_parsing_errors_of_tools_are_no_parsing_errors_of_the_agent(call: Call) -> None:
    """They are raised, with the name of the tool."""

    @tool
    def read() -> str:
        """Read something."""
        raise OutputParserException("not that")

    executor = executor_of(
        ScriptedChatModel([asks(("read", {}))]), read, handle_parsing_errors=True
    )
    with pytest.raises(OutputParserException, match="not that") as caught:
        call.invoke(executor, QUESTION)
    assert caught.value.__notes__ == ['in tool "read", step 1']


# -- limits


def test_an_agent_that_never_finishes_reaches_the_limit(call: Call) -> None:
    """The error carries the messages of its steps."""
    for run in (call.invoke, call.stream):
        executor = executor_of(ScriptedChatModel([SUM], cycle=True), add, max_iterations=2)
        with pytest.raises(StepLimitError, match="max_iterations=2") as caught:
            run(executor, QUESTION)
        assert [message.type for message in caught.value.messages] == ["ai", "tool"] * 2


def test_the_limit_may_be_a_sentence(call: Call) -> None:
    """It is LangChain's, for programs that compare with it."""
    executor = executor_of(
        ScriptedChatModel([SUM], cycle=True),
        add,
        max_iterations=1,
        early_stopping_method="force",
        return_intermediate_steps=True,
    )
    output = call.invoke(executor, QUESTION)
    assert output["output"] == STOPPED
    assert observed(output) == [3]


def test_time_is_looked_at_between_two_steps(call: Call) -> None:
    """No step begins after the limit; a limit of the whole interrupts one."""
    executor = executor_of(ScriptedChatModel([SUM], cycle=True), add, max_execution_time=0)
    with pytest.raises(StepLimitError, match="max_execution_time=0"):
        call.invoke(executor, QUESTION)
    model = ScriptedChatModel([[Delay(60), "late"]])
    with pytest.raises(StepTimeout):
        call.invoke(executor_of(model, add).with_timeout(0.05), QUESTION)


def test_there_may_be_no_limit(call: Call) -> None:
    """None is no limit."""
    model = ScriptedChatModel([*[SUM] * 20, "done"])
    executor = executor_of(model, add, max_iterations=None)
    assert call.invoke(executor, QUESTION)["output"] == "done"


# -- the stream


def test_the_stream_has_actions_then_steps_then_the_output(call: Call) -> None:
    """There is a chunk for each action, and for each step as soon as those before are there."""
    two = asks(("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4}))
    executor = executor_of(ScriptedChatModel([two, "ok"]), add)
    chunks = call.stream(executor, QUESTION)
    assert [list(chunk) for chunk in chunks] == [
        *[["actions", "messages"]] * 2,
        *[["steps", "messages"]] * 2,
        ["output", "messages"],
    ]
    assert chunks[1]["actions"][0].tool_input == {"a": 3, "b": 4}
    assert chunks[0]["messages"] == [two]
    assert (chunks[3]["steps"][0].observation, chunks[3]["messages"]) == (
        7,
        [ToolMessage("7", tool_call_id="2", name="add")],
    )
    assert chunks[4] == {"output": "ok", "messages": [AIMessage("ok")]}
    assert len((chunks[0] + chunks[1])["actions"]) == 2


def test_the_chunks_merge_to_the_output(call: Call) -> None:
    """The input is in it, and the next step gets it; an end that was pickled is still one."""
    executor = executor_of(ScriptedChatModel([SUM, "3"], cycle=True), add)
    question = {**QUESTION, "messages": [HumanMessage("Hi")]}
    chunks = call.stream(executor, question)
    for given in (chunks, pickle.loads(pickle.dumps(chunks))):
        assert merge_chunks(given, executor.merge) == {**question, "output": "3"}
    assert list(merge_chunks(chunks[:2], executor.merge)) == ["actions", "messages", "steps"]
    assert call.stream(executor | RunnableLambda(sorted), question) == [
        ["input", "messages", "output"]
    ]
    assert call.stream(executor.pick("output"), question) == ["3"]


def test_leaving_the_stream_stops_the_tools(call: Call) -> None:
    """Threads and tasks are cancelled, and have ended when closing returns."""
    begun, ended, at_work = [], [], threading.Event()

    def sync() -> None:
        begun.append(1)
        at_work.set()
        try:
            sleep(60)
        finally:
            ended.append(1)

    async def awaited() -> None:
        begun.append(1)
        at_work.set()
        try:
            await async_sleep(60)
        finally:
            ended.append(1)

    @tool
    def at_once() -> str:
        """Answer, once another is at work."""
        at_work.wait(20)
        return "ok"

    wait = StructuredTool(sync, awaited, name="wait", description="Wait for long.")
    model = ScriptedChatModel([asks(("at_once", {}), *[("wait", {})] * 3)])
    chunks = call.stream(executor_of(model, wait, at_once), QUESTION, take=5)
    assert chunks[-1]["steps"][0].observation == "ok"
    assert len(begun) == len(ended) > 0


@pytest.mark.parametrize("streamed", [False, True])
def test_a_cancelled_call_closes_the_request(streamed: bool) -> None:
    """The answer that the model is writing is closed before the cancelled call returns."""
    model = ScriptedChatModel([["a", Delay(60), "b"]])
    executor = executor_of(model, add)

    async def use() -> None:
        if streamed:
            async for _ in executor.astream(QUESTION):
                pass
        else:
            await executor.ainvoke(QUESTION)

    async def main() -> None:
        task = asyncio.ensure_future(use())
        while not model.opened:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_clean(main())
    assert (model.opened, model.closed) == (1, 1)


# -- events, history, values


def test_runs_of_the_agent_and_of_tools_are_nested(call: Call) -> None:
    """They are in the run of the executor, whose output is the whole; tokens are events."""
    executor = executor_of(ScriptedChatModel([SUM, "It is 3."]), add)
    events = call.events(executor, QUESTION)
    starts = [event for event in events if event["event"].endswith("start")]
    nested = [event["name"] for event in starts if len(event["parent_ids"]) == 1]
    assert nested == ["RunnableSequence", "add", "RunnableSequence"]
    assert {event["name"]: event["tags"] for event in starts}["add"] == ["agent:tool:add"]
    tokens = [event["data"]["chunk"].text for event in events if "model_stream" in event["event"]]
    assert "".join(tokens) == "Let me see.It is 3."
    assert len(tokens) > 6
    assert events[-1]["data"]["output"] == {**QUESTION, "output": "It is 3."}


def test_verbose_prints_the_runs_inside(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """Without it, nothing is printed."""
    model = ScriptedChatModel([SUM, "3"], cycle=True)
    call.invoke(executor_of(model, add), QUESTION)
    assert capsys.readouterr() == ("", "")
    call.invoke(executor_of(model, add, verbose=True), QUESTION)
    printed = capsys.readouterr().err
    assert "▶ add {'a': 1, 'b': 2}" in printed
    assert "✓ ScriptedChatModel" in printed


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 4])
def test_tools_run_within_the_limit_of_the_call(call: Call, limit: int, verbose: bool) -> None:
    """It is used fully, and never exceeded."""
    model = ScriptedChatModel([asks(*[("look", {"value": 1})] * 6), "ok"], cycle=True)
    for run, least in ((call.invoke, limit), (call.stream, 1)):
        gauge = Gauge(want=least)
        look = StructuredTool(gauge.call, gauge.acall, name="look")
        run(executor_of(model, look, verbose=verbose), QUESTION, {"max_concurrency": limit})
        assert (len(gauge.began), least <= gauge.peak <= limit) == (6, True)


def test_an_executor_has_a_history(call: Call) -> None:
    """The question and the output are stored, and the next call gets them."""
    model = ScriptedChatModel([SUM, "It is 3.", "It was 3."])
    history = InMemoryHistory()
    chat = RunnableWithMessageHistory(
        executor_of(model, add, return_intermediate_steps=True),
        history,
        input_messages_key="input",
        history_messages_key="chat_history",
    )
    session = {"configurable": {"session_id": "ada"}}
    assert call.invoke(chat, QUESTION, session)["output"] == "It is 3."
    assert call.stream(chat, {"input": "Again?"}, session)[-1]["output"] == "It was 3."
    stored = [message.text for message in chat.get_session_history("ada").get()]
    assert stored == ["1 + 2?", "It is 3.", "Again?", "It was 3."]
    assert [message.text for message in model.calls[2].messages] == ["Be brief.", *stored[:3]]


def test_an_executor_is_a_value() -> None:
    """It pickles and compares; what it was given is what it has."""
    executor = executor_of(ScriptedChatModel([SUM, "3"], cycle=True), add, name="sums")
    copy = pickle.loads(pickle.dumps(executor))
    assert copy.invoke(QUESTION)["output"] == "3"
    assert copy.tools == executor.tools == [add]
    assert executor.get_name() == "sums"
    assert isinstance(executor.agent, Runnable)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda agent: AgentExecutor(agent, [add, add]), "Two tools have the name 'add'"),
        (lambda agent: AgentExecutor(agent, [3]), "cannot be a tool"),
        (lambda agent: AgentExecutor(agent, [add], max_iterations=0), "1 or more, or None"),
        (
            lambda agent: AgentExecutor(agent, [add], early_stopping_method="generate"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - what LangChain has for other agents
            "expected 'force'",
        ),
        (lambda agent: AgentExecutor(agent, [add], max_iteration=3), "'max_iterations'"),
        (lambda agent: AgentExecutor(agent, [add], memory=3), "RunnableWithMessageHistory"),
    ],
)
def test_a_wrong_executor_is_refused_when_it_is_made(make: Any, reason: str) -> None:
    """The error comes before anything runs, and says what to write."""
    with pytest.raises(ConfigError, match=reason):
        make(create_tool_calling_agent(ScriptedChatModel(), [add], PROMPT))


def test_wrong_inputs_and_decisions_are_errors(call: Call) -> None:
    """They name the executor and what it got."""
    executor = AgentExecutor(lambda values: values["input"], [add])
    with pytest.raises(TypeError, match="expected a dict as its input, got 'hi'"):
        call.invoke(executor, "hi")
    for decision in ("hi", [], [1], {"messages": []}):
        with pytest.raises(TypeError, match="expected its agent to return"):
            call.invoke(executor, {"input": decision})
    with pytest.raises(ConfigError, match="takes no option 'max_iterations'"):
        call.invoke(executor, QUESTION, max_iterations=3)
