"""Jobs of a provider outlive the call that sent them; the next one goes on with them."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from runnables import (
    BatchProgress,
    InvalidRequestError,
    ModelConnectionError,
    ModelError,
    ModelTimeoutError,
    RunnableLambda,
    StrOutputParser,
    acancel_provider_job,
    cancel_provider_job,
    via_provider,
)
from runnables.jobs.job_calls import poll_delays
from runnables.models import ChatModel
from tests.both_modes import Call, run_clean
from tests.jobs.batch_server import KEY, BatchServer, Fate

QUICK: dict[str, Any] = {"first_poll": 0.01, "longest_poll": 0.02}
WORDS = ["ahoy", "tide", "mast", "keel", "buoy"]
ROOT = Path(__file__).resolve().parents[2]


class Notes:
    """The jobs that were submitted, as a checkpoint would note them down."""

    def __init__(self) -> None:
        self.jobs: dict[str, tuple[str, ...]] = {}

    def __call__(self, job_id: str, custom_ids: Sequence[str]) -> None:
        self.jobs[job_id] = tuple(custom_ids)


def left(server: BatchServer, model: ChatModel, rows: list[str]) -> Notes:
    """Submit a job, and leave it running."""
    notes = Notes()
    server.polls = None
    step = via_provider(model, **QUICK, max_wait=0.01, on_submitted=notes)
    outputs = step.batch(rows, return_exceptions=True)
    assert {type(output) for output in outputs} == {ModelTimeoutError}
    server.release()
    return notes


def test_the_ids_of_a_job_are_reported_before_it_is_polled(
    server: BatchServer, model: ChatModel, call: Call
) -> None:
    """A process that is killed at its first poll has them."""
    polls: list[int] = []
    notes = Notes()

    def note(job_id: str, custom_ids: Sequence[str]) -> None:
        notes(job_id, custom_ids)
        polls.append(server.jobs[-1].polls)

    call.batch(via_provider(model, **QUICK, on_submitted=note), WORDS)
    assert polls == [0]
    assert notes.jobs == {server.jobs[0].id: tuple(server.jobs[0].requests)}
    assert all(len(custom_id) <= 64 for custom_id in server.jobs[0].requests)


def test_rows_of_an_attached_job_are_not_sent(
    server: BatchServer, model: ChatModel, call: Call
) -> None:
    """They are found by what they say: rows that are new, gone or moved shift nothing."""
    notes = left(server, model, [*WORDS, "ahoy"])
    chain = via_provider(model, **QUICK, attach=notes.jobs) | StrOutputParser()
    rows = ["rope", "keel", "ahoy", "ahoy", "tide", "ahoy"]
    assert call.batch(chain, rows) == [row.upper() for row in rows]
    assert server.prompts() == [[*WORDS, "ahoy"], ["rope", "ahoy"]]


def test_a_job_can_be_attached_by_its_id_alone(
    server: BatchServer, model: ChatModel, call: Call
) -> None:
    """Its rows are known when it has ended; only then are others sent."""
    [job_id] = left(server, model, WORDS).jobs
    chain = via_provider(model, **QUICK, attach=job_id) | StrOutputParser()
    assert call.batch(chain, [*WORDS, "rope"]) == [*map(str.upper, WORDS), "ROPE"]
    assert server.prompts() == [WORDS, ["rope"]]


def test_what_an_attached_job_failed_is_sent_again(
    server: BatchServer, model: ChatModel, call: Call
) -> None:
    """Failed, expired and missing rows of a job of an earlier run are one new job."""
    fates: dict[str, Fate] = {"tide": "refused", "keel": "expired", "mast": "missing"}
    server.fate = lambda text: fates.get(text, "ok") if len(server.jobs) == 1 else "ok"
    notes = left(server, model, WORDS)
    chain = via_provider(model, **QUICK, attach=notes.jobs) | StrOutputParser()
    assert call.batch(chain, WORDS) == [word.upper() for word in WORDS]
    assert [sorted(prompts) for prompts in server.prompts()] == [
        sorted(WORDS),
        ["keel", "mast", "tide"],
    ]


def test_an_attached_job_that_is_not_known_is_an_error(
    server: BatchServer, model: ChatModel, call: Call
) -> None:
    """A wrong key must not have the rows paid a second time."""
    name = {"openai": "batch_404", "anthropic": "msgbatch_404"}.get(model._batch_service().provider)
    step = via_provider(model, **QUICK, attach=name or "batches/404")
    outputs = call.batch(step, WORDS, return_exceptions=True)
    assert {type(output) for output in outputs} == {InvalidRequestError}
    assert server.jobs == []


def test_rows_that_waited_too_long_wait_for_the_same_job_again(
    server: BatchServer, openai: ChatModel, call: Call
) -> None:
    """Their error is worth a retry, which pays nothing."""
    server.polls = None
    step = via_provider(openai, **QUICK, max_wait=0.01)
    outputs = call.batch(step, WORDS, return_exceptions=True)
    assert {type(output) for output in outputs} == {ModelTimeoutError}
    assert "It goes on" in str(outputs[0])
    server.release()
    assert [output.text for output in call.batch(step, WORDS)] == [word.upper() for word in WORDS]
    assert len(server.jobs) == 1


def test_leaving_says_that_the_job_goes_on(
    server: BatchServer, model: ChatModel, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has its id and how to end it; the same rows wait for it again."""
    server.polls = None

    def fail(_: object) -> object:
        assert server.wait_for_poll()
        raise KeyError("another row")

    step = via_provider(model, **QUICK)
    chain: Any = RunnableLambda(lambda text: text) | {"a": step, "b": RunnableLambda(fail)}
    with caplog.at_level(logging.WARNING, "runnables"), pytest.raises(KeyError):
        call.invoke(chain, "ahoy")
    [job] = server.jobs
    assert f"the batch job {job.id} (1 rows) goes on" in caplog.text
    assert "cancel_provider_job" in caplog.text
    assert not job.cancelled
    server.release()
    assert call.invoke(step, "ahoy").text == "AHOY"
    assert len(server.jobs) == 1


