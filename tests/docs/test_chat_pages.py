"""The functions behind the chat pages of the examples; the pages are tried by tests/chat_pages."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from runnables import RateLimitError
from runnables_providers.scripted import ScriptedChatModel

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "chat_pages"

HISTORY = [
    {"role": "user", "content": [{"text": "Hi", "type": "text"}], "metadata": None},
    {"role": "assistant", "content": "Hello.", "options": None},
]
"""A conversation as Gradio's page and its API pass it on."""


@pytest.fixture
def gradio_chat(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("gradio_chat")


@pytest.fixture
def streamlit_chat(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("streamlit_chat")


@pytest.mark.local_model
@pytest.mark.leaks(reason="the model stays loaded, with a thread and its loop")
async def test_the_local_model_answers_gradio(gradio_chat: Any) -> None:
    """The example as it is: each string continues the one before."""
    strings = [text async for text in gradio_chat.answer("Name three fruits.", HISTORY)]
    assert len(strings) > 1
    assert all(strings[-1].startswith(text) for text in strings)


@pytest.mark.local_model
@pytest.mark.leaks(reason="the model stays loaded, with a thread and its loop")
def test_the_local_model_answers_streamlit(streamlit_chat: Any) -> None:
    """The example as it is: the strings are the answer."""
    strings = list(streamlit_chat.answer([*HISTORY, {"role": "user", "content": "Name a fruit."}]))
    assert len(strings) > 1
    assert "".join(strings).strip()


async def test_gradio_shows_an_error_as_text(
    gradio_chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the text before it; the history is in the prompt."""
    model = ScriptedChatModel([["One", RateLimitError("slow down")]])
    monkeypatch.setattr(gradio_chat, "chain", gradio_chat.prompt | model)
    strings = [text async for text in gradio_chat.answer("Count.", HISTORY)]
    assert strings == ["One", "One\n\n*The model has failed: slow down*"]
    said = [(message.type, message.text) for message in model.calls[0].messages[1:]]
    assert said == [("human", "Hi"), ("ai", "Hello."), ("human", "Count.")]


def test_the_notebook_has_no_output_and_compiles() -> None:
    """What is stored is the code alone."""
    notebook = json.loads((FOLDER / "jupyter_chat.ipynb").read_text(encoding="utf-8"))
    cells: list[Any] = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell in cells:
        compile("".join(cell["source"]), cell["id"], "exec")
        assert (cell["outputs"], cell["execution_count"]) == ([], None)
