"""2,000 calls of a service that fails at random: each has the expected outcome."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from runnables import RunnableLambda
from runnables.errors import ModelError, RateLimitError, is_retryable
from runnables_providers._http import Timeouts, close, open_calls
from runnables_providers.openai import ChatOpenAI
from tests.both_modes import Call
from tests.failing_services.service import (
    RESPONSE_FAILURES,
    SILENCE,
    STREAM_FAILURES,
    FailingService,
    expected,
    failing,
    text_of,
)
from tests.leaks import wait_for

CALLS = 500
"""The number of calls, for each of four: `invoke` and `stream`, sync and async."""
MAX_CONCURRENCY = 48
LIMITS = Timeouts(connect=5, first=SILENCE, between=SILENCE)


def _model(service: FailingService, **settings: Any) -> ChatOpenAI:
    return ChatOpenAI("m", api_key="sk-x", base_url=service.url, timeout=LIMITS, **settings)


def _check(n: int, failure: str, outcome: Any, *, streamed: bool) -> None:
    """Assert that a call has its expected outcome."""
    error_type = expected(failure, streamed=streamed)
    if error_type is None:
        assert outcome == text_of(n), (n, failure)
    else:
        assert type(outcome) is error_type, (n, failure, outcome)
        assert outcome.provider == "openai"
        assert "sk-x" not in str(outcome)
    if isinstance(outcome, RateLimitError):
        assert outcome.retry_after == (7 if failure == "429 with retry-after" else None)


def _assert_nothing_is_left(service: FailingService) -> None:
    close()
    assert wait_for(lambda: not service.counts.unanswered, 5), service.counts
    assert wait_for(lambda: not service.counts.open_connections, 5), service.counts
    assert open_calls() == 0


def _assert_sent_once(service: FailingService, *, streamed: bool) -> None:
    """Assert one request a call, or two if the server may not have read the first."""
    repeated = {n for n, times in service.counts.requests.items() if times > 1}
    unread = {"closed before the response", "reset before the response"}
    assert {service.failure(n, streamed=streamed) for n in repeated} <= unread
    assert max(service.counts.requests.values()) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_invoke_has_the_expected_outcome(call: Call, seed: int) -> None:
    """Each failure occurs many times."""
    with failing(seed) as service:
        model = _model(service, max_retries=None)
        outcomes = call.batch(
            model,
            [f"call {n}" for n in range(CALLS)],
            return_exceptions=True,
            max_concurrency=MAX_CONCURRENCY,
        )
        occurred = Counter(service.failure(n, streamed=False) for n in range(CALLS))
        assert occurred.keys() == RESPONSE_FAILURES.keys()
        for n, result in enumerate(outcomes):
            outcome = result if isinstance(result, Exception) else result.text
            _check(n, service.failure(n, streamed=False), outcome, streamed=False)
        _assert_nothing_is_left(service)
        _assert_sent_once(service, streamed=False)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_streams_have_the_expected_outcome(call: Call, seed: int) -> None:
    """The text before an error is the start of the correct answer."""
    with failing(seed) as service:
        model = _model(service, max_retries=None)

        def is_closed_early(n: int) -> bool:
            return service.failure(n, streamed=True) == "closed by client"

        def read(n: int) -> tuple[str, Exception | None]:
            parts: list[str] = []
            try:
                with model.stream(f"call {n}") as chunks:
                    for chunk in chunks:
                        parts.append(chunk.text)
                        if is_closed_early(n) and chunk.text:
                            break
            except ModelError as error:
                return "".join(parts), error
            return "".join(parts), None

        async def aread(n: int) -> tuple[str, Exception | None]:
            parts: list[str] = []
            try:
                async with model.astream(f"call {n}") as chunks:
                    async for chunk in chunks:
                        parts.append(chunk.text)
                        if is_closed_early(n) and chunk.text:
                            break
            except ModelError as error:
                return "".join(parts), error
            return "".join(parts), None

        outcomes = call.batch(
            RunnableLambda(read, aread), range(CALLS), max_concurrency=MAX_CONCURRENCY
        )
        occurred = Counter(service.failure(n, streamed=True) for n in range(CALLS))
        assert occurred.keys() == STREAM_FAILURES.keys()
        for n, (text, error) in enumerate(outcomes):
            if is_closed_early(n):
                assert (bool(text), error) == (True, None)
                assert text_of(n).startswith(text)
            else:
                outcome = text if error is None else error
                _check(n, service.failure(n, streamed=True), outcome, streamed=True)
                assert text_of(n).startswith(text)
        _assert_nothing_is_left(service)
        _assert_sent_once(service, streamed=True)


@pytest.mark.slow
def test_retries_hide_temporary_failures(call: Call) -> None:
    """Retryable failures are retried with success; others are not retried."""
    calls = 150
    with failing(2, temporary=True) as service:
        model = _model(service, max_retries=2, max_retry_delay=0.5)
        outcomes = call.batch(
            model,
            [f"call {n}" for n in range(calls)],
            return_exceptions=True,
            max_concurrency=MAX_CONCURRENCY,
        )
        for n, result in enumerate(outcomes):
            failure = service.failure(n, streamed=False)
            error_type = expected(failure, streamed=False)
            succeeds = error_type is None or is_retryable(error_type("an example"))
            if failure == "429 with retry-after":  # it asks to wait longer than `max_retry_delay`
                succeeds = False
            outcome = result if isinstance(result, Exception) else result.text
            _check(n, "success" if succeeds else failure, outcome, streamed=False)
            assert service.counts.requests[n] == (
                2 if succeeds and error_type is not None else 1
            ), failure
        _assert_nothing_is_left(service)
