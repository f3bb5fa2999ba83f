"""Which calls need approval, and approvals beside the other settings of tools and agents."""

from __future__ import annotations

import json
from collections import Counter
from typing import Annotated, Any

import pytest

from runnables import (
    AgentExecutor,
    AIMessage,
    BaseTool,
    ChatPromptTemplate,
    ConfigError,
    HumanMessage,
    InjectedToolArg,
    InjectedToolCallId,
    InMemoryHistory,
    RunnableLambda,
    RunnableParallel,
    StepLimitError,
    StructuredTool,
    SyncAsyncError,
    Tool,
    ToolException,
    create_agent,
    create_tool_calling_agent,
    tool,
    tool_call,
    with_history,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.agents.tills import Till, asks, open_ids, results
from tests.both_modes import Call

# -- which calls need it


def test_the_function_gets_the_arguments_as_the_tool_does(call: Call) -> None:
    """Converted, with defaults; and what would not run anyway is not asked for."""
    got: list[Any] = []

    def decide(arguments: dict[str, Any]) -> bool:
        got.append(arguments)
        return False

    till = Till()
    till.pay.needs_approval = decide
    state = call.invoke(till.agent(asks(a="7", b="seven"), "Done."), "Pay.")
    assert got == [{"euros": 7, "to": "Ada"}]
    assert "bad arguments" in results(state)["b"]


def test_no_person_is_asked_about_a_call_that_cannot_run(call: Call) -> None:
    """Wrong arguments, and a name that no tool has, go back to the model."""
    till = Till()
    till.pay.needs_approval = True
    wrong = tool_call(name="steal", args={}, id="b")
    script = AIMessage(tool_calls=[*asks(a="much").tool_calls, wrong])
    state = call.invoke(till.agent(script, "Hm."), "Pay.")
    assert open_ids(state) == []
    assert set(results(state)) == {"a", "b"}


def test_a_reason_is_part_of_the_request(call: Call) -> None:
    """From a string, or from what a function returns."""
    till = Till()
    for need in ("It moves money.", lambda arguments: f"{arguments['euros']} is much."):
        till.pay.needs_approval = need
        (request,) = call.invoke(till.agent(asks(a=250)), "Pay.")["approval_requests"]
        assert request.reason in ("It moves money.", "250 is much.")


def test_an_async_function_decides_in_async_calls_alone(call: Call) -> None:
    """A sync call says so, and runs nothing."""

    async def decide(arguments: dict[str, Any]) -> bool:
        return arguments["euros"] > 100

    till = Till()
    for need in (decide, lambda arguments: decide(arguments)):
        till.pay.needs_approval = need
        agent = till.agent(asks(a=250, b=5))
        if call.mode == "sync":
            with pytest.raises(SyncAsyncError, match="needs_approval of the tool 'pay' is async"):
                call.invoke(agent, "Pay.")
        else:
            assert open_ids(call.invoke(agent, "Pay.")) == ["a"]
    assert till.ran == ([] if call.mode == "sync" else [5, 5])


def test_a_function_that_fails_lets_nothing_run(call: Call) -> None:
    """Neither does one that returns neither yes nor no."""
    till = Till()
    till.pay.needs_approval = lambda arguments: arguments["nothing"]
    with pytest.raises(KeyError):
        call.invoke(till.agent(asks(a=5)), "Pay.")
    till.pay.needs_approval = lambda arguments: None
    with pytest.raises(ConfigError, match="has returned None"):
        call.invoke(till.agent(asks(a=5)), "Pay.")
    assert till.ran == []


def test_a_function_may_refuse_by_itself(call: Call) -> None:
    """A ToolException of it goes to the model, and no person is asked."""

    def decide(arguments: dict[str, Any]) -> bool:
        raise ToolException("never on Sundays")

    till = Till()
    till.pay.needs_approval = decide
    state = call.invoke(till.agent(asks(a=5), "Hm."), "Pay.")
    assert (results(state), till.ran) == ({"a": "never on Sundays"}, [])


class Transfer(BaseTool[str]):
    """A tool with a limit of its own."""

    name: str = "pay"
    description: str = "Pay."
    limit: int = 100

    def needs_approval(self, arguments: dict[str, Any]) -> bool:  # type: ignore[override]
        return bool(arguments["euros"] > self.limit)

    def _run(self, euros: int) -> str:
        return f"paid {euros}"


class Always(BaseTool[str]):
    """A tool that always asks."""

    name: str = "pay"
    description: str = "Pay."
    needs_approval: Any = True

    def _run(self, euros: int) -> str:
        return f"paid {euros}"


def _pay(euros: int) -> str:
    """Pay."""
    return f"paid {euros}"


def _paid(given: Any) -> str:
    return f"paid {given['euros']}"


MADE: dict[str, Any] = {
    "decorator": tool("pay", needs_approval=True)(_pay),
    "decorated runnable": tool("pay", needs_approval=True)(
        RunnableLambda(lambda given: f"paid {given['euros']}")
    ),
    "function": StructuredTool(_pay, name="pay", needs_approval=True),
    "from_function": StructuredTool.from_function(_pay, name="pay", needs_approval=True),
    "one string": Tool("pay", lambda euros: f"paid {euros}", "Pay.", needs_approval=True),
    "class": Always(),
    "class with a method": Transfer(limit=7),
    "class with a keyword": Transfer(needs_approval=True),
    "bound": tool("pay", needs_approval=True)(_pay).with_retry(),
    "with fallbacks": tool("pay", needs_approval=True)(_pay).with_fallbacks([RunnableLambda(str)]),
}


@pytest.mark.parametrize("name", MADE)
def test_every_way_to_make_a_tool_takes_it(call: Call, name: str) -> None:
    """Functions, runnables, classes; also with a policy around."""
    script = [asks(a=250), "Done."]
    agent = create_agent(ScriptedChatModel(script), [MADE[name]])
    state = call.invoke(agent, "Pay.")
    assert open_ids(state) == ["a"]
    state = call.invoke(agent, {**state, "approvals": {"a": True}})
    assert results(state) == {"a": "paid 250"}


@pytest.mark.parametrize("wrong", ["", 1, None, dict.get, [True]])
def test_what_decides_nothing_is_refused(wrong: Any) -> None:
    """At once, also when it is set later."""
    with pytest.raises(ConfigError, match="needs_approval"):
        tool(needs_approval=wrong)(_pay)
    pay = tool(_pay)
    with pytest.raises(ConfigError, match="needs_approval"):
        pay.needs_approval = wrong


def test_a_fallback_that_needs_approval_cannot_hide_behind_its_tool() -> None:
    """The agent asks for the tool alone, so it refuses such a fallback."""
    safe = tool("pay")(_pay).with_retry().with_fallbacks([MADE["function"]])
    with pytest.raises(ConfigError, match="'pay', which needs approval"):
        create_agent(ScriptedChatModel(["Done."]), [safe])


def test_a_tool_that_code_calls_asks_no_person(call: Call) -> None:
    """Who calls it has decided."""
    assert call.invoke(MADE["decorator"], {"euros": 1}) == "paid 1"


# -- with the other settings of tools and agents


def test_return_direct_counts_all_calls_of_the_answer(call: Call) -> None:
    """The approved one ends the work only if the earlier ones would, too."""
    for direct, last in ((True, "tool"), (False, "ai")):
        till = Till()
        till.pay.return_direct, till.look.return_direct = True, direct
        agent = till.agent(asks(a=250, b="look"), "Done.")
        state = call.invoke(agent, "Pay.")
        assert open_ids(state) == ["a"]
        state = call.invoke(agent, {**state, "approvals": {"a": True}})
        assert state["messages"][-1].type == last


def test_injected_arguments_reach_an_approved_call(call: Call) -> None:
    """The function that decides does not see them, nor may the model write them."""
    got: list[Any] = []

    @tool(needs_approval=lambda arguments: got.append(arguments) or True)
    def book(
        berth: int, user: Annotated[str, InjectedToolArg], id: Annotated[str, InjectedToolCallId]
    ) -> str:
        """Book a berth."""
        return f"{berth} for {user} ({id})"

    calls = [
        tool_call(name="book", args={"berth": 3}, id="a"),
        tool_call(name="book", args={"berth": 3, "user": "Eve"}, id="b"),
    ]
    agent = create_agent(
        ScriptedChatModel([AIMessage(tool_calls=calls), "Done."]), [book.bind(user="Ada")]
    )
    state = call.invoke(agent, "Book.")
    assert (open_ids(state), got) == (["a"], [{"berth": 3}])
    state = call.invoke(agent, {**state, "approvals": {"a": True}})
    assert results(state)["a"] == "3 for Ada (a)"
    assert "no argument 'user'" in results(state)["b"]


def test_an_error_of_an_approved_tool_is_what_it_always_is(call: Call) -> None:
    """Raised, with the tool's name; or for the model."""

    @tool(needs_approval=True)
    def crash() -> str:
        """Fail."""
        raise KeyError("no")

    answer = AIMessage(tool_calls=[tool_call(name="crash", args={}, id="a")])
    given = {"messages": [answer], "approvals": {"a": True}}
    with pytest.raises(KeyError) as caught:
        call.invoke(create_agent(ScriptedChatModel(["Hm."]), [crash]), given)
    assert any('tool "crash"' in note for note in caught.value.__notes__)
    agent = create_agent(ScriptedChatModel(["Hm."]), [crash], handle_tool_errors=True)
    assert results(call.invoke(agent, given)) == {"a": "KeyError: 'no'"}


def test_the_limit_of_steps_is_one_of_each_run(call: Call) -> None:
    """A run that goes on counts anew; the last answer of a run asks for nothing."""
    till = Till()
    agent = till.agent(asks(a=250), asks(b=300), "Done.", max_steps=2)
    state = call.invoke(agent, "Pay.")
    state = call.invoke(agent, {**state, "approvals": {"a": True}})
    assert open_ids(state) == ["b"]
    agent.max_steps = 1
    with pytest.raises(StepLimitError):
        call.invoke(till.agent(asks(a=250), max_steps=1), "Pay.")


def test_there_is_no_structured_answer_while_a_request_is_open(call: Call) -> None:
    """It is made when the work is done."""
    till = Till()
    agent = till.agent(asks(a=250), "Paid.", '{"paid": 250}', response_format={
        "title": "Sum", "type": "object", "properties": {"paid": {"type": "integer"}},
    })  # fmt: skip
    state = call.invoke(agent, "Pay.")
    assert "structured_response" not in state
    state = call.invoke(agent, {**state, "approvals": {"a": True}})
    assert state["structured_response"] == {"paid": 250}


def test_an_agent_inside_a_tool_denies_at_once(call: Call) -> None:
    """As a tool, in a function, in a branch of a parallel: the answer could reach it nowhere."""
    till = Till()

    def inner() -> Any:
        return till.agent(asks(x=250), "I may not.")

    def last(state: Any) -> str:
        assert "who cannot be asked" in results(state)["x"]
        return str(state["messages"][-1].text)

    @tool
    async def in_function(question: str) -> str:
        """Ask."""
        return last(await inner().ainvoke(question))

    if call.mode == "sync":

        @tool("in_function")  # fmt: skip
        def in_function(question: str) -> str:
            """Ask."""
            return last(inner().invoke(question))

    in_parallel = RunnableParallel(answer=inner() | last, other=str).as_tool(name="in_parallel")
    args: Any = {"question": "Pay."}
    said = HumanMessage("Pay.").model_dump()
    calls = [
        tool_call(name="in_function", args=args, id="a"),
        tool_call(name="in_parallel", args={"messages": [said]}, id="b"),
    ]
    captain = create_agent(
        ScriptedChatModel([AIMessage(tool_calls=calls), "Hm."]), [in_function, in_parallel]
    )
    state = call.invoke(captain, "Pay.")
    assert till.ran == []
    assert results(state)["a"] == "I may not."
    assert json.loads(results(state)["b"])["answer"] == "I may not."


def test_a_model_cannot_approve_what_an_agent_inside_a_tool_does(call: Call) -> None:
    """It does not see that argument, and writes it in vain; also where the agent is in a chain."""
    till = Till()
    inner = till.agent("Hm.")
    args: Any = {"messages": [asks(x=250).model_dump()], "approvals": {"x": True}}
    for chain in (inner, RunnableParallel(answer=inner)):
        expert = chain.as_tool(name="expert")
        assert list(expert.args) == ["messages"]
        answer = AIMessage(tool_calls=[tool_call(name="expert", args=args, id="a")])
        captain = create_agent(ScriptedChatModel([answer, "Hm."]), [expert])
        assert "no argument 'approvals'" in results(call.invoke(captain, "Pay."))["a"]
    assert till.ran == []


def test_an_executor_refuses_a_tool_that_needs_approval(call: Call) -> None:
    """When it is made, and when the tool has changed since."""
    till = Till()
    prompt = ChatPromptTemplate([("human", "{input}"), ("placeholder", "{agent_scratchpad}")])
    agent = create_tool_calling_agent(ScriptedChatModel([asks(a="look")]), [till.look], prompt)
    with pytest.raises(ConfigError, match="an AgentExecutor cannot ask"):
        AgentExecutor(agent, [till.pay])
    executor = AgentExecutor(agent, [till.look])
    till.look.needs_approval = True
    with pytest.raises(ConfigError, match="an AgentExecutor cannot ask"):
        call.invoke(executor, {"input": "Look."})


def test_a_history_keeps_each_message_once(call: Call) -> None:
    """A session goes on with an answer, or with a message that denies."""
    for answer in ({"a": True}, None):
        till = Till()
        agent = till.agent(asks(a=250, b="look"), "Done.", "Bye.")
        history = InMemoryHistory()
        chat = with_history(agent, history, input_key="messages", output_key="messages")
        ada = chat.with_config(configurable={"session_id": "ada"})
        assert open_ids(call.invoke(ada, {"messages": "Pay."})) == ["a"]
        assert open_ids(call.invoke(ada, {"messages": []})) == ["a"]
        turn: Any = {"messages": [], "approvals": answer} if answer else {"messages": "No."}
        call.invoke(ada, turn)
        state = call.invoke(ada, {"messages": "Bye."})
        assert till.ran == (["look", 250] if answer else ["look"])
        assert set(results(state)) == {"a", "b"}
        stored = history("ada").get()
        assert len(stored) == len(set(map(id, stored))) == len(state["messages"])
        assert Counter(m.text for m in stored) == Counter(m.text for m in state["messages"])
