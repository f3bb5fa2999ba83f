"""Values that could pass for a conversation by accident, because they can be iterated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel, RootModel

from runnables import (
    DeterministicFakeEmbedding,
    RunnableLambda,
    RunnableParallel,
    convert_to_messages,
    convert_to_openai_messages,
    count_tokens_approximately,
    create_agent,
    filter_messages,
    get_buffer_string,
    merge_message_runs,
    trim_messages,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call


def _kind(value: object) -> str:
    return type(value).__name__


class Question(BaseModel):
    """Its fields look like roles."""

    system: str = "Be brief."
    human: str = "Hello"


class Extended(Question, extra="allow"):
    pass


@dataclass
class Plain:
    human: str = "Hello"


OBJECTS: list[Any] = [
    Question(),
    Extended.model_validate({"ai": "Hi"}),
    RootModel[list[str]](["a"]),
]
FUNCTIONS: list[Any] = [
    convert_to_messages,
    convert_to_openai_messages,
    count_tokens_approximately,
    filter_messages,
    get_buffer_string,
    merge_message_runs,
    trim_messages(max_tokens=9, token_counter=len).invoke,
    ScriptedChatModel(["a"]).get_num_tokens_from_messages,
]
MODEL = ScriptedChatModel(["a"], cycle=True)
CHAINS: dict[str, Any] = {
    "model": MODEL,
    "after a function": RunnableLambda(lambda value: value) | MODEL,
    "branch": RunnableParallel(a=MODEL),
    "bound": MODEL.bind(stop=["x"]),
    "retry": MODEL.with_retry(stop_after_attempt=1),
    "agent": create_agent(MODEL, []),
}


@pytest.mark.parametrize("value", OBJECTS, ids=_kind)
@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_a_pydantic_object_given_to_a_model_is_refused(chain: Any, value: Any, call: Call) -> None:
    """Its fields are no pairs of role and content; the error says how to pass them."""
    for run in (call.invoke, call.stream):
        with pytest.raises(TypeError, match=r"no conversation.*model_dump\(\)") as caught:
            run(chain, value)
        assert type(value).__name__ in str(caught.value)
    (output,) = call.batch(chain, [value], return_exceptions=True)
    assert isinstance(output, TypeError)


def test_an_object_in_a_conversation_is_refused(call: Call) -> None:
    """It is no message either."""
    with pytest.raises(TypeError, match="cannot be read as a message"):
        call.invoke(MODEL, ["Hello", Question()])


@pytest.mark.parametrize(
    "value",
    [Plain(), 3, None, b"Hello", bytearray(b"a"), {"a", "b"}, frozenset("a"), Question],
    ids=_kind,
)
def test_other_values_are_refused(value: Any, call: Call) -> None:
    """Bytes have no letters, and a set has no order."""
    with pytest.raises(TypeError, match=r"no conversation|cannot be read as a message"):
        call.invoke(MODEL, value)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_of_messages_refuse_it_too(function: Any) -> None:
    """All read a conversation in the same way."""
    with pytest.raises(TypeError, match="conversation|a list of messages"):
        function(Question())


NO_LISTS: list[Any] = ["abc", b"abcd", None, 3, {"a": 1}, [None], [["a"]], [b"a"]]


@pytest.mark.parametrize("value", NO_LISTS)
def test_what_is_no_list_of_strings_is_not_embedded(value: Any, call: Call) -> None:
    """A string would be embedded letter by letter, and a dict key by key."""
    model = DeterministicFakeEmbedding(size=2)
    with pytest.raises(TypeError, match="strings"):
        call.run(lambda: model.embed_documents(value), lambda: model.aembed_documents(value))
