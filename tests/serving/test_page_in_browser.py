"""The page of a served chain in Chromium, as a person uses it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from runnables import HumanMessage, ToolMessage
from runnables.serving import Resume
from runnables_providers.scripted import ScriptedChatModel
from tests.agents.tills import Till
from tests.node import PAGE, chromium_option
from tests.serving.chains import SECRET, asks, chains
from tests.serving.page_chains import HTML, page_chains
from tests.serving.servers import Served, serving
from tests.serving.upstreams import Upstream

pytestmark = [
    pytest.mark.browser,
    pytest.mark.javascript,
    pytest.mark.leaks("the engine that runs Mermaid keeps two idle threads"),
]

KEY = "the right key"

REFUSED = ("errorBeforeTheFirstWord", "key", "formFields", "policy")
"""The cases in which the browser itself logs that a request was refused."""


class Page:
    """What the cases have found, and the servers, which run on.

    Attributes:
        server: the server of all chains.
        upstream: the service behind the chain "up".
        till: the tools that need approval.
        model: the model of the agent.
    """

    def __init__(
        self, server: Served, keyed: Served, upstream: Upstream, till: Till, model: Any
    ) -> None:
        self.server = server
        self.upstream = upstream
        self.till = till
        self.model: ScriptedChatModel = model
        self.cases = PAGE.run_cases("tests/run.mjs", server.url, keyed.url, chromium_option())

    def __getitem__(self, case: str) -> Any:
        """Return what a case has found; fail where it has failed."""
        return self.cases[case]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    upstream, till = Upstream(), Till()
    served, model = page_chains(upstream, till)
    with (
        serving(served, page=True, shows_steps=True, resume=Resume(grace=60)) as server,
        serving(chains()["prompt"], page=True, shows_steps=True, api_keys=[KEY]) as keyed,
    ):
        yield Page(server, keyed, upstream, till, model)


def test_a_form_streams(page: Page) -> None:
    """The first chunk is on the page before the chain has made the second, with the open steps."""
    found = page["formStreams"]
    assert found["before"]["lines"] == ["first "]
    assert found["before"]["rows"][0][1] == "running"
    assert found["after"]["lines"] == ["first second"]
    assert found["after"]["rows"][0][1] == "done"


def test_a_form_has_a_field_for_each_type(page: Page) -> None:
    """Text, number, bool, choice, list and nested object become the input, as a form or as JSON."""
    found = page["formFields"]
    order = {"item": "rope", "amount": 3, "express": True, "size": "large", "tags": ["blue"]}
    assert found["output"] == found["raw"] == order | {"address": {"street": "Quay 1"}}
    assert "street" in found["refused"][0]


def test_a_form_has_fields_for_messages(page: Page) -> None:
    """A model takes text, or a list of messages."""
    found = page["messagesForm"]
    assert found["kinds"][:2] == ["text", "messages"]
    assert found["output"] == ["One two three."]


def test_a_chat_shows_tools_and_steps(page: Page) -> None:
    """Reasoning and calls are folded; the tree has the model and the tool below the agent."""
    first = page["chat"]["first"]
    assert [text.split()[0] for text in first["calls"]] == ["Reasoning", "Tool"]
    model = [type(page.model).__name__, "done"]
    assert first["rows"] == [["Agent", "done"], model, ["add", "done"], model]


def test_a_second_message_has_the_conversation(page: Page) -> None:
    """The model reads its own message with its signature, and the tool's result."""
    found = page["chat"]
    assert found["users"] == ["Add 1 and 2.", "Again."]
    assert found["answers"] == ["Let me add.", "It is 3."] * 2
    turn = page.model.calls[2].messages
    assert turn[:2] == [HumanMessage("Add 1 and 2."), asks()]
    assert isinstance(turn[2], ToolMessage) and turn[2].text == "3"


def test_a_tool_waits_for_approval(page: Page) -> None:
    """It runs when the person approves it, and does not when they deny it."""
    found = page["approval"]
    assert "needs approval" in found["asked"] or "pay" in found["asked"]
    assert found["answers"] == ["It is paid.", "Then not."]
    assert [state.split()[-1] for state in found["states"]] == ["done", "denied"]
    assert page.till.ran == [500]


def test_the_stop_button_stops_the_run(page: Page) -> None:
    """The service is closed before its next chunk, while the page is there; its steps say so."""
    found = page["stop"]
    assert found["lines"] == ["first", "Stopped."]
    assert {status for _, status in found["rows"]} == {"stopped"}
    assert (page.upstream.closed, page.upstream.chunks) == (1, 1)


def test_the_stop_button_stops_a_chat(page: Page) -> None:
    """Also where the server keeps runs whose readers have left."""
    assert page["stopChat"]["lines"] == ["One", "Stopped."]


