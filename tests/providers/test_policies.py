"""Retries, caches, limits and budgets around a model that is really asked over HTTP."""

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
    track_usage,
)
from runnables.testing import RecordedRequest, Response
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.google import ChatGoogleGenerativeAI
from runnables_providers.ollama import ChatOllama
from runnables_providers.openai import ChatOpenAI
from tests.both_modes import Call
from tests.models.test_request_policies import Watches
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


def ways(call: Call, chain: Any) -> list[Any]:
    return [
        lambda: call.invoke(chain, {"x": 1}),
        lambda: call.invoke(chain, {"x": 1}, {"callbacks": [Watches()]}),
        lambda: "".join(call.stream(chain, {"x": 1})),
        lambda: call.batch(chain, [{"x": 1}])[0],
    ]


PROMPT = ChatPromptTemplate([("human", "{x}")])


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("way", range(4))
def test_attempts_are_made_in_one_layer(way: int, call: Call) -> None:
    """By the model alone, and by a retry around the chain: three requests, not nine."""
    with Service().listening() as server:
        chain = PROMPT | model(server.url) | StrOutputParser()
        server.busy = 2
        assert ways(call, chain)[way]() == "Hello"
        assert len(server.requests) == 3
        server.requests.clear()
        server.busy = 99
        again = chain.with_retry(wait_exponential_jitter=False)
        with pytest.raises(RateLimitError):
            ways(call, again)[way]()
        assert len(server.requests) == 3


def test_an_answer_is_asked_for_once(tmp_path: Path, call: Call) -> None:
    """Whole, watched, streamed, in a batch, by a model made anew with another key."""
    with Service().listening() as server:
        path = tmp_path / "answers.db"
        chain = PROMPT | model(server.url, cache=SQLiteCache(path)) | StrOutputParser()
        with track_usage() as usage:
            assert [it() for it in ways(call, chain)] == ["Hello"] * 4
        assert usage.calls == len(server.requests) == 1
        anew = PROMPT | model(server.url, cache=SQLiteCache(path), api_key="other", max_retries=0)
        assert call.invoke(anew, {"x": 1}).text == "Hello"
        assert len(server.requests) == 1
        for other in ({"temperature": 0.5}, {"base_url": f"{server.url}/v2"}):
            asked = model(server.url, cache=SQLiteCache(path), **other)
            call.invoke(PROMPT | asked, {"x": 1})
        assert len(server.requests) == 3


def test_a_stream_fills_the_cache(tmp_path: Path, call: Call) -> None:
    """With the usage that it reported at its end."""
    with Service().listening() as server:
        kept = model(server.url, cache=SQLiteCache(tmp_path / "answers.db"))
        call.stream(kept, "hi")
        again = call.invoke(kept, "hi")
        assert again.text == "Hello"
        assert again.usage_metadata["total_tokens"] == 7
        assert len(server.requests) == 1


def test_all_users_of_a_limiter_wait_when_the_service_says_so(call: Call) -> None:
    """The next request of another model comes no sooner than the header asked."""
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
    """Whole, watched, streamed and in a batch; snapshots cost what their model does."""
    with Service().listening() as server:
        chain = PROMPT | model(server.url) | StrOutputParser()
        with Budget(cost=1, tokens=28, prices={"gpt-x": (2, 5)}) as budget:
            for way in ways(call, chain):
                way()
            assert budget.spent_tokens == 28
            assert budget.spent_cost == pytest.approx(4 * (5 * 2 + 2 * 5) / 1e6)
            with pytest.raises(BudgetExceeded):
                call.invoke(chain, {"x": 1})
        assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"api_key": b"sk-in-bytes"}, "ChatOpenAI: api_key is of type 'bytes'"),
        ({"base_url": 5}, "ChatOpenAI: base_url is of type 'int'"),
        ({"timeout": "5"}, "ChatOpenAI: timeout='5': expected seconds"),
        ({"timeout": (3, 4)}, "ChatOpenAI: timeout="),
        ({"default_headers": ["a"]}, "ChatOpenAI: default_headers is of type 'list'"),
        ({"extra_body": "top_k"}, "ChatOpenAI: extra_body is of type 'str'"),
        ({"api_ky": "sk"}, "Did you mean 'api_key'"),
        ({"openai_api_key": "sk"}, "Did you mean 'api_key'"),
        ({"use_responses": True}, "Did you mean 'use_responses_api'"),
        ({"callbacks": []}, r"'callbacks'\. Handlers go into the config"),
        ({"model_kwargs": {}}, r"'model_kwargs'\. What .* goes into extra_body"),
        ({"streaming": True}, "'streaming'. Every model streams"),
    ],
)
def test_a_setting_of_another_type_or_name_is_refused_without_its_value(
    settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as raised:
        ChatOpenAI("a-model", **{"api_key": "sk-hidden", **settings})
    assert "sk-" not in str(raised.value)


def test_a_call_refuses_extras_that_are_no_dicts() -> None:
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
def test_bytes_where_base64_is_meant_are_refused(make: Any) -> None:
    """What `base64.b64encode` gives are bytes, too; they would go out as "b'...'"."""
    model = make("a-model", api_key="a-key", base_url="http://127.0.0.1:1")
    picture = {"type": "image", "base64": b"iVBORw0KGgo=", "mime_type": "image/png"}
    with pytest.raises(TypeError, match=r"'base64' of a block of type 'image'.*decode\(\)"):
        model.invoke([HumanMessage([picture])])
