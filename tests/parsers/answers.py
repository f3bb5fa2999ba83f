"""Outputs of models, of every type and cut anywhere, for the laws of parsers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date
from enum import Enum
from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel, Field

from runnables.errors import OutputParserException
from runnables.messages import AIMessage, AIMessageChunk

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


class Paint(Enum):
    RED = "red"
    DARK_RED = "dark red"
    THREE = 3


class Address(BaseModel):
    street: str
    zip: int | None = None


class Person(BaseModel):
    name: str = Field(alias="fullName", min_length=1)
    age: int
    born: date | None = None
    tags: list[str] = []
    home: Address | None = None
    friends: list[Person] = Field(default_factory=list)


PERSON = {
    "fullName": "Ada",
    "age": 36,
    "born": "1815-12-10",
    "tags": ["maths", "engines"],
    "home": {"street": "St James's Square", "zip": 12},
    "friends": [{"fullName": "Charles", "age": 43}, {"fullName": "Mary", "age": 64}],
}

PERSONS = st.fixed_dictionaries(
    {"fullName": st.text(max_size=3), "age": st.integers(0, 99) | st.just("old")},
    optional={
        "born": st.sampled_from(["1815-12-10", "never"]),
        "tags": st.lists(st.text(max_size=3), max_size=3),
        "home": st.sampled_from([None, {"street": "S"}, {"street": "S", "zip": 1}, {}]),
        "friends": st.just([{"fullName": "B", "age": 1}]),
        "other": JSON,
    },
)


@st.composite
def json_answers(draw: Callable[..., Any], values: Any = JSON) -> str:
    """Draw JSON as models write it: bare, fenced, in prose, indented, and now and then cut off."""
    value = draw(values)
    text = json.dumps(
        value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 2]))
    )
    before, after = draw(
        st.sampled_from(
            [
                ("", ""),
                ("\n ", "\n"),
                ("```json\n", "\n```"),
                ("Sure, see [1]:\n```\n", "\n```\nAnything else?"),
                ("Here it is: ", " That is all {really}."),
                ("```python\nx = {}\n```\n", ""),
                ("In {a, b} terms:\n```JSON ", "```"),
            ]
        )
    )
    text = before + text + after
    return text[: draw(st.integers(0, len(text)))] if draw(st.integers(0, 4)) == 0 else text


def noise(alphabet: str) -> Any:
    """Return strings of characters that mean something to a parser."""
    return st.text(alphabet=alphabet, max_size=30) | st.text(max_size=10)


JSON_NOISE = noise('{}[]",:\\u0dD8cC1eE-+. truefalsnNI\n`aé')
LIST_NOISE = noise('ab,"\n\r 12.)-*+')
XML_NOISE = noise("<>/ab&;![]?x='\" #é\n`")


@st.composite
def cut(draw: Callable[..., Any], strings: Any) -> list[str]:
    """Draw a string in parts, some of them empty; at least one."""
    text = draw(strings)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def json_parts(value: Any, size: int = 5) -> list[str]:
    """Return the JSON of a value in parts of so many characters."""
    text = json.dumps(value)
    return [text[start : start + size] for start in range(0, len(text), size)]


# Each of these returns the chunks of a model's output, and the whole output.


def as_text(parts: Sequence[str]) -> tuple[list[Any], Any]:
    return list(parts), "".join(parts)


def as_message(parts: Sequence[str]) -> tuple[list[Any], Any]:
    chunks = [AIMessageChunk(content=part) for part in parts]
    return list(chunks), AIMessage(content="".join(parts))


def as_merged_chunk(parts: Sequence[str]) -> tuple[list[Any], Any]:
    chunks = [AIMessageChunk(content=part) for part in parts]
    return list(chunks), AIMessageChunk.merge_chunks(chunks)


def as_message_of_blocks(parts: Sequence[str]) -> tuple[list[Any], Any]:
    """Return the text blocks of a provider that also sends its reasoning."""
    reasoning = AIMessageChunk(
        content=[{"type": "reasoning", "reasoning": "{[<x> 1. ", "index": 0}]
    )
    chunks = [
        AIMessageChunk(content=[{"type": "text", "text": part, "index": 1}]) for part in parts
    ]
    return [reasoning, *chunks], AIMessageChunk.merge_chunks([reasoning, *chunks])


def as_blocks(parts: Sequence[str]) -> tuple[list[Any], Any]:
    blocks: list[Any] = [{"type": "text", "text": part} for part in parts]
    blocks.insert(0, {"type": "reasoning", "reasoning": "{[<x> 1. "})
    return [[block] for block in blocks], blocks


OUTPUTS = [as_text, as_message, as_merged_chunk, as_message_of_blocks, as_blocks]


def outcome(run: Callable[[], Any]) -> Any:
    """Return a call's result or the parser's error, so that two compare (NaN by its repr)."""
    try:
        value = run()
    except OutputParserException as error:
        return "refused", str(error), error.llm_output
    return "value", type(value), repr(value)
