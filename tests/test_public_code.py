"""The runner of public code: what it rewrites, what its model answers, and how it counts."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from benchmarks.public_code.answers import Request, answer, fitting
from benchmarks.public_code.candidates import is_candidate, repositories
from benchmarks.public_code.causes import FORM, NAME, OUTSIDE, causes_of
from benchmarks.public_code.notebooks import cells_of
from benchmarks.public_code.rewriting import BOTH, rewritten, with_url
from benchmarks.public_code.running import Outcome, run
from benchmarks.public_code.server import serving


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a model server."""
    with serving() as url:
        yield url


def _post(url: str, body: dict[str, Any]) -> bytes:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        return bytes(response.read())


@pytest.mark.parametrize(
    ("cell", "ours", "both"),
    [
        ("from langchain_core.prompts import chain", "from runnables import chain", None),
        ("from langchain_core.x import Absent", "from runnables import Absent", None),
        ("from langchain_openai import Absent", "from runnables import Absent", None),
        ("from langchain.globals import Absent", "from runnables import Absent", None),
        (
            "from langchain_chroma import Chroma",
            "from runnables import Chroma",
            "from langchain_chroma import Chroma",
        ),
        (
            "from langchain.chains import LLMChain",
            "from runnables import LLMChain",
            "from langchain_classic.chains import LLMChain",
        ),
        (
            "from langchain import hub",
            "from runnables import hub",
            "from langchain_classic import hub",
        ),
        (
            "from langgraph.graph import END",
            "from langgraph.graph import END",
            "from langgraph.graph import END",
        ),
        (
            "from langchain_teddynote import logging",
            "from langchain_teddynote import logging",
            "from langchain_teddynote import logging",
        ),
        ("this does not parse", "this does not parse", "this does not parse"),
    ],
)
def test_an_import_of_theirs_is_one_of_ours_by_name(cell: str, ours: str, both: str | None) -> None:
    """A name that is not here stays an import that fails, or the import of what may stay."""
    assert rewritten([cell, "x"]) == [ours, "x"]
    assert rewritten([cell], BOTH) == [ours if both is None else both]


def test_cells_see_the_imports_of_each_other() -> None:
    """A module that is imported in one is used in another."""
    cells = ["import langchain_core.prompts as p", "def f(:", "p.Runnable"]
    assert rewritten(cells) == ["import runnables as p", "def f(:", "p.Runnable"]


def test_urls_of_services_become_the_servers() -> None:
    """A service that the code names is the one on loopback; other URLs stay."""
    cell = 'ChatOpenAI(base_url="https://x.org/v1", key="https://y.org")'
    assert with_url(cell, "U") == 'ChatOpenAI(base_url="U", key="https://y.org")'


def test_cells_have_no_magics() -> None:
    """What only a notebook's shell understands is gone, and the rest of the cell stays."""
    sources = ["%pip install \\\n  x\nimport a", "%%bash\nls", "files = !ls\nb = 5 % 2", "# only"]
    cells = [{"cell_type": "code", "source": source} for source in sources]
    found = cells_of("a.ipynb", json.dumps({"cells": cells}))
    assert found == ["pass\nimport a", "files = []\nb = 5 % 2"]


def test_a_script_is_one_cell_unless_it_has_marks() -> None:
    """Marks `# %%` divide a script."""
    assert cells_of("a.py", "a = 1\nb = 2\n") == ["a = 1\nb = 2"]
    assert len(cells_of("a.py", "a = 1\n# %% next\nb = 2\n")) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from langchain.x import y\nchain = prompt | llm", True),
        ("import langchain\nRunnableLambda(f)", True),
        ("from langchain.x import y\nllm.invoke('x')", False),
        ("chain = prompt | llm", False),
        ("from langchain.x import y\nimport langgraph\nprompt | llm", False),
    ],
)
def test_candidates_are_written_for_the_expression_language(text: str, expected: bool) -> None:
    """A candidate imports LangChain and pipes; one for LangGraph is none."""
    assert is_candidate("a.py", text.encode()) is expected


def test_each_repository_has_a_commit() -> None:
    """The query names what anyone can clone: an owner, a name and a whole commit."""
    for repository in repositories():
        assert repository.name.count("/") == 1
        assert len(repository.commit) == 40


def test_an_answer_is_a_function_of_the_request(url: str) -> None:
    """The same request has the same answer, another one has another, settings change nothing."""

    def content(text: str, **more: Any) -> str:
        body = {"messages": [{"role": "user", "content": text}], **more}
        answered = json.loads(_post(f"{url}/v1/chat/completions", body))
        return str(answered["choices"][0]["message"]["content"])

    assert content("bears") == content("bears", temperature=1, model="other")
    assert content("bears") != content("bees")
    body = {"messages": [{"role": "user", "content": "bears"}], "stream": True}
    lines = _post(f"{url}/v1/chat/completions", body).decode().splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    streamed = [event["choices"][0]["delta"].get("content") or "" for event in events]
    assert "".join(streamed) == content("bears")
    assert len(streamed) > 5


