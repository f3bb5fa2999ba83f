"""Retries, caches, rate limits and budgets of a model that is called over HTTP."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from runnables import (
    Budget,
    BudgetExceeded,
    ChatPromptTemplate,
    ConfigError,
    HumanMessage,
    InMemoryRateLimiter,
    RateLimitError,
    SQLiteCache,
    StrOutputParser,
    Usage,
    track_usage,
)
from runnables.testing import RecordedRequest, Response
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.google import ChatGoogleGenerativeAI
from runnables_providers.ollama import ChatOllama
from runnables_providers.openai import ChatOpenAI
from tests.both_modes import Call
from tests.models.test_request_policies import ChunkHandler
from tests.sdk.recorder import Recorder, sse_response

USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
ANSWER = {
    "model": "gpt-x-2025-08-07",
    "choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}],
    "usage": USAGE,
}
STREAM = sse_response(
    [
        {"model": "gpt-x-2025-08-07", "choices": [{"delta": {"content": "Hel"}}]},
        {"choices": [{"delta": {"content": "lo"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": USAGE},
    ],
    done=True,
)
BUSY = Response({"error": {"message": "slow down"}}, 429, headers={"retry-after-ms": "20"})


class Service(Recorder):
    """Server that answers, streamed if asked to, after it was busy for a while.

    Attributes:
        busy: the number of requests that it still refuses.
        times: the times of the requests.
    """

    def __init__(self) -> None:
        super().__init__()
        self.busy = 0
        self.times: list[float] = []
        self._state = threading.Lock()
        self.enqueue(self._respond)

    def _respond(self, request: RecordedRequest) -> Response:
        with self._state:
            self.times.append(time.monotonic())
            self.busy -= 1
            if self.busy >= 0:
                return BUSY
            return STREAM if request.body.get("stream") else Response(ANSWER)


def model(url: str, **settings: Any) -> ChatOpenAI:
    return ChatOpenAI("gpt-x", **{"api_key": "k", "base_url": url, **settings})


def calls_of(call: Call, chain: Any) -> list[Any]:
    """Return a function for each way to call the chain once."""
    return [
        lambda: call.invoke(chain, {"x": 1}),
        lambda: call.invoke(chain, {"x": 1}, {"callbacks": [ChunkHandler()]}),
        lambda: "".join(call.stream(chain, {"x": 1})),
        lambda: call.batch(chain, [{"x": 1}])[0],
    ]


PROMPT = ChatPromptTemplate([("human", "{x}")])


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("index", range(4))
def test_retries_are_made_in_one_layer(index: int, call: Call) -> None:
    """The model retries, or the chain around it: three requests, not nine."""
    with Service().listening() as server:
        chain = PROMPT | model(server.url) | StrOutputParser()
        server.busy = 2
        assert calls_of(call, chain)[index]() == "Hello"
        assert len(server.requests) == 3
        server.requests.clear()
        server.busy = 99
        retrying = chain.with_retry(wait_exponential_jitter=False)
        with pytest.raises(RateLimitError):
            calls_of(call, retrying)[index]()
        assert len(server.requests) == 3


def test_a_cached_answer_is_not_requested_again(tmp_path: Path, call: Call) -> None:
    """Every way to call finds it, also on a new model with another key."""
    with Service().listening() as server:
        path = tmp_path / "answers.db"
        chain = PROMPT | model(server.url, cache=SQLiteCache(path)) | StrOutputParser()
        with track_usage() as usage:
            assert [run() for run in calls_of(call, chain)] == ["Hello"] * 4
        assert usage.calls == len(server.requests) == 1
        renewed = PROMPT | model(
            server.url, cache=SQLiteCache(path), api_key="other", max_retries=0
        )
        assert call.invoke(renewed, {"x": 1}).text == "Hello"
        assert len(server.requests) == 1
        for other in ({"temperature": 0.5}, {"base_url": f"{server.url}/v2"}):
            different = model(server.url, cache=SQLiteCache(path), **other)
            call.invoke(PROMPT | different, {"x": 1})
        assert len(server.requests) == 3


def test_a_stream_fills_the_cache(tmp_path: Path, call: Call) -> None:
    """The cached answer has the usage from the end of the stream."""
    with Service().listening() as server:
        cached = model(server.url, cache=SQLiteCache(tmp_path / "answers.db"))
        call.stream(cached, "hi")
        again = call.invoke(cached, "hi")
        assert again.text == "Hello"
        assert again.usage_metadata["total_tokens"] == 7
        assert len(server.requests) == 1


def test_all_users_of_a_rate_limiter_wait_as_the_service_asks(call: Call) -> None:
    """The next request of another model waits as long as the header says."""
    with Service().listening() as server:
        limiter = InMemoryRateLimiter(requests_per_second=1000, max_bucket_size=100)
        one = model(server.url, rate_limiter=limiter, max_retries=0)
        other = model(server.url, rate_limiter=limiter)
        server.busy = 1
        with pytest.raises(RateLimitError):
            call.invoke(one, "hi")
        call.invoke(other, "hi")
        first, second = server.times
        assert second - first >= 0.02


def test_a_budget_counts_what_the_service_reports(call: Call) -> None:
    """Every way to call counts; a dated model costs what its base model does."""
    with Service().listening() as server:
        chain = PROMPT | model(server.url) | StrOutputParser()
        with Budget(cost=1, tokens=28, prices={"gpt-x": (2, 5)}) as budget:
            for run in calls_of(call, chain):
                run()
            assert budget.spent_tokens == 28
            assert budget.spent_cost == pytest.approx(4 * (5 * 2 + 2 * 5) / 1e6)
            with pytest.raises(BudgetExceeded):
                call.invoke(chain, {"x": 1})
        assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"api_key": b"sk-in-bytes"}, "ChatOpenAI: api_key is of type 'bytes'"),
        ({"base_url": 5}, "ChatOpenAI: base_url is of type 'int'"),
        ({"timeout": "5"}, "ChatOpenAI: timeout='5': expected a number of seconds"),
        ({"timeout": (3, 4)}, "ChatOpenAI: timeout="),
        ({"default_headers": ["a"]}, "ChatOpenAI: default_headers is of type 'list'"),
        ({"extra_body": "top_k"}, "ChatOpenAI: extra_body is of type 'str'"),
        ({"api_ky": "sk"}, "Did you mean 'api_key'"),
        ({"openai_api_ky": "sk"}, "Did you mean 'api_key'"),
        ({"use_responses": True}, "Did you mean 'use_responses_api'"),
        ({"callbacks": Usage()}, r"Write: callbacks=\[handler\]"),
        ({"model_kwargs": "sk-"}, "model_kwargs is of type 'str': expected a dict"),
    ],
)
def test_an_invalid_setting_is_refused_without_its_value(
    settings: dict[str, Any], message: str
) -> None:
    """The error names the setting or the closest name, but not the value, which may be a key."""
    with pytest.raises(ConfigError, match=message) as raised:
        ChatOpenAI("a-model", **{"api_key": "sk-hidden", **settings})
    assert "sk-" not in str(raised.value)


def test_extra_body_and_extra_headers_must_be_dicts() -> None:
    """A call with a string raises ConfigError."""
    model = ChatOpenAI("a-model", api_key="sk-hidden")
    for option in ("extra_body", "extra_headers"):
        with pytest.raises(ConfigError, match=f"ChatOpenAI: {option} is of type 'str'"):
            model.invoke("hi", **{option: "x"})


@pytest.mark.parametrize(
    "make",
    [
        ChatOpenAI,
        lambda name, **settings: ChatOpenAI(name, use_responses_api=True, **settings),
        ChatAnthropic,
        ChatGoogleGenerativeAI,
        ChatOllama,
    ],
    ids=["openai", "responses", "anthropic", "google", "ollama"],
)
def test_bytes_instead_of_base64_are_refused(make: Any) -> None:
    """`base64.b64encode` returns bytes, which would be sent as "b'...'"."""
    model = make("a-model", api_key="a-key", base_url="http://127.0.0.1:1")
    image = {"type": "image", "base64": b"iVBORw0KGgo=", "mime_type": "image/png"}
    with pytest.raises(TypeError, match=r"'base64' of a block of type 'image'.*decode\(\)"):
        model.invoke([HumanMessage([image])])
