"""What is sent to the services of batch jobs; their own SDKs read the jobs that we made."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from anthropic import Anthropic
from google import genai
from openai import OpenAI

from runnables import ConfigError, ParrotFakeChatModel, ProviderBatch, via_flex, via_provider
from runnables.models import ChatModel
from runnables.models.batch_service import BatchService
from runnables_providers.openai import AzureChatOpenAI
from tests.both_modes import Call
from tests.jobs.batch_server import KEY, BatchServer
from tests.jobs.conftest import MODELS, MakeModel

QUICK: dict[str, Any] = {"first_poll": 0.01, "longest_poll": 0.02}

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture(params=list(MODELS))
def make(request: pytest.FixtureRequest) -> MakeModel:
    """Return what makes a model of each service in turn."""
    return MODELS[request.param]


def test_the_body_of_a_line_is_that_of_an_online_call(
    server: BatchServer, make: MakeModel, call: Call
) -> None:
    """With all its options: a setting, a bound one, tools, and keys of the user's own."""
    model = make(server, temperature=0.5, extra_body={"labels": {"a": "b"}})
    bound = model.bind_tools([WEATHER], max_tokens=9)
    conversation = [("system", "Be brief."), ("human", "ahoy")]
    call.invoke(bound, conversation)
    online = json.loads(server.seen[-1].body)
    call.batch(via_provider(bound, **QUICK), [conversation])
    [body] = server.jobs[0].requests.values()
    assert body == online
    assert body["labels"] == {"a": "b"}


def test_headers_of_a_call_are_sent_with_the_job(server: BatchServer, make: MakeModel) -> None:
    """Those of the model, and those of the call."""
    model = make(server, default_headers={"x-team": "blue"}).bind(extra_headers={"x-run": "7"})
    via_provider(model, **QUICK).batch(["ahoy"])
    sent = [seen for seen in server.seen if seen.method == "POST" and "uploads" not in seen.path]
    assert all((seen.headers["x-team"], seen.headers["x-run"]) == ("blue", "7") for seen in sent)
    asked = [seen for seen in server.seen if seen.method == "GET"]
    assert all(seen.headers["x-team"] == "blue" for seen in asked)


def test_claude_is_asked_for_betas_by_a_header(server: BatchServer) -> None:
    """The options that are headers online are headers of the job."""
    MODELS["anthropic"](server)
    step = via_provider(MODELS["anthropic"](server, betas=["a-1"]), **QUICK)
    step.batch(["ahoy"])
    assert server.seen[0].headers["anthropic-beta"] == "a-1"
    assert {"anthropic-version"} <= set(server.seen[-1].headers)


def test_no_secret_is_shown(server: BatchServer, make: MakeModel) -> None:
    """Neither by the step, nor by a line, nor by an error, which may repeat the key."""
    model = make(server)
    step = via_provider(model, **QUICK)
    line = model._batch_service().encode(model._messages("ahoy"), model._options({}))
    wrong = make(server, default_headers={"authorization": "Bearer sk-wrong-0123456"})
    errors = via_provider(wrong, **QUICK).batch(["ahoy"], return_exceptions=True)
    for shown in (repr(step), repr(line), repr(errors)):
        assert KEY not in shown
        assert "sk-wrong-0123456" not in shown
    assert "ahoy" not in repr(line)


def test_a_step_is_a_value(server: BatchServer, make: MakeModel) -> None:
    """It compares, prints and pickles with its settings; its key is that of its model."""
    step = via_provider(make(server), first_poll=0.01, longest_poll=0.02, attach={"job": ["id"]})
    again = pickle.loads(pickle.dumps(step))
    assert again == step
    assert repr(step) == f"via_provider({make(server)!r})"
    assert again.attach == {"job": ("id",)}
    assert again.invoke("ahoy").text == "AHOY"


def test_openai_reads_our_job(server: BatchServer) -> None:
    """Its SDK finds the file, the job and the answers."""
    via_provider(MODELS["openai"](server), **QUICK).batch(["ahoy", "tide"])
    with OpenAI(base_url=f"{server.url}/v1", api_key=KEY) as client:
        job = client.batches.retrieve(server.jobs[0].id)
        assert (job.status, job.endpoint) == ("completed", "/v1/chat/completions")
        assert job.request_counts is not None
        assert job.request_counts.completed == 2
        lines = client.files.content(job.input_file_id).text.splitlines()
        assert [json.loads(line)["method"] for line in lines] == ["POST", "POST"]
        assert job.output_file_id is not None
        answers = client.files.content(job.output_file_id).text.splitlines()
        sent = [json.loads(line)["custom_id"] for line in lines]
        assert sorted(json.loads(line)["custom_id"] for line in answers) == sorted(sent)


def test_anthropic_reads_our_job(server: BatchServer) -> None:
    """Its SDK finds the job and the answers by their custom ids."""
    via_provider(MODELS["anthropic"](server), **QUICK).batch(["ahoy", "tide"])
    with Anthropic(base_url=server.url, api_key=KEY) as client:
        job = client.messages.batches.retrieve(server.jobs[0].id)
        assert (job.processing_status, job.request_counts.succeeded) == ("ended", 2)
        found = {
            result.custom_id: result.result for result in client.messages.batches.results(job.id)
        }
    assert found.keys() == server.jobs[0].requests.keys()
    assert {result.type for result in found.values()} == {"succeeded"}


