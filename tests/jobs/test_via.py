"""Jobs whose models are asked through the batch jobs of their providers: `via="provider"`."""

from __future__ import annotations

import ast
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from runnables import ConfigError, Progress, RunnableLambda, StrOutputParser
from runnables.models import ChatModel
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.jobs.batch_server import KEY, BatchServer, Fate

WORDS = ["ahoy", "tide", "mast", "keel", "buoy"]

PROGRAM = """
import sys
from runnables import StrOutputParser
from runnables_providers.openai import ChatOpenAI
model = ChatOpenAI("gpt-5-mini", base_url=sys.argv[1], api_key=sys.argv[2], max_retries=None)
print((model | StrOutputParser()).batch(sys.argv[4:], via="provider", checkpoint=sys.argv[3]))
"""


def test_rows_go_as_one_job_and_are_kept(
    server: BatchServer, openai: ChatModel, tmp_path: Path
) -> None:
    """A row that failed is sent again by the next run, alone; the others are not."""
    path = tmp_path / "run.sqlite"
    chain = RunnableLambda(str.strip) | openai | StrOutputParser()
    fates: dict[str, Fate] = {"mast": "refused"}
    server.fate = lambda text: fates.get(text, "ok")
    outputs = chain.batch(WORDS, via="provider", checkpoint=path, return_exceptions=True)
    assert [isinstance(output, str) for output in outputs] == [True, True, False, True, True]
    fates.clear()
    again = chain.batch(WORDS, via="provider", checkpoint=path)
    assert [again[0], again[1]] == outputs[:2]
    assert [sorted(prompts) for prompts in server.prompts()] == [sorted(WORDS), ["mast"]]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM provider_job").fetchone() == (2,)


def test_the_tokens_of_all_rows_are_counted(call: Call, openai: ChatModel) -> None:
    """Also where the rows go through one call, so that it is not known which row has used what."""
    seen: list[Progress] = []
    prices = {"gpt-5-mini": (1.0, 1.0)}
    call.batch(openai, WORDS, via="provider", progress=seen.append, prices=prices)
    assert (seen[-1].input_tokens, seen[-1].output_tokens) == (5 * len(WORDS), 2 * len(WORDS))
    assert seen[-1].cost == pytest.approx(7 * len(WORDS) / 1e6)


def test_a_killed_process_goes_on_with_its_job(server: BatchServer, tmp_path: Path) -> None:
    """After kill -9 the same call waits for the job that runs, and pays for no other."""
    server.polls = None
    program = [sys.executable, "-c", PROGRAM, f"{server.url}/v1", KEY]
    program += [str(tmp_path / "run.sqlite"), *WORDS]
    process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert server.wait_for_poll(60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    server.release()
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert len(ast.literal_eval(done.stdout)) == len(WORDS)
    assert [sorted(prompts) for prompts in server.prompts()] == [sorted(WORDS)]


def test_a_model_without_batch_jobs_is_refused() -> None:
    """Before any row, as is a `via` that there is not."""
    model = ScriptedChatModel(["a"])
    with pytest.raises(ConfigError, match="batch"):
        model.batch(["x"], via="provider")
    with pytest.raises(ConfigError, match="via='half': expected 'provider' or 'flex'"):
        model.batch(["x"], via="half")
