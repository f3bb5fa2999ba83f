"""Agents: a model that uses tools until it knows the answer."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from runnables import (
    RESET,
    AIMessage,
    AIMessageChunk,
    AuthenticationError,
    ChatModel,
    ConfigError,
    ConfigurableField,
    EmptyStream,
    HumanMessage,
    InjectedToolArg,
    OutputParserException,
    RateLimitError,
    RunnableLambda,
    StepLimitError,
    StructuredTool,
    SystemMessage,
    ToolException,
    ToolMessage,
    create_agent,
    merge_chunks,
    tool,
    tool_call_chunk,
)
from runnables.engine.timeouts import async_sleep, sleep
from runnables_providers.scripted import Delay, ScriptedChatModel
from tests.both_modes import Call
from tests.laws.gauges import Gauge


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def fail(why: str = "no") -> str:
    """Fail, in words for the model."""
    raise ToolException(f"cannot: {why}")


@tool
def crash(why: str = "no") -> str:
    """Fail, in an unexpected way."""
    raise KeyError(why)


class Silent(ChatModel):
    """A model that streams nothing."""

    def _stream(self, messages: Any, options: Any) -> Iterator[AIMessageChunk]:
        yield from ()


class Answer(BaseModel):
    """A number."""

    number: int


def asks(*calls: tuple[str, dict[str, Any]], text: str = "") -> AIMessage:
    """Return an answer with tool calls, numbered from 1."""
    return AIMessage(
        text,
        tool_calls=[
            {"name": name, "args": args, "id": str(number)}
            for number, (name, args) in enumerate(calls, start=1)
        ],
    )


def shown(state: Any) -> list[tuple[str, str]]:
    """Return a conversation as pairs of type and text."""
    return [(message.type, message.text) for message in state["messages"]]


SUM = asks(("add", {"a": 1, "b": 2}), text="Let me see.")


# -- the loop


def test_the_model_calls_tools_until_it_knows_the_answer(call: Call) -> None:
    """The model gets each result, and the output is the complete conversation."""
    model = ScriptedChatModel([SUM, asks(("add", {"a": 3, "b": 4})), "It is 7."])
    agent = create_agent(model, [add])
    state = call.invoke(agent, {"messages": [("human", "1 + 2 + 4?")]})
    assert state == {
        "messages": [
            HumanMessage("1 + 2 + 4?"),
            SUM,
            ToolMessage("3", tool_call_id="1", name="add"),
            asks(("add", {"a": 3, "b": 4})),
            ToolMessage("7", tool_call_id="1", name="add"),
            AIMessage("It is 7."),
        ]
    }
    assert [request.messages for request in model.calls] == [
        state["messages"][:1],
        state["messages"][:3],
        state["messages"][:5],
    ]
    assert [offer["function"]["name"] for offer in model.calls[0].options["tools"]] == ["add"]


@pytest.mark.parametrize(
    "input",
    ["hi", [HumanMessage("hi")], {"messages": "hi"}, [{"role": "user", "content": "hi"}]],
    ids=repr,
)
def test_a_conversation_may_be_a_string_a_list_or_a_dict(input: Any, call: Call) -> None:
    """All of them mean the same."""
    agent = create_agent(ScriptedChatModel(["Hello!"], cycle=True))
    assert shown(call.invoke(agent, input)) == [("human", "hi"), ("ai", "Hello!")]


def test_a_typo_in_the_input_is_an_error_before_anything_runs(call: Call) -> None:
    """The error suggests the right name."""
    agent = create_agent(model := ScriptedChatModel())
    with pytest.raises(ConfigError, match="no 'mesages'. Did you mean 'messages'"):
        call.invoke(agent, {"mesages": []})
    with pytest.raises(ConfigError, match="takes no option 'max_step'"):
        call.invoke(agent, "hi", max_step=3)
    assert model.calls == []


def test_the_system_prompt_is_sent_and_not_in_the_output(call: Call) -> None:
    """The model reads it before the conversation, at every step."""
    model = ScriptedChatModel([SUM, "3"])
    state = call.invoke(create_agent(model, [add], system_prompt="Be brief."), "1 + 2?")
    assert [request.messages[0] for request in model.calls] == [SystemMessage("Be brief.")] * 2
    assert state["messages"][0] == HumanMessage("1 + 2?")


def test_tools_may_be_functions_runnables_and_dicts(call: Call) -> None:
    """A dict of another type is a tool that runs on the provider's servers."""

    def double(n: int) -> int:
        """Double it."""
        return 2 * n

    size = RunnableLambda(lambda args: len(args["text"]))
    words = size.as_tool(name="size", arg_types={"text": str})
    model = ScriptedChatModel(
        [asks(("double", {"n": 2}), ("size", {"text": "abc"}), ("add", {"a": 1, "b": 1})), "ok"]
    )
    agent = create_agent(model, [double, words, add.with_retry(), {"type": "web_search"}])
    assert shown(call.invoke(agent, "go"))[2:5] == [("tool", "4"), ("tool", "3"), ("tool", "2")]
    offered = model.calls[0].options["tools"]
    assert [offer.get("function", offer).get("name", "web") for offer in offered] == [
        *("double", "size", "add", "web"),
    ]


