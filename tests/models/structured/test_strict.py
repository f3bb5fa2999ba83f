"""JSON schemas as services take them: strict, and without references."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import AnyUrl, BaseModel, Field

from runnables import (
    ConfigError,
)
from runnables.models import strict_schema, without_references
from runnables_providers.scripted import ScriptedChatModel
from tests.models.structured.examples import Car, Node


def test_strict_closes_objects_and_requires_every_field() -> None:
    """Optional fields may be null; defaults and other keywords that are not allowed are dropped."""
    schema = strict_schema(Car.model_json_schema())
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name", "paint", "parts", "owner", "seats"]
    assert schema["properties"]["seats"]["anyOf"][1] == {"type": "null"}
    assert schema["properties"]["owner"]["anyOf"] == [{"type": "string"}, {"type": "null"}]
    assert schema["properties"]["owner"]["description"] == "Whose it is."
    assert "default" not in json.dumps(schema)
    assert schema["$defs"]["Part"]["required"] == ["kind", "weight"]
    assert "oneOf" not in json.dumps(strict_schema({"type": "object", "properties": {}}))
    assert strict_schema(Node.model_json_schema())["type"] == "object"


class Site(BaseModel):
    """A site."""

    url: AnyUrl = Field(description="Where it is.")
    mail: Annotated[str, Field(json_schema_extra={"format": "email"})]
    name: Annotated[str, Field(min_length=2, max_length=9, examples=["Ann"])]
    code: Annotated[str, Field(json_schema_extra={"pattern": "^(?=a)b$"})]
    plain: Annotated[str, Field(pattern="^a+$")]
    tags: Annotated[set[str], Field(min_length=1)]
    age: Annotated[int, Field(ge=0, le=150)]
    data: bytes | None = None


def test_keywords_that_strict_services_refuse_are_in_the_description() -> None:
    """Formats, lengths and patterns that look around; the parser of the answer checks them."""
    fields = strict_schema(Site.model_json_schema())["properties"]
    assert fields["url"]["description"].startswith("Where it is. ")
    assert "in the format uri" in fields["url"]["description"]
    assert fields["mail"]["format"] == "email"
    assert "at least 2 characters" in fields["name"]["description"]
    assert "at most 9 characters" in fields["name"]["description"]
    assert "matching ^(?=a)b$" in fields["code"]["description"]
    assert fields["plain"]["pattern"] == "^a+$"
    assert fields["tags"]["minItems"] == 1
    assert "no item twice" in fields["tags"]["description"]
    assert (fields["age"]["minimum"], fields["age"]["maximum"]) == (0, 150)
    refused = {"minLength", "maxLength", "uniqueItems", "examples", "contentEncoding"}
    assert not refused & set(keys_of(fields))
    formats = [value for key, value in pairs_of(fields) if key == "format"]
    assert formats == ["email"]


def pairs_of(schema: Any) -> Iterator[tuple[str, Any]]:
    """Yield all keys of a schema with their values, at any depth."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key, value
            yield from pairs_of(value)
    elif isinstance(schema, list):
        for part in schema:
            yield from pairs_of(part)


def keys_of(schema: Any) -> Iterator[str]:
    return (key for key, _ in pairs_of(schema))


def test_definitions_by_their_older_name_are_strict_too() -> None:
    """References to them stay valid."""
    part = {"type": "object", "properties": {"a": {"type": "string", "format": "uri"}}}
    whole = {"type": "object", "properties": {"p": {"$ref": "#/definitions/P"}}}
    schema = strict_schema({**whole, "required": ["p"], "definitions": {"P": part}})
    assert schema["definitions"]["P"]["required"] == ["a"]
    assert schema["definitions"]["P"]["additionalProperties"] is False


@pytest.mark.parametrize(
    "wrong",
    [dict[str, int], Any, tuple[int, str], dict[str, Any]],
    ids=["keys", "any", "tuple", "d"],
)
def test_a_type_that_cannot_be_strict_is_refused(wrong: Any) -> None:
    """With the name of the field, and the way out."""

    class Loose(BaseModel):
        some: wrong

    with pytest.raises(ConfigError, match=r"the answer\.some has .*leave strict= out"):
        ScriptedChatModel().with_structured_output(Loose, strict=True)


def test_references_are_replaced_by_what_they_name() -> None:
    """For services that take none; a type that contains itself has no such schema."""
    schema = without_references(Car.model_json_schema())
    assert "$" not in json.dumps(schema)
    assert schema["properties"]["parts"]["items"]["properties"]["kind"]["enum"] == ["wheel", "horn"]
    with pytest.raises(ConfigError, match="contains itself"):
        without_references(Node.model_json_schema())
