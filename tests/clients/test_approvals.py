"""Tools that need approval: asked for and answered on a page in Chromium, and in AG-UI."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.served import Clients

pytestmark = pytest.mark.javascript

DENIED = "It is said: This call was denied, and was not run."


@pytest.fixture(scope="module")
def page(chromium: str, built_page: Path) -> Clients:
    return Clients("js/approving_page.mjs", chromium, page=built_page)


@pytest.mark.browser
def test_an_approved_call_runs_and_the_answer_goes_on(page: Clients) -> None:
    """The same message of the page has the request, the result and the rest of the answer."""
    found = page.cases["approve"]
    assert found["before"]["pre"] == ['pay({"euros":500})']
    assert found["pre"] == ['pay({"euros":500}) paid 500 to Ada']
    assert found["text"] == ["It is said: paid 500 to Ada"]
    assert (found["answers"], found["asking"]) == (1, 0)


@pytest.mark.browser
def test_a_denied_call_is_shown_as_that(page: Clients) -> None:
    """The model reads it, and answers."""
    found = page.cases["deny"]
    assert (found["pre"], found["text"]) == (['pay({"euros":600}) denied'], [DENIED])


@pytest.mark.browser
def test_a_person_who_writes_instead_has_denied(page: Clients) -> None:
    """The next message is answered, and the request can no longer be answered."""
    found = page.cases["write instead"]
    assert found["user"] == ["Pay 700", "Never mind."]
    assert (found["text"], found["asking"]) == (["All right."], 0)


@pytest.mark.browser
def test_nothing_runs_before_all_requests_are_answered(page: Clients) -> None:
    """One of two is approved, and has no result until the other is denied."""
    found = page.cases["two calls"]
    assert found["between"]["pre"] == ['pay({"euros":800})', 'pay({"euros":801})']
    assert found["pre"] == ['pay({"euros":800}) paid 800 to Ada', 'pay({"euros":801}) denied']


@pytest.mark.browser
def test_a_request_can_be_answered_after_a_reload(page: Clients) -> None:
    """The conversation is the whole state."""
    assert page.cases["after a reload"]["text"] == ["It is said: paid 900 to Ada"]


@pytest.mark.browser
def test_a_call_that_was_changed_in_the_browser_is_refused(page: Clients) -> None:
    """Approving what the server has not asked for is an error that the page shows."""
    found = page.cases["changed in the browser"]
    assert found["pre"] == ['pay({"euros":1001})']
    (alert,) = found["alert"]
    assert "has not asked for" in alert


@pytest.mark.browser
def test_only_what_was_approved_has_run(page: Clients) -> None:
    """Each once."""
    assert page.till.ran == [500, 800, 900]


@pytest.mark.parametrize("package", ["@ag-ui/client", "ag-ui-client-0.0.59"])
def test_a_client_of_ag_ui_is_asked_and_answers(package: str) -> None:
    """It approves, denies, and sends a message instead; only what was approved has run."""
    cases = ("approve", "deny", "write instead")
    client = Clients("js/ag_ui.mjs", *cases, f"--client={package}")
    last = {}
    for case in cases:
        asked, answer = client.cases[case]["asked"], client.cases[case]["answer"]
        (interrupt,) = asked["end"]["interrupts"]
        assert asked["end"]["outcome"] == "interrupt"
        assert interrupt["toolCallId"] in [message["id"] for message in asked["messages"]]
        assert answer["end"]["outcome"] == "success"
        last[case] = answer["messages"][-1]["content"]
    paid = "It is said: paid 500 to Ada"
    assert last == {"approve": paid, "deny": DENIED, "write instead": "All right."}
    assert client.till.ran == [500]
