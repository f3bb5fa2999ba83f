"""Fake models, embeddings, and models by name."""

from __future__ import annotations

import itertools
import math
import sys
import types
from collections.abc import Sequence
from typing import Any

import pytest

from runnables.errors import ConfigError
from runnables.messages import AIMessage, HumanMessage
from runnables.models import Embeddings, init_chat_model, init_embeddings, registry
from runnables.models.fakes import (
    DeterministicFakeEmbedding,
    FakeEmbeddings,
    FakeListChatModel,
    FakeMessagesListChatModel,
    GenericFakeChatModel,
    ParrotFakeChatModel,
)
from runnables.models.text_fakes import FakeListLLM, FakeStreamingListLLM
from runnables.parsers import StrOutputParser
from runnables.prompts import ChatPromptTemplate
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call


def test_a_generic_fake_streams_its_messages_word_by_word(call: Call) -> None:
    """It answers with one a call, until none is left."""
    model = GenericFakeChatModel(iter([AIMessage("hello goodbye", id="1"), "two", AIMessage([])]))
    chunks = call.stream(model, "hi")
    assert [chunk.content for chunk in chunks] == ["hello", " ", "goodbye"]
    assert {chunk.id for chunk in chunks} == {"1"}
    assert call.invoke(model, "hi") == AIMessage("two")
    assert call.invoke(model, "hi") == AIMessage([])
    with pytest.raises(RuntimeError, match="no message left"):
        call.invoke(model, "hi")


def test_endless_messages_are_fine(call: Call) -> None:
    """An iterator may have no end."""
    model = GenericFakeChatModel(itertools.cycle(["a"]))
    assert [call.invoke(model, "hi").text for _ in range(3)] == ["a", "a", "a"]


def test_a_fake_list_streams_letter_by_letter(call: Call) -> None:
    """It answers with each response, then with the first again."""
    model = FakeListChatModel(["ab", "c"], sleep=0)
    assert [chunk.text for chunk in call.stream(model, "hi")] == ["a", "b"]
    assert [call.invoke(model, "hi").text for _ in range(2)] == ["c", "ab"]
    assert model == FakeListChatModel(["ab", "c"], sleep=0)


def test_fake_messages_are_repeated(call: Call) -> None:
    """After the last message, the first is the answer again."""
    call_: Any = {"name": "f", "args": {}, "id": "1", "type": "tool_call"}
    messages = [AIMessage("a b", tool_calls=[call_]), AIMessage("c")]
    model = FakeMessagesListChatModel(messages)
    assert [call.invoke(model, "hi") for _ in range(3)] == [*messages, messages[0]]
    assert model.merge.accumulator().empty


def test_a_parrot_repeats_its_input(call: Call) -> None:
    """It answers with the content of the last message."""
    assert call.invoke(ParrotFakeChatModel(), [HumanMessage("hi", id="1")]) == AIMessage(
        "hi", id="1"
    )


def test_deterministic_vectors_depend_on_the_string_only(call: Call) -> None:
    """Equal strings have equal vectors, and others have others, of the size that was set."""
    model = DeterministicFakeEmbedding(size=4)
    assert call.invoke(model, "a") == DeterministicFakeEmbedding(size=4).embed_query("a")
    one, other, again = call.batch(model, ["a", "b", "a"])
    assert one == again != other
    assert len(one) == 4
    assert all(map(math.isfinite, one))
    assert FakeEmbeddings(size=2).embed_query("a") != FakeEmbeddings(size=2).embed_query("a")


class Counting(Embeddings):
    """A model that records how many strings came at once."""

    def __init__(self) -> None:
        self._sizes: list[int] = []

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        self._sizes.append(len(texts))
        return [[float(len(text))] for text in texts]


def test_a_batch_of_strings_is_sent_as_one(call: Call) -> None:
    """The model gets all strings at once, and each gets its own vector."""
    model = Counting()
    assert call.batch(model, ["a", "bb", "ccc"]) == [[1.0], [2.0], [3.0]]
    assert model._sizes == [3]


def test_queries_that_are_embedded_differently_are_not_sent_as_documents(call: Call) -> None:
    """`batch` embeds them one by one, as `invoke` does."""

    class Asymmetric(Counting):
        def embed_query(self, text: str) -> list[float]:
            return [-float(len(text))]

        async def aembed_query(self, text: str) -> list[float]:
            return self.embed_query(text)

    model = Asymmetric()
    assert call.batch(model, ["a", "bb"]) == [call.invoke(model, "a"), call.invoke(model, "bb")]
    assert model._sizes == []


