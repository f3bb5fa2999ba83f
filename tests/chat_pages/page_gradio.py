"""The example for Gradio in Chromium: streamed, stopped, left, failed, and with its history."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import gradio_chat
import pytest
from playwright.sync_api import Page, expect

from runnables import RateLimitError
from runnables_providers.scripted import ScriptedChatModel
from tests.chat_pages.upstream import Upstream

Open = Callable[[Any], Page]


@pytest.fixture
def opened(tab: Page, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Serve the example with another chain, and show it in the tab."""
    pages: list[Any] = []

    def open(chain: Any) -> Page:
        monkeypatch.setattr(gradio_chat, "chain", chain)
        pages.append(gr.ChatInterface(gradio_chat.answer))
        pages[0].launch(prevent_thread_lock=True, quiet=True)
        tab.goto(pages[0].local_url)
        return tab

    yield open
    for page in pages:
        page.close(verbose=False)


def ask(tab: Page, question: str) -> None:
    """Type a question, and send it."""
    box = tab.get_by_test_id("textbox")
    box.fill(question)
    box.press("Enter")


def test_an_answer_is_shown_while_it_is_written(opened: Open) -> None:
    """The first part is there while the model is silent, and then all of it."""
    upstream = Upstream()
    tab = opened(upstream.chain())
    ask(tab, "Explain the tide.")
    expect(tab.get_by_test_id("bot")).to_have_text("The tide comes")
    upstream.may_end.set()
    expect(tab.get_by_test_id("bot")).to_have_text("The tide comes and goes.")


def test_the_next_question_comes_with_the_conversation(opened: Open) -> None:
    """The history of the page goes into the prompt as it is."""
    model = ScriptedChatModel(["Salt.", "Yes."])
    tab = opened(gradio_chat.prompt | model)
    ask(tab, "What is in the sea?")
    expect(tab.get_by_test_id("bot")).to_have_text("Salt.")
    ask(tab, "Sure?")
    expect(tab.get_by_test_id("bot").nth(1)).to_have_text("Yes.")
    said = [(message.type, message.text) for message in model.calls[1].messages[1:]]
    assert said == [("human", "What is in the sea?"), ("ai", "Salt."), ("human", "Sure?")]


@pytest.mark.parametrize("is_silent", [True, False], ids=["silent", "writing"])
def test_the_stop_button_closes_the_request_of_the_model(opened: Open, is_silent: bool) -> None:
    """At once, also where the model is silent; what was shown stays."""
    upstream = Upstream(is_silent=is_silent)
    tab = opened(upstream.chain())
    ask(tab, "Explain the tide.")
    expect(tab.get_by_test_id("bot")).to_contain_text("The tide comes")
    upstream.expect_closed_by(tab.locator("button.stop-button").click)
    expect(tab.get_by_test_id("bot")).to_contain_text("The tide comes")


@pytest.mark.parametrize("leave", [Page.close, Page.reload], ids=["closed", "loaded again"])
def test_leaving_the_page_closes_the_request_of_the_model(
    opened: Open, leave: Callable[[Page], Any]
) -> None:
    """At the next chunk: Gradio looks then whether its reader is there."""
    upstream = Upstream(is_silent=False)
    tab = opened(upstream.chain())
    ask(tab, "Explain the tide.")
    expect(tab.get_by_test_id("bot")).to_contain_text("The tide comes")
    upstream.expect_closed_by(lambda: leave(tab))


def test_an_error_is_shown_behind_the_text_before_it(opened: Open) -> None:
    """The page takes the next question."""
    model = ScriptedChatModel([["One", RateLimitError("slow down")], "Two."])
    tab = opened(gradio_chat.prompt | model)
    ask(tab, "Count.")
    failed = expect(tab.get_by_test_id("bot"))
    failed.to_contain_text("One")
    failed.to_contain_text("The model has failed: slow down")
    assert (model.opened, model.closed) == (1, 1)
    ask(tab, "Count.")
    expect(tab.get_by_test_id("bot").last).to_have_text("Two.")


def test_the_local_model_answers(opened: Open) -> None:
    """The example as it is."""
    tab = opened(gradio_chat.chain)
    ask(tab, "Name three fruits.")
    expect(tab.get_by_test_id("bot")).to_contain_text(re.compile(r"\w"), timeout=60_000)
