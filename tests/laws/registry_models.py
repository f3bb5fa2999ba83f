"""Prompts, models and parsers for the registry."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel
from typing_extensions import TypedDict

from runnables import (
    AIMessage,
    BaseGenerationOutputParser,
    ChatPromptTemplate,
    CommaSeparatedListOutputParser,
    ConfigurableField,
    DatetimeOutputParser,
    EnumOutputParser,
    FewShotChatMessagePromptTemplate,
    FewShotPromptTemplate,
    FewShotPromptWithTemplates,
    HumanMessage,
    JsonOutputKeyToolsParser,
    JsonOutputParser,
    JsonOutputToolsParser,
    MarkdownListOutputParser,
    MessagesPlaceholder,
    NumberedListOutputParser,
    OutputFixingParser,
    PromptTemplate,
    PydanticOutputParser,
    PydanticToolsParser,
    ResponseSchema,
    Runnable,
    StrOutputParser,
    StructuredOutputParser,
    XMLOutputParser,
)
from runnables.models import init_chat_model
from runnables.models.fakes import (
    DeterministicFakeEmbedding,
    FakeListChatModel,
    FakeMessagesListChatModel,
    GenericFakeChatModel,
    ParrotFakeChatModel,
)
from runnables.models.text_fakes import FakeListLLM, FakeStreamingListLLM
from runnables_providers.scripted import ScriptedChatModel
from tests.laws.specimens import DICTS, INTS, STRINGS, Specimen, specimen


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Person(BaseModel):
    """A schema for parsers."""

    name: str
    age: int = 0


class Lengths(BaseGenerationOutputParser[int]):
    def parse_result(self, result: Sequence[Any], *, partial: bool = False) -> int:
        return len(result[0].text)


class Named(TypedDict):
    """The same schema, as a TypedDict."""

    name: str


NAMES = st.fixed_dictionaries({"name": STRINGS}, optional={"history": st.just([("ai", "a")])})
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
LISTS = st.sampled_from(["a, b, c", "1. a\n2. b", "- a\n* b\n", ""]) | STRINGS
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
    yield specimen("prompt: string", lambda: PromptTemplate("Hi {name}"), NAMES | STRINGS | DICTS)
    yield specimen(
        "prompt: mustache",
        lambda: PromptTemplate("Hi {{name}}", template_format="mustache"),
        NAMES,
    )
    yield specimen(
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
    yield specimen(
        "prompt: few-shot",
        lambda: FewShotPromptTemplate(
            example_prompt=shown, examples=examples, prefix="{name}", suffix="{name}?"
        ),
        NAMES,
    )
    yield specimen(
        "prompt: few-shot, of templates",
        lambda: FewShotPromptWithTemplates(
            example_prompt=shown, examples=examples, suffix=PromptTemplate("{name}?")
        ),
        NAMES,
    )
    yield specimen(
        "prompt: few-shot chat",
        lambda: FewShotChatMessagePromptTemplate(
            example_prompt=ChatPromptTemplate([("human", "{q}"), ("ai", "{a}")]), examples=examples
        ),
        NAMES,
    )


def models() -> Iterator[Specimen]:
    chat = {"remembers": True}
    inputs = STRINGS | st.just([HumanMessage("hi")]) | st.just([("ai", "a"), ("human", "b")])
    answer = AIMessage("a b", tool_calls=[{"name": "Person", "args": {"name": "Ada"}, "id": "1"}])
    yield specimen("model: parrot", lambda: ParrotFakeChatModel(), inputs)
    yield specimen(
        "model: chosen by the call",
        lambda: init_chat_model(configurable_fields="any").with_config(
            configurable={"model": "scripted", "script": ["ab"], "cycle": True}
        ),
        inputs,
        **chat,
    )
    yield specimen("model: list", lambda: FakeListChatModel(["ab", "", "c d"]), inputs, **chat)
    yield specimen("model: strings", lambda: FakeListLLM(["ab", "", "c d"]), inputs, **chat)
    yield specimen(
        "model: streamed strings", lambda: FakeStreamingListLLM(["ab", "", "c d"]), inputs, **chat
    )
    yield specimen("model: messages", lambda: FakeMessagesListChatModel([answer]), inputs, **chat)
    yield specimen(
        "model: generic",
        lambda: GenericFakeChatModel(itertools.cycle(["a b", "c"])),
        inputs,
        **chat,
    )
    yield specimen(
        "model: scripted",
        lambda: ScriptedChatModel(["a b", ["c", "d"], ValueError("no")], cycle=True),
        inputs,
        **chat,
    )
    yield specimen(
        "model: fails midway",
        lambda: ScriptedChatModel([["a", ValueError("no")]], cycle=True),
        inputs,
    )
    yield specimen("model: stop", lambda: ParrotFakeChatModel(stop=["b"]), inputs)
    yield specimen(
        "model: unknown option", lambda: ParrotFakeChatModel().with_config(tags=["a"]) | len, inputs
    )
    yield specimen(
        "model: configurable, then bound",
        lambda: (
            ParrotFakeChatModel()
            .configurable_fields(stop=ConfigurableField(id="stop"))
            .bind_tools([])
            .with_config(configurable={"stop": ["b"]})
        ),
        inputs,
    )
    yield specimen("embeddings", lambda: DeterministicFakeEmbedding(size=3), STRINGS | INTS)
    yield specimen(
        "embeddings: mapped", lambda: DeterministicFakeEmbedding(size=3).map(), st.lists(STRINGS)
    )
    for method in ("json_schema", "function_calling", "json_mode"):
        yield specimen(
            f"model: structured by {method}",
            lambda method=method: _structured(method, Person),  # type: ignore[misc]  # as above
            inputs,
        )
    yield specimen(
        "model: structured by a dict", lambda: _structured("function_calling", Named), inputs
    )
    yield specimen(
        "model: structured, with the raw answer",
        lambda: _structured("json_schema", Person, include_raw=True),
        inputs,
    )
    yield specimen(
        "model: structured by a JSON schema",
        lambda: _structured("function_calling", Person.model_json_schema()),
        inputs,
    )
    yield specimen(
        "model: structured, with repair",
        lambda: _structured("json_schema", Person, repair=1),
        inputs,
    )
    yield specimen(
        "model: structured, with repair and the raw answer",
        lambda: _structured("function_calling", Person, repair=1, include_raw=True),
        inputs,
    )


def _structured(method: Any, schema: Any, **options: Any) -> Runnable[Any, Any]:
    called = method == "function_calling"
    calls = [{"name": _name(schema), "args": {"name": "Ada"}, "id": "1"}] if called else []
    text = "" if called else json.dumps({"name": "Ada"})
    model = ScriptedChatModel([AIMessage(text, tool_calls=calls)], cycle=True)
    return model.with_structured_output(schema, method=method, **options)


def parsers() -> Iterator[Specimen]:
    yield specimen(
        "parser: str", lambda: StrOutputParser(), STRINGS | st.just(AIMessage("a")) | INTS
    )
    yield specimen("parser: json", lambda: JsonOutputParser(), JSON)
    yield specimen("parser: pydantic", lambda: PydanticOutputParser(Person), JSON)
    yield specimen("parser: commas", lambda: CommaSeparatedListOutputParser(), LISTS)
    yield specimen("parser: numbered", lambda: NumberedListOutputParser(), LISTS)
    yield specimen("parser: markdown", lambda: MarkdownListOutputParser(), LISTS)
    yield specimen(
        "parser: enum", lambda: EnumOutputParser(Color), st.sampled_from(["red", "reed", ""])
    )
    yield specimen(
        "parser: datetime",
        lambda: DatetimeOutputParser(),
        st.sampled_from(["2024-02-29T23:59:59.1Z", "today"]),
    )
    yield specimen(
        "parser: xml",
        lambda: XMLOutputParser(),
        st.sampled_from(["<a><b>1</b></a>", "<a>", "<a><b><c/>x<c/></b><b/> </a><d>2</d>"]),
    )
    yield specimen("parser: results", lambda: Lengths(), STRINGS | st.just(AIMessage("a")))
    yield specimen("parser: tool calls", lambda: JsonOutputToolsParser(), CALLS)
    yield specimen("parser: one tool", lambda: JsonOutputKeyToolsParser("Person"), CALLS)
    yield specimen("parser: pydantic tools", lambda: PydanticToolsParser([Person]), CALLS)
    yield specimen(
        "parser: repaired",
        lambda: PydanticOutputParser(Person).with_repair(
            ScriptedChatModel(["no", '{"name": "Bob"}'], cycle=True), attempts=2
        ),
        JSON,
        remembers=True,
    )
    yield specimen(
        "parser: fields",
        lambda: StructuredOutputParser([ResponseSchema(name="name", description="a name")]),
        JSON,
    )
    yield specimen(
        "parser: fixed",
        lambda: OutputFixingParser.from_llm(
            llm=ScriptedChatModel(["no", '{"name": "Bob"}'], cycle=True),
            parser=PydanticOutputParser(Person),
            prompt=PromptTemplate("{instructions} {completion} {error}"),
            max_retries=2,
        ),
        JSON,
        remembers=True,
    )


def _name(schema: Any) -> str:
    return schema["title"] if isinstance(schema, dict) else schema.__name__
