"""2,000 calls of a service that fails at random: each ends right, or with the error that fits."""

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
    PLAIN_FAULTS,
    SILENCE,
    STREAM_FAULTS,
    Faulty,
    expected,
    failing,
    text_of,
)
from tests.leaks import wait_for

CALLS = 500
"""For each of four: whole and streamed, sync and async."""
NO_BACKOFF = 48
LIMITS = Timeouts(connect=5, first=SILENCE, between=SILENCE)


def _model(service: Faulty, **settings: Any) -> ChatOpenAI:
    return ChatOpenAI("m", api_key="sk-x", base_url=service.url, timeout=LIMITS, **settings)


def _check(n: int, fault: str, outcome: Any, *, streamed: bool) -> None:
    """What came of a call is what should have."""
    kind = expected(fault, streamed=streamed)
    if kind is None:
        assert outcome == text_of(n), (n, fault)
    else:
        assert type(outcome) is kind, (n, fault, outcome)
        assert outcome.provider == "openai"
        assert "sk-x" not in str(outcome)
    if isinstance(outcome, RateLimitError):
        assert outcome.retry_after == (7 if fault == "429 with retry-after" else None)


def _nothing_is_left(service: Faulty) -> None:
    close()
    assert wait_for(lambda: not service.tally.unanswered, 5), service.tally
    assert wait_for(lambda: not service.tally.open, 5), service.tally
    assert open_calls() == 0


def _asked_once(service: Faulty, *, streamed: bool) -> None:
    """But for connections that ended before the answer, which may not have heard the question."""
    again = {n for n, times in service.tally.asked.items() if times > 1}
    unheard = {"cut before the answer", "reset before the answer"}
    assert {service.fault(n, streamed=streamed) for n in again} <= unheard
    assert max(service.tally.asked.values()) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_whole_answers_end_right_or_with_their_error(call: Call, seed: int) -> None:
    """Each of its faults, many times."""
    with failing(seed) as service:
        model = _model(service, max_retries=None)
        found = call.batch(
            model,
            [f"call {n}" for n in range(CALLS)],
            return_exceptions=True,
            max_concurrency=NO_BACKOFF,
        )
        met = Counter(service.fault(n, streamed=False) for n in range(CALLS))
        assert met.keys() == PLAIN_FAULTS.keys()
        for n, it in enumerate(found):
            outcome = it if isinstance(it, Exception) else it.text
            _check(n, service.fault(n, streamed=False), outcome, streamed=False)
        _nothing_is_left(service)
        _asked_once(service, streamed=False)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_streams_end_right_or_with_their_error(call: Call, seed: int) -> None:
    """What came before the error is the beginning of the right answer, and never its whole."""
    with failing(seed) as service:
        model = _model(service, max_retries=None)

        def is_left(n: int) -> bool:
            return service.fault(n, streamed=True) == "left"

        def read(n: int) -> tuple[str, Exception | None]:
            texts: list[str] = []
            try:
                with model.stream(f"call {n}") as chunks:
                    for chunk in chunks:
                        texts.append(chunk.text)
                        if is_left(n) and chunk.text:
                            break
            except ModelError as error:
                return "".join(texts), error
            return "".join(texts), None

        async def aread(n: int) -> tuple[str, Exception | None]:
            texts: list[str] = []
            try:
                async with model.astream(f"call {n}") as chunks:
                    async for chunk in chunks:
                        texts.append(chunk.text)
                        if is_left(n) and chunk.text:
                            break
            except ModelError as error:
                return "".join(texts), error
            return "".join(texts), None

        found = call.batch(RunnableLambda(read, aread), range(CALLS), max_concurrency=NO_BACKOFF)
        met = Counter(service.fault(n, streamed=True) for n in range(CALLS))
        assert met.keys() == STREAM_FAULTS.keys()
        for n, (text, error) in enumerate(found):
            if is_left(n):
                assert (bool(text), error) == (True, None)
                assert text_of(n).startswith(text)
            else:
                outcome = text if error is None else error
                _check(n, service.fault(n, streamed=True), outcome, streamed=True)
                assert text_of(n).startswith(text)
        _nothing_is_left(service)
        _asked_once(service, streamed=True)


@pytest.mark.slow
def test_faults_that_pass_are_no_faults_with_retries(call: Call) -> None:
    """Asked again, the service answers; whoever is to blame himself is not asked again."""
    calls = 150
    with failing(2, passing=True) as service:
        model = _model(service, max_retries=2, max_retry_delay=0.5)
        found = call.batch(
            model,
            [f"call {n}" for n in range(calls)],
            return_exceptions=True,
            max_concurrency=NO_BACKOFF,
        )
        for n, it in enumerate(found):
            fault = service.fault(n, streamed=False)
            kind = expected(fault, streamed=False)
            passes = kind is None or is_retryable(_example(kind))
            if fault == "429 with retry-after":  # it asks for more time than it may
                passes = False
            outcome = it if isinstance(it, Exception) else it.text
            _check(n, "right" if passes else fault, outcome, streamed=False)
            assert service.tally.asked[n] == (2 if passes and kind is not None else 1), fault
        _nothing_is_left(service)


def _example(kind: type[Exception]) -> Exception:
    return kind("an example")
