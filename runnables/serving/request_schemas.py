"""The bodies of requests in each protocol, as JSON Schema: what is read of them, and no more.

A body that such a schema refuses is refused, and one that it allows is read; other keys are for
others, and ignored. `tests/serving/test_schemathesis.py` tries both on a server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]

OBJECT: Final[Mapping[str, Any]] = {"type": "object"}
STRING: Final[Mapping[str, Any]] = {"type": "string"}
_NAME: Final[Mapping[str, Any]] = {"type": "string", "minLength": 1}
_FLAG: Final[Mapping[str, Any]] = {"type": ["boolean", "null"]}
_URL: Final[Mapping[str, Any]] = {"type": "string", "pattern": "^https://."}


def body(**fields: Any) -> Schema:
    """Return the schema of an object that has all of these fields, and any others."""
    return {"type": "object", "properties": fields, "required": list(fields)}


def chat_completion(models: Sequence[str]) -> Schema:
    """Return the schema of a request for a chat completion."""
    content: Schema = {"type": ["string", "array", "null"], "items": {"type": ["string", "object"]}}
    said = _with(_role("system", "developer", "user"), content=content)
    answer = _with(_role("assistant"), content=content, tool_calls=_optional(_calls()))
    result = _with(_role("tool", tool_call_id=STRING), content=content)
    return _asked(models, messages=_list({"anyOf": [said, answer, result]}, at_least=1))


def response(models: Sequence[str]) -> Schema:
    """Return the schema of a request for a response."""
    kind: Schema = {"const": "message"}
    parts = _list(body(type={"enum": ["input_text", "text", "output_text"]}, text=STRING))
    shown = _string_or(_list(_with(body(), text=STRING)))
    said = _with(_role("user", "system", "developer", content=_string_or(parts)), type=kind)
    answer = _with(_role("assistant", content=shown), type=kind)
    call = body(type={"const": "function_call"}, call_id=STRING, name=STRING)
    call = _with(call, arguments=_optional(STRING))
    output = body(type={"const": "function_call_output"}, call_id=STRING, output=shown)
    items = _list({"anyOf": [said, answer, call, output]}, at_least=1)
    return _with(_asked(models, input=_string_or(items)), previous_response_id={"type": "null"})


def ui_messages() -> Schema:
    """Return the schema of a request of the AI SDK's pages."""
    text = body(type={"const": "text"}, text=STRING)
    file = _with(body(type={"const": "file"}, url=_URL), mediaType={})
    user = _role("user", parts=_list({"anyOf": [text, file, _other("text", "file")]}))
    shown = _list({"anyOf": [text, _other("text")]})
    system = _role("system", parts=shown)
    written = body(type={"const": "text"}, text=_NAME)
    answer = _role("assistant", parts={**shown, "contains": written})
    return body(messages=_list({"anyOf": [user, system, answer]}, at_least=1))


def ag_ui() -> Schema:
    """Return the schema of AG-UI's `RunAgentInput`."""
    parts = _list(body(type={"const": "text"}, text=STRING))
    user = _role("user", content=_string_or(parts))
    system = _role("system", "developer", content=STRING)
    answer = _role("assistant")
    answer = _with(answer, content=_optional(STRING), toolCalls=_optional(_calls()))
    result = _role("tool", content=STRING, toolCallId=STRING)
    messages = _list({"anyOf": [user, system, answer, result]}, at_least=1)
    return body(threadId=_NAME, runId=_NAME, messages=messages)


def _asked(models: Sequence[str], **conversation: Any) -> Schema:
    """Return the schema of what OpenAI's clients send: a model, a conversation, and how."""
    model = {"enum": list(models)} if models else _NAME
    return _with(body(model=model, **conversation), stream=_FLAG)


def _role(*roles: str, **fields: Any) -> Schema:
    """Return the schema of a message of one of these roles."""
    return body(role={"enum": list(roles)}, **fields)


def _other(*kinds: str) -> Schema:
    """Return the schema of a part of any type but these."""
    return body(type={"type": "string", "not": {"enum": list(kinds)}})


def _calls() -> Schema:
    """Return the schema of tool calls in OpenAI's form."""
    function = _with(body(name=STRING), arguments={"type": ["string", "object", "null"]})
    return _list(_with(body(function=function), id=_optional(STRING)))


def _with(schema: Schema, **fields: Any) -> Schema:
    """Return the schema of an object with more fields, which it may lack."""
    return {**schema, "properties": {**schema["properties"], **fields}}


def _list(items: Mapping[str, Any], at_least: int = 0) -> Schema:
    return {"type": "array", "items": items, **({"minItems": at_least} if at_least else {})}


def _string_or(other: Schema) -> Schema:
    return {"anyOf": [STRING, other]}


def _optional(schema: Mapping[str, Any]) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}