def test_leaving_can_cancel_the_job(
    server: BatchServer, model: ChatModel, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """It is cancelled although the call around it is, too; the same rows are then sent anew."""
    server.polls = None

    def fail(_: object) -> object:
        assert server.wait_for_poll()
        raise KeyError("another row")

    step = via_provider(model, **QUICK, cancel_on_leave=True)
    chain: Any = RunnableLambda(lambda text: text) | {"a": step, "b": RunnableLambda(fail)}
    with caplog.at_level(logging.WARNING, "runnables"), pytest.raises(KeyError):
        call.invoke(chain, "ahoy")
    assert server.jobs[0].cancelled
    assert "is cancelled; what it has processed is paid" in caplog.text
    server.release()
    assert call.invoke(step, "ahoy").text == "AHOY"
    assert len(server.jobs) == 2


def test_leaving_a_submission_says_that_a_job_may_have_begun(
    server: BatchServer, model: ChatModel, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """Its id never came, so all that can be done is to look at the list of the service."""
    server.proceeds.clear()

    def fail(_: object) -> object:
        assert server.began.wait(20)
        raise KeyError("another row")

    branches = {"a": via_provider(model, **QUICK), "b": RunnableLambda(fail)}
    chain: Any = RunnableLambda(lambda text: text) | branches
    with caplog.at_level(logging.WARNING, "runnables"), pytest.raises(KeyError):
        call.invoke(chain, "ahoy")
    server.proceeds.set()
    assert "a batch job was being sent, and may have begun" in caplog.text


def test_a_job_that_cannot_be_noted_down_does_not_go_on(
    server: BatchServer, model: ChatModel, call: Call
) -> None:
    """A full disk, say: after a crash it would be lost."""

    def full(job_id: str, custom_ids: Sequence[str]) -> None:
        raise OSError("no space left on device")

    outputs = call.batch(
        via_provider(model, **QUICK, on_submitted=full), WORDS, return_exceptions=True
    )
    assert {type(output) for output in outputs} == {OSError}
    assert any("is cancelled" in note for note in outputs[0].__notes__)
    assert [job.cancelled for job in server.jobs] == [True]


def test_a_job_can_be_cancelled_by_its_id(
    server: BatchServer, model: ChatModel, call: Call
) -> None:
    """Also by another process; the rows that wait for it say so."""
    server.polls = None

    def cancel(progress: BatchProgress) -> None:
        if not server.jobs[0].cancelled:
            cancel_provider_job(model, progress.jobs[0].job_id)

    step = via_provider(model, **QUICK, on_progress=cancel)
    outputs = call.batch(step, WORDS, return_exceptions=True)
    assert {type(output) for output in outputs} == {ModelError}
    assert "was cancelled before" in str(outputs[0])


def test_a_job_whose_reply_is_lost_is_found(
    server: BatchServer, model: ChatModel, call: Call
) -> None:
    """By its file, or by its name. Claude's jobs have neither: then the error says what to do."""
    server.lost = 1
    outputs = call.batch(via_provider(model, **QUICK), WORDS, return_exceptions=True)
    assert len(server.jobs) == 1
    if model._batch_service().provider != "anthropic":
        assert [output.text for output in outputs] == [word.upper() for word in WORDS]
        return
    assert {type(output) for output in outputs} == {ModelConnectionError}
    assert any("they would be paid twice" in note for note in outputs[0].__notes__)


def test_a_job_can_be_cancelled_from_a_loop(server: BatchServer, model: ChatModel) -> None:
    """There is an async counterpart, with the same errors."""
    [job_id] = left(server, model, WORDS).jobs
    run_clean(acancel_provider_job(model, job_id))
    assert server.jobs[0].cancelled
    with pytest.raises(InvalidRequestError, match="404"):
        run_clean(acancel_provider_job(model, "batch_404"))


def test_polls_are_ever_less_frequent() -> None:
    """Each wait is half as long again as the one before, up to the longest."""
    delays = poll_delays(2, 300)
    waits = [next(delays) for _ in range(20)]
    assert waits[:3] == [2, 3, 4.5]
    assert waits[12:] == [pytest.approx(2 * 1.5**12), *[300] * 7]


PROGRAM = """
    import json, sys
    from runnables import ChatPromptTemplate, StrOutputParser, via_provider
    from runnables_providers.openai import ChatOpenAI

    url, notes = sys.argv[1:]
    rows = [{"text": f"row {number % 40}"} for number in range(60)]
    try:
        known = dict(json.loads(line) for line in open(notes))
    except FileNotFoundError:
        known = {}

    def note(job_id, custom_ids):
        with open(notes, "a") as file:
            print(json.dumps([job_id, custom_ids]), file=file, flush=True)

    prompt = ChatPromptTemplate.from_template("{text}")
    model = ChatOpenAI("gpt-5-mini", base_url=url + "/v1", api_key="KEY", max_retries=None)
    chain = via_provider(
        prompt | model | StrOutputParser(),
        first_poll=0.02, longest_poll=0.05, attach=known, on_submitted=note,
    )
    print(json.dumps(chain.batch(rows)))
"""


def _program(server: BatchServer, notes: Path) -> subprocess.Popen[str]:
    code = textwrap.dedent(PROGRAM).replace("KEY", KEY)
    paths = os.pathsep.join((str(ROOT), str(ROOT / "providers")))
    return subprocess.Popen(
        [sys.executable, "-c", code, server.url, str(notes)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_a_killed_process_goes_on_with_its_job(server: BatchServer, tmp_path: Path) -> None:
    """After kill -9 while it polls, the same program sends nothing, and has all outputs."""
    server.polls = None
    notes = tmp_path / "jobs.jsonl"
    with _program(server, notes) as first:
        assert server.wait_for_poll(60)
        first.send_signal(signal.SIGKILL)
        first.communicate()
    assert first.returncode == -signal.SIGKILL
    server.release()
    with _program(server, notes) as second:
        output, errors = second.communicate(timeout=60)
    assert second.returncode == 0, errors
    assert json.loads(output) == [f"ROW {number % 40}" for number in range(60)]
    assert [len(job.requests) for job in server.jobs] == [60]


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGINT for another process")
def test_an_interrupt_says_what_becomes_of_the_job(server: BatchServer, tmp_path: Path) -> None:
    """Ctrl-C ends the program at once; what it prints has the id of the job."""
    server.polls = None
    with _program(server, tmp_path / "jobs.jsonl") as program:
        assert server.wait_for_poll(60)
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=60)
    assert program.returncode != 0
    assert f"the batch job {server.jobs[0].id} (60 rows) goes on" in errors
    assert "KeyboardInterrupt" in errors