def test_services_that_are_asked_the_same_answer_the_same(url: str) -> None:
    """The text does not depend on which service is asked."""
    body = {"model": "m", "messages": [{"role": "user", "content": "bears"}], "stream": False}
    parts = {"contents": [{"role": "user", "parts": [{"text": "bears"}]}]}
    openai = json.loads(_post(f"{url}/chat/completions", body))
    anthropic = json.loads(_post(f"{url}/v1/messages", body))
    ollama = json.loads(_post(f"{url}/api/chat", body))
    google = json.loads(_post(f"{url}/v1beta/models/m:generateContent", parts))
    assert openai["choices"][0]["message"]["content"] == anthropic["content"][0]["text"]
    assert anthropic["content"][0]["text"] == ollama["message"]["content"]
    assert ollama["message"]["content"] == google["candidates"][0]["content"]["parts"][0]["text"]


class _Inner(BaseModel):
    at: float
    tags: list[str]


class _Person(BaseModel):
    name: str
    age: int | None
    inner: _Inner
    children: list[_Person] = []


def test_arguments_fit_the_schema_of_the_tool() -> None:
    """A forced tool is called with arguments that its schema takes, also a recursive one."""
    schema = _Person.model_json_schema()
    _Person.model_validate(fitting(schema, schema))
    said = answer(Request([("user", "x")], {"f": schema}, forced="f"))
    assert said.tool == "f"
    _Person.model_validate(said.arguments)


def test_a_tool_is_called_once_a_turn() -> None:
    """After the tool's result there is text, so that a loop of an agent ends."""
    tools = {"search": {"properties": {"query": {"type": "string"}}}}
    assert answer(Request([("user", "x")], tools)).tool == "search"
    assert answer(Request([("user", "x"), ("assistant", ""), ("tool", "y")], tools)).text


def test_cells_run_with_rewritten_imports_and_go_on_after_one_fails(url: str) -> None:
    """A chain over the model runs here, a failing cell has its error, and the next one runs."""
    cells = [
        "from langchain_core.output_parsers import StrOutputParser\n"
        "from langchain_core.prompts import ChatPromptTemplate\n"
        "prompt = ChatPromptTemplate.from_template('{x}')",
        "1 / 0",
        "(prompt | (lambda value: 'said') | StrOutputParser()).invoke({'x': 'bears'})",
        "import asyncio\nawait asyncio.sleep(0)\ninput()",
    ]
    first, second, third, fourth = run(cells, url)
    assert first.error is None
    assert second.error == "ZeroDivisionError: division by zero"
    assert (third.error, third.printed) == (None, "'said'\n")
    assert (fourth.error, fourth.printed) == (None, "'Tell me about bears.'\n")


def test_cells_of_the_original_are_not_rewritten(url: str) -> None:
    """On the original the code runs as it is written."""
    (outcome,) = run(["from langchain_core_absent import x"], url, python=sys.executable)
    assert outcome.error == "ModuleNotFoundError: No module named 'langchain_core_absent'"


@pytest.mark.parametrize(
    "cell",
    [
        "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=1)",
        "import subprocess\nsubprocess.run(['true'])",
        "import os\nos.system('true')",
        "open('/var/tmp/public-code-test', 'w')",
        "import os\nos.remove('/var/tmp/public-code-test')",
        "import langgraph",
    ],
)
def test_code_reaches_nothing_but_its_folder_and_loopback(url: str, cell: str) -> None:
    """Other hosts, processes, files outside and the peer's packages are refused."""
    refused, allowed = run([cell, "open('mine', 'w').write('x')"], url)
    assert refused.error is not None
    assert "refused" in refused.error or "Blocked" in refused.error or "langgraph" in refused.error
    assert allowed.error is None


def test_a_cell_that_ends_the_process_loses_the_rest(url: str) -> None:
    """What a dead process cannot run counts as failed, and the runner goes on."""
    outcomes = run(["a = 1", "import os\nos._exit(3)", "a"], url)
    assert [outcome.error is None for outcome in outcomes] == [True, False, False]


def test_what_follows_from_a_failure_has_its_cause() -> None:
    """A name that an earlier cell would have bound leads back to why that cell failed."""
    cells = [
        "from langchain_x import Absent\nfrom langchain_community.a import Store",
        "value = Absent()",
        "value + 1",
        "ChatOpenAI(shade='red')",
        "from langchain_community.a import Store",
    ]
    errors = [
        "ImportError: cannot import name 'Absent' from 'runnables'. Use something.",
        "NameError: name 'Absent' is not defined",
        "NameError: name 'value' is not defined",
        "TypeError: f() got an unexpected keyword argument 'shade'",
        "ImportError: cannot import name 'Store' from 'runnables'.",
    ]
    causes = causes_of(cells, [Outcome(error, "") for error in errors], [True] * 5)
    kinds = [cause.kind if cause else None for cause in causes]
    assert kinds == [NAME, NAME, NAME, FORM, OUTSIDE]
    assert [cause.line for cause in causes[:3] if cause] == ["Absent"] * 3


def test_a_cell_that_fails_on_the_original_has_no_cause() -> None:
    """Only what runs there counts here."""
    assert causes_of(["x"], [Outcome("NameError: name 'x' is not defined", "")], [False]) == [None]
