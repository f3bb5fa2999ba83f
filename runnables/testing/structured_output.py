"""Tests of structured output: every kind of schema, by every method that the model supports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, NotRequired

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from runnables.errors import OutputParserException
from runnables.messages.ai import AIMessage
from runnables.testing.base import Harness, ModelTests
from runnables.testing.require_pytest import pytest
from runnables.testing.wire_format import ScriptedReply, ScriptedToolCall

if TYPE_CHECKING:
    from runnables.testing.replay_server import ReplayServer
    from runnables.testing.sync_async import SyncAsyncCall


class Person(BaseModel):
    """A person."""

    name: str
    age: int = Field(ge=0, le=130)


class Row(TypedDict):
    """A person, as a dict."""

    name: str
    age: int


@dataclass
class Record:
    """A person, as a dataclass."""

    name: str
    age: int


class Color(Enum):
    """A color."""

    RED = "red"
    GREEN = "green"


class Animal(BaseModel):
    """An animal."""

    legs: int
    kind: Literal["dog", "bird"]


class Group(BaseModel):
    """A group of people."""

    title: str
    leader: Person
    color: Color
    note: str | None = None
    size: int = 1


class Sparse(TypedDict):
    """A person, whose age may be unknown."""

    name: str
    age: NotRequired[int]


SCHEMA = {
    "title": "person",
    "description": "A person.",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
ANNA = {"name": "Anna", "age": 31}
QUESTION = "Anna is 31 years old. Who is it? Answer with the name and the age."
GROUP = {"title": "Käfer 车", "leader": ANNA, "color": "red"}

SCHEMAS: Sequence[Any] = (
    pytest.param(Person, ANNA, Person(name="Anna", age=31), id="pydantic"),
    pytest.param(Row, ANNA, ANNA, id="TypedDict"),
    pytest.param(Record, ANNA, Record("Anna", 31), id="dataclass"),
    pytest.param(SCHEMA, ANNA, ANNA, id="JSON schema"),
    pytest.param(Color, "green", Color.GREEN, id="enum"),
    pytest.param(Literal["yes", "no"], "no", "no", id="literal"),
    pytest.param(
        Person | Animal,
        {"legs": 4, "kind": "dog"},
        Animal(legs=4, kind="dog"),
        id="union",
    ),
    pytest.param(Group, GROUP, Group.model_validate(GROUP), id="nested"),
    pytest.param(Sparse, {"name": "Anna"}, {"name": "Anna"}, id="optional"),
)
HELLO = ScriptedReply("Hello.")
METHODS = ("json_schema", "function_calling")


class StructuredOutputs(ModelTests):
    """Tests of `with_structured_output`."""

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize(("schema", "value", "expected"), SCHEMAS)
    def test_an_answer_follows_its_schema(
        self,
        call: SyncAsyncCall,
        harness: Harness,
        schema: Any,
        value: Any,
        expected: Any,
        method: Any,
    ) -> None:
        """The answer is an object of the type; in a stream the last chunk is."""
        self._require_method(method, harness)
        model = harness.model(self._reply(schema, value, method))
        chain = model.with_structured_output(schema, method=method)
        # A live model is slow: `invoke` is tested in sync, `stream` in async.
        answers: list[Any] = []
        if harness.replayed or call.name == "async":
            answers += call.chunks(chain, QUESTION)[-1:]
        if harness.replayed or not answers:
            answers.append(call.output(chain, QUESTION))
        for answer in answers:
            if harness.replayed:
                assert answer == expected
            else:
                _assert_follows(answer, schema)
        if harness.replayed and isinstance(value, dict):
            for field in ("name", "title", "legs"):
                assert field not in value or harness.server.last.contains(field)

    @pytest.mark.parametrize("method", METHODS)
    def test_the_answer_has_what_the_question_says(
        self, call: SyncAsyncCall, harness: Harness, method: Any
    ) -> None:
        """The name is that of the question."""
        self._require_method(method, harness)
        model = harness.model(self._reply(Person, ANNA, method))
        chain = model.with_structured_output(Person, method=method)
        assert call.output(chain, QUESTION).name == "Anna"

    def test_the_default_method_works(self, call: SyncAsyncCall, harness: Harness) -> None:
        """`with_structured_output` works without `method`."""
        method = harness.model(HELLO)._method_for(Person.model_json_schema())
        self._require_method(method, harness)
        model = harness.model(self._reply(Person, ANNA, method))
        chain = model.with_structured_output(Person)
        assert isinstance(call.output(chain, QUESTION), Person)
        assert isinstance(call.chunks(chain, QUESTION)[-1], Person)

    @pytest.mark.parametrize("method", METHODS)
    def test_strict_schemas_are_followed(
        self, call: SyncAsyncCall, harness: Harness, method: Any
    ) -> None:
        """With `strict`, optional fields may be null, and get their defaults."""
        self._require_method(method, harness)
        value = {**GROUP, "note": None, "size": None}
        model = harness.model(self._reply(Group, value, method))
        chain = model.with_structured_output(Group, method=method, strict=True)
        answer = call.output(chain, QUESTION)
        assert isinstance(answer, Group)
        if harness.replayed:
            assert answer == Group.model_validate(GROUP)

    @pytest.mark.parametrize("method", METHODS)
    def test_partial_objects_stream(
        self, call: SyncAsyncCall, server: ReplayServer, method: Any
    ) -> None:
        """Each chunk is an object of the type, with more of its fields."""
        self.require(method in self.structured_methods, f"method={method!r}")
        streams = self.supports_streaming and (self.streams_arguments or method == "json_schema")
        self.require(streams, "partial objects by this method")
        value = {"title": "A long title of a group", "leader": ANNA, "color": "green"}
        server.enqueue(self.encode(self._reply(Group, value, method)))
        model = self.make(base_url=server.url)
        chunks = call.chunks(model.with_structured_output(Group, method=method), QUESTION)
        assert all(isinstance(chunk, Group) for chunk in chunks)
        assert chunks[-1] == Group.model_validate(value)
        assert len(chunks) > 1, "the object comes in one chunk"

    @pytest.mark.parametrize("method", METHODS)
    def test_include_raw_returns_the_message_too(
        self, call: SyncAsyncCall, harness: Harness, method: Any
    ) -> None:
        """The result has the object, the error and the message, also in a stream."""
        self._require_method(method, harness)
        model = harness.model(self._reply(Person, ANNA, method))
        chain = model.with_structured_output(Person, method=method, include_raw=True)
        for result in (call.output(chain, QUESTION), call.chunks(chain, QUESTION)[-1]):
            assert isinstance(result["parsed"], Person)
            assert result["parsing_error"] is None
            assert type(result["raw"]) is AIMessage
            assert result["raw"].usage_metadata

    @pytest.mark.parametrize("method", METHODS)
    def test_an_invalid_answer_is_an_error(
        self, call: SyncAsyncCall, server: ReplayServer, method: Any
    ) -> None:
        """An answer that breaks the schema raises, and `repair` has the model correct it."""
        self.require(method in self.structured_methods, f"method={method!r}")
        bad = self.encode(self._reply(Person, {"name": "Anna", "age": "old"}, method))
        good = self.encode(self._reply(Person, ANNA, method))
        model = self.make(base_url=server.url)
        for run in (call.output, call.chunks):
            server.enqueue(bad)
            with pytest.raises(OutputParserException, match="age"):
                run(model.with_structured_output(Person, method=method), QUESTION)
            server.enqueue(bad, good)
            answer = run(model.with_structured_output(Person, method=method, repair=1), QUESTION)
            answers = answer if run == call.chunks else [answer]
            assert Person(name="Anna", age=31) in answers
            assert server.last.contains("age")
            assert server.last.contains("old")

    def _require_method(self, method: str, harness: Harness) -> None:
        supported = self.structured_methods
        if not harness.replayed and self.live_structured_methods is not None:
            supported = self.live_structured_methods
        self.require(method in supported, f"method={method!r}")

    def _reply(self, schema: Any, value: Any, method: str) -> ScriptedReply:
        """Return the reply of a model that answers a schema with a value."""
        if self.wire_format is None:
            return ScriptedReply()
        model = self.make(base_url="http://127.0.0.1:9")
        options, parser = model._structured_request(schema, method, None)
        text = json.dumps({"value": value} if parser.wrapped else value, ensure_ascii=False)
        if method == "function_calling":
            return ScriptedReply(tool_calls=[ScriptedToolCall(options["tool_choice"], text)])
        return ScriptedReply(text)


def _assert_follows(answer: Any, schema: Any) -> None:
    if schema in (Row, Sparse, SCHEMA):
        assert isinstance(answer["name"], str)
        assert isinstance(answer.get("age", 0), int)
    elif schema == Literal["yes", "no"]:
        assert answer in ("yes", "no")
    elif schema == Person | Animal:
        assert isinstance(answer, Person | Animal)
    else:
        assert isinstance(answer, schema)
