"""Retrievers as tools of agents."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from runnables import (
    AIMessage,
    BaseRetriever,
    ConfigError,
    Document,
    Event,
    Handler,
    StructuredTool,
    ToolMessage,
    create_agent,
    create_retriever_tool,
    tool_call,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

SEA = Document("The sea is calm.", metadata={"source": "sea.txt"})
LAND = Document("The land is dry.", metadata={"source": "land.txt"})


class Log(Handler):
    """Keeps events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


class Search(BaseRetriever):
    """Finds by words."""

    documents: list[Document]

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [doc for doc in self.documents if doc.metadata["source"][:-4] in query]


RETRIEVER = Search(documents=[SEA, LAND])


def look_up(**settings: Any) -> StructuredTool[Any]:
    return create_retriever_tool(RETRIEVER, "look_up", "Look up a note.", **settings)


def test_it_returns_the_texts(call: Call) -> None:
    """As LangChain's does: the texts alone, between blank lines."""
    found = call.invoke(look_up(), {"query": "sea and land"})
    assert found == "The sea is calm.\n\nThe land is dry."
    assert call.invoke(look_up(document_separator=" | "), "sea and land").count(" | ") == 1
    assert call.invoke(look_up(), "nothing") == ""


def test_the_model_sees_one_argument() -> None:
    """With its name, its description and its type."""
    tool = look_up()
    assert (tool.name, tool.description) == ("look_up", "Look up a note.")
    assert list(tool.args) == ["query"]
    assert tool.args["query"]["type"] == "string"
    assert "look for" in tool.args["query"]["description"]


def test_documents_can_be_numbered(call: Call) -> None:
    """So that an answer can cite them."""
    tool = look_up(document_prompt="[{number}] {source}: {page_content}")
    expected = "[1] sea.txt: The sea is calm.\n\n[2] land.txt: The land is dry."
    assert call.invoke(tool, "sea land") == expected


def test_the_documents_can_be_kept(call: Call) -> None:
    """As the artifact of the message, beside the text for the model."""
    tool = look_up(response_format="content_and_artifact")
    message = call.invoke(tool, tool_call(name="look_up", args={"query": "sea"}, id="1"))
    assert isinstance(message, ToolMessage)
    assert (message.content, message.artifact) == ("The sea is calm.", [SEA])
    assert call.invoke(tool, "sea") == "The sea is calm."


def test_an_agent_looks_up(call: Call) -> None:
    """The loop of a model and the tool; the retriever's run is inside the tool's."""
    asks = AIMessage("", tool_calls=[tool_call(name="look_up", args={"query": "sea"}, id="1")])
    model = ScriptedChatModel([asks, "It is calm."])
    agent = create_agent(model, [look_up(response_format="content_and_artifact")])
    log = Log()
    state = call.invoke(agent, "How is the sea?", {"callbacks": [log]})
    answer = next(message for message in state["messages"] if isinstance(message, ToolMessage))
    assert answer.artifact == [SEA]
    assert state["messages"][-1].text == "It is calm."
    names = {event.run_id: event.name for event in log.events if event.kind == "start"}
    [found] = [event for event in log.events if (event.kind, event.name) == ("start", "Search")]
    assert "look_up" in [names[parent] for parent in found.parent_ids]


def test_a_function_finds_too(call: Call) -> None:
    """Anything that becomes a runnable is a retriever."""
    tool = create_retriever_tool(lambda query: [Document(query)], "echo", "Echo.")
    assert call.invoke(tool, {"query": "sea"}) == "sea"


def test_it_is_a_value() -> None:
    """It compares and pickles, so it can be sent to workers."""
    tool = pickle.loads(pickle.dumps(look_up()))
    assert tool == look_up()
    assert tool.invoke("sea") == "The sea is calm."


@pytest.mark.parametrize(
    ("name", "description", "message"),
    [("", "Look.", "name=''"), ("look", " ", "description=' '"), (None, "Look.", "name=None")],
    ids=["no name", "blank", "none"],
)
def test_a_model_must_know_it(name: Any, description: str, message: str) -> None:
    """A tool without a name or a description is refused."""
    with pytest.raises(ConfigError, match=message):
        create_retriever_tool(RETRIEVER, name, description)


def test_what_finds_nothing_is_refused(call: Call) -> None:
    """At once, what is no runnable; when called, what returns no documents."""
    with pytest.raises(TypeError, match="create_retriever_tool: the retriever: 3 "):
        create_retriever_tool(3, "look", "Look.")  # type: ignore[arg-type]
    wrong: Any = lambda query: ["text"]  # noqa: E731
    with pytest.raises(TypeError, match="format_documents takes documents, not 'text'"):
        call.invoke(create_retriever_tool(wrong, "look", "Look."), "sea")
