"""The example notebook, in a kernel: run as a whole, streamed, and interrupted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel
from nbclient import NotebookClient

from tests.chat_pages.upstream import PATIENCE

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "chat_pages" / "jupyter_chat.ipynb"

MODEL = """
from runnables_providers.scripted import Delay, ScriptedChatModel

model = ScriptedChatModel([{answer}])
chain = prompt | model
"""


def test_the_local_model_answers_both_questions() -> None:
    """The notebook as it is; each answer is text, which has replaced what stood in its place."""
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    asked = [cell for cell in notebook.cells if cell.source.startswith("ask(")]
    for cell in asked:
        (output,) = cell.outputs
        assert re.search(r"\w", output.data["text/markdown"])
    assert len(asked) == 2


class Kernel:
    """A kernel in which the chain and the function of the notebook are defined."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    def run(self, code: str) -> str:
        """Run a cell to its end; return what it printed."""
        printed: list[str] = []

        def keep(message: Any) -> None:
            printed.append(message["content"].get("text", ""))

        self.client.execute_interactive(code, output_hook=keep, timeout=PATIENCE)
        return "".join(printed)

    def shown(self, code: str) -> Iterator[str]:
        """Run a cell; yield what its display shows, again and again, until it is done."""
        cell = self.client.execute(code)
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") != cell:
                continue
            content = message["content"]
            if message["msg_type"] in ("display_data", "update_display_data"):
                yield content["data"]["text/markdown"]
            elif content.get("execution_state") == "idle":
                return


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    manager, client = start_new_kernel()
    kernel = Kernel(manager, client)
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code" and not cell.source.startswith("ask("):
            kernel.run(cell.source)
    yield kernel
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_an_answer_is_shown_while_it_is_written(kernel: Kernel) -> None:
    """One display is replaced by each longer text."""
    kernel.run(MODEL.format(answer="['The tide ', 'comes.']"))
    assert list(kernel.shown("ask('Explain the tide.')")) == ["...", "The tide ", "The tide comes."]
    assert kernel.run("print(messages[-1]['content'])") == "The tide comes.\n"


def test_interrupt_closes_the_request_of_the_model(kernel: Kernel) -> None:
    """Also while the model is silent; the conversation is as it was."""
    kernel.run(MODEL.format(answer="['The tide ', Delay(1000)]"))
    for text in kernel.shown("ask('Explain the tide.')"):
        if text == "The tide ":
            kernel.manager.interrupt_kernel()
    assert kernel.run("print(model.opened, model.closed, messages)") == "1 1 []\n"