def test_an_error_in_mid_stream_is_shown(page: Page) -> None:
    """It stands below what came before it; the step that failed is marked, and found by a click."""
    found = page["error"]
    text, error, *_ = found["middle"]["lines"]
    assert text == "One" and "(run " in error and SECRET not in error
    assert found["middle"]["rows"][0][1] == "failed"
    assert found["details"] == ["It has failed."]


def test_an_error_before_the_first_word_is_shown(page: Page) -> None:
    """The person may try again."""
    found = page["errorBeforeTheFirstWord"]
    assert "busy" in found["lines"][0] and SECRET not in found["lines"][0]
    assert found["canRetry"]


def test_a_batch_shows_each_output(page: Page) -> None:
    """Lines are JSON, or the text of the only field; each has its steps."""
    found = page["batch"]
    assert len(found["found"]) == 3
    assert all("One two three." in line for line in found["found"])
    assert found["rows"][0][1] == "done"


def test_the_last_runs_are_those_of_all_clients(page: Page) -> None:
    """Their values are cut, and whole after a click."""
    found = page["lastRuns"]
    assert found["runs"] == ["from another client"]
    assert max(found["cut"]) < 5_000 < 50_000 < max(found["whole"])


def test_the_keyboard_is_enough(page: Page) -> None:
    """Links, field and button come in their order; one stop is for all steps, which arrows walk."""
    found = page["keyboard"]
    assert found["first"] == ["Form", "Batch", "Last runs", "Picture"]
    assert (found["field"], found["button"]) == ("What", "Stream")
    assert (found["row"], found["stops"], found["home"]) == (
        "ScriptedChatModel",
        1,
        "RunnableSequence",
    )


@pytest.mark.parametrize("name", ["curl", "Python", "chat"])
def test_the_request_as_code_runs(name: str, page: Page, tmp_path: Path) -> None:
    """What the page has copied asks the chain, with any characters in the input."""
    code = page["code"]["copied"][name]
    if name == "curl":
        ran = subprocess.run(["sh", "-c", code], capture_output=True, check=True)
    else:
        script = tmp_path / "ask.py"
        script.write_text(code, encoding="utf-8")
        ran = subprocess.run([sys.executable, script], capture_output=True, check=True)
    assert b"One" in ran.stdout and b"three" in ran.stdout
    if name != "chat":
        runs = httpx.get(f"{page.server.url}/prompt/page/runs").json()["runs"]
        assert 'it\'s \\"quoted\\" \\\\ and é 🌊' in runs[0]["asked"]


def test_the_page_asks_for_a_key(page: Page) -> None:
    """It is kept in the tab alone, and is nowhere on the page."""
    found = page["key"]
    assert KEY not in found["shown"] and "$API_KEY" in found["shown"]
    assert found["kept"] == [0, ""]


def test_the_text_of_a_model_is_no_html(page: Page) -> None:
    """It is shown as it is; and the page would run no script within it."""
    found = page["policy"]
    assert found["output"] == [HTML] and found["made"] == 0
    tried = found["tried"]
    assert not tried["hasRun"] and tried["fetched"] == "TypeError"
    assert {"script-src-elem", "style-src-attr", "script-src-attr", "connect-src"} <= set(
        tried["broken"]
    )


def test_a_long_run_sends_no_values_of_its_steps(page: Page) -> None:
    """300 steps of 100 kB are a stream of few kilobytes beside the output, which is cut, too."""
    found = page["longRun"]
    assert found["rows"] == 304
    assert found["size"] < 400_000
    assert found["shown"] == 20_000


def test_the_picture_is_drawn(page: Page) -> None:
    """It is an image, described for those who do not see it."""
    found = page["picture"]
    assert found["width"] > 50 and "prompt" in found["alt"]


def test_the_root_lists_the_chains(page: Page) -> None:
    """Each has its own page."""
    assert page["index"]["url"] == "/prompt/"
    assert page["index"]["title"].startswith("prompt")


def test_the_page_fits_a_phone_in_light_and_dark(page: Page) -> None:
    """Nothing is wider than 390 pixels, and dark is dark."""
    found = page["phone"]
    assert set(found["widths"].values()) == {390}
    assert found["colors"] == {"light": "rgb(246, 247, 249)", "dark": "rgb(20, 22, 26)"}


def test_no_case_has_an_error_or_leaves_the_server(page: Page) -> None:
    """The console is empty, and every request goes to the server of the page."""
    for name, found in page.cases.items():
        origins = set(found["origins"]) - {"data:", "blob:"}
        assert len(origins) == 1 or name == "policy", (name, origins)
        if name not in REFUSED:
            assert found["errors"] == [], name
