"""What the model answers: a function of what the request asks, and of nothing else.

The text depends on the roles and the text of the messages, the arguments of a tool call on the
schema of the tool. How a client spells a request changes neither, so that two can be compared.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_WORDS = (
    "bears river answer quick simple light stone music garden number seven window paper story "
    "silver winter morning question reason yellow bridge forest letter market ocean planet"
).split()
_SCHEMA = re.compile(r'\{(?=\s*"(?:\$defs|properties|title|description|foo)")')


@dataclass(frozen=True)
class Request:
    """A request in a form that all services share."""

    messages: Sequence[tuple[str, str]]
    """Role and text of each message."""

    tools: Mapping[str, Any] = field(default_factory=dict)
    """The schema of each tool's arguments, by name."""

    forced: str | None = None
    """The tool that must be called; "" stands for any."""

    schema: Mapping[str, Any] | None = None
    """The schema of the answer, where the request has one; an empty one for any JSON."""


@dataclass(frozen=True)
class Answer:
    """The text of an answer, or a tool that it calls."""

    text: str = ""
    tool: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


def answer(request: Request) -> Answer:
    """Return the answer to a request."""
    if request.schema is not None:
        value = fitting(request.schema, request.schema) if request.schema else {"answer": "seven"}
        return Answer(json.dumps(value))
    last_user = max(
        (i for i, (role, _) in enumerate(request.messages) if role == "user"), default=0
    )
    answered = any(role == "tool" for role, _ in request.messages[last_user:])
    if request.tools and (request.forced is not None or not answered):
        name = request.forced or _mentioned(request)
        schema = request.tools.get(name, {})
        return Answer(tool=name, arguments=fitting(schema, schema) or {})
    return Answer(_text(request))


def _mentioned(request: Request) -> str:
    text = " ".join(text for role, text in request.messages if role == "user").lower()
    for name in request.tools:
        if any(word in text for word in name.lower().split("_") if len(word) > 3):
            return name
    return next(iter(request.tools))


def _text(request: Request) -> str:
    asked = "\n".join(text for _, text in request.messages)
    lower = asked.lower()
    if (schema := _schema_in(asked)) is not None:
        return f"```json\n{json.dumps(fitting(schema, schema))}\n```"
    if "final answer:" in lower:
        return "Thought: I now know the final answer\nFinal Answer: seven"
    if "json" in lower:
        return '```json\n{"answer": "seven", "score": 7}\n```'
    if "xml" in lower:
        return "<answer><item>seven</item><item>eight</item></answer>"
    if "%y-%m-%d" in lower:
        return "1752-09-14T00:00:00.000000Z"
    if re.search(r"comma[ -]separated|separated by commas", lower):
        return "red, green, blue"
    if "numbered list" in lower:
        return "1. red\n2. green\n3. blue"
    if "yes or no" in lower or "'yes' or 'no'" in lower:
        return "yes"
    digest = hashlib.sha256(json.dumps(list(request.messages)).encode()).digest()
    words = [_WORDS[byte % len(_WORDS)] for byte in digest[: 8 + digest[0] % 8]]
    return " ".join(words).capitalize() + "."


def _schema_in(text: str) -> Mapping[str, Any] | None:
    """Return the last JSON schema inside a string."""
    found = None
    decoder = json.JSONDecoder()
    for start in _SCHEMA.finditer(text):
        try:
            value, _ = decoder.raw_decode(text, start.start())
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("properties"), dict):
            if "foo" not in value["properties"]:  # the example that LangChain's instructions give
                found = value if found is None or "properties" in value else found
    return found


def fitting(schema: Any, root: Any, depth: int = 0) -> Any:
    """Return a value that fits a JSON schema, always the same for the same schema.

    Args:
        schema: the schema.
        root: the schema that it is part of, where its definitions are.
        depth: how deep it is: past some depth lists are empty, which ends recursive schemas.
    """
    if not isinstance(schema, Mapping):
        return "seven"
    if "$ref" in schema:
        target = root
        for part in str(schema["$ref"]).lstrip("#/").split("/"):
            target = target.get(part, {}) if isinstance(target, Mapping) else {}
        return fitting(target, root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for several in ("anyOf", "oneOf", "allOf"):
        if schema.get(several):
            return fitting(schema[several][0], root, depth)
    kind = schema.get("type")
    kind = next((k for k in kind if k != "null"), None) if isinstance(kind, list) else kind
    kind = str(kind or ("object" if "properties" in schema else "string")).lower()
    if kind == "object":
        required = set(schema.get("required", ()))
        properties = schema.get("properties") or {}
        return {
            name: fitting(inner, root, depth + 1)
            for name, inner in properties.items()
            if name in required or depth < 4
        }
    if kind == "array":
        least = max(int(schema.get("minItems", 1)), 0 if depth > 6 else 1)
        return [fitting(schema.get("items", {}), root, depth + 1)] * least
    if kind in {"integer", "number"}:
        return schema.get("minimum", 7 if schema.get("maximum", 7) >= 7 else schema["maximum"])
    return {"boolean": True, "null": None}.get(kind, _string(schema))


def _string(schema: Mapping[str, Any]) -> str:
    return {"date": "2024-01-07", "date-time": "2024-01-07T00:00:00Z"}.get(
        str(schema.get("format")), "seven"
    )


def vector(text: str, size: int = 256) -> list[float]:
    """Return the embedding of a string, to which each word adds: shared words show."""
    numbers = [0.0] * size
    for word in re.findall(r"\w+", text.lower()) or [text]:
        digest = hashlib.sha256(word.encode()).digest()
        for place in range(0, 16, 2):
            sign = 1 if digest[place + 1] % 2 else -1
            numbers[(digest[place] * 256 + digest[place + 16]) % size] += sign
    length = sum(number * number for number in numbers) ** 0.5 or 1.0
    return [number / length for number in numbers]


def chunks(text: str) -> Iterator[str]:
    """Yield a string in the chunks in which it is streamed."""
    yield from re.findall(r"\s*\S+\s*?", text) or [text]
