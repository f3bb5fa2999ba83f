"""The chunks of a chain, as the parts that clients are shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from runnables import AIMessage, HumanMessage, RunnableGenerator, create_agent
from runnables.serving.chat_completions import ChatCompletion, ChatCompletionChunks
from runnables.serving.parts import Finish, MessageEnd, Part, TextDelta
from runnables.serving.reading import OutputReader
from runnables.serving.running import ChainRun
from runnables_providers.scripted import ScriptedChatModel
from tests.serving.servers import events


async def parts_of(chain: Any, value: Any = "x", given: int = 0) -> list[Part]:
    return [part async for part in ChainRun(chain, value, given=given).parts()]


@pytest.mark.parametrize("make", [str, AIMessage], ids=["strings", "messages"])
async def test_text_that_replaces_other_text_is_sent_once(make: Any) -> None:
    """A client adds up what it is sent, so snapshots are not sent one after another."""

    def generate(inputs: Iterator[str]) -> Iterator[Any]:
        yield make("Fo")
        yield make("A fox")

    parts = await parts_of(RunnableGenerator(generate, merge="last"))
    assert [part for part in parts if isinstance(part, TextDelta)] == [TextDelta("A fox")]
    assert [type(part) for part in parts if isinstance(part, MessageEnd)] == (
        [] if make is str else [MessageEnd]
    )
    assert parts[-1] == Finish()


async def test_text_with_a_merge_of_its_own_is_sent_merged() -> None:
    """Only the function knows what its chunks make."""

    def generate(inputs: Iterator[str]) -> Iterator[str]:
        yield "b"
        yield "a"

    chain = RunnableGenerator(generate, merge=lambda chunks: "".join(sorted(chunks)))
    assert await parts_of(chain) == [TextDelta("ab"), Finish()]


def test_a_reader_that_does_not_know_skips_what_comes_before_the_last_question() -> None:
    """An agent's first chunk is the conversation that it was given."""
    reader = OutputReader(given=None)
    given = [HumanMessage("Hi"), AIMessage("Hello."), HumanMessage("And now?")]
    assert list(reader.read({"messages": given}, None)) == []
    assert next(iter(reader.read({"messages": [AIMessage("Now.")]}, None))) == TextDelta("Now.")
    assert TextDelta("Hello.") not in list(reader.end())


class Sum(BaseModel):
    """An answer with a type."""

    result: int


async def test_a_structured_answer_stands_apart_from_the_text_before_it() -> None:
    """In chat completions both are text, with a blank line between them."""
    model = ScriptedChatModel(["It is 3.", '{"result": 3}'])
    parts = await parts_of(create_agent(model, response_format=Sum), "1 + 2?", given=1)
    text = 'It is 3.\n\n{"result":3}'
    chunks = events(b"".join(map(ChatCompletionChunks("r", "m").encode, parts)).decode())
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == text
    assert text.replace("\n", "\\n").replace('"', '\\"').encode() in b"".join(
        map(ChatCompletion("r", "m").encode, parts)
    )