def test_results_are_in_the_order_of_the_calls(call: Call) -> None:
    """The tools run at once, and the last may be ready first."""
    both, release = threading.Barrier(2, timeout=20), threading.Event()

    @tool
    def slow() -> str:
        """Wait for the other."""
        both.wait()
        release.wait(20)
        return "slow"

    @tool
    def quick() -> str:
        """Wait for no other."""
        both.wait()
        release.set()
        return "quick"

    model = ScriptedChatModel([asks(("slow", {}), ("quick", {})), "ok"], cycle=True)
    agent = create_agent(model, [slow, quick])
    in_order = [("tool", "slow"), ("tool", "quick")]
    assert shown(call.invoke(agent, "go"))[2:4] == in_order
    release.clear()
    assert shown(merge_chunks(call.stream(agent, "go"), agent.merge))[2:4] == in_order


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_the_limit_of_the_call_holds_for_the_tools(limit: int, call: Call) -> None:
    """It is used fully, and never exceeded."""
    model = ScriptedChatModel([asks(*[("look", {"value": 1})] * 6), "ok"], cycle=True)
    for run, least in ((call.invoke, limit), (call.stream, 1)):
        gauge = Gauge(want=least)
        look = StructuredTool(gauge.call, gauge.acall, name="look")
        run(create_agent(model, [look]), "go", {"max_concurrency": limit})
        assert (len(gauge.began), least <= gauge.peak <= limit) == (6, True)


def test_a_direct_answer_ends_the_work(call: Call) -> None:
    """It does if all tools have `return_direct`, and none has failed."""

    @tool(return_direct=True)
    def final(n: int) -> str:
        """Say the last word."""
        if n < 0:
            raise ToolException("too small")
        return f"final {n}"

    done = create_agent(ScriptedChatModel([asks(("final", {"n": 1}))]), [final])
    assert shown(call.invoke(done, "go"))[-1] == ("tool", "final 1")
    assert call.stream(create_agent(ScriptedChatModel([asks(("final", {"n": 1}))]), [final]), "go")
    for first in (
        asks(("final", {"n": 1}), ("add", {"a": 1, "b": 1})),
        asks(("final", {"n": -1})),
    ):
        goes_on = create_agent(ScriptedChatModel([first, "ok"]), [final, add])
        assert shown(call.invoke(goes_on, "go"))[-1] == ("ai", "ok")


def test_a_conversation_that_ends_with_calls_goes_on_with_them(call: Call) -> None:
    """Those without a result run first."""
    first = asks(("add", {"a": 1, "b": 1}), ("add", {"a": 2, "b": 2}))
    answered = ToolMessage("two", tool_call_id="1")
    agent = create_agent(ScriptedChatModel(["done"]), [add])
    state = call.invoke(agent, [HumanMessage("go"), first, answered])
    assert shown(state)[2:] == [("tool", "two"), ("tool", "4"), ("ai", "done")]
    nameless = AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1, "b": 1}, "id": None}])
    once = create_agent(ScriptedChatModel([nameless, "done"]), [add]).invoke("go")["messages"]
    again = call.invoke(create_agent(ScriptedChatModel(["done"]), [add]), once[:-1])
    assert shown(again) == shown({"messages": once})


