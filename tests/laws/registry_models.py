"""Prompts, models and parsers for the registry."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from enum import Enum
from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel
from typing_extensions import TypedDict

from runnables import (
    AIMessage,
    ChatPromptTemplate,
    CommaSeparatedListOutputParser,
    ConfigurableField,
    DatetimeOutputParser,
    EnumOutputParser,
    FewShotChatMessagePromptTemplate,
    FewShotPromptTemplate,
    HumanMessage,
    JsonOutputKeyToolsParser,
    JsonOutputParser,
    JsonOutputToolsParser,
    MarkdownListOutputParser,
    MessagesPlaceholder,
    NumberedListOutputParser,
    PromptTemplate,
    PydanticOutputParser,
    PydanticToolsParser,
    Runnable,
    StrOutputParser,
    XMLOutputParser,
)
from runnables.models.fakes import (
    DeterministicFakeEmbedding,
    FakeListChatModel,
    FakeMessagesListChatModel,
    GenericFakeChatModel,
    ParrotFakeChatModel,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.laws.specimens import DICTS, INTS, TEXTS, Specimen, it


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Person(BaseModel):
    """A form for parsers."""

    name: str
    age: int = 0


class Named(TypedDict):
    """The same form, not of pydantic."""

    name: str


NAMES = st.fixed_dictionaries({"name": TEXTS}, optional={"history": st.just([("ai", "a")])})
JSON = st.sampled_from(
    [
        '{"name": "Ada", "age": 36}',
        '```json\n{"name": "Ada"}\n```',
        '{"name": "Ada", "age": "old"}',
        '{"name": "A',
        "[1, 2, 3]",
        "none",
        "",
    ]
)
LISTS = st.sampled_from(["a, b, c", "1. a\n2. b", "- a\n* b\n", ""]) | TEXTS
CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["Person", "other"]),
            "args": st.sampled_from([{"name": "Ada"}, {"name": 1}, {}]),
            "id": st.just("1"),
        }
    ),
    max_size=2,
).map(lambda calls: AIMessage("", tool_calls=calls))


def prompts() -> Iterator[Specimen]:
    shown = PromptTemplate("{q}={a}")
    examples = [{"q": "1", "a": "2"}]
    yield it("prompt: string", lambda: PromptTemplate("Hi {name}"), NAMES | TEXTS | DICTS)
    yield it(
        "prompt: mustache",
        lambda: PromptTemplate("Hi {{name}}", template_format="mustache"),
        NAMES,
    )
    yield it(
        "prompt: chat",
        lambda: ChatPromptTemplate(
            [
                ("system", "Be brief."),
                MessagesPlaceholder("history", optional=True),
                ("human", "{name}"),
            ]
        ),
        NAMES | DICTS,
    )
    yield it(
        "prompt: few-shot",
        lambda: FewShotPromptTemplate(
            example_prompt=shown, examples=examples, prefix="{name}", suffix="{name}?"
        ),
        NAMES,
    )
    yield it(
        "prompt: few-shot chat",
        lambda: FewShotChatMessagePromptTemplate(
            example_prompt=ChatPromptTemplate([("human", "{q}"), ("ai", "{a}")]), examples=examples
        ),
        NAMES,
    )


def models() -> Iterator[Specimen]:
    chat = {"remembers": True}
    said = TEXTS | st.just([HumanMessage("hi")]) | st.just([("ai", "a"), ("human", "b")])
    answer = AIMessage("a b", tool_calls=[{"name": "Person", "args": {"name": "Ada"}, "id": "1"}])
    yield it("model: parrot", lambda: ParrotFakeChatModel(), said)
    yield it("model: list", lambda: FakeListChatModel(["ab", "", "c d"]), said, **chat)
    yield it("model: messages", lambda: FakeMessagesListChatModel([answer]), said, **chat)
    yield it(
        "model: generic", lambda: GenericFakeChatModel(itertools.cycle(["a b", "c"])), said, **chat
    )
    yield it(
        "model: scripted",
        lambda: ScriptedChatModel(["a b", ["c", "d"], ValueError("no")], cycle=True),
        said,
        **chat,
    )
    yield it(
        "model: fails on the way",
        lambda: ScriptedChatModel([["a", ValueError("no")]], cycle=True),
        said,
    )
    yield it("model: stop", lambda: ParrotFakeChatModel(stop=["b"]), said)
    yield it(
        "model: unknown option", lambda: ParrotFakeChatModel().with_config(tags=["a"]) | len, said
    )
    yield it(
        "model: configurable, then bound",
        lambda: (
            ParrotFakeChatModel()
            .configurable_fields(stop=ConfigurableField(id="stop"))
            .bind_tools([])
            .with_config(configurable={"stop": ["b"]})
        ),
        said,
    )
    yield it("embeddings", lambda: DeterministicFakeEmbedding(size=3), TEXTS | INTS)
    yield it(
        "embeddings: mapped", lambda: DeterministicFakeEmbedding(size=3).map(), st.lists(TEXTS)
    )
    for method in ("json_schema", "function_calling", "json_mode"):
        yield it(
            f"model: structured by {method}",
            lambda method=method: _structured(method, Person),  # type: ignore[misc]  # as above
            said,
        )
    yield it("model: structured by a dict", lambda: _structured("function_calling", Named), said)
    yield it(
        "model: structured, with the raw answer",
        lambda: _structured("json_schema", Person, include_raw=True),
        said,
    )
    yield it(
        "model: structured by a JSON schema",
        lambda: _structured("function_calling", Person.model_json_schema()),
        said,
    )
    yield it(
        "model: structured, with repair",
        lambda: _structured("json_schema", Person, repair=1),
        said,
    )
    yield it(
        "model: structured, with repair and the raw answer",
        lambda: _structured("function_calling", Person, repair=1, include_raw=True),
        said,
    )


def _structured(method: Any, schema: Any, **options: Any) -> Runnable[Any, Any]:
    called = method == "function_calling"
    calls = [{"name": _name(schema), "args": {"name": "Ada"}, "id": "1"}] if called else []
    text = "" if called else json.dumps({"name": "Ada"})
    model = ScriptedChatModel([AIMessage(text, tool_calls=calls)], cycle=True)
    return model.with_structured_output(schema, method=method, **options)


def parsers() -> Iterator[Specimen]:
    yield it("parser: str", lambda: StrOutputParser(), TEXTS | st.just(AIMessage("a")) | INTS)
    yield it("parser: json", lambda: JsonOutputParser(), JSON)
    yield it("parser: pydantic", lambda: PydanticOutputParser(Person), JSON)
    yield it("parser: commas", lambda: CommaSeparatedListOutputParser(), LISTS)
    yield it("parser: numbered", lambda: NumberedListOutputParser(), LISTS)
    yield it("parser: markdown", lambda: MarkdownListOutputParser(), LISTS)
    yield it("parser: enum", lambda: EnumOutputParser(Colour), st.sampled_from(["red", "reed", ""]))
    yield it(
        "parser: datetime",
        lambda: DatetimeOutputParser(),
        st.sampled_from(["2024-02-29T23:59:59.1Z", "today"]),
    )
    yield it("parser: xml", lambda: XMLOutputParser(), st.sampled_from(["<a><b>1</b></a>", "<a>"]))
    yield it("parser: tool calls", lambda: JsonOutputToolsParser(), CALLS)
    yield it("parser: one tool", lambda: JsonOutputKeyToolsParser("Person"), CALLS)
    yield it("parser: pydantic tools", lambda: PydanticToolsParser([Person]), CALLS)
    yield it(
        "parser: repaired",
        lambda: PydanticOutputParser(Person).with_repair(
            ScriptedChatModel(["no", '{"name": "Bob"}'], cycle=True), attempts=2
        ),
        JSON,
        remembers=True,
    )


def _name(schema: Any) -> str:
    return schema["title"] if isinstance(schema, dict) else schema.__name__
