"""Responses in the background: OpenAI's own client reads them again, and cancels them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from runnables import RunnableGenerator
from runnables.serving import Resume
from tests.serving.servers import Served, serving, wait_for
from tests.serving.upstreams import WORDS, GatedUpstream

TEXT = "".join(WORDS)
END: Any = "99"
"""More chunks than an answer has: its gate is never reached."""


@pytest.fixture
def upstream() -> GatedUpstream:
    return GatedUpstream()


@pytest.fixture
def served(upstream: GatedUpstream) -> Iterator[Served]:
    resume = Resume(grace=100, keep=100)
    with serving({"up": RunnableGenerator(upstream.answer)}, resume=resume) as server:
        yield server


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="x", max_retries=0) as client:
        yield client


def events_after(client: openai.OpenAI, response_id: str, number: int) -> list[Any]:
    """Return the events of a response after one, as dicts."""
    stream = client.responses.retrieve(response_id, stream=True, starting_after=number)
    return [event.model_dump() for event in stream]


def test_a_stream_goes_on_after_any_event(client: openai.OpenAI, upstream: GatedUpstream) -> None:
    """A client that was cut reads the others from the last number that it has seen."""
    stream = client.responses.create(model="up", input="4", stream=True, background=True)
    seen: list[Any] = []
    for event in stream:
        seen.append(event.model_dump())
        if event.type == "response.output_text.delta" and event.delta == "tide ":
            break
    stream.close()
    response_id = seen[0]["response"]["id"]
    assert client.responses.retrieve(response_id).status == "in_progress"
    upstream.open()
    rest = events_after(client, response_id, seen[-1]["sequence_number"])
    whole = seen + rest
    assert [event["sequence_number"] for event in whole] == list(range(len(whole)))
    assert whole[-1]["type"] == "response.completed"
    for number in range(len(whole)):
        assert events_after(client, response_id, number) == whole[number + 1 :]
    with client.responses.stream(response_id=response_id) as again:
        assert again.get_final_response().output_text == TEXT
    assert upstream.ends == ["finished"]


def test_a_response_in_the_background_is_asked_for_later(
    client: openai.OpenAI, upstream: GatedUpstream
) -> None:
    """Its id comes at once, and the answer when it is there."""
    given = client.responses.create(model="up", input="2", background=True)
    assert (given.status, given.background) == ("in_progress", True)
    assert client.responses.retrieve(given.id).output_text == ""
    later = client.responses.retrieve(given.id, stream=True, starting_after=8)
    upstream.open()
    assert [event.sequence_number for event in later][:2] == [9, 10]
    wait_for(lambda: client.responses.retrieve(given.id).status == "completed")
    assert client.responses.retrieve(given.id).output_text == TEXT
    streamed = client.responses.retrieve(given.id, stream=True)
    assert [event.sequence_number for event in streamed][:3] == [0, 1, 2]


@pytest.mark.parametrize("stream", [False, True], ids=["asked", "read"])
def test_a_cancel_closes_the_run(
    client: openai.OpenAI, served: Served, upstream: GatedUpstream, stream: bool
) -> None:
    """When it is answered, each `finally` has run; a reader reads an error."""
    created: Any = client.responses.create(model="up", input="4", background=True, stream=stream)
    if stream:
        seen = [next(created) for _ in range(2)]
        response_id = seen[0].response.id
    else:
        response_id = created.id
    wait_for(lambda: upstream.began)
    cancelled = client.responses.cancel(response_id)
    assert cancelled.status == "cancelled"
    assert upstream.ends == ["closed"]
    if stream:
        with pytest.raises(openai.APIError, match="was stopped"):
            list(created)
    assert client.responses.cancel(response_id).status == "cancelled"
    assert client.responses.retrieve(response_id).status == "cancelled"
    assert (served.service.counts.left, served.service.counts.failed) == (1, 0)


def test_a_cancel_of_a_response_that_has_ended_changes_nothing(client: openai.OpenAI) -> None:
    """The answer stays whole."""
    given = client.responses.create(model="up", input=END, background=True)
    wait_for(lambda: client.responses.retrieve(given.id).status == "completed")
    assert client.responses.cancel(given.id).output_text == TEXT


def test_what_is_not_kept_is_not_found(client: openai.OpenAI, served: Served) -> None:
    """The error says why; a response that was not asked for in the background is not kept."""
    plain = client.responses.create(model="up", input=END)
    assert plain.background is False
    for response_id in (plain.id, "resp_unknown", "resp_" + "x" * 200):
        for call in (client.responses.retrieve, client.responses.cancel):
            with pytest.raises(openai.NotFoundError, match="another process") as caught:
                call(response_id)
            assert caught.value.code == "response_not_found"
    with (
        serving({"up": RunnableGenerator(GatedUpstream().answer)}) as other,
        openai.OpenAI(base_url=f"{other.url}/v1", api_key="x", max_retries=0) as without,
    ):
        ended = without.responses.create(model="up", input=END, background=True)
        assert (ended.status, ended.background) == ("completed", False)
        with pytest.raises(openai.NotFoundError):
            without.responses.retrieve(ended.id)


@pytest.mark.parametrize("number", ["x", "-2", "1.5", "²", "9" * 50, "1000"])
def test_a_number_that_no_event_has_is_refused(
    client: openai.OpenAI, served: Served, number: str
) -> None:
    """The client reads what is wrong with it."""
    given = client.responses.create(model="up", input=END, background=True)
    wait_for(lambda: client.responses.retrieve(given.id).status == "completed")
    url = f"{served.url}/v1/responses/{given.id}"
    answer = httpx.get(url, params={"stream": "true", "starting_after": number})
    assert answer.status_code == 400
    assert "starting_after" in answer.json()["error"]["message"]


def test_asking_for_a_response_keeps_it_running(upstream: GatedUpstream) -> None:
    """A client that only polls is a reader, too; the run stops when it no longer does."""
    with (
        serving({"up": RunnableGenerator(upstream.answer)}, resume=Resume(grace=1)) as served,
        openai.OpenAI(base_url=f"{served.url}/v1", api_key="x", max_retries=0) as client,
    ):
        other = client.responses.create(model="up", input="1", background=True)
        given = client.responses.create(model="up", input="1", background=True)
        while upstream.ends != ["closed"]:  # the other one, for which no request comes
            assert client.responses.retrieve(given.id).status == "in_progress"
        wait_for(lambda: upstream.ends == ["closed", "closed"])
        assert other.id != given.id
        ended = client.responses.retrieve(given.id)
        assert ended.status == "failed"
        assert ended.error is not None and "had no reader" in ended.error.message
