"""What tracers of LangChain read about the model of a run: its service, settings and tools.

They find prices by the service and the name, and show the tools.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage as TheirAIMessage
from langchain_core.runnables import RunnableLambda as TheirLambda

from runnables import RunnableLambda, from_langchain, to_langchain, tool, track_usage
from runnables.interop.langchain.model_facts import provider_name
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.google import ChatGoogleGenerativeAI
from runnables_providers.ollama import ChatOllama
from runnables_providers.openai import AzureChatOpenAI, ChatOpenAI
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.interop.their_models import AsyncTheirModel


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Facts(BaseCallbackHandler):
    """A handler that stores what tracers read about a model."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {}
        self.parameters: dict[str, Any] = {}

    def _store(self, _: Any, value: Any, **said: Any) -> None:
        facts = {key: said["metadata"][key] for key in said["metadata"] if key.startswith("ls_")}
        facts.pop("ls_integration", None)  # whose base class it is
        self.metadata, self.parameters = facts, said["invocation_params"]

    def on_chat_model_start(self, *values: Any, **said: Any) -> None:
        """Store what the start of a chat model says."""
        self._store(*values, **said)

    def on_llm_start(self, *values: Any, **said: Any) -> None:
        """Store what the start of a model of text says."""
        self._store(*values, **said)


class Named(AsyncTheirModel):
    """A model that says what LangChain's models of services say."""

    def _get_ls_params(self, stop: Any = None, **kwargs: Any) -> Any:
        facts = {"ls_provider": "sea", "ls_model_name": self.model, "ls_model_type": "chat"}
        return {**facts, "ls_stop": stop, "ls_temperature": kwargs.get("temperature")}


@pytest.mark.parametrize("streamed", [False, True], ids=["invoke", "stream"])
@pytest.mark.parametrize(
    "theirs",
    [
        Named(script=["Ahoy!"]),
        Named(script=["Ahoy!"]).bind_tools([to_langchain(add)]),
        Named(script=["Ahoy!"]).bind(stop=["x"], temperature=0.5),
        FakeListLLM(responses=["Ahoy!"] * 9),
    ],
    ids=["plain", "tools", "options", "text"],
)
def test_a_model_of_theirs_says_of_itself_what_it_says_in_langchain(
    theirs: Any, streamed: bool, call: Call
) -> None:
    """LangChain's own run is silent, and the run of ours has to tell it."""
    there, here = Facts(), Facts()
    run = call.stream if streamed else call.invoke
    run(TheirLambda(str) | theirs, "Hi", {"callbacks": [there]})
    run(RunnableLambda(str) | theirs, "Hi", {"callbacks": [here]})
    assert here.metadata == there.metadata
    assert here.parameters == there.parameters
    assert here.parameters["_type"]


def test_tools_that_we_bind_to_either_model_are_shown(call: Call) -> None:
    facts = Facts()
    for model in (ScriptedChatModel(["Hi"]), Named(script=["Hi"])):
        bound = RunnableLambda(str) | from_either(model).bind_tools([add])
        call.invoke(bound, "Hi", {"callbacks": [facts]})
        assert [one["function"]["name"] for one in facts.parameters["tools"]] == ["add"]


def from_either(model: Any) -> Any:
    """Return a model as one of ours."""
    return model if isinstance(model, ScriptedChatModel) else from_langchain(model)


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (ChatOpenAI, "openai"),
        (AzureChatOpenAI, "azure"),
        (ChatAnthropic, "anthropic"),
        (ChatGoogleGenerativeAI, "google_genai"),
        (ChatOllama, "ollama"),
        (ScriptedChatModel, "scripted"),
        (type("ChatPirate", (), {}), "pirate"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_services_have_the_names_that_langchain_gives_them(cls: Any, name: str) -> None:
    """LangSmith looks up a price by this name."""
    assert provider_name(object.__new__(cls)) == name


# -- LangChain's own cache


@pytest.fixture
def their_cache() -> Iterator[None]:
    """Let all models of LangChain store their answers."""
    set_llm_cache(InMemoryCache())
    yield
    set_llm_cache(None)


def _in_ours(model: Any) -> Any:
    return RunnableLambda(str) | model


def _in_theirs(model: Any) -> Any:
    return to_langchain(RunnableLambda(str) | (TheirLambda(str) | model | TheirLambda(_same)))


def _same(value: Any) -> Any:
    return value


@pytest.mark.usefixtures("their_cache")
@pytest.mark.parametrize("make", [_in_ours, _in_theirs])
@pytest.mark.parametrize("answer", ["Ahoy!", TheirAIMessage("Ahoy!")], ids=["usage", "no usage"])
def test_an_answer_from_the_cache_of_langchain_is_not_counted(
    answer: Any, make: Any, call: Call
) -> None:
    """LangChain only sets its cost to 0, and gives that to answers without a usage, too."""
    chain = make(AsyncTheirModel(script=[answer]))
    with track_usage() as usage:
        first, second = (call.invoke(chain, "Hi") for _ in range(2))
    assert usage.calls == (0 if first.usage_metadata is None else 1)
    assert usage.total["total_tokens"] == 5 * usage.calls
    assert "total_cost" not in usage.total
    if make is _in_ours:
        assert second.response_metadata["from_cache"] is True
        assert second.usage_metadata == first.usage_metadata
