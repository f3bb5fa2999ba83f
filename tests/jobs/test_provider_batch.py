"""A batch of a chain whose model is asked through the batch jobs of its provider."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from runnables import (
    BatchProgress,
    Budget,
    ChatPromptTemplate,
    InMemoryCache,
    InvalidRequestError,
    ModelError,
    ModelTimeoutError,
    ProviderBatch,
    RunnableLambda,
    RunnableParallel,
    ServerError,
    StrOutputParser,
    track_usage,
    via_provider,
)
from runnables.models import ChatModel
from tests.both_modes import Call
from tests.jobs.batch_server import BatchServer, Fate
from tests.jobs.conftest import MODELS

QUICK: dict[str, Any] = {"first_poll": 0.01, "longest_poll": 0.02}

WORDS = ["ahoy", "tide", "mast", "keel", "buoy"]


def by_text(**fates: Fate) -> Callable[[str], Fate]:
    """Return the fates of some prompts; all others are answered."""
    return lambda text: fates.get(text, "ok")


def shown(outputs: list[Any]) -> list[Any]:
    """Return outputs with the class of each error in its place."""
    return [type(output) if isinstance(output, Exception) else output for output in outputs]


def test_the_rows_of_a_batch_are_one_job(server: BatchServer, model: ChatModel, call: Call) -> None:
    """Steps before and after run for each row; results that come reversed are put in order."""
    prompt = ChatPromptTemplate.from_template("{word}")
    chain = via_provider(prompt | model | StrOutputParser() | (lambda text: text[::-1]), **QUICK)
    outputs = call.batch(chain, [{"word": word} for word in WORDS])
    assert outputs == [word.upper()[::-1] for word in WORDS]
    assert server.prompts() == [WORDS]


def test_rows_of_equal_content_are_rows_of_their_own(
    server: BatchServer, model: ChatModel, call: Call
) -> None:
    """Each has a custom id, so none gets lost, and each is paid once."""
    outputs = call.batch(via_provider(model, **QUICK), ["ahoy", "tide", "ahoy"])
    assert [output.text for output in outputs] == ["AHOY", "TIDE", "AHOY"]
    assert server.prompts() == [["ahoy", "tide", "ahoy"]]


def test_an_answer_is_that_of_an_online_call(
    server: BatchServer, model: ChatModel, call: Call
) -> None:
    """Text, usage and metadata go through the same parser; only the request's id may differ."""
    [output] = call.batch(via_provider(model, **QUICK), ["ahoy"])
    online = call.invoke(model, "ahoy")
    output.response_metadata.pop("request_id", None)
    assert output == online
    assert output.usage_metadata["total_tokens"] == 7


def test_each_row_has_its_own_error(server: BatchServer, model: ChatModel, call: Call) -> None:
    """What failed is an error of the kind that an online call raises; the others have answers."""
    server.fate = by_text(tide="refused", mast="server_error", keel="missing")
    chain = via_provider(model, **QUICK) | StrOutputParser()
    outputs = call.batch(chain, WORDS, return_exceptions=True)
    assert shown(outputs) == ["AHOY", InvalidRequestError, ServerError, ServerError, "BUOY"]
    assert "refused: tide" in str(outputs[1])
    assert "without a result" in str(outputs[3])
    assert outputs[1].__notes__[-1].endswith("batch item 1")


def test_expired_rows_can_be_sent_again(server: BatchServer, model: ChatModel, call: Call) -> None:
    """A retry around the step gathers them, and sends one job of them alone."""
    server.fate = by_text(tide="expired", keel="expired")
    outputs = call.batch(via_provider(model, **QUICK), WORDS, return_exceptions=True)
    assert shown(outputs)[1] is ModelTimeoutError
    assert "expired" in str(outputs[1])

    def once(text: str) -> Fate:
        return "expired" if len(server.jobs) == 2 and text in ("tide", "keel") else "ok"

    server.fate = once
    retried = via_provider(model, **QUICK).with_retry(wait_exponential_jitter=False)
    outputs = call.batch(retried | StrOutputParser(), WORDS)
    assert outputs == [word.upper() for word in WORDS]
    assert server.prompts() == [WORDS, WORDS, ["tide", "keel"]]


