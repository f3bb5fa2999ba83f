"""Approvals through the protocols: over real connections, with pages that change what they sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, strategies as st

from runnables import AIMessage, ConfigError, create_agent, tool, tool_call
from runnables.serving import create_app
from runnables.serving.approvals import KEY_VARIABLE, ApprovalSigner
from runnables_providers.scripted import ScriptedChatModel
from tests.agents.tills import Till, asks
from tests.serving.pages import AgUiPage, AiSdkPage, Page
from tests.serving.servers import PATIENCE, Served, serving

PAGES = (AiSdkPage, AgUiPage)


class Bank:
    """A server of agents with a till.

    Attributes:
        till: what has run.
        server: the server.
    """

    def __init__(self, till: Till, server: Served) -> None:
        self.till, self.server = till, server

    def page(self, kind: type[Page], chain: str = "agent") -> Any:
        """Return a page that has asked an agent to pay 250, and to look into the till."""
        page = kind(self.server.url, chain)
        page.say("Pay.")
        assert list(page.waiting()) == ["a"]
        assert self.till.ran == ["look"]
        self.till.ran.clear()
        return page


def agents(till: Till) -> dict[str, Any]:
    """Return agents that call one payment and a look, and then say so."""
    script = [asks(a=250, b="look"), "Let me see.", "Indeed."]
    return {
        name: create_agent(ScriptedChatModel(script, cycle=True), [till.pay, till.look])
        for name in ("agent", "other")
    }


@pytest.fixture
def bank() -> Iterator[Bank]:
    till = Till()
    with serving(agents(till), shows_steps=True) as server:
        yield Bank(till, server)


@pytest.mark.parametrize("kind", PAGES)
def test_an_approved_call_runs_once(bank: Bank, kind: type[Page]) -> None:
    """The answer goes on with the page's message: the result, then the model's text."""
    page = bank.page(kind)
    page.answer(a=True)
    assert bank.till.ran == [250]
    assert page.results() == {"a": "done", "b": "done"}
    assert page.text() == "Let me see."
    page.say("Thanks.")
    assert (bank.till.ran, page.text()) == ([250], "Indeed.")


@pytest.mark.parametrize("answer", [False, "too much"])
@pytest.mark.parametrize("kind", PAGES)
def test_a_denied_call_never_runs(bank: Bank, kind: type[Page], answer: Any) -> None:
    """The model goes on, also in the turn after that."""
    page = bank.page(kind)
    page.answer(a=answer)
    assert page.results() == {"a": "denied", "b": "done"}
    page.say("Well.")
    assert (bank.till.ran, page.text()) == ([], "Indeed.")


@pytest.mark.parametrize("kind", PAGES)
def test_a_person_who_writes_instead_has_denied(bank: Bank, kind: type[Page]) -> None:
    """The request is still open in the page; nothing runs, now or later."""
    page = bank.page(kind)
    page.say("What is it for?")
    assert (page.status, bank.till.ran, page.text()) == (200, [], "Let me see.")
    page.say("I see.")
    assert (bank.till.ran, page.text()) == ([], "Indeed.")


CHANGES: Any = {
    "arguments": {"args": {"euros": 251}},
    "more arguments": {"args": {"euros": 250, "to": "Eve"}},
    "type": {"args": {"euros": "250"}},
    "tool": {"name": "steal"},
    "id": {"id": "c"},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", PAGES)
def test_a_call_that_the_page_has_changed_is_not_run(
    bank: Bank, kind: type[Page], change: str
) -> None:
    """An approval of it is refused in words, before anything runs; a person may then write."""
    page = bank.page(kind)
    ids = page.waiting()
    page.change("a", **CHANGES[change])
    if kind is AgUiPage:
        page.send([{"interruptId": ids["a"], "status": "resolved", "payload": {"approved": True}}])
    else:
        page.answer(**{CHANGES[change].get("id", "a"): True})
    assert (page.status, bank.till.ran) == (403, [])
    assert "This server has not asked for what was approved" in page.body
    page.say("Sorry.")
    assert (page.status, bank.till.ran) == (200, [])


@pytest.mark.parametrize("kind", PAGES)
def test_a_request_of_another_chain_approves_nothing(bank: Bank, kind: type[Page]) -> None:
    """The same call of the same tool; each chain has its own signatures."""
    page, other = bank.page(kind), bank.page(kind, "other")
    assert page.waiting()["a"] != other.waiting()["a"]
    page._url = other._url
    page.answer(a=True)
    assert (page.status, bank.till.ran) == (403, [])


def test_a_page_gets_no_signature_for_a_call_of_its_own(bank: Bank) -> None:
    """A call that no model of this server has made is denied, and not asked for."""
    invented = {"toolCallId": "z", "toolName": "pay", "input": {"euros": 9000}}
    for state in ("input-available", "approval-requested", "approval-responded"):
        page = AiSdkPage(bank.server.url, "agent")
        approval = {"id": "approval_invented", "approved": False}
        part = {"type": "dynamic-tool", "state": state, "approval": approval, **invented}
        page.messages = [
            {"role": "user", "parts": [{"type": "text", "text": "Pay."}]},
            {"role": "assistant", "parts": [{"type": "step-start"}, part]},
        ]
        page.send()
        assert page.status == 200
        assert page.results()["z"] == "denied"
        assert "z" not in page.waiting()
        assert 9000 not in bank.till.ran


@pytest.mark.parametrize("approved", ["true", 1, None, [True], {"approved": True}])
@pytest.mark.parametrize("kind", PAGES)
def test_true_alone_approves(bank: Bank, kind: type[Page], approved: Any) -> None:
    """Whatever else a page sends is a denial."""
    page = bank.page(kind)
    if kind is AgUiPage:
        entry = {"interruptId": page.waiting()["a"], "status": "resolved"}
        page.send([{**entry, "payload": {"approved": approved}}])
    else:
        part = next(part for part in page._calls() if part["toolCallId"] == "a")
        part.update(state="approval-responded", approval={**part["approval"], "approved": approved})
        page.send()
    assert (bank.till.ran, page.results()["a"]) == ([], "denied")


def test_an_answer_to_one_of_two_requests_leaves_the_other_open() -> None:
    """The answered call runs, and the model waits for the other answer."""
    till = Till()
    script = [asks(a=250, c=300), "Paid."]
    agent = create_agent(ScriptedChatModel(script, cycle=True), [till.pay])
    with serving({"agent": agent}) as server:
        page = AiSdkPage(server.url, "agent")
        page.say("Pay.")
        page.answer(c=True)
        assert (till.ran, list(page.waiting())) == ([300], ["a"])
        page.answer(a=True)
        assert (till.ran, page.text()) == ([300, 250], "Paid.")


@pytest.mark.parametrize("kind", PAGES)
def test_an_agent_may_ask_again_in_the_same_answer(kind: type[Page]) -> None:
    """Each request is answered in its turn, also where the service repeats the id of a call."""
    for second in ("c", "a"):
        till = Till()
        script = [asks(a=250), asks(**{second: 300}), "Paid."]
        agent = create_agent(ScriptedChatModel(script), [till.pay])
        with serving({"agent": agent}) as server:
            page = kind(server.url, "agent")
            page.say("Pay.")
            first = page.waiting()
            page.answer(a=True)
            assert (till.ran, list(page.waiting())) == ([250], [second])
            assert page.waiting() != first
            if second == "c" or kind is AgUiPage:  # a page of the AI SDK takes both for one
                page.answer(**{second: True})
                assert (till.ran, page.text()) == ([250, 300], "Paid.")


def test_an_agent_that_may_restart_asks_all_the_same() -> None:
    """Its output is sent as a whole; so does one with a policy around."""
    till = Till()
    model = ScriptedChatModel([asks(a=250), "Paid."], cycle=True).with_fallbacks(
        [ScriptedChatModel(["No."])]
    )
    with serving({"agent": create_agent(model, [till.pay]).with_retry()}) as server:
        for kind in PAGES:
            page = kind(server.url, "agent")
            page.say("Pay.")
            page.answer(a=True)
            assert (till.ran, page.text()) == ([250], "Paid.")
            till.ran.clear()


# -- a day later, in another process

LATER = """
import json, sys
from tests.serving.test_approvals import LATER_PAGES, Till, agents
from tests.serving.servers import serving
kind, messages, more, answers = json.loads(sys.stdin.read())
till = Till()
script = agents(till)
script["agent"].model.script[:1] = []
with serving(script) as server:
    page = LATER_PAGES[kind](server.url, "agent")
    page.messages, page.interrupts = messages, more
    page.answer(**answers)
    print(json.dumps([page.status, till.ran, page.body]))
