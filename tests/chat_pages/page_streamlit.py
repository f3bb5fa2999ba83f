"""The example for Streamlit, by Streamlit's own tests, and in Chromium."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import streamlit_chat
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

import runnables
from runnables_providers.scripted import ScriptedChatModel
from tests.chat_pages.upstream import PATIENCE

EXAMPLE = Path(streamlit_chat.__file__)
HERE = Path(__file__).resolve().parent


def run(monkeypatch: pytest.MonkeyPatch, model: Any) -> AppTest:
    """Run the example with another model."""
    monkeypatch.setattr(runnables, "init_chat_model", lambda *args, **options: model)
    return AppTest.from_file(str(EXAMPLE)).run()


def said(app: AppTest) -> list[tuple[str, str]]:
    """Return the conversation that the page shows."""
    return [(message.name, message.markdown[0].value) for message in app.chat_message]


def test_a_conversation_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both answers are shown, and the second question comes with the first and its answer."""
    model = ScriptedChatModel(["There is salt in it.", "Yes."])
    app = run(monkeypatch, model)
    app.chat_input[0].set_value("What is in the sea?").run()
    app.chat_input[0].set_value("Sure?").run()
    assert not app.exception
    conversation = [
        ("user", "What is in the sea?"),
        ("assistant", "There is salt in it."),
        ("user", "Sure?"),
    ]
    assert said(app) == [*conversation, ("assistant", "Yes.")]
    kinds = {"human": "user", "ai": "assistant"}
    sent = [(kinds[message.type], message.text) for message in model.calls[1].messages[1:]]
    assert sent == conversation


def test_an_error_is_shown_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit shows it; the next question works, without the one that failed."""
    model = ScriptedChatModel([["One", runnables.RateLimitError("slow down")], "Two."])
    app = run(monkeypatch, model)
    app.chat_input[0].set_value("Count.").run()
    assert "slow down" in app.exception[0].message
    app.chat_input[0].set_value("Again.").run()
    assert said(app) == [("user", "Again."), ("assistant", "Two.")]
    assert (model.opened, model.closed) == (2, 2)


def test_the_local_model_answers() -> None:
    """The example as it is."""
    app = AppTest.from_file(str(EXAMPLE)).run()
    app.chat_input[0].set_value("Name three fruits.").run(timeout=60)
    assert not app.exception
    assert re.search(r"\w", said(app)[1][1])


class Server:
    """A server of the example, whose model writes on and on.

    Attributes:
        url: its address.
        state: the file that says whether the request of the model is open.
    """

    def __init__(self, folder: Path) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.state = folder / "state"
        script = HERE / "streamlit_with_upstream.py"
        options = ["--server.port", str(port), "--server.address", "127.0.0.1",
                   "--server.headless", "true", "--browser.gatherUsageStats", "false",
                   "--server.fileWatcherType", "none"]  # fmt: skip
        command = [sys.executable, "-m", "streamlit", "run", script, *options]
        self.process = subprocess.Popen([*command, "--", EXAMPLE, self.state])

    def wait_for(self, condition: Callable[[], Any]) -> None:
        """Wait until a condition holds; fail where it does not."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"it never came: {condition}"
            time.sleep(0.001)

    def is_healthy(self) -> bool:
        """Tell whether the server answers."""
        try:
            return bool(urlopen(f"{self.url}/_stcore/health").status == 200)
        except URLError:
            return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.wait_for(server.is_healthy)
    yield server
    server.process.terminate()
    server.process.wait(PATIENCE)


def stop(tab: Page) -> None:
    """Press the button in the corner."""
    tab.get_by_test_id("stStatusWidget").get_by_role("button", name="Stop").click()


@pytest.mark.parametrize("leave", [stop, Page.close])
def test_leaving_closes_the_request_of_the_model(
    server: Server, tab: Page, leave: Callable[[Page], None]
) -> None:
    """Text is shown while the model writes; at its next chunk, Streamlit sees who has left."""
    tab.goto(server.url)
    box = tab.get_by_test_id("stChatInputTextArea")
    box.fill("Explain the tide.")
    box.press("Enter")
    expect(tab.get_by_test_id("stChatMessage").nth(1)).to_contain_text("The tide comes, and")
    assert server.state.read_text() == "open"
    began = time.perf_counter()
    leave(tab)
    server.wait_for(lambda: server.state.read_text() == "closed")
    print(f"closed within {(time.perf_counter() - began) * 1000:.0f} ms of the click")
