"""Tools that need approval: an agent stops before their calls, and goes on with the answers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from runnables import (
    AIMessage,
    ApprovalError,
    ApprovalRequest,
    HumanMessage,
    merge_chunks,
    message_from_dict,
    message_to_dict,
    tool_call,
)
from tests.agents.tills import Till, asks, open_ids, results
from tests.both_modes import Call

# -- asking


def test_a_run_ends_before_a_call_that_needs_approval(call: Call) -> None:
    """The other calls of the answer have run; the model is not asked again."""
    till = Till()
    state = call.invoke(till.agent(asks(a=250, b="look", c=5)), "Pay.")
    assert till.ran == ["look", 5] or till.ran == [5, "look"]
    assert state["approval_requests"] == [ApprovalRequest("a", "pay", {"euros": 250})]
    assert results(state) == {"b": "full", "c": "paid 5 to Ada"}


def test_an_approved_call_runs_and_the_model_goes_on(call: Call) -> None:
    """It runs with the arguments of the conversation."""
    till = Till()
    agent = till.agent(asks(a=250), "Paid.")
    state = call.invoke(agent, "Pay.")
    state = call.invoke(agent, {**state, "approvals": {"a": True}})
    assert till.ran == [250]
    assert [message.text for message in state["messages"]] == [
        "Pay.", "", "paid 250 to Ada", "Paid.",
    ]  # fmt: skip
    assert "approval_requests" not in state


@pytest.mark.parametrize(("answer", "words"), [(False, ""), ("too much", "reason: too much")])
def test_a_denied_call_never_runs_and_the_model_reads_why(
    call: Call, answer: Any, words: str
) -> None:
    """The result is an error, with the reason."""
    till = Till()
    agent = till.agent(asks(a=250), "Sorry.")
    state = call.invoke(agent, {**call.invoke(agent, "Pay."), "approvals": {"a": answer}})
    denied = state["messages"][2]
    assert till.ran == []
    assert (denied.status, denied.tool_call_id) == ("error", "a")
    assert "was denied" in denied.text and words in denied.text
    assert state["messages"][-1].text == "Sorry."


def test_what_is_not_answered_is_asked_again(call: Call) -> None:
    """No model is called while a request is open; answered calls run all the same."""
    till = Till()
    agent = till.agent(asks(a=250, b=300, c=400), "Done.")
    first = call.invoke(agent, "Pay.")
    assert call.invoke(agent, first) == first
    second = call.invoke(agent, {**first, "approvals": {"b": True}})
    assert (till.ran, open_ids(second)) == ([300], ["a", "c"])
    last = call.invoke(agent, {**second, "approvals": {"a": False, "c": True}})
    assert till.ran == [300, 400]
    assert set(results(last)) == {"a", "b", "c"}
    assert last["messages"][-1].text == "Done."


def test_a_new_message_denies_what_is_open(call: Call) -> None:
    """The results stand behind the calls, before the message, as services demand."""
    till = Till()
    agent = till.agent(asks(a=250, b="look"), "As you wish.")
    state = call.invoke(agent, "Pay.")
    state = call.invoke(agent, [*state["messages"], HumanMessage("No, wait.")])
    assert till.ran == ["look"]
    types = [message.type for message in state["messages"]]
    assert types == ["human", "ai", "tool", "tool", "human", "ai"]
    assert "was not run" in results(state)["a"]


def test_the_stream_ends_with_the_requests_and_merges_to_the_output(call: Call) -> None:
    """Also that of a run that goes on."""
    till = Till()
    agent = till.agent(asks(a=250, b="look"), asks(c=300), "Done.")
    state: Any = "Pay."
    for answers in ({}, {"a": True}, {"c": "no"}):
        given = {**state, "approvals": answers} if answers else state
        chunks = call.stream(agent, given)
        state = merge_chunks(chunks, agent.merge)
        assert ("approval_requests" in chunks[-1]) == bool(open_ids(state))
    assert till.ran == ["look", 250]
    assert set(results(state)) == {"a", "b", "c"}


def test_the_conversation_is_the_whole_state() -> None:
    """Another process answers, with nothing but the messages as JSON."""
    till = Till()
    state = till.agent(asks(a=250)).invoke("Pay.")
    stored = json.dumps([message_to_dict(message) for message in state["messages"]])
    program = (
        "import json, sys\n"
        "from runnables import message_from_dict\n"
        "from tests.agents.tills import Till\n"
        "till = Till()\n"
        "messages = [message_from_dict(each) for each in json.loads(sys.stdin.read())]\n"
        "state = till.agent('Paid.').invoke({'messages': messages, 'approvals': {'a': True}})\n"
        "print(till.ran, state['messages'][-1].text)\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input=stored, capture_output=True, text=True, check=True)
    assert done.stdout == "[250] Paid.\n"
    assert message_from_dict(json.loads(stored)[1]) == state["messages"][1]


# -- answers that fit nothing


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"zz": True}, "'zz', which is not open"),
        ({"b": True}, "'b', which is not open"),
        ({"a": 1}, r"approvals\['a'\] is 1"),
        ({"a": None}, "expected True, False, or"),
        ([True], "expected a dict"),
    ],
)
def test_an_answer_that_fits_no_open_call_is_refused_before_any_work(
    call: Call, answers: Any, words: str
) -> None:
    """Nothing is run, also not what was answered well beside it."""
    till = Till()
    agent = till.agent(asks(a=250, b="look", c=300), "Done.")
    state = call.invoke(agent, "Pay.")
    if isinstance(answers, dict):
        answers = {"c": True, **answers}
    with pytest.raises(ApprovalError, match=words):
        call.invoke(agent, {**state, "approvals": answers})
    assert till.ran == ["look"]


def test_an_answer_that_comes_after_a_new_message_is_refused(call: Call) -> None:
    """That message has denied the call."""
    till = Till()
    agent = till.agent(asks(a=250), "Done.")
    messages = [*call.invoke(agent, "Pay.")["messages"], HumanMessage("Hm.")]
    with pytest.raises(ApprovalError, match="Open calls: none"):
        call.invoke(agent, {"messages": messages, "approvals": {"a": True}})


def test_two_calls_of_one_id_cannot_be_approved(call: Call) -> None:
    """An answer would be to both."""
    till = Till()
    twice = [tool_call(name="pay", args={"euros": euros}, id="a") for euros in (250, 300)]
    agent = till.agent(AIMessage(tool_calls=twice), "Hm.")
    assert open_ids(call.invoke(agent, "Pay.")) == []
    call.invoke(
        till.agent("Hm."), {"messages": [AIMessage(tool_calls=twice)], "approvals": {"a": True}}
    )
    assert till.ran == []


def test_an_answer_is_for_the_open_call_alone(call: Call) -> None:
    """A later call of the same run that has the same id, as some services number them, is asked."""
    for answer in (True, False):
        till = Till()
        agent = till.agent(asks(a=250), asks(a=999), "Done.")
        state = call.invoke(agent, {**call.invoke(agent, "Pay."), "approvals": {"a": answer}})
        assert state["approval_requests"] == [ApprovalRequest("a", "pay", {"euros": 999})]
        assert till.ran == ([250] if answer else [])


# -- laws

KINDS: Any = ["look", 5, 250, "wrong"]
"""What a call may be: one of another tool, a small payment, a large one, a wrong one."""


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_each_call_is_answered_once_and_runs_only_if_it_may(data: Any) -> None:
    """Whatever is approved, denied, left open or talked over, in whatever order."""
    till = Till()
    kinds = data.draw(
        st.lists(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4), max_size=3)
    )
    # each payment has an amount of its own, so that no two are equal
    numbered = iter(range(1, 100))
    turns: list[dict[str, Any]] = [
        {
            f"call{number}": kind + number if isinstance(kind, int) else kind
            for kind in turn
            for number in [next(numbered)]
        }
        for turn in kinds
    ]
    agent = till.agent(*(asks(**turn) for turn in turns), *["Done."] * 12)
    calls = {call_id: what for turn in turns for call_id, what in turn.items()}
    approved: set[str] = set()
    state: Any = agent.invoke("Begin.")
    for step in data.draw(st.lists(st.sampled_from(["answer", "nothing", "talk"]), max_size=8)):
        waiting = open_ids(state)
        given_input: Any = state
        if step == "talk":
            given_input = [*state["messages"], HumanMessage("Hm.")]
        elif step == "answer" and waiting:
            chosen = st.dictionaries(st.sampled_from(waiting), st.sampled_from([True, False, "no"]))
            answers = data.draw(chosen)
            approved |= {call_id for call_id, answer in answers.items() if answer is True}
            given_input = {**state, "approvals": answers}
        state = merge_chunks(list(agent.stream(given_input)), agent.merge)
        answers_of_model = [each for each in state["messages"] if isinstance(each, AIMessage)]
        asked = [call["id"] for answer in answers_of_model for call in answer.tool_calls]
        assert sorted([*results(state), *open_ids(state)]) == sorted(asked)
        may_run = [
            call_id
            for call_id in asked
            if calls[call_id] == "look"
            or (isinstance(calls[call_id], int) and (calls[call_id] <= 100 or call_id in approved))
        ]
        assert Counter(till.ran) == Counter(calls[call_id] for call_id in may_run)
