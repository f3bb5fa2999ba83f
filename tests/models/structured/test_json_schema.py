"""Validation of answers by a JSON schema."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runnables import (
    OutputParserException,
)
from runnables.models.structured.json_schema import schema_errors
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

SCHEMA = {
    "title": "trip",
    "type": "object",
    "properties": {
        "to": {"enum": ["Rome", "Oslo"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
        "notes": {"type": "array", "items": {"type": "string", "minLength": 2}, "maxItems": 2},
        "at": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Time"}]},
    },
    "required": ["to", "days"],
    "additionalProperties": False,
    "$defs": {"Time": {"type": "object", "properties": {"h": {"type": "number"}}}},
}


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"to": "Rome", "days": 2, "at": {"h": 1.5}}, None),
        ({"to": "Rome", "days": 2.0, "notes": ["ab"], "at": None}, None),
        ({"to": "Rom", "days": 2}, 'to: expected one of ["Rome", "Oslo"], got "Rom"'),
        ({"to": "Rome"}, "days: is missing"),
        ({"to": "Rome", "days": True}, "days: expected integer, got true"),
        ({"to": "Rome", "days": 2.5}, "days: expected integer, got 2.5"),
        ({"to": "Rome", "days": 10}, "days: 10 is more than 9"),
        ({"to": "Rome", "days": 0}, "days: 0 is less than 1"),
        ({"to": "Rome", "days": 1, "notes": ["a"]}, "notes.0: has fewer than 2 characters"),
        ({"to": "Rome", "days": 1, "notes": ["ab"] * 3}, "notes: has more than 2 items"),
        ({"to": "Rome", "days": 1, "by": 1}, "by: is no field"),
        ({"to": "Rome", "days": 1, "at": {"h": "x"}}, 'at.h: expected number, got "x"'),
        ([], "expected object, got []"),
    ],
    ids=str,
)
def test_answers_are_validated_by_a_json_schema(value: Any, error: str | None, call: Call) -> None:
    """The error names the part; at the end of a stream, too."""
    assert schema_errors(value, SCHEMA) == ([] if error is None else [error])
    model = ScriptedChatModel([json.dumps(value)], cycle=True)
    chain: Any = model.with_structured_output(SCHEMA)
    if error is None:
        assert call.stream(chain, "hi")[-1] == call.invoke(chain, "hi") == value
        return
    for run in (call.invoke, call.stream):
        with pytest.raises(OutputParserException) as caught:
            run(chain, "hi")
        assert error in str(caught.value)
        assert caught.value.llm_output == json.dumps(value)
