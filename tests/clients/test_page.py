"""A React page with `useChat` in Chromium, served beside the chains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runnables import HumanMessage, ToolMessage
from tests.clients.served import Clients
from tests.serving.chains import SECRET, asks

pytestmark = [pytest.mark.javascript, pytest.mark.browser]


@pytest.fixture(scope="module")
def page(chromium: str, built_page: Path) -> Clients:
    return Clients("js/page.mjs", chromium, page=built_page)


def test_a_message_is_typed_and_its_answer_grows(page: Clients) -> None:
    """Each chunk of the chain is on the page before the chain sends the next one."""
    found = page.cases["streaming"]
    assert found["stages"] == ["One", "One two", "One two three"]
    assert (found["user"], found["text"]) == (["Count."], ["One two three"])
    assert found["draft"] == ""


def test_reasoning_and_tools_are_shown(page: Clients) -> None:
    """The page shows what an agent thinks, what it calls, and what came of it."""
    first = page.cases["second turn"]["first"]
    assert first["reasoning"] == ["Hm, sums."]
    assert first["pre"] == ['add({"a":1,"b":2}) 3']
    assert first["text"] == ["Let me add.", "It is 3."]


def test_a_second_turn_has_the_conversation(page: Clients) -> None:
    """The model reads all of it: its own message with its signature, and the tool's result."""
    found = page.cases["second turn"]
    assert found["user"] == ["Add 1 and 2.", "Again."]
    assert found["text"] == ["Let me add.", "It is 3."] * 2
    turn = page.thinker.calls[2].messages
    assert turn[:2] == [HumanMessage("Add 1 and 2."), asks()]
    assert isinstance(turn[2], ToolMessage) and turn[2].text == "3"
    assert [message.text for message in turn[3:]] == ["It is 3.", "Again."]


def test_an_output_that_is_no_text_is_shown(page: Clients) -> None:
    """It is a part of its own."""
    assert page.cases["value"]["pre"] == ['{"height":3}']


@pytest.mark.parametrize(("case", "shown"), [("refused", []), ("broken", ["One"])])
def test_an_error_is_shown(case: str, shown: list[str], page: Clients) -> None:
    """Before the first chunk and in mid-stream, behind what came before it."""
    found = page.cases[case]
    assert found["text"] == shown
    (alert,) = found["alert"]
    assert "(run " in alert and SECRET not in alert


def test_the_conversation_goes_on_after_an_error(page: Clients) -> None:
    """The next message is answered, and the error is gone."""
    found = page.cases["after an error"]
    assert (found["text"], found["alert"]) == (["Well."], [])


@pytest.mark.parametrize("case", ["stop button", "stop button before the first chunk"])
def test_the_stop_button_stops_the_run(case: str, page: Clients) -> None:
    """What came is there, without an error, and the page is ready."""
    found = page.cases[case]
    assert found["left"] == 1
    assert found["end"]["text"] == ([] if "before" in case else ["first"])
    assert found["end"]["alert"] == []


LEAVING = ("tab closed", "tab closed before the first chunk", "another page", "reload")


@pytest.mark.parametrize("case", LEAVING)
def test_leaving_the_page_stops_the_run(case: str, page: Clients) -> None:
    """In mid-stream and before the first chunk."""
    assert page.cases[case]["left"] == 1


def test_a_page_that_is_left_closes_the_service_before_its_next_chunk(page: Clients) -> None:
    """No request to it is open, and nothing was read after each first chunk."""
    assert page.upstream.began == page.upstream.closed == 6
    assert page.upstream.chunks == 4


def test_a_page_that_was_reloaded_is_ready(page: Clients) -> None:
    """It is empty, as it keeps nothing."""
    found: Any = page.cases["reload"]["end"]
    assert (found["user"], found["text"], found["alert"]) == ([], [], [])


def test_the_page_itself_has_no_error(page: Clients) -> None:
    """No exception was left to the browser."""
    for case in ("streaming", "second turn", "value", "refused", "broken", "after an error"):
        assert page.cases[case]["errors"] == []
