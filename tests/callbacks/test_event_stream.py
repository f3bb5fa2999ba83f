"""The dicts of event streams: which have an input, and in which form."""

from __future__ import annotations

import contextlib
import inspect
from typing import Any

import pytest

from runnables import (
    AIMessage,
    BaseRetriever,
    ChatPromptTemplate,
    ConfigError,
    Document,
    HumanMessage,
    Runnable,
    RunnableLambda,
    StrOutputParser,
    ToolMessage,
    tool,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

prompt = ChatPromptTemplate([("human", "About {topic}.")])
ASKED = {"messages": [[HumanMessage("About the sea.")]]}


def about() -> Runnable[Any, Any]:
    model = ScriptedChatModel(["Calm."], cycle=True)
    return prompt | model | StrOutputParser()


class Logbook(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(page_content=query)]


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def by_event(call: Call, runnable: Any, value: Any, **options: Any) -> dict[str, Any]:
    """Return the data of the events, by their names; of several, the last."""
    return {event["event"]: event["data"] for event in call.events(runnable, value, **options)}


def test_the_input_of_a_model_is_its_conversation(call: Call) -> None:
    """What reads `event["data"]["input"]["messages"]` finds it at the start and at the end."""
    events = by_event(call, about(), "the sea")
    assert events["on_chat_model_start"] == {"input": ASKED}
    assert events["on_chat_model_end"] == {"input": ASKED, "output": AIMessage("Calm.")}


def test_the_input_of_a_model_in_a_function_is_its_conversation(call: Call) -> None:
    """It is the same where a function invokes the model with a string."""
    model = ScriptedChatModel(["Calm."], cycle=True)
    events = by_event(call, RunnableLambda(lambda text: model.invoke(text)), "the sea")
    asked = {"messages": [[HumanMessage("the sea")]]}
    assert events["on_chat_model_start"] == {"input": asked}
    assert events["on_chain_start"] == {"input": "the sea"}


def test_what_is_no_conversation_makes_none(call: Call) -> None:
    """The model refuses it, after its start event."""
    chain = RunnableLambda(lambda _: object()) | ScriptedChatModel(["Calm."])
    starts = call.events(chain, "the sea", include_types=["chat_model"], take=1)
    assert [event["data"] for event in starts] == [{"input": {"messages": [[]]}}]


def test_the_input_of_a_retriever_is_its_query(call: Call) -> None:
    """The documents come with the end."""
    events = by_event(call, RunnableLambda(str.upper) | Logbook() | len, "sea")
    assert events["on_retriever_start"] == {"input": {"query": "SEA"}}
    found = [Document(page_content="SEA")]
    assert events["on_retriever_end"] == {"input": {"query": "SEA"}, "output": found}


def test_the_input_of_a_tool_is_its_arguments(call: Call) -> None:
    """Also where it gets a call of a model, whose result is a message."""
    requested = {"type": "tool_call", "name": "add", "args": {"a": 1, "b": 2}, "id": "c1"}
    events = by_event(call, RunnableLambda(lambda _: requested) | add, None)
    assert events["on_tool_start"] == {"input": {"a": 1, "b": 2}}
    result = ToolMessage("3", tool_call_id="c1", name="add")
    assert events["on_tool_end"] == {"input": {"a": 1, "b": 2}, "output": result}


@pytest.mark.parametrize(
    ("runnable", "value"),
    [(prompt, "the sea"), (add, {"a": 1, "b": 2}), (Logbook(), "the sea")],
    ids=["prompt", "tool", "retriever"],
)
def test_an_output_that_comes_at_once_is_no_chunk(
    call: Call, runnable: Runnable[Any, Any], value: Any
) -> None:
    """Prompts, tools and retrievers start and end."""
    names = [event["event"] for event in call.events(runnable, value)]
    kind = runnable.run_type
    assert names == [f"on_{kind}_start", f"on_{kind}_end"]


def test_the_outermost_run_has_its_input_as_it_was_passed(call: Call) -> None:
    """Its end has only the output: who reads the stream passed the input."""
    events = by_event(call, ScriptedChatModel(["Calm."]), "the sea")
    assert events["on_chat_model_start"] == {"input": "the sea"}
    assert events["on_chat_model_end"] == {"output": AIMessage("Calm.")}


def test_a_step_that_reads_chunks_starts_without_an_input(call: Call) -> None:
    """Its end has the input that it has read."""
    events = by_event(call, about(), "the sea")
    assert events["on_parser_start"] == {}
    assert events["on_parser_end"]["input"].text == "Calm."


def test_the_first_run_that_is_shown_has_its_input_once(call: Call) -> None:
    """With a filter, that is a run inside, with an input of its own."""
    events = by_event(call, about(), "the sea", include_types=["chat_model"])
    assert events["on_chat_model_start"] == {"input": ASKED}
    assert events["on_chat_model_end"] == {"output": AIMessage("Calm.")}


def test_a_failed_run_has_its_input_and_its_error(call: Call) -> None:
    """The event says what failed, and on what."""
    error = ValueError("no sea")

    def fail(_: str) -> None:
        raise error

    def suppress(topic: str) -> str:
        with contextlib.suppress(ValueError):
            failing.invoke(topic)
        return topic

    failing = RunnableLambda(fail)
    events = by_event(call, RunnableLambda(suppress), "the sea")
    assert events["on_chain_error"] == {"input": "the sea", "error": error}


def test_there_is_one_version(call: Call) -> None:
    """It is the default, and another one is an error."""
    for method in (Runnable.stream_events, Runnable.astream_events):
        assert inspect.signature(method).parameters["version"].default == "v2"
    assert by_event(call, RunnableLambda(len), "abc", version="v2")["on_chain_end"] == {"output": 3}
    with pytest.raises(ConfigError, match="only version='v2'"):
        by_event(call, RunnableLambda(len), "abc", version="v1")