# -- limits and errors


def test_a_model_that_goes_on_and_on_is_stopped(call: Call) -> None:
    """The error carries the conversation, with which the agent can go on."""
    model = ScriptedChatModel([SUM, SUM, SUM, "3"])
    agent = create_agent(model, [add], max_steps=2, name="sums")
    with pytest.raises(StepLimitError, match="Agent: the model has answered 1 times"):
        call.stream(create_agent(ScriptedChatModel([SUM]), [add], max_steps=1), "1 + 2?")
    with pytest.raises(StepLimitError, match=r"sums: .* 2 times.*\(add\).*max_steps") as caught:
        call.invoke(agent, "1 + 2?")
    assert shown({"messages": caught.value.messages})[-1] == ("ai", "Let me see.")
    assert pickle.loads(pickle.dumps(caught.value)).messages == caught.value.messages
    assert isinstance(caught.value, RecursionError)
    assert shown(call.invoke(agent, caught.value.messages))[-1] == ("ai", "3")


def test_the_model_gets_its_own_mistakes_back(call: Call) -> None:
    """An unknown name, arguments that do not fit, arguments that are no JSON, a ToolException."""
    broken = AIMessageChunk(
        tool_call_chunks=[
            tool_call_chunk(name="ad", args="{}", id="1", index=0),
            tool_call_chunk(name="add", args='{"a": "x"}', id="2", index=1),
            tool_call_chunk(name="add", args='{"a": 1', id="3", index=2),
            tool_call_chunk(name="fail", args="", id="4", index=3),
        ]
    )
    agent = create_agent(ScriptedChatModel([[broken], "ok"]), [add, fail])
    state = call.invoke(agent, "go")
    results = {
        message.tool_call_id: message
        for message in state["messages"]
        if isinstance(message, ToolMessage)
    }
    assert "no tool 'ad'. Did you mean 'add'? Known tools: add, fail." in results["1"].text
    assert "'add' was called with bad arguments" in results["2"].text
    assert "The arguments of the call of 'add' cannot be read" in results["3"].text
    assert results["4"].text == "cannot: no"
    assert {result.status for result in results.values()} == {"error"}
    assert state["messages"][-1].text == "ok"


def test_calls_without_an_id_or_a_name_get_one(call: Call) -> None:
    """Services refuse them without; streamed and non-streamed answers get the same."""
    streamed = AIMessageChunk(
        tool_call_chunks=[
            tool_call_chunk(name="add", args='{"a": 1, "b": 2}', index=0),
            tool_call_chunk(args="{}", index=1),
        ]
    )
    answer = asks(("add", {"a": 1, "b": 2}))
    answer.tool_calls[0]["id"] = None
    model = ScriptedChatModel([[streamed], answer, "ok"], cycle=True)
    agent = create_agent(model, [add])
    state = call.invoke(agent, "go")
    assert model.calls[-1].messages == state["messages"][:-1]
    assert merge_chunks(call.stream(agent, "go"), agent.merge) == state
    first = state["messages"][1]
    calls = [*first.tool_calls, *first.invalid_tool_calls]
    assert [request["name"] for request in calls] == ["add", "unnamed"]
    results = [message for message in state["messages"] if isinstance(message, ToolMessage)]
    ids = [request["id"] for request in [*calls, *state["messages"][4].tool_calls]]
    assert [result.tool_call_id for result in results] == ids
    assert all(ids) and len(set(ids)) == 3
    assert results[0].text == results[2].text == "3"
    assert "There is no tool 'unnamed'. Known tools: add." in results[1].text


def test_another_error_of_a_tool_is_raised_with_a_note(call: Call) -> None:
    """It is the user's own exception; the note names the tool and the step."""
    for run in (call.invoke, call.stream):
        agent = create_agent(ScriptedChatModel([asks(("crash", {}))]), [crash])
        with pytest.raises(KeyError) as caught:
            run(agent, "go")
        assert caught.value.__notes__ == ['in tool "crash", step 1']