def test_a_job_of_nothing_but_errors_is_read(server: BatchServer, model: ChatModel) -> None:
    """Then OpenAI has an error file alone, and says so by leaving out the id of the other."""
    server.fate = lambda text: "refused"
    outputs = via_provider(model, **QUICK).batch(WORDS, return_exceptions=True)
    assert shown(outputs) == [InvalidRequestError] * 5


@pytest.mark.parametrize("end", ["expired", "cancelled"])
def test_what_an_ended_job_has_done_is_kept(
    server: BatchServer, openai: ChatModel, end: str, call: Call
) -> None:
    """The output file of an expired job holds paid rows."""
    server.end = end
    server.fate = by_text(tide="missing")
    outputs = call.batch(via_provider(openai, **QUICK), WORDS, return_exceptions=True)
    assert [output.text for output in (outputs[0], *outputs[2:])] == [
        "AHOY",
        "MAST",
        "KEEL",
        "BUOY",
    ]
    assert isinstance(outputs[1], ModelTimeoutError if end == "expired" else ModelError)
    assert end in str(outputs[1])


@pytest.mark.parametrize("word", ["scheduling", "BATCH_STATE_NEW", "archiving"])
def test_a_state_that_is_not_known_has_not_ended(
    server: BatchServer, model: ChatModel, word: str, call: Call
) -> None:
    """It is polled again, until it ends."""
    server.running_states, server.polls = [word], 3
    seen: list[BatchProgress] = []
    outputs = call.batch(via_provider(model, **QUICK, on_progress=seen.append), WORDS[:2])
    assert [output.text for output in outputs] == ["AHOY", "TIDE"]
    assert word in {job.state for progress in seen for job in progress.jobs}
    assert server.jobs[0].polls == 4


def test_progress_has_rows_and_states(server: BatchServer, model: ChatModel, call: Call) -> None:
    """It is reported at the submission, and after each poll."""
    server.fate = by_text(tide="refused")
    seen: list[BatchProgress] = []
    chain = via_provider(model, **QUICK, on_progress=seen.append)
    call.batch(chain, WORDS, return_exceptions=True)
    assert [(one.rows, one.done, one.failed) for one in seen] == [(5, 0, 0), (5, 0, 0), (5, 5, 1)]
    [job] = seen[-1].jobs
    assert (job.ended, job.total, job.succeeded, job.failed) == (True, 5, 4, 1)


def test_progress_that_fails_ends_no_job(
    openai: ChatModel, caplog: pytest.LogCaptureFixture
) -> None:
    """A job is paid: the error is in the log, and the rows have their answers."""

    def fail(progress: BatchProgress) -> None:
        raise ZeroDivisionError("bar")

    with caplog.at_level(logging.WARNING, "runnables"):
        outputs = via_provider(openai, **QUICK, on_progress=fail).batch(["ahoy"])
    assert [output.text for output in outputs] == ["AHOY"]
    assert "on_progress failed" in caplog.text


def test_rows_that_cannot_be_sent_fail_alone(
    server: BatchServer, openai: ChatModel, call: Call
) -> None:
    """The others go without them."""
    outputs = call.batch(via_provider(openai, **QUICK), ["ahoy", 7, "tide"], return_exceptions=True)
    assert [outputs[0].text, outputs[2].text] == ["AHOY", "TIDE"]
    assert isinstance(outputs[1], (TypeError, ValueError))
    assert server.prompts() == [["ahoy", "tide"]]


def test_a_refused_job_is_not_sent_row_by_row(server: BatchServer, call: Call) -> None:
    """All rows have the error, after one request; none is asked for by itself."""
    model = MODELS["openai"](server, default_headers={"authorization": "Bearer wrong-key-000"})
    outputs = call.batch(via_provider(model, **QUICK), WORDS, return_exceptions=True)
    assert {type(output).__name__ for output in outputs} == {"AuthenticationError"}
    assert len(server.seen) == 1
    assert "wrong-key-000" not in repr(outputs)