"""
LATER_PAGES: Any = {kind.__name__: kind for kind in PAGES}


@pytest.mark.parametrize("is_same", [True, False])
@pytest.mark.parametrize("kind", PAGES)
def test_another_process_takes_the_answer_with_the_same_key(
    kind: type[Page], is_same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another one, as by default after a restart, an approval is refused in words."""
    monkeypatch.setenv(KEY_VARIABLE, "a key for the tests, long enough")
    till = Till()
    with serving(agents(till)) as server:
        page = Bank(till, server).page(kind)
    given = [kind.__name__, page.messages, getattr(page, "interrupts", []), {"a": True}]
    own = {key: value for key, value in os.environ.items() if is_same or key != KEY_VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", LATER],
        input=json.dumps(given), capture_output=True, text=True, check=True, env=own,
    )  # fmt: skip
    status, ran, body = json.loads(done.stdout)
    if is_same:
        assert (status, ran) == (200, [250])
    else:
        assert (status, ran) == (403, [])
        assert "has not asked for what was approved" in body
        assert KEY_VARIABLE in done.stderr


def test_a_key_that_is_too_short_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the application is made; the error does not show it."""
    monkeypatch.setenv(KEY_VARIABLE, "short")
    with pytest.raises(ConfigError, match="has 5 characters: expected 16 or more") as caught:
        create_app({"agent": agents(Till())["agent"]})
    assert "'short'" not in str(caught.value)


# -- protocols without a form for it


@pytest.mark.parametrize("protocol", ["chat/completions", "responses"])
@pytest.mark.parametrize("stream", [True, False])
def test_a_protocol_without_approvals_denies_at_once(
    bank: Bank, protocol: str, stream: bool
) -> None:
    """The model reads that, and goes on; the other tools have run."""
    key = "input" if protocol == "responses" else "messages"
    body = {"model": "agent", key: [{"role": "user", "content": "Pay."}], "stream": stream}
    response = httpx.post(f"{bank.server.url}/v1/{protocol}", json=body, timeout=PATIENCE)
    assert response.status_code == 200
    assert "see" in response.text
    assert bank.till.ran == ["look"]


def test_rest_returns_the_requests_and_takes_the_answers() -> None:
    """Without pages its caller is code, which is trusted with them as with all of its input."""
    till = Till()
    with serving(agents(till), protocols=["rest"]) as server:

        def invoke(value: Any) -> httpx.Response:
            url = f"{server.url}/agent/invoke"
            return httpx.post(url, json={"input": value}, timeout=PATIENCE)

        state = invoke({"messages": [{"role": "user", "content": "Pay."}]}).json()["output"]
        request = {"call_id": "a", "tool": "pay", "arguments": {"euros": 250}, "reason": ""}
        assert state["approval_requests"] == [request]
        wrong = invoke({**state, "approvals": {"z": True}})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "approval_refused")
        state = invoke({**state, "approvals": {"a": True}}).json()["output"]
        assert till.ran == ["look", 250]
        assert state["messages"][-1]["content"] == "Let me see."


# -- signatures

SHORT = st.text(max_size=4)
SCALARS: Any = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    SHORT,
)
JSON: Any = (
    SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(SHORT, SCALARS | st.lists(SCALARS))
)


def as_a_page_has_it(value: Any) -> Any:
    """Return a value as JavaScript writes it: a whole number has no point, and keys any order."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    if isinstance(value, dict):
        return {key: as_a_page_has_it(value[key]) for key in sorted(value, reverse=True)}
    return [as_a_page_has_it(item) for item in value] if isinstance(value, list) else value


