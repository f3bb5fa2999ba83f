"""Starts the real llama.cpp server in a process of its own, so that a crash leaves the tests be.

It speaks `/v1/chat/completions`, `/v1/responses`, `/v1/messages` and `/v1/embeddings`, with the
embedded model SmolLM2-135M-Instruct. What was seen of the server (xllamacpp 2026.10):

- The model's own chat template has no place for tools, and then they are ignored without a word.
  Ours (`tools.jinja`) shows two calls as examples, so that the model begins a call of its own
  with the first token; from there the grammar of its schema holds it. Asked twice in one
  question, it makes two calls. Where the conversation ends with a tool's result, the template
  leaves the tools out, and the model answers with words.
- `tool_choice` "required" (Anthropic: "any") does not forbid to talk first; the examples see to
  that. A tool that is named is not told from "auto", so give one tool where it matters. "none"
  leaves the tools in the prompt, and what looks like a call is text then; `/v1/messages` takes it
  for "auto".
- A JSON schema holds the answer in `/v1/chat/completions` as `response_format`; in
  `/v1/responses` the schema in `text.format` is ignored (only `response_format`, which is not of
  that API, is read), and `/v1/messages` ignores every such field: there, a tool is the way.
- `stop` works everywhere (`stop_sequences` in `/v1/messages`; `stop` in `/v1/responses`, which
  has no such field by the book); the text ends before it.
- Images: status 500, "image input is not supported". Too long a conversation: status 400,
  "exceed_context_size_error". A wrong key: 401. An unknown path: 404.
- Ollama's `/api/chat` is not there.
- Usage: `/v1/messages` counts what came from the prompt's cache apart from `input_tokens`.
- `/v1/responses` refuses `{"role": "assistant", "content": "a text"}` in `input` ("Cannot determine
  type of 'item'"), which the API takes.
- `/v1/responses` says "completed" also where `max_output_tokens` ended the answer, and its events
  have no `output_index`.
- A body for `/v1/messages` whose `messages` is no list ends the whole process.

Here it answers at temperature 0, with at most 128 tokens, unless told otherwise, and holds 4096
tokens. It keeps the prompts that it has read, since to read a tool takes it longer than to call
it. What is kept is rounded in another way than what is read for the first time, which may lead to
other words: whoever asks twice and compares has asked once before.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEY = "a-key-for-tests"
PATIENCE = 60.0


@dataclass(frozen=True)
class LlamaServer:
    """Where the server is.

    Attributes:
        url: its root, without a slash at the end: what Anthropic's clients call the base URL.
        key: the key that it asks for; with another, it answers 401.
        model: what it calls its model, whatever it is asked for.
    """

    url: str
    key: str = KEY
    model: str = "smollm2"

    @property
    def v1(self) -> str:
        """What OpenAI's clients call the base URL."""
        return f"{self.url}/v1"


@contextmanager
def llama_server() -> Iterator[LlamaServer]:
    """The server, from when it answers until the block ends."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.llama.child", KEY],
        cwd=ROOT,
        # Without this, threads that wait would keep the CPUs from those that they wait for.
        env={**os.environ, "PYTHONPATH": str(ROOT), "GOMP_SPINCOUNT": "1000"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        address = child.stdout.readline().strip()
        assert address, f"the server ended with {child.wait()}; its error stands on stderr"
        _wait_until_healthy(address)
        yield LlamaServer(address)
    finally:
        _end(child)


def _wait_until_healthy(address: str) -> None:
    until = time.monotonic() + PATIENCE
    while not _is_healthy(address):
        assert time.monotonic() < until, f"{address} does not answer"
        time.sleep(0.05)


def _is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(child: subprocess.Popen[str]) -> None:
    try:
        child.communicate(timeout=10)  # ends its standard input
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
