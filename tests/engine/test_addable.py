"""Dicts that are added with `+`, and the sum of chunks."""

from __future__ import annotations

import asyncio
import copy
import functools
import json
import operator
import pickle
from collections.abc import AsyncIterator
from typing import Any

import pytest

from runnables import (
    AddableDict,
    AIMessage,
    FakeListChatModel,
    FakeMessagesListChatModel,
    JsonOutputParser,
    MergeError,
    RunnableLambda,
    RunnableParallel,
    StrOutputParser,
    aadd,
    add,
    tool_call,
)
from tests.both_modes import Call


def _seas() -> Any:
    """Return a stream's owner with deltas, snapshots and a key that is computed from both."""
    words = FakeListChatModel(["Baltic"]) | StrOutputParser()
    found = FakeListChatModel(['{"names": ["Baltic", "North"]}']) | JsonOutputParser()
    branches = RunnableParallel(words=words, found=found)
    return branches.assign(size=lambda seas: len(seas["found"]["names"]))


def test_the_sum_of_a_streams_chunks_is_what_invoke_returns() -> None:
    """Deltas are joined and snapshots replaced, where a blind `+` would double the list."""
    chunks = list(_seas().stream("?"))
    assert len(chunks) > 3
    assert functools.reduce(operator.add, chunks) == _seas().invoke("?")


async def test_the_sum_of_an_async_streams_chunks_is_what_ainvoke_returns() -> None:
    """Likewise, in the loop that people write."""
    total: Any = None
    async for chunk in _seas().astream("?"):
        total = chunk if total is None else total + chunk
    assert total == await _seas().ainvoke("?")


def test_chunks_that_only_add_up_all_at_once_say_so() -> None:
    """The sum of two pairs of a map cannot tell which items are still missing."""

    def letters(word: str) -> Any:
        yield from word

    spelled = RunnableParallel(words=RunnableLambda(letters).map())
    chunks = list(spelled.stream(["ab", "cd"]))
    with pytest.raises(MergeError, match="'words' cannot be added one by one.*merge_chunks"):
        functools.reduce(operator.add, chunks)
    assert add(spelled.stream(["ab", "cd"])) == {"words": ["ab", "cd"]}


def test_a_chunk_is_a_dict_also_when_it_is_stored() -> None:
    """It compares, prints and is written as JSON as one; copies and pickles have no stream."""
    chunk: Any = next(iter(RunnableParallel(size=len).stream("abc")))
    assert chunk == {"size": 3}
    assert repr(chunk) == "{'size': 3}"
    assert json.dumps(chunk) == '{"size": 3}'
    for same in (pickle.loads(pickle.dumps(chunk)), copy.copy(chunk), copy.deepcopy(chunk)):
        assert type(same) is AddableDict
        assert same == chunk


def test_dicts_of_the_users_own_are_added_key_by_key() -> None:
    """On either side; None is nothing, and what cannot be added is replaced."""
    one = AddableDict(text="a ", size=1, only=None, kind={})
    both = one + {"text": "fox", "size": 2, "only": "x", "kind": {"b": 1}}
    assert both == {"text": "a fox", "size": 3, "only": "x", "kind": {"b": 1}}
    assert {"size": 2} + AddableDict(size=None, text="b") == {"size": 2, "text": "b"}
    assert one["size"] == 1
    with pytest.raises(TypeError):
        one + 1


@pytest.mark.parametrize(
    ("addables", "total"),
    [
        ([], None),
        ([1, 2], 3),
        (["a", "b"], "ab"),
        ([{"a": "x"}, {"a": "y", "b": 1}], {"a": "xy", "b": 1}),
    ],
)
def test_add_sums_anything(addables: list[Any], total: Any) -> None:
    """Nothing adds up to None; dicts are added key by key. `aadd` does the same."""

    async def each() -> AsyncIterator[Any]:
        for addable in addables:
            yield addable

    assert add(addables) == total
    assert asyncio.run(aadd(each())) == total


def test_add_merges_a_stream_as_it_declares() -> None:
    """Its snapshots are not added up."""

    def counted(text: str) -> Any:
        for number, _ in enumerate(text, 1):
            yield number

    count = RunnableLambda(counted, merge="last")
    assert add(count.stream("abc")) == 3
    assert asyncio.run(aadd(count.astream("abc"))) == 3


def test_the_answer_of_a_model_in_a_dict_grows_chunk_by_chunk(call: Call) -> None:
    """`total += chunk`, as people write it, ends with what invoke gives, tool calls included."""
    wanted = tool_call(name="f", args={"a": 1}, id="1")
    answer = AIMessage("Ahoy there, sailor!", tool_calls=[wanted], id="m")
    chain = RunnableParallel(
        answer=FakeMessagesListChatModel([answer]).bind(stop=["x"]), size=RunnableLambda(len)
    )
    chunks = call.stream(chain, "Hello")
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    assert len(chunks) > 4
    assert total == call.invoke(chain, "Hello") == {"answer": answer, "size": 5}