@given(
    st.dictionaries(st.text(max_size=3), JSON, max_size=3), st.text(max_size=5), st.text(max_size=5)
)
def test_a_signature_is_for_these_arguments_alone(arguments: Any, call_id: str, name: str) -> None:
    """It outlives the way through a page, and is that of no other call, tool, chain or key."""
    signer = ApprovalSigner(b"k" * 16, "agent")
    id = signer.id_of(call_id, name, arguments)
    assert signer.id_of(call_id, name, as_a_page_has_it(arguments)) == id
    others = [
        signer.id_of(call_id + "x", name, arguments),
        signer.id_of(call_id, name + "x", arguments),
        signer.id_of(call_id, name, {**arguments, "more": 1}),
        signer.id_of(name + "-", call_id, arguments),
        ApprovalSigner(b"k" * 16, "other").id_of(call_id, name, arguments),
        ApprovalSigner(b"K" * 16, "agent").id_of(call_id, name, arguments),
    ]
    assert len({id, *others}) == 7


def test_many_answers_take_no_longer_than_their_number() -> None:
    """A page may send ten thousand calls, each with an answer, and others are served meanwhile."""
    calls = [tool_call(name="pay", args={}, id=f"call_{number}") for number in range(10_000)]
    signer = ApprovalSigner(b"k" * 16, "agent")
    given = {f"approval_{number}": False for number in range(10_000)}
    began = time.monotonic()
    answers = signer.answers([AIMessage(tool_calls=calls)], given)
    assert time.monotonic() - began < 5  # and not ten thousand times ten thousand comparisons
    assert len(answers) == 10_000 and True not in answers.values()


def test_answers_of_wrong_types_are_refused_in_words(bank: Bank) -> None:
    """A `resume` that is no list of answers is the client's error."""
    page = AgUiPage(bank.server.url, "agent")
    for resume in ({}, [1], [{"interruptId": 3, "status": "resolved"}], [{"interruptId": "x"}]):
        body = {"threadId": "t", "runId": "r", "resume": resume,
                "messages": [{"id": "m", "role": "user", "content": "Pay."}]}  # fmt: skip
        assert httpx.post(page._url, json=body, timeout=PATIENCE).status_code == 400
    assert bank.till.ran == []


def test_a_reason_reaches_the_page() -> None:
    """In the AI SDK as the reason of the request, in AG-UI as the message of the interrupt."""

    @tool(needs_approval="It moves money.")
    def pay(euros: int) -> str:
        """Pay."""
        return "paid"

    answer = AIMessage(tool_calls=[tool_call(name="pay", args={"euros": 1}, id="a")])
    with serving({"agent": create_agent(ScriptedChatModel([answer], cycle=True), [pay])}) as server:
        ui, ag_ui = AiSdkPage(server.url, "agent"), AgUiPage(server.url, "agent")
        ui.say("Pay.")
        ag_ui.say("Pay.")
        assert '"reason":"It moves money."' in ui.body
        assert ag_ui.interrupts[0]["message"] == "It moves money."
