"""Answers that are read again after a reload: by `useChat` in Chromium, and by OpenAI's client."""

from __future__ import annotations

from pathlib import Path

import pytest

from runnables.serving import Resume
from tests.clients.served import Clients

pytestmark = pytest.mark.javascript

KEPT = Resume(grace=100, keep=100)


@pytest.fixture(scope="module")
def page(chromium: str, built_page: Path) -> Clients:
    return Clients("js/resumed_page.mjs", chromium, page=built_page, resume=KEPT)


@pytest.fixture(scope="module")
def client() -> Clients:
    return Clients("js/resumed_openai.mjs", resume=KEPT)


@pytest.mark.browser
def test_a_page_without_an_answer_has_nothing_to_resume(page: Clients) -> None:
    """It asks when it opens, and is ready, without an error."""
    found = page.cases["nothing to resume"]
    assert (found["user"], found["text"], found["alert"], found["errors"]) == ([], [], [], [])


@pytest.mark.browser
@pytest.mark.parametrize("case", ["reload", "away till the end"])
def test_a_page_that_comes_back_has_the_whole_answer(case: str, page: Clients) -> None:
    """It grows on after a reload in mid-stream, and is there when the run has ended meanwhile."""
    found = page.cases[case]
    assert (found["user"], found["text"]) == (["Count."], ["One two three"])
    assert (found["alert"], found["errors"]) == ([], [])


@pytest.mark.browser
def test_the_stop_button_stops_a_run_that_would_go_on(page: Clients) -> None:
    """No run is open, and a reload brings nothing more."""
    assert page.cases["stop button"]["text"] == ["One"]


@pytest.mark.browser
def test_a_second_turn_after_a_reload_has_the_conversation(page: Clients) -> None:
    """The first answer is neither lost nor doubled: on the page, and for the model."""
    found = page.cases["second turn"]
    assert found["text"] == ["Let me add.", "It is 3."] * 2
    turn = page.thinker.calls[2].messages
    assert [message.text for message in turn] == [
        "Add 1 and 2.", "Let me add.", "3", "It is 3.", "Again.",
    ]  # fmt: skip


def test_openais_client_reads_on_from_an_event(client: Clients) -> None:
    """It has left at the first text; the rest comes without a gap, and the whole is there."""
    found = client.cases["resume"]
    assert found["deltas"] == ["One", " two", " three"]
    assert (found["last"], found["status"]) == ("response.completed", "completed")
    assert found["text"] == "One two three"


def test_openais_client_cancels_a_response(client: Clients) -> None:
    """The run is stopped at once."""
    assert client.cases["cancel"]["status"] == "cancelled"
