"""The JavaScript client of AG-UI 1.0, and the one before it, which CopilotKit has."""

from __future__ import annotations

import pytest

from runnables import AIMessage, HumanMessage
from tests.clients.served import Clients
from tests.serving.chains import SECRET, asks

pytestmark = pytest.mark.javascript

CURRENT, OLDER = "@ag-ui/client", "ag-ui-client-0.0.59"


@pytest.fixture(scope="module", params=[CURRENT, OLDER])
def client(request: pytest.FixtureRequest) -> Clients:
    return Clients("js/ag_ui.mjs", f"--client={request.param}")


def test_an_answer_comes_in_parts_and_ends(client: Clients) -> None:
    """The client has put the message together, and knows that the run has succeeded."""
    answer = client.cases["whole"]
    assert answer["deltas"] == ["One", " ", "two", " ", "three."]
    assert [message["content"] for message in answer["messages"]][1:] == ["One two three."]
    assert answer["end"]["outcome"] == "success"
    assert "error" not in answer
    assert (answer["events"][0], answer["events"][-1]) == ("RUN_STARTED", "RUN_FINISHED")


@pytest.mark.parametrize("client", [CURRENT], indirect=True)
def test_the_usage_comes_with_the_end(client: Clients) -> None:
    """The tokens of all models of the run."""
    usage = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}
    assert client.cases["whole"]["end"]["usage"] == [usage]


@pytest.mark.parametrize("client", [OLDER], indirect=True)
def test_an_older_client_is_sent_nothing_newer(client: Clients) -> None:
    """It would end at an event that it does not know."""
    answer = client.cases["tool call"]
    assert "REASONING_ENCRYPTED_VALUE" not in answer["events"]
    assert "usage" not in answer["end"]


def test_reasoning_and_a_call_are_messages(client: Clients) -> None:
    """A model's call is the page's to run."""
    _, reasoning, answer = client.cases["tool call"]["messages"]
    assert (reasoning["role"], reasoning["content"]) == ("reasoning", "Hm, sums.")
    assert answer["content"] == "Let me add."
    (call,) = answer["toolCalls"]
    assert (call["id"], call["function"]["name"]) == ("call_1", "add")
    assert call["function"]["arguments"] == '{"a": 1, "b": 2}'


def test_the_page_runs_a_tool_and_the_model_reads_the_result(client: Clients) -> None:
    """The model reads its own message and the result behind it, and answers."""
    assert client.cases["tool of the page"]["messages"][-1]["content"] == "It is 3."
    question, read, result = client.adder.calls[-1].messages
    assert (question, result.text) == (HumanMessage("Add 1 and 2."), "3")
    assert isinstance(read, AIMessage)
    assert (read.text, read.tool_calls[0]["id"]) == ("Let me add.", "call_1")


@pytest.mark.parametrize("client", [CURRENT], indirect=True)
def test_the_model_reads_its_own_signature_again(client: Clients) -> None:
    """With its id and its reasoning: what its service demands back."""
    assert client.adder.calls[-1].messages[1] == asks()


def test_an_agent_shows_its_calls_results_and_steps(client: Clients) -> None:
    """The tool has run on the server, and its result is a message."""
    answer = client.cases["agent"]
    roles = [message["role"] for message in answer["messages"]]
    assert roles == ["user", "reasoning", "assistant", "tool", "assistant"]
    assert [message["content"] for message in answer["messages"]][-2:] == ["3", "It is 3."]
    begun, ended = (answer["events"].count(f"STEP_{kind}") for kind in ("STARTED", "FINISHED"))
    assert begun == ended > 2


def test_a_value_is_the_state(client: Clients) -> None:
    """A chain whose output is no text sets the state of the page."""
    assert client.cases["value"]["state"] == {"height": 3}


@pytest.mark.parametrize(("case", "deltas"), [("refused", []), ("broken", ["One"])])
def test_an_error_ends_the_run(case: str, deltas: list[str], client: Clients) -> None:
    """Before the first chunk and in mid-stream; it shows nothing of the inside."""
    answer = client.cases[case]
    assert answer["deltas"] == deltas
    assert answer["events"][-1] == "RUN_ERROR"
    assert answer["error"]["message"] and SECRET not in answer["error"]["message"]


@pytest.mark.parametrize("package", [CURRENT, OLDER])
def test_where_no_step_is_shown_an_error_before_the_first_chunk_is_a_status(package: str) -> None:
    """The client rejects the run, with the status and the sentence."""
    client = Clients("js/ag_ui.mjs", "refused", f"--client={package}", shows_steps=False)
    error = client.cases["refused"]["error"]
    assert error["status"] == 429
    assert "busy" in error["message"] and SECRET not in error["message"]


def test_a_stop_closes_the_service_before_its_next_chunk(client: Clients) -> None:
    """In mid-stream and before the first chunk."""
    stop, early = client.cases["stop"], client.cases["stop before the first chunk"]
    assert stop["left"] == early["left"] == 1
    assert stop["end"]["deltas"] == ["first"]
    assert client.upstream.began == client.upstream.closed
    assert client.upstream.chunks == 1
