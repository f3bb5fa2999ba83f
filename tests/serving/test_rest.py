"""The REST endpoints: values of any type in and out, and what is wrong with an input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from runnables import AIMessage, RunnableConfig, RunnableGenerator, RunnableLambda
from runnables.core.handlers import Event
from runnables.serving.service import SETTABLE
from tests.serving.chains import SECRET
from tests.serving.servers import Served, events, serving


class Question(BaseModel):
    """An input with a type."""

    text: str
    times: int = 1


@dataclass
class Answer:
    """An output with a type."""

    text: str


def repeat(question: Question) -> Answer:
    """Answer a question with a type of its own."""
    assert isinstance(question, Question)
    return Answer(question.text * question.times)


def post(served: Served, path: str, body: Any) -> httpx.Response:
    return httpx.post(f"{served.url}{path}", json=body)


def test_an_input_becomes_the_type_that_the_chain_declares() -> None:
    """A model is made of its JSON form, and a dataclass of the output goes out as JSON."""
    with serving(RunnableLambda(repeat)) as served:
        answer = post(served, "/invoke", {"input": {"text": "ab", "times": 2}})
        assert answer.json()["output"] == {"text": "abab"}
        batch = post(served, "/batch", {"inputs": [{"text": "a"}, {"text": "b"}]})
        assert batch.json()["output"] == [{"text": "a"}, {"text": "b"}]
        assert len(batch.json()["metadata"]["run_ids"]) == 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "'input' is missing"),
        ({"input": {}}, "text: Field required"),
        ({"input": {"text": 3}}, "text: Input should be a valid string"),
        ({"input": "x"}, "Input should be a valid dictionary"),
        ({"input": {"text": "x"}, "kwargs": {"stop": "y"}}, "kwargs"),
    ],
)
def test_what_is_wrong_with_an_input_is_said(body: Any, words: str) -> None:
    """The status is 422, and the text says where and why."""
    with serving(RunnableLambda(repeat)) as served:
        for path in ("/invoke", "/stream", "/stream_events"):
            answer = post(served, path, body)
            assert answer.status_code == 422
            assert words in answer.json()["detail"]


@pytest.fixture
def tagged() -> Iterator[Served]:
    def tags(value: str, config: RunnableConfig) -> list[str]:
        return sorted(config.get("tags") or ())

    with serving({"open": RunnableLambda(tags)}, config_keys=["tags"]) as served:
        yield served


def test_a_client_sets_what_it_may_of_a_config(tagged: Served) -> None:
    """Keys that are allowed count, and others are left out."""
    config = {"tags": ["a"], "metadata": {"x": 1}, "callbacks": [1], "max_concurrency": 0}
    answer = post(tagged, "/open/invoke", {"input": "x", "config": config})
    assert answer.json()["output"] == ["a"]


def test_a_conversation_without_a_message_is_the_clients_error(server: Served) -> None:
    """The status says so, also where a model is within a chain or a policy."""
    model = server.service.chains["words"].chain
    with serving({"bare": model, "bound": model.with_retry(), "first": model | len}) as served:
        for name in ("bare", "bound", "first"):
            for path in ("invoke", "stream"):
                answer = post(served, f"/{name}/{path}", {"input": []})
                assert (answer.status_code, answer.json()["code"]) == (400, "invalid_conversation")
            assert post(served, f"/{name}/batch", {"inputs": [[]]}).status_code == 400


def test_messages_go_in_and_out_as_dicts(server: Served) -> None:
    """A conversation may be in OpenAI's form or in that of stored messages."""
    for message in (
        {"role": "user", "content": "hi"},
        {"type": "human", "content": "hi"},
    ):
        output = post(server, "/agent/invoke", {"input": {"messages": [message]}}).json()["output"]
        kinds = [message["type"] for message in output["messages"]]
        assert kinds == ["human", "ai", "tool", "ai"]
        assert output["messages"][1]["content"][0]["extras"] == {"signature": "sig=="}


def test_a_stream_has_each_chunk_and_an_end(server: Served) -> None:
    """The frames are those of LangServe: metadata, data, end."""
    answer = post(server, "/prompt/stream", {"input": {"what": "it"}})
    names = [line for line in answer.text.split("\n") if line.startswith("event:")]
    assert names == ["event: metadata", *["event: data"] * 5, "event: end"]
    run_id, *chunks = events(answer.text)
    assert list(run_id) == ["run_id"]
    assert "".join(chunks) == "One two three."