def test_the_model_may_get_every_error(call: Call) -> None:
    """It does not get a mistake of the program, which it could not fix."""

    @tool
    def needs(user: Annotated[str, InjectedToolArg]) -> str:
        """Need an argument that is missing."""
        return user

    model = ScriptedChatModel([asks(("crash", {})), "ok"])
    agent = create_agent(model, [crash], handle_tool_errors=True)
    assert ("tool", "KeyError: 'no'") in shown(call.invoke(agent, "go"))
    unbound = ScriptedChatModel([asks(("needs", {}))])
    wrong = create_agent(unbound, [needs], handle_tool_errors=True)
    with pytest.raises(ConfigError, match="needs 'user', which the program passes"):
        call.invoke(wrong, "go")


def test_the_tools_own_handling_comes_first(call: Call) -> None:
    """The model gets the answer of the tool's `handle_tool_error`."""
    kind = tool("fail", handle_tool_error="Try later.")(fail.func)
    agent = create_agent(ScriptedChatModel([asks(("fail", {})), "ok"]), [kind])
    assert ("tool", "Try later.") in shown(call.invoke(agent, "go"))


def test_the_model_cannot_pass_what_the_program_passes(call: Call) -> None:
    """Its value for an injected argument is refused; the program binds it."""

    @tool
    def whoami(user: Annotated[str, InjectedToolArg]) -> str:
        """Return the user."""
        return user

    script = [asks(("whoami", {"user": "root"})), asks(("whoami", {})), "ok"]
    agent = create_agent(ScriptedChatModel(script), [whoami.bind(user="ada")])
    assert [text for kind, text in shown(call.invoke(agent, "go")) if kind == "tool"] == [
        "The tool 'whoami' has no argument 'user'.",
        "ada",
    ]


@pytest.mark.parametrize("alias", [{"alias": "userId"}, {"validation_alias": "userId"}])
def test_the_model_cannot_use_the_alias_of_an_injected_argument(
    call: Call, alias: dict[str, str]
) -> None:
    """An alias is refused like the name."""

    class Args(BaseModel):
        model_config = ConfigDict(populate_by_name=True)
        user: Annotated[str, InjectedToolArg] = Field("anonymous", **alias)  # type: ignore[call-overload]

    def whoami(user: str) -> str:
        """Return the user."""
        return user

    script = [*(asks(("whoami", {name: "root"})) for name in ("user", "userId")), "ok"]
    made = StructuredTool.from_function(whoami, args_schema=Args)
    agent = create_agent(ScriptedChatModel(script), [made])
    assert [text for kind, text in shown(call.invoke(agent, "go")) if kind == "tool"] == [
        "The tool 'whoami' has no argument 'user'.",
        "The tool 'whoami' has no argument 'userId'.",
    ]
    assert call.invoke(made.bind(userId="ada"), {}) == "ada"


def test_an_error_of_the_model_has_a_note_with_the_step(call: Call) -> None:
    """It is raised as it is."""
    for run in (call.invoke, call.stream):
        agent = create_agent(ScriptedChatModel([SUM, AuthenticationError("no key")]), [add])
        with pytest.raises(AuthenticationError) as caught:
            run(agent, "go")
        assert caught.value.__notes__ == ["in step 2"]


def test_a_model_without_an_answer_is_named(call: Call) -> None:
    """The error of an empty stream names the model, not the stream."""
    agent = create_agent(Silent())
    with pytest.raises(EmptyStream, match=r"^Silent\(.*\) yielded no chunk"):
        call.stream(agent, "go")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: create_agent(3), "expected a chat model, or the name of one"),  # type: ignore[call-overload]
        (lambda: create_agent(RunnableLambda(len), [add]), "has no 'bind_tools'"),
        (lambda: create_agent(ScriptedChatModel(), [add, add]), "Two tools have the name 'add'"),
        (lambda: create_agent(ScriptedChatModel(), [Answer]), "cannot be a tool of an agent"),
        (lambda: create_agent(ScriptedChatModel(), [lambda a: a]), "has no description"),
        (lambda: create_agent(ScriptedChatModel(), [add], max_steps=0), "1 or more"),
    ],
)
def test_a_wrong_agent_is_refused_when_it_is_made(make: Any, reason: str) -> None:
    """The error comes before anything runs."""
    with pytest.raises(ConfigError, match=reason):
        make()


