"""Values at the border: containers keep their class, what holds nothing is the same object."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from copy import copy
from typing import Any

import langchain_core.messages as lc
import langchain_core.prompt_values as lc_values
import pytest
from hypothesis import given, strategies as st
from langchain_core.documents import Document as TheirDocument
from langchain_core.documents.base import Blob
from langchain_core.runnables.utils import AddableDict
from langgraph.types import Command, Send

from runnables import (
    ChatPromptValue,
    Document,
    HumanMessage,
    RemoveMessage,
    StringPromptValue,
    from_langchain,
    to_langchain,
)
from runnables.interop.langchain.values import from_value, to_value
from tests.interop.their_messages import their_messages
from tests.messages.arbitrary import json_objects, json_values, messages, strings

documents = st.builds(Document, strings, id=st.none() | strings, metadata=json_objects)
their_documents = st.builds(TheirDocument, strings, id=st.none() | strings, metadata=json_objects)


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return values with these leaves at any depth."""
    return st.recursive(
        leaves | json_values,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(strings, inner, max_size=3)
            | st.tuples(inner, inner)
        ),
        max_leaves=8,
    )


@given(nested(their_messages | their_documents))
def test_values_of_theirs_come_back_equal(value: Any) -> None:
    assert to_value(from_value(value)) == value


@given(nested(messages | documents | st.builds(lambda text: StringPromptValue(text=text), strings)))
def test_values_of_ours_come_back_equal(value: Any) -> None:
    assert from_value(to_value(value)) == value


@given(their_messages | their_documents)
def test_what_is_converted_has_all_fields_of_its_class(value: Any) -> None:
    """It is made without validation, which would fill them in; a repr reads them all."""
    made = from_value(value)
    assert vars(made).keys() == type(made).model_fields.keys()
    assert repr(made) == repr(copy(made))


@given(json_values)
def test_a_value_with_nothing_to_convert_is_the_same_object(value: Any) -> None:
    assert from_value(value) is value
    assert to_value(value) is value


def test_only_what_holds_a_message_is_made_anew() -> None:
    shared = {"rows": [1, 2]}
    theirs = {"messages": [lc.HumanMessage("Hi")], "memory": shared}
    ours = from_value(theirs)
    assert ours == {"messages": [HumanMessage("Hi")], "memory": shared}
    assert ours["memory"] is shared
    assert isinstance(theirs["messages"][0], lc.HumanMessage)  # and the old one is as it was


Pair = namedtuple("Pair", "question answer")


@pytest.mark.parametrize(
    "make",
    [
        lambda message: AddableDict(a=message),
        lambda message: OrderedDict(a=message),
        lambda message: defaultdict(list, a=message),
        lambda message: Pair(message, 1),
        lambda message: (message,),
    ],
    ids=["AddableDict", "OrderedDict", "defaultdict", "named tuple", "tuple"],
)
def test_containers_keep_their_class(make: Any) -> None:
    ours = from_value(make(lc.HumanMessage("Hi")))
    assert type(ours) is type(make(None))
    assert ours == make(HumanMessage("Hi"))
    assert to_value(ours) == make(lc.HumanMessage("Hi"))


def test_what_is_there_twice_is_converted_once() -> None:
    value: Any = [lc.HumanMessage("Hi")]
    for _ in range(40):  # 2**40 lists, if each were converted
        value = [value, value]
    ours = from_value(value)
    assert ours[0] is ours[1]


def test_a_value_that_contains_itself_passes_unless_messages_are_in_it() -> None:
    plain: list[Any] = [1]
    plain.append(plain)
    assert from_value(plain) is plain
    plain.append(lc.HumanMessage("Hi"))
    with pytest.raises(ValueError, match="contains itself"):
        from_value(plain)


def test_a_deep_value_is_no_recursion_error() -> None:
    plain: Any = [1]
    deep: Any = [lc.HumanMessage("Hi")]
    for _ in range(100_000):
        plain, deep = [plain], [deep]
    assert from_value(plain) is plain
    with pytest.raises(ValueError, match="nested too deeply"):
        from_value(deep)
    while isinstance(deep, list):  # or else the garbage collector goes down all of it
        deep, plain = deep[0], plain[0]


def test_messages_that_only_pass_through_stay_as_they_are() -> None:
    old = lc.FunctionMessage("x", name="f")
    assert from_value({"messages": [old, lc.HumanMessage("Hi")]})["messages"] == [
        old,
        HumanMessage("Hi"),
    ]


def test_a_mark_that_removes_a_message_passes_both_ways() -> None:
    theirs = {"messages": [lc.RemoveMessage(id="1")]}
    ours = {"messages": [RemoveMessage("1")]}
    assert from_value(theirs) == ours
    assert to_value(ours) == theirs


def test_commands_to_a_graph_carry_converted_values() -> None:
    command: Any = Command(
        update={"messages": [HumanMessage("Hi")]}, goto=Send("b", [Document("a")])
    )
    theirs = to_value(command)
    assert theirs.update == {"messages": [lc.HumanMessage("Hi")]}
    assert theirs.goto.arg == [TheirDocument("a")]
    assert command.update == {"messages": [HumanMessage("Hi")]}
    assert from_value(theirs) == command


def test_prompt_values_are_converted_by_what_they_hold() -> None:
    assert from_langchain(lc_values.StringPromptValue(text="Hi")) == StringPromptValue(text="Hi")
    theirs = lc_values.ChatPromptValue(messages=[lc.HumanMessage("Hi")])
    ours = ChatPromptValue(messages=[HumanMessage("Hi")])
    assert from_langchain(theirs) == ours
    assert to_langchain(ours) == theirs
    image = lc_values.ImagePromptValue(image_url={"url": "https://x/cat.png", "detail": "low"})
    assert from_langchain(image).to_messages()[0].content_blocks[0]["type"] == "image"


def test_a_document_has_its_id_and_its_own_metadata() -> None:
    theirs = TheirDocument("a", id="1", metadata={"source": "x"})
    ours = from_langchain(theirs)
    assert ours == Document("a", id="1", metadata={"source": "x"})
    ours.metadata["source"] = "y"
    assert theirs.metadata == {"source": "x"}
    assert to_langchain(from_langchain(theirs)) == theirs


def test_a_file_of_theirs_is_no_document() -> None:
    blob = Blob(data="x")
    assert from_value([blob])[0] is blob
    with pytest.raises(TypeError, match="Blob"):
        from_langchain(blob)
