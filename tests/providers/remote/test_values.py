"""What goes to a served chain, and what comes back: messages, documents, types, schemas, config."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from runnables import (
    AIMessage,
    AIMessageChunk,
    ChatPromptTemplate,
    Document,
    HumanMessage,
    InvalidRequestError,
    PromptTemplate,
    RunnableConfig,
    RunnableLambda,
    StrOutputParser,
    tool_call,
)
from runnables.serving.values import as_plain, revive
from runnables_providers.remote import RemoteRunnable
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.laws.outcomes import stream_of
from tests.serving.chains import asks, chains
from tests.serving.servers import serving


def remote(url: str, **settings: Any) -> RemoteRunnable[Any, Any]:
    return RemoteRunnable(url, timeout=20, max_retries=None, **settings)


def test_an_agent_runs_there_as_it_runs_here(call: Call) -> None:
    """Messages go and come as objects, with calls, reasoning and signatures; chunks as chunks."""
    agent = chains()["agent"]
    with serving(chains()) as served:
        there = remote(f"{served.url}/agent")
        question = {"messages": [HumanMessage("1 + 2?")]}
        here = agent.invoke(question)
        assert call.invoke(there, question) == here
        assert here["messages"][1] == asks()
        assert stream_of(call, there, question).value == here
        chunks = call.stream(there, question)
        assert any(isinstance(part, AIMessageChunk) for each in chunks for part in each["messages"])


def test_a_second_turn_is_accepted(call: Call) -> None:
    """An answer with a call and a signature goes back as it came."""
    seen: list[Any] = []

    def answer(messages: list[Any]) -> Any:
        seen.append(messages)
        return asks()

    with serving(RunnableLambda(answer)) as served:
        there = remote(served.url)
        first = call.invoke(there, [HumanMessage("1 + 2?")])
        call.invoke(there, [HumanMessage("1 + 2?"), first])
        assert seen[-1] == [HumanMessage("1 + 2?"), asks()]


def test_a_prompt_fills_a_remote_model_and_a_remote_parser_reads_it(call: Call) -> None:
    """Prompt values and single messages are inputs like any other."""
    served_here = {"model": ScriptedChatModel(["Hi."], cycle=True), "parser": StrOutputParser()}
    with serving(served_here) as served:
        model, parser = remote(f"{served.url}/model"), remote(f"{served.url}/parser")
        for prompt in (ChatPromptTemplate(["Say {what}."]), PromptTemplate("Say {what}.")):
            assert call.invoke(prompt | model | parser, {"what": "hi"}) == "Hi."


class Point(BaseModel):
    """A type of a program on both sides."""

    x: int


@dataclass
class Pair:
    """Another one."""

    first: Point
    when: tuple[int, int]


def pair_of(point: Point) -> Pair:
    assert isinstance(point, Point)
    return Pair(point, (1, 2))


def test_types_of_a_program_come_back_as_they_were(call: Call) -> None:
    """With `output_type` an object is one again, in every way to run; without it, it is a dict."""
    with serving(RunnableLambda(pair_of)) as served:
        plain = {"first": {"x": 3}, "when": [1, 2]}
        assert call.invoke(remote(served.url), Point(x=3)) == plain
        typed = RemoteRunnable(served.url, input_type=Point, output_type=Pair)
        pair = Pair(Point(x=3), (1, 2))
        assert call.invoke(typed, Point(x=3)) == pair
        assert call.stream(typed, Point(x=3)) == [pair]
        assert call.batch(typed, [Point(x=3)] * 2) == [pair, pair]
        wrong = remote(served.url, output_type=Point)
        with pytest.raises(InvalidRequestError, match=r"does not fit output_type=Point: x: Field"):
            call.invoke(wrong, Point(x=3))
        assert [type(error) for error in call.batch(wrong, [Point(x=3)] * 2,
                return_exceptions=True)] == [InvalidRequestError] * 2  # fmt: skip


def documents(text: str) -> list[Document]:
    return [Document(text, metadata={"n": 1}, id="7")]


def test_documents_come_back_as_documents(call: Call) -> None:
    """They do within lists, too."""
    with serving(RunnableLambda(documents)) as served:
        assert call.invoke(remote(served.url), "a") == documents("a")


@pytest.mark.parametrize(
    "value",
    [
        {"type": "human", "content": "Hi"},
        {"type": "Document", "page_content": "a"},
        {"type": "string", "text": "a"},
        {"type": "chat", "messages": ["a"]},
        {"type": ["human"], "content": "a", "additional_kwargs": {}, "response_metadata": {}},
        [{"type": "ai"}],
    ],
)
def test_dicts_that_only_look_like_messages_stay_dicts(value: Any) -> None:
    """A dict becomes an object only where it has all that such an object always has."""
    assert revive(value) == value


def test_a_message_survives_the_way() -> None:
    """All fields do."""
    message = AIMessage(
        [{"type": "text", "text": "a"}],
        tool_calls=[tool_call(name="f", args={"a": 1}, id="1")],
        response_metadata={"model_name": "m"},
        id="x",
    )
    chunk = AIMessageChunk("a", chunk_position="last")
    assert revive(as_plain([message, chunk])) == [message, chunk]


def seen_config(text: str, config: RunnableConfig) -> Any:
    configurable = config.get("configurable") or {}
    return [config.get("tags"), config.get("metadata"), configurable]


def test_the_server_decides_which_config_counts(call: Call) -> None:
    """Tags, metadata and configurable values are sent, as far as JSON has them."""
    config: Any = {
        "tags": ["a"],
        "metadata": {"user": "ada", "open": object()},
        "configurable": {"tone": "dry"},
    }
    allowed = ["tags", "metadata", "configurable.tone"]
    step = RunnableLambda(seen_config)
    with serving(step, config_keys=allowed) as served:
        output = call.invoke(remote(served.url), "x", config)
        assert output == [["a"], {"user": "ada"}, {"tone": "dry"}]
    with serving(step) as served:
        assert call.invoke(remote(served.url), "x", config)[0] in (None, [])


def test_an_input_without_a_form_in_json_is_refused(call: Call) -> None:
    """The error says so, and no request is made."""
    with serving(RunnableLambda(len)) as served:
        with pytest.raises(InvalidRequestError, match="no form in JSON"):
            call.invoke(remote(served.url), object())
        assert served.service.counts.runs == 0


def test_the_schemas_are_those_of_the_server(call: Call) -> None:
    """They are asked for when they are needed."""
    chain = ChatPromptTemplate.from_template("Say {what}.") | ScriptedChatModel(["a"])
    with serving(chain | StrOutputParser()) as served:
        there = remote(served.url)
        given = call.run(there.get_input_jsonschema, there.aget_input_jsonschema)
        assert given["required"] == ["what"]
        output = call.run(there.get_output_jsonschema, there.aget_output_jsonschema)
        assert output["type"] == "string"


def test_a_remote_runnable_is_a_value() -> None:
    """It compares, copies and pickles by its settings, and prints as the code that makes it."""
    there = RemoteRunnable("http://h/c", api_key="sk-1", output_type=Point, timeout=3)
    for other in (copy.copy(there), copy.deepcopy(there), pickle.loads(pickle.dumps(there))):
        assert other == there
    assert repr(RemoteRunnable("http://h/c")) == "RemoteRunnable(url='http://h/c')"
