"""The npm package `ai` as a page has it, without React, against served chains."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import HumanMessage
from tests.clients.served import Clients
from tests.serving.chains import SECRET, asks

pytestmark = pytest.mark.javascript


@pytest.fixture(scope="module")
def client() -> Clients:
    return Clients("js/ai_ui.mjs")


def shown(answer: Any) -> list[Any]:
    """Return the parts of an answer that a page shows."""
    return [part for part in answer["parts"] if part["type"] not in ("step-start", PACKED)]


PACKED = "data-model-message"
REASONING = {"type": "reasoning", "id": "reasoning-1", "text": "Hm, sums.", "state": "done"}
CALL = {
    "type": "dynamic-tool",
    "toolName": "add",
    "toolCallId": "call_1",
    "input": {"a": 1, "b": 2},
}


def said(text: str, state: str = "done") -> dict[str, str]:
    return {"type": "text", "text": text, "state": state}


def test_an_answer_grows_and_ends(client: Clients) -> None:
    """The text of the message grows with each chunk; the end has the tokens."""
    answer = client.cases["whole"]
    assert answer["stages"][:3] == ["One", "One ", "One two"]
    assert shown(answer) == [said("One two three.")]
    assert (answer["status"], answer["reason"]) == ("ready", "stop")
    assert answer["metadata"]["usage"]["total_tokens"] == 5


def test_reasoning_and_a_call_are_parts(client: Clients) -> None:
    """A model's call is the page's to run."""
    answer = client.cases["tool call"]
    assert shown(answer) == [REASONING, said("Let me add."), {**CALL, "state": "input-available"}]
    assert answer["reason"] == "tool-calls"


def test_the_page_runs_a_tool_and_the_answer_goes_on(client: Clients) -> None:
    """The result goes back by itself, and the same message has the rest of the answer."""
    answer = client.cases["tool of the page"]
    call = {**CALL, "state": "output-available", "output": "3"}
    assert shown(answer) == [REASONING, said("Let me add."), call, said("It is 3.")]
    assert answer["count"] == 2  # the question, and one answer


def test_the_model_reads_its_own_message_again(client: Clients) -> None:
    """With its id, its reasoning and its signature, and the result behind it."""
    question, read, result = client.adder.calls[-1].messages
    assert (question, read) == (HumanMessage("Add 1 and 2."), asks())
    assert result.text == "3"


def test_an_agent_shows_its_calls_and_results(client: Clients) -> None:
    """The tool has run on the server, and its output is there."""
    call = {**CALL, "state": "output-available", "output": "3"}
    answer = client.cases["agent"]
    assert shown(answer) == [REASONING, said("Let me add."), call, said("It is 3.")]
    assert len(answer["stages"]) > 2


def test_a_value_is_a_part_of_its_own(client: Clients) -> None:
    """A chain whose output is no text arrives, too."""
    part = {"type": "data-output", "id": "output", "data": {"height": 3}}
    assert shown(client.cases["value"]) == [part]


def test_an_error_before_the_first_chunk_is_an_error(client: Clients) -> None:
    """The page reads a sentence, and nothing of the inside."""
    answer = client.cases["refused"]
    assert (answer["status"], answer["isError"]) == ("error", True)
    assert "busy" in answer["error"] and SECRET not in answer["error"]


def test_an_error_in_mid_stream_leaves_what_came_and_no_open_text(client: Clients) -> None:
    """The text before it is there, and is not shown as if more were to come."""
    answer = client.cases["broken"]
    assert (answer["status"], answer["isError"]) == ("error", True)
    assert shown(answer) == [said("One")]
    assert "The chain has failed." in answer["error"] and SECRET not in answer["error"]


def test_a_stop_closes_the_service_before_its_next_chunk(client: Clients) -> None:
    """In mid-stream and before the first chunk; the page is ready for more."""
    stop, early = client.cases["stop"], client.cases["stop before the first chunk"]
    assert stop["left"] == early["left"] == 1
    assert (stop["end"]["status"], stop["end"]["isAbort"]) == ("ready", True)
    assert shown(stop["end"]) == [said("first", "streaming")]
    assert (early["end"]["status"], early["end"]["isAbort"]) == ("ready", True)
    assert client.upstream.began == client.upstream.closed
    assert client.upstream.chunks == 1