@pytest.mark.parametrize("rows", [2, 120], ids=["inline", "file"])
def test_google_reads_our_job(server: BatchServer, rows: int) -> None:
    """Its SDK finds the state, and the answers or their file."""
    words = [f"row {number}" for number in range(rows)]
    via_provider(MODELS["google"](server), **QUICK).batch(words)
    options = genai.types.HttpOptions(base_url=server.url)
    with genai.Client(api_key=KEY, http_options=options) as client:
        job = client.batches.get(name=server.jobs[0].id)
        assert job.state == genai.types.JobState.JOB_STATE_SUCCEEDED
        assert job.dest is not None
        if rows == 2:
            assert job.dest.inlined_responses is not None
            found = [one.response.text for one in job.dest.inlined_responses if one.response]
            assert found == ["ROW 0", "ROW 1"]
            return
        assert job.dest.file_name is not None
        content = client.files.download(file=job.dest.file_name)
    assert len(content.splitlines()) == rows


def test_openai_sees_what_its_own_sdk_sends(server: BatchServer) -> None:
    """The requests of both are the same, but for the names of the file and of its rows."""
    via_provider(MODELS["openai"](server), **QUICK).batch(["ahoy"])
    ours = server.seen[:2]
    line = json.loads(server.files[json.loads(ours[1].body)["input_file_id"]])
    server.seen.clear()
    with OpenAI(base_url=f"{server.url}/v1", api_key=KEY) as client:
        content = json.dumps(line).encode()
        made = client.files.create(file=("batch.jsonl", content), purpose="batch")
        client.batches.create(
            input_file_id=made.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
    theirs = server.seen
    assert [(seen.method, seen.path) for seen in ours] == [
        (seen.method, seen.path) for seen in theirs
    ]
    assert json.loads(ours[1].body).keys() == json.loads(theirs[1].body).keys()
    assert line.keys() == {"custom_id", "method", "url", "body"}


def test_google_sees_what_its_own_sdk_sends(server: BatchServer) -> None:
    """The same URL, and the same keys at each level."""
    via_provider(MODELS["google"](server), **QUICK).batch(["ahoy"])
    options = genai.types.HttpOptions(base_url=server.url)
    with genai.Client(api_key=KEY, http_options=options) as client:
        client.batches.create(
            model="gemini-3-flash",
            src=[
                {
                    "contents": [{"role": "user", "parts": [{"text": "ahoy"}]}],
                    "metadata": {"key": "1"},
                }
            ],
            config={"display_name": "ours"},
        )
    ours, theirs = (seen for seen in server.seen if "batchGenerateContent" in seen.path)
    assert ours.path == theirs.path
    ours_batch, theirs_batch = (json.loads(seen.body)["batch"] for seen in (ours, theirs))
    assert ours_batch.keys() == theirs_batch.keys()
    [[our_item], [their_item]] = (
        batch["inputConfig"]["requests"]["requests"] for batch in (ours_batch, theirs_batch)
    )
    assert our_item["request"]["contents"] == their_item["request"]["contents"]
    assert our_item["metadata"].keys() == their_item["metadata"].keys()


# -- other services


def test_a_service_without_jobs_says_so() -> None:
    """When the chain is made, not a day later."""
    with pytest.raises(ConfigError, match="ParrotFakeChatModel has no batch jobs of a provider"):
        via_provider(ParrotFakeChatModel())
    azure = AzureChatOpenAI("mine", azure_endpoint="https://x.openai.azure.com", api_key="k")
    with pytest.raises(ConfigError, match="AzureChatOpenAI has no batch jobs"):
        via_provider(azure)


def test_flex_is_an_option_of_openai_and_google(server: BatchServer, call: Call) -> None:
    """Under the name that each has for it; the calls stay single calls."""
    for name, key in {
        "openai": "service_tier",
        "responses": "service_tier",
        "google": "serviceTier",
    }.items():
        chain = via_flex(MODELS[name](server) | (lambda answer: answer.text))
        assert call.batch(chain, ["ahoy"]) == ["AHOY"]
        assert json.loads(server.seen[-1].body)[key] == "flex"
    assert server.jobs == []


def test_flex_of_another_service_is_an_error(server: BatchServer) -> None:
    """It would cost the full price."""
    azure = AzureChatOpenAI("mine", azure_endpoint="https://x.openai.azure.com", api_key="k")
    for model in (MODELS["anthropic"](server), azure, ParrotFakeChatModel()):
        with pytest.raises(ConfigError, match="has no flex processing: OpenAI and Google sell it"):
            via_flex(model)


def test_an_answer_in_the_background_has_no_place_in_a_job(server: BatchServer) -> None:
    """The row says so, and nothing is sent."""
    model = MODELS["responses"](server).bind(background=True)
    [output] = via_provider(model, **QUICK).batch(["ahoy"], return_exceptions=True)
    assert isinstance(output, ConfigError)
    assert server.seen == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"first_poll": 0}, "first_poll=0"),
        ({"max_batch_size": 0}, "max_batch_size=0"),
        ({"on_progress": 1}, "on_progress=1"),
        ({"attach": 3}, "attach=3"),
    ],
)
def test_a_wrong_setting_is_an_error(
    server: BatchServer, settings: dict[str, Any], words: str
) -> None:
    """It names the setting and the value."""
    with pytest.raises(ConfigError, match=words):
        via_provider(MODELS["openai"](server), **settings)


def test_the_limits_are_those_of_the_services(server: BatchServer) -> None:
    """So many rows gather before they are sent."""
    services: dict[str, BatchService] = {
        name: MODELS[name](server)._batch_service() for name in MODELS
    }
    assert {name: (one.max_requests, one.max_bytes) for name, one in services.items()} == {
        "openai": (50_000, 200_000_000),
        "responses": (50_000, 200_000_000),
        "anthropic": (100_000, 256_000_000),
        "google": (50_000, 200_000_000),
    }
    step: ChatModel | Any = via_provider(MODELS["anthropic"](server))
    assert isinstance(step, ProviderBatch)
    assert step.max_batch_size == 100_000