def test_wrong_inputs_and_options_of_embeddings_are_errors(call: Call) -> None:
    """A list is for `batch`, and embeddings have no options."""
    with pytest.raises(TypeError, match="use `batch`"):
        call.invoke(Counting(), ["a"])
    with pytest.raises(ConfigError, match="no option 'size'"):
        call.invoke(DeterministicFakeEmbedding(size=2), "a", size=3)


def test_a_batch_with_too_few_vectors_is_embedded_one_by_one(call: Call) -> None:
    """No string gets the vector of another."""

    class Short(Counting):
        def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
            return super().embed_documents(texts)[:1]

    assert call.batch(Short(), ["a", "bb"]) == [[1.0], [2.0]]


def test_models_are_made_by_name() -> None:
    """The provider is before the colon; other keywords are settings."""
    model = init_chat_model("scripted:tiny", temperature=0.5)
    assert model == ScriptedChatModel(model="tiny", temperature=0.5)
    assert init_chat_model("scripted") == ScriptedChatModel()
    assert init_chat_model("a:b", model_provider="scripted") == ScriptedChatModel(model="a:b")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("scriptd:x", "Did you mean 'scripted'"),
        ("Scripted:x", "Did you mean 'scripted'"),
        ("openai/gpt-5-mini", "Did you mean 'openai'"),
        ("", "No model was named"),
    ],
)
def test_an_unknown_provider_is_an_error_with_a_hint(name: Any, hint: str) -> None:
    """It lists the installed ones."""
    with pytest.raises(ConfigError, match=f"{hint}.*installed providers: .*scripted"):
        init_chat_model(name)


@pytest.mark.parametrize("make", [init_chat_model, init_embeddings])
def test_a_name_is_a_string(make: Any) -> None:
    """A number and a model are refused."""
    for wrong in (3, ScriptedChatModel()):
        with pytest.raises(ConfigError, match=r"model=.*: expected a string such as"):
            make(wrong)


@pytest.mark.parametrize("make", [init_chat_model, init_embeddings])
def test_a_misspelt_setting_is_an_error_with_a_hint(make: Any) -> None:
    """It comes before a model is loaded, and lists the known settings."""
    with pytest.raises(ConfigError, match=r"no setting 'contxt_size'.*mean 'context_size'.*Known:"):
        make("local", contxt_size=64)


def test_embeddings_are_made_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have their own list of providers."""
    module = types.ModuleType("a_provider")
    module.Made = lambda model, size: DeterministicFakeEmbedding(size=size)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_provider", module)
    monkeypatch.setattr(registry, "_OWN_EMBEDDINGS", {"fake": "a_provider:Made"})
    assert init_embeddings("fake:x", size=3) == DeterministicFakeEmbedding(size=3)
    with pytest.raises(ConfigError, match="fakr"):
        init_embeddings("fakr")


def test_a_fake_that_answers_with_strings_goes_through_its_responses(call: Call) -> None:
    """It takes what models take, with their options, and begins at the index that is given."""
    model = FakeListLLM(responses=["a", "b", "c"], i=1, sleep=0)
    answers = [call.invoke(model, value) for value in ("hi", [HumanMessage("hi")], [("ai", "x")])]
    assert answers == ["b", "c", "a"]
    assert call.invoke(model.bind(stop=["x"]), "hi") == "b"
    assert list(call.stream(model, "hi")) == ["c"]
    with pytest.raises(IndexError, match="FakeListLLM has no response with the index 1"):
        call.invoke(FakeListLLM(responses=["a"], i=1), "hi")


def test_a_fake_that_answers_with_strings_streams_letters_through_a_chain(call: Call) -> None:
    """What stands before and behind it streams as with any other step."""
    chain = (
        ChatPromptTemplate.from_template("{x}") | FakeStreamingListLLM(["abc"]) | StrOutputParser()
    )
    assert list(call.stream(chain, {"x": "hi"})) == ["a", "b", "c"]
    assert call.invoke(chain, {"x": "hi"}) == "abc"


def test_a_fake_that_answers_with_strings_takes_the_options_of_a_model(call: Call) -> None:
    """They change nothing, and other keywords are errors; an empty answer is one chunk."""
    model = FakeStreamingListLLM(responses=["", "ab"])
    assert call.stream(model.bind(stop=["b"]), "hi") == [""]
    assert call.invoke(model.bind(temperature=0), "hi") == "ab"
    with pytest.raises(ConfigError, match="stopp"):
        call.invoke(model.bind(stopp=["b"]), "hi")