# -- structured answers


def test_the_answer_may_be_structured(call: Call) -> None:
    """One more call of the model makes it, by the model's own method."""
    model = ScriptedChatModel([SUM, "It is 3.", '{"number": 3}'], cycle=True)
    agent = create_agent(model, [add], system_prompt="Count.", response_format=Answer)
    state = call.invoke(agent, "1 + 2?")
    assert state["structured_response"] == Answer(number=3)
    assert shown(state)[-1] == ("ai", "It is 3.")
    last = model.calls[-1]
    assert last.options["response_format"]["json_schema"]["name"] == "Answer"
    assert "tools" not in last.options
    assert [message.type for message in last.messages] == [
        "system",
        "human",
        "ai",
        "tool",
        "ai",
        "human",
    ]
    wrong = create_agent(ScriptedChatModel(["3", "no"]), response_format=Answer)
    with pytest.raises(OutputParserException):
        call.invoke(wrong, "1 + 2?")


def test_the_response_format_may_be_a_json_schema(call: Call) -> None:
    """Then the structured answer is a dict."""
    model = ScriptedChatModel(["It is 3.", '{"number": 3}'])
    agent = create_agent(model, response_format=Answer.model_json_schema())
    assert call.invoke(agent, "1 + 2?")["structured_response"] == {"number": 3}


# -- streams


def test_the_stream_is_the_conversation_as_it_grows(call: Call) -> None:
    """It has the chunks of the model, the results of the tools, and the structured answer."""
    model = ScriptedChatModel([SUM, ["It ", "is 3."], '{"number": 3}'], cycle=True)
    agent = create_agent(model, [add], response_format=Answer)
    chunks = call.stream(agent, "1 + 2?")
    messages = [message for chunk in chunks for message in chunk.get("messages", [])]
    assert [message.text for message in messages if message.text] == [
        "1 + 2?",
        "Let",
        " ",
        "me",
        " ",
        "see.",
        "3",
        "It ",
        "is 3.",
    ]
    assert chunks[-1] == {"structured_response": Answer(number=3)}
    assert merge_chunks(chunks, agent.merge) == call.invoke(agent, "1 + 2?")


def test_a_model_that_starts_over_takes_back_its_chunks(call: Call) -> None:
    """With `on_restart="restart"` the consumer gets the reset, and the value is complete."""

    def flaky() -> Any:
        script = [SUM, ["It is 4", RateLimitError("slow down")], "It is 3."]
        model = ScriptedChatModel(script, max_retries=0).with_retry(
            retry_if_exception_type=(RateLimitError,),
            wait_exponential_jitter=False,
            on_restart="restart",
        )
        return create_agent(model, [add])

    chunks = call.stream(flaky(), "1 + 2?")
    assert {"messages": RESET} in chunks
    state = merge_chunks(chunks, flaky().merge)
    assert shown(state) == [
        ("human", "1 + 2?"),
        ("ai", "Let me see."),
        ("tool", "3"),
        ("ai", "It is 3."),
    ]
    assert shown(call.invoke(flaky() | RunnableLambda(dict), "1 + 2?")) == shown(state)
    assert call.stream(flaky() | RunnableLambda(shown), "1 + 2?") == [shown(state)]


def test_leaving_the_stream_stops_the_model(call: Call) -> None:
    """Its answer is closed when closing returns, and no tool runs."""
    ran: list[int] = []

    @tool
    def note() -> str:
        """Record that it ran."""
        ran.append(1)
        return "ok"

    model = ScriptedChatModel([["a", "b", Delay(60), asks(("note", {}))]])
    assert len(call.stream(create_agent(model, [note]), "go", take=3)) == 3
    assert (model.opened, model.closed, ran) == (1, 1, [])


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
    chunks = call.stream(create_agent(model, [wait, at_once]), "go", take=3)
    assert chunks[-1]["messages"][0].text == "ok"
    assert len(begun) == len(ended) > 0


# -- agents as runnables