def test_a_job_that_fails_as_a_whole_says_why(
    server: BatchServer, openai: ChatModel, call: Call
) -> None:
    """Its first errors are in the error of each row."""
    model = openai.bind(extra_body={"stream": True})
    outputs = call.batch(via_provider(model, **QUICK), WORDS, return_exceptions=True)
    assert shown(outputs) == [InvalidRequestError] * 5
    assert "line 1: The URL does not match." in str(outputs[0])
    assert "(and 2 more)" in str(outputs[0])


def test_polls_that_fail_are_repeated(
    server: BatchServer, openai: ChatModel, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """The job goes on anyway; the log says so once."""
    server.fails = 3
    with caplog.at_level(logging.WARNING, "runnables"):
        outputs = call.batch(via_provider(openai, **QUICK), WORDS[:1])
    assert [output.text for output in outputs] == ["AHOY"]
    assert caplog.text.count("asked for again") == 1


def test_a_download_that_breaks_off_is_begun_again(
    server: BatchServer, model: ChatModel, call: Call
) -> None:
    """What it had is not read twice."""
    server.cuts = 2
    outputs = call.batch(via_provider(model, **QUICK), WORDS)
    assert [output.text for output in outputs] == [word.upper() for word in WORDS]
    assert len(server.jobs) == 1


def test_more_rows_than_a_job_takes_are_several_jobs(
    server: BatchServer, model: ChatModel, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are submitted at once, and split by rows; the outputs are in order."""
    monkeypatch.setattr(type(model._batch_service()), "max_requests", 2)
    chain = via_provider(model, **QUICK, max_batch_size=10) | StrOutputParser()
    assert call.batch(chain, WORDS) == [word.upper() for word in WORDS]
    assert server.prompts() == [WORDS[:2], WORDS[2:4], WORDS[4:]]


def test_jobs_are_split_by_bytes_too(
    server: BatchServer, model: ChatModel, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that is larger than a whole job fails alone."""
    monkeypatch.setattr(type(model._batch_service()), "max_bytes", 1500)
    rows = ["a" * 500, "b" * 500, "c" * 5000, "d" * 500]
    chain = via_provider(model, **QUICK) | (lambda answer: answer.text[0])
    outputs = call.batch(chain, rows, return_exceptions=True)
    assert shown(outputs) == ["A", "B", InvalidRequestError, "D"]
    assert "larger than a whole batch job" in str(outputs[2])
    assert [len(job.requests) for job in server.jobs] == [1, 1, 1]


def test_a_large_job_of_google_is_a_file(server: BatchServer, call: Call) -> None:
    """Uploaded without the key, as its URL has the right to it; the results are a file, too."""
    rows = [f"row {number}" for number in range(150)]
    chain = via_provider(MODELS["google"](server), **QUICK) | StrOutputParser()
    assert call.batch(chain, rows) == [row.upper() for row in rows]
    assert [job.about["file"] for job in server.jobs] == [True]
    [upload] = [seen for seen in server.seen if seen.path.startswith("/uploads/")]
    assert "x-goog-api-key" not in upload.headers


def test_two_models_in_a_chain_are_two_jobs(server: BatchServer, call: Call) -> None:
    """One after the other where the second needs the first, and at once where it does not."""
    first, second = MODELS["openai"](server), MODELS["anthropic"](server)
    chain = via_provider(
        first | StrOutputParser() | RunnableParallel(again=second | StrOutputParser(), size=len),
        **QUICK,
    )
    assert call.batch(chain, WORDS[:2]) == [
        {"again": "AHOY", "size": 4},
        {"again": "TIDE", "size": 4},
    ]
    assert [(job.kind, job.prompts()) for job in server.jobs] == [
        ("openai", ["ahoy", "tide"]),
        ("anthropic", ["AHOY", "TIDE"]),
    ]


def test_one_input_is_a_job_of_one_row(server: BatchServer, model: ChatModel, call: Call) -> None:
    """`invoke` and `stream` wait for it, too; an error is raised."""
    step = via_provider(model, **QUICK)
    assert call.invoke(step, "ahoy").text == "AHOY"
    assert [chunk.text for chunk in call.stream(step, "tide")] == ["TIDE"]
    server.fate = lambda text: "refused"
    with pytest.raises(InvalidRequestError, match="refused: mast"):
        call.invoke(step, "mast")
    assert server.prompts() == [["ahoy"], ["tide"], ["mast"]]


def test_usage_and_events_are_those_of_the_rows(
    server: BatchServer, model: ChatModel, call: Call
) -> None:
    """Each row is a run of the model, so that what counts tokens counts them by row."""
    server.fate = by_text(tide="refused")
    with track_usage() as usage:
        call.batch(via_provider(model, **QUICK), WORDS, return_exceptions=True)
    assert (usage.calls, usage.total["total_tokens"]) == (4, 28)


def test_a_spent_budget_sends_nothing(server: BatchServer, openai: ChatModel, call: Call) -> None:
    """The rows fail before a job is made."""
    with Budget(tokens=10) as budget:
        call.batch(via_provider(openai, **QUICK), WORDS[:2])
        outputs = call.batch(via_provider(openai, **QUICK), WORDS, return_exceptions=True)
    assert budget.spent_tokens == 14
    assert {type(output).__name__ for output in outputs} == {"BudgetExceeded"}
    assert len(server.jobs) == 1


def test_cached_rows_are_not_sent(server: BatchServer, call: Call) -> None:
    """The cache of the model is read first, and gets what the job answers."""
    model = MODELS["openai"](server, cache=InMemoryCache())
    call.invoke(model, "tide")
    step = via_provider(model, **QUICK)
    outputs = call.batch(step, WORDS[:3])
    assert [output.text for output in outputs] == ["AHOY", "TIDE", "MAST"]
    assert server.prompts() == [["ahoy", "mast"]]
    assert call.invoke(model, "mast").response_metadata["from_cache"]


def test_results_come_row_by_row_as_completed(
    server: BatchServer, openai: ChatModel, call: Call
) -> None:
    """Later steps do not wait for one another after the job."""
    chain = via_provider(openai | RunnableLambda(lambda answer: answer.text), **QUICK)
    assert sorted(call.batch_as_completed(chain, WORDS)) == list(enumerate(map(str.upper, WORDS)))


def test_methods_of_the_model_can_be_called_of_the_step(
    server: BatchServer, openai: ChatModel
) -> None:
    """What they return has the step in the place of the model, and the same settings."""
    chain: Any = via_provider(openai, **QUICK, max_wait=7)
    structured = chain.with_structured_output({"title": "a", "type": "object", "properties": {}})
    step = structured.steps[0].bound
    assert isinstance(step, ProviderBatch)
    assert step.max_wait == 7
    assert step.model is openai


def test_fewer_rows_at_once_are_several_jobs(
    server: BatchServer, openai: ChatModel, call: Call
) -> None:
    """`max_batch_size` bounds how many gather; all rows are sent once, and are in order."""
    chain = via_provider(openai, **QUICK, max_batch_size=2) | RunnableLambda(lambda one: one.text)
    assert call.batch(chain, WORDS) == [word.upper() for word in WORDS]
    assert sorted(len(job.requests) for job in server.jobs) == [1, 2, 2]
    assert sorted(word for prompts in server.prompts() for word in prompts) == sorted(WORDS)


def test_a_cache_around_the_step_gets_what_has_an_answer(
    server: BatchServer, openai: ChatModel, call: Call
) -> None:
    """A row that failed is sent again by the next batch, alone."""
    server.fate = by_text(mast="refused")
    chain = via_provider(openai, **QUICK).with_cache()
    outputs = call.batch(chain, WORDS, return_exceptions=True)
    assert isinstance(outputs[2], InvalidRequestError)
    server.fate = by_text()
    assert [output.text for output in call.batch(chain, WORDS)] == [word.upper() for word in WORDS]
    assert server.prompts() == [WORDS, ["mast"]]
