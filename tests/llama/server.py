"""A real llama.cpp server in its own process, so that a crash does not end the tests.

It has `/v1/chat/completions`, `/v1/responses`, `/v1/messages` and `/v1/embeddings`, with the local
model SmolLM2-135M-Instruct. Observations of the server (xllamacpp 2026.10):

- The chat template of the model has no tools, and ignores them silently. The one of these tests
  (`tools.jinja`) shows two calls as examples, so that the model starts a call with its first token;
  from there the grammar of the schema constrains it. It makes two calls if the question needs two.
  If the conversation ends with a tool result, the template leaves out the tools, and the model
  answers with text.
- `tool_choice` "required" (Anthropic: "any") allows text before a call; the examples prevent it. A
  tool by name counts as "auto", so pass a single tool if it matters. "none" leaves the tools in the
  prompt, and returns a call as text; `/v1/messages` treats it as "auto".
- A JSON schema constrains the answer in `/v1/chat/completions` as `response_format`.
  `/v1/responses` ignores the schema in `text.format` (it reads only `response_format`, which is not
  part of that API), and `/v1/messages` ignores every such field, so it needs a tool.
- `stop` works everywhere (`stop_sequences` in `/v1/messages`; `stop` in `/v1/responses`, which
  documents no such field); the text ends before it.
- Images: status 500, "image input is not supported". Too long a conversation: status 400,
  "exceed_context_size_error". A wrong key: 401. An unknown path: 404.
- Ollama's `/api/chat` does not exist.
- Usage: `/v1/messages` counts cached tokens apart from `input_tokens`.
- `/v1/responses` refuses `{"role": "assistant", "content": "Hello"}` in `input` ("Cannot determine
  type of 'item'"), which the API accepts.
- `/v1/responses` reports "completed" also if `max_output_tokens` ended the answer, and its events
  have no `output_index`.
- A body for `/v1/messages` whose `messages` is not a list ends the process.

The server of these tests answers at temperature 0, with at most 128 tokens by default, and has a
context of 4096 tokens. It caches prompts, since it takes longer to read a tool than to call it. A
cached prompt is rounded differently than one that is read for the first time, which may change the
words. So a test that compares two answers sends the question once before.
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
START_TIMEOUT = 60.0


@dataclass(frozen=True)
class LlamaServer:
    """Address of the server.

    Attributes:
        url: the root URL, without a slash at the end: the base URL of Anthropic's clients.
        key: the key that it requires; it answers another key with 401.
        model: the name of its model, which it reports for any requested name.
    """

    url: str
    key: str = KEY
    model: str = "smollm2"

    @property
    def v1(self) -> str:
        """Return the base URL of OpenAI's clients."""
        return f"{self.url}/v1"


@contextmanager
def llama_server() -> Iterator[LlamaServer]:
    """Run the server until the block ends; yield it when it answers."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.llama.child", KEY],
        cwd=ROOT,
        # Without this, waiting threads would take the CPUs from the threads that they wait for.
        env={**os.environ, "PYTHONPATH": str(ROOT), "GOMP_SPINCOUNT": "1000"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        assert url, f"the server ended with {child.wait()}; its error is on stderr"
        _wait_until_healthy(url)
        yield LlamaServer(url)
    finally:
        _end(child)


def _wait_until_healthy(url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not _is_healthy(url):
        assert time.monotonic() < deadline, f"{url} does not answer"
        time.sleep(0.05)


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(child: subprocess.Popen[str]) -> None:
    try:
        child.communicate(timeout=10)  # closes its standard input
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