def test_an_error_in_a_stream_is_its_last_event(server: Served) -> None:
    """Nothing of the error itself is in it."""
    for path in ("/broken/stream", "/broken/stream_events"):
        answer = post(server, path, {"input": "x"})
        assert answer.status_code == 200
        assert "event: error" in answer.text
        assert "event: end" not in answer.text
        assert SECRET not in answer.text
    refused = post(server, "/refused/invoke", {"input": "x"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")


def test_events_of_steps_are_shown_only_where_that_is_allowed(server: Served) -> None:
    """By default a client sees the events of the whole run, and not what steps were given."""
    body = {"input": {"what": "it"}}
    names = {
        event["name"] for event in events(post(server, "/prompt/stream_events", body).text)[1:]
    }
    assert names == {"RunnableSequence", "ChatPromptTemplate", "ScriptedChatModel",
                     "StrOutputParser"}  # fmt: skip
    with serving({"prompt": server.service.chains["prompt"].chain}) as closed:
        sent = events(post(closed, "/prompt/stream_events", body).text)[1:]
        assert {event["name"] for event in sent} == {"RunnableSequence"}
        assert sent[-1]["data"]["output"] == "One two three."


def test_a_stream_that_starts_over_arrives_as_one_value() -> None:
    """What a client has read cannot be taken back, so nothing is sent before it is certain."""
    attempts: list[int] = []

    def shaky(strings: Iterator[str]) -> Iterator[str]:
        attempts.append(1)
        yield "wrong"[: 5 * (len(attempts) % 2)]
        if len(attempts) % 2:
            raise ConnectionError("cut")
        yield "right"

    chain = RunnableGenerator(shaky).with_retry(
        on_restart="restart", wait_exponential_jitter=False, stop_after_attempt=2
    )
    with serving({"shaky": chain}) as served:
        assert events(post(served, "/shaky/stream", {"input": "x"}).text)[1:] == ["right"]
        body = {"model": "shaky", "messages": [{"role": "user", "content": "x"}], "stream": True}
        assert "wrong" not in post(served, "/v1/chat/completions", body).text


def test_a_stream_that_starts_over_may_merge_in_another_way() -> None:
    """A fallback with snapshots answers for parts that came before: the last one is the value."""

    def parts(text: str) -> Iterator[str]:
        yield "wrong"
        raise ConnectionError("cut")

    def snapshots(text: str) -> Iterator[str]:
        yield "ri"
        yield "right"

    other = RunnableLambda(snapshots, merge="last")
    chain = RunnableLambda(parts).with_fallbacks([other], on_restart="restart")
    with serving({"chain": chain}) as served:
        assert events(post(served, "/chain/stream", {"input": "x"}).text)[1:] == ["right"]
        messages = [{"role": "user", "content": "x"}]
        text = post(served, "/chain/api/chat", {"messages": [
            {"role": "user", "parts": [{"type": "text", "text": "x"}]}]}).text  # fmt: skip
        assert '"right"' in text
        body = {"model": "chain", "messages": messages, "stream": True}
        assert '"right"' in post(served, "/v1/chat/completions", body).text


def test_the_schemas_are_those_of_the_chain(server: Served) -> None:
    """A client can ask what a chain takes and gives."""
    schema = httpx.get(f"{server.url}/prompt/input_schema").json()
    assert schema["required"] == ["what"]
    assert httpx.get(f"{server.url}/prompt/output_schema").json()["type"] == "string"
    assert httpx.get(f"{server.url}/prompt/config_schema").json()["type"] == "object"


def test_an_unpacked_answer_is_a_message(server: Served) -> None:
    """The dict of an answer makes the message again."""
    output = post(server, "/words/invoke", {"input": "x"}).json()["output"]
    assert AIMessage(**output).text == "One two three."


def test_the_ids_of_a_batch_are_those_of_its_runs() -> None:
    """What the client reads finds the runs in traces and logs; also where there is one input."""
    seen = Recorder()
    chain = RunnableLambda(len).with_config(callbacks=[seen])
    with serving(chain, name="length") as served:
        for inputs in ([], ["a"], ["a", "bb"]):
            answer = post(served, "/batch", {"inputs": inputs})
            assert answer.json()["output"] == list(map(len, inputs))
            assert answer.json()["metadata"]["run_ids"] == seen.ids
            seen.ids.clear()


class Recorder:
    """A handler that keeps the ids of the runs that start."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def on_event(self, event: Event) -> None:
        if event.kind == "start":
            self.ids.append(event.run_id)


def test_inputs_of_any_declared_type_are_made_of_their_json() -> None:
    """Also where the type is a union or a list, and where JSON has a string for a number."""
    chains = {
        "union": RunnableLambda(maybe),
        "list": RunnableLambda(first),
        "number": RunnableLambda(half),
    }
    with serving(chains) as served:
        for name, value, output in (
            ("union", {"text": "ab"}, "ab"),
            ("union", None, ""),
            ("list", [{"text": "ab"}], "ab"),
            ("number", "3", 1.5),
        ):
            assert post(served, f"/{name}/invoke", {"input": value}).json()["output"] == output


def maybe(question: Question | None) -> str:
    return "" if question is None else question.text


def first(questions: list[Question]) -> str:
    return questions[0].text


def half(number: int) -> float:
    return number / 2


WRONG: list[Any] = [{"tags": 3}, {"tags": [{}]}, {"metadata": []}, {"run_name": 3},
                    {"max_concurrency": 0}]  # fmt: skip


@pytest.mark.parametrize("config", WRONG)
def test_a_config_with_a_wrong_value_is_refused(config: Any) -> None:
    """The status is 422, in every endpoint, and nothing has run."""
    with serving(RunnableLambda(len), config_keys=list(SETTABLE)) as served:
        for path in ("/invoke", "/batch", "/stream", "/stream_events"):
            answer = post(served, path, {"input": "x", "inputs": ["x"], "config": config})
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_config")
        assert served.service.counts.runs == 0


def test_a_key_that_an_agent_does_not_know_is_the_clients_error(server: Served) -> None:
    """It is a misspelled one, perhaps; the log names it."""
    value = {"messages": [{"role": "user", "content": "Hi"}], "mesage": []}
    answer = httpx.post(f"{server.url}/agent/invoke", json={"input": value})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_conversation")
