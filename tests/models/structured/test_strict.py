"""JSON schemas as services take them: strict, and without references."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

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