def test_runs_of_the_model_and_of_tools_are_nested(call: Call) -> None:
    """They are in the run of the agent, and their tags name the step."""
    agent = create_agent(ScriptedChatModel([SUM, "3"]), [add], name="sums")
    events = call.events(agent, "1 + 2?")
    starts = [event for event in events if event["event"].endswith("start")]
    assert [(event["event"], event["name"], len(event["parent_ids"])) for event in starts] == [
        ("on_chain_start", "sums", 0),
        ("on_chat_model_start", "ScriptedChatModel", 1),
        ("on_tool_start", "add", 1),
        ("on_chat_model_start", "ScriptedChatModel", 1),
    ]
    tags = {event["name"]: event["tags"] for event in starts}
    assert tags["add"] == ["agent:tool:add"]


def test_an_agent_is_a_value(call: Call) -> None:
    """It pickles, compares, prints as the code that makes it, and can be configured."""
    model = ScriptedChatModel([SUM, SUM, "3"], cycle=True)
    agent = create_agent(model, [add], max_steps=3)
    assert repr(agent).startswith("create_agent(ScriptedChatModel(")
    assert repr(agent).endswith("[StructuredTool(add)], max_steps=3)")
    assert pickle.loads(pickle.dumps(agent)) == agent
    configured = agent.configurable_fields(max_steps=ConfigurableField(id="steps"))
    with pytest.raises(StepLimitError, match="answered 1 times"):
        call.invoke(configured, "go", {"configurable": {"steps": 1}})
    model._rewind()
    assert shown(call.invoke(configured, "go"))[-1] == ("ai", "3")


def test_an_agent_has_schemas() -> None:
    """The input has messages, and the output the type of the structured answer."""
    agent = create_agent(ScriptedChatModel(), response_format=Answer)
    assert agent.get_input_jsonschema()["required"] == ["messages"]
    schema = agent.get_output_jsonschema()
    assert schema["properties"]["structured_response"] == {"$ref": "#/$defs/Answer"}


def test_an_agent_is_a_step_and_a_tool_of_another(call: Call) -> None:
    """Agents run in pipes, in batches, and in the tools of other agents."""
    expert = create_agent(ScriptedChatModel([SUM, "It is 3."], cycle=True), [add])

    @tool
    def ask_expert(question: str) -> str:
        """Ask an expert."""
        return expert.invoke(question)["messages"][-1].text

    boss = create_agent(
        ScriptedChatModel([asks(("ask_expert", {"question": "1 + 2?"})), "3, says the expert."]),
        [ask_expert],
    )
    chain = boss | RunnableLambda(lambda state: state["messages"][2].text)
    assert call.invoke(chain, "1 + 2?") == "It is 3."
    assert [shown(state)[-1] for state in call.batch(expert, ["a"])] == [("ai", "It is 3.")]


def test_the_policies_of_the_model_stay(call: Call) -> None:
    """A model with a retry and fallbacks keeps them when it gets tools."""
    down = ScriptedChatModel([RateLimitError("no")], cycle=True, max_retries=0)
    model = down.with_fallbacks([spare := ScriptedChatModel([SUM, "3", '{"number": 3}'])])
    agent = create_agent(model, [add], response_format=Answer)
    assert call.invoke(agent, "1 + 2?")["structured_response"] == Answer(number=3)
    assert "tools" in spare.calls[0].options


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model.bind_tools([fail]),
        lambda model: model.bind_tools([fail]).with_retry(),
        lambda model: model.with_retry().bind_tools([fail]),
        lambda model: model.bind_tools([fail]).with_config(tags=["a"]).bind(temperature=0),
    ],
    ids=["tools", "tools and a retry", "a retry and tools", "tools and options"],
)
def test_the_tools_of_the_agent_replace_those_of_its_model(wrap: Any, call: Call) -> None:
    """A model that had tools already gets those that the agent can run, and keeps its options."""
    model = ScriptedChatModel([SUM, "3"])
    call.invoke(create_agent(wrap(model), [add]), "1 + 2?")
    for asked in model.calls:
        assert [one["function"]["name"] for one in asked.options["tools"]] == ["add"]
    assert "temperature" not in model.calls[0].options or model.calls[0].options["temperature"] == 0
