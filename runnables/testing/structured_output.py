"""Answers of a declared form: every kind of type, by every method that the model knows."""

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


class Colours(Enum):
    """A colour."""

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
    colour: Colours
    note: str | None = None
    size: int = 1


class Sparse(TypedDict):
    """A person of whom little is known."""

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
WHO = "Anna is 31 years old. Who is it? Answer with the name and the age."
GROUP = {"title": "Käfer 车", "leader": ANNA, "colour": "red"}

SCHEMAS: Sequence[Any] = (
    pytest.param(Person, ANNA, Person(name="Anna", age=31), id="pydantic"),
    pytest.param(Row, ANNA, ANNA, id="TypedDict"),
    pytest.param(Record, ANNA, Record("Anna", 31), id="dataclass"),
    pytest.param(SCHEMA, ANNA, ANNA, id="JSON schema"),
    pytest.param(Colours, "green", Colours.GREEN, id="enum"),
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
METHODS = ("json_schema", "function_calling")


class StructuredOutputs(ModelTests):
    """Structured output."""

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize(("schema", "said", "value"), SCHEMAS)
    def test_an_answer_has_its_form(
        self, call: SyncAsyncCall, stage: Harness, schema: Any, said: Any, value: Any, method: Any
    ) -> None:
        """The answer is an object of the type; streamed, the last piece is."""
        self._needs_method(method, stage)
        model = stage.model(self._said(schema, said, method))
        chain = model.with_structured_output(schema, method=method)
        # A live model takes its time: whole in one colour, streamed in the other.
        found = [] if call.name == "sync" and not stage.replayed else call.chunks(chain, WHO)[-1:]
        if stage.replayed or not found:
            found.append(call.value(chain, WHO))
        for answer in found:
            if stage.replayed:
                assert answer == value
            else:
                _assert_of_kind(answer, schema)
        if stage.replayed and isinstance(said, dict):
            for field in ("name", "title", "legs"):
                assert field not in said or stage.server.last.says(field)

    @pytest.mark.parametrize("method", METHODS)
    def test_what_the_question_says_is_filled_in(
        self, call: SyncAsyncCall, stage: Harness, method: Any
    ) -> None:
        """The name and the age are those of the question."""
        self._needs_method(method, stage)
        model = stage.model(self._said(Person, ANNA, method))
        chain = model.with_structured_output(Person, method=method)
        assert call.value(chain, WHO).name == "Anna"

    def test_the_models_own_method_works(self, call: SyncAsyncCall, stage: Harness) -> None:
        """Without a word on the method."""
        method = stage.model(HELLO)._method_for(Person.model_json_schema())
        self._needs_method(method, stage)
        model = stage.model(self._said(Person, ANNA, method))
        chain = model.with_structured_output(Person)
        assert isinstance(call.value(chain, WHO), Person)
        assert isinstance(call.chunks(chain, WHO)[-1], Person)

    @pytest.mark.parametrize("method", METHODS)
    def test_a_strict_form_is_kept(self, call: SyncAsyncCall, stage: Harness, method: Any) -> None:
        """What may be left out may be null, which gives the default."""
        self._needs_method(method, stage)
        said = {**GROUP, "note": None, "size": None}
        model = stage.model(self._said(Group, said, method))
        found = call.value(model.with_structured_output(Group, method=method, strict=True), WHO)
        assert isinstance(found, Group)
        if stage.replayed:
            assert found == Group.model_validate(GROUP)

    @pytest.mark.parametrize("method", METHODS)
    def test_partial_objects_stream(
        self, call: SyncAsyncCall, server: ReplayServer, method: Any
    ) -> None:
        """The object grows, and each piece is one of the type."""
        self.needs(method in self.structured_methods, f"method={method!r}")
        grows = self.supports_streaming and (self.streams_arguments or method == "json_schema")
        self.needs(grows, "objects that grow, by this method")
        said = {"title": "A long title of a group", "leader": ANNA, "colour": "green"}
        server.enqueue(self.encode(self._said(Group, said, method)))
        model = self.make(base_url=server.url)
        found = call.chunks(model.with_structured_output(Group, method=method), WHO)
        assert all(isinstance(it, Group) for it in found)
        assert found[-1] == Group.model_validate(said)
        assert len(found) > 1, "the object comes in one piece"

    @pytest.mark.parametrize("method", METHODS)
    def test_the_message_can_be_had_too(
        self, call: SyncAsyncCall, stage: Harness, method: Any
    ) -> None:
        """With `include_raw`, whole and streamed."""
        self._needs_method(method, stage)
        model = stage.model(self._said(Person, ANNA, method))
        chain = model.with_structured_output(Person, method=method, include_raw=True)
        for found in (call.value(chain, WHO), call.chunks(chain, WHO)[-1]):
            assert isinstance(found["parsed"], Person)
            assert found["parsing_error"] is None
            assert type(found["raw"]) is AIMessage
            assert found["raw"].usage_metadata

    @pytest.mark.parametrize("method", METHODS)
    def test_an_answer_that_does_not_fit_is_an_error(
        self, call: SyncAsyncCall, server: ReplayServer, method: Any
    ) -> None:
        """Raised, whole and streamed; or repaired, where that was asked for."""
        self.needs(method in self.structured_methods, f"method={method!r}")
        bad = self.encode(self._said(Person, {"name": "Anna", "age": "old"}, method))
        good = self.encode(self._said(Person, ANNA, method))
        model = self.make(base_url=server.url)
        for run in (call.value, call.chunks):
            server.enqueue(bad)
            with pytest.raises(OutputParserException, match="age"):
                run(model.with_structured_output(Person, method=method), WHO)
            server.enqueue(bad, good)
            found = run(model.with_structured_output(Person, method=method, repair=1), WHO)
            assert Person(name="Anna", age=31) in (found, *(found if run == call.chunks else ()))
            assert server.last.says("age")
            assert server.last.says("old")

    def _needs_method(self, method: str, stage: Harness) -> None:
        able = self.structured_methods
        if not stage.replayed and self.live_structured_methods is not None:
            able = self.live_structured_methods
        self.needs(method in able, f"method={method!r}")

    def _said(self, schema: Any, value: Any, method: str) -> ScriptedReply:
        """What a model says that was told of a form."""
        if self.wire is None:
            return ScriptedReply()
        model = self.make(base_url="http://127.0.0.1:9")
        options, parser = model._structured_request(schema, method, None)
        text = json.dumps({"value": value} if parser.wrapped else value, ensure_ascii=False)
        if method == "function_calling":
            return ScriptedReply(calls=[ScriptedToolCall(options["tool_choice"], text)])
        return ScriptedReply(text)


HELLO = ScriptedReply("Hello.")


def _assert_of_kind(answer: Any, schema: Any) -> None:
    if schema in (Row, Sparse, SCHEMA):
        assert isinstance(answer["name"], str)
        assert isinstance(answer.get("age", 0), int)
    elif schema == Literal["yes", "no"]:
        assert answer in ("yes", "no")
    elif schema == Person | Animal:
        assert isinstance(answer, Person | Animal)
    else:
        assert isinstance(answer, schema)
