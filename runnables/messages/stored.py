"""Messages that other versions and libraries have stored as dicts, in terms of today's fields.

LangChain has stored messages in three forms: `{"type", "data"}`, the flat fields with "type", and
`{"lc": 1, "type": "constructor", "id": [..., "HumanMessage"], "kwargs": {...}}`. The last names a
class; it is looked up here in a list of names, and never imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from runnables.errors import did_you_mean
from runnables.messages.kinds import ALL_KINDS
from runnables.messages.tool_calls import invalid_tool_call, parse_args, tool_call

FUNCTION: Final = "function"
"""The kind of a message with the result of a function, which is a tool message today."""

_KIND_OF_CLASS: Final[Mapping[str, str]] = {
    **{cls.__name__: kind for kind, cls in ALL_KINDS.items()},
    "FunctionMessage": FUNCTION,
}
_FORGOTTEN: Final = frozenset({"example", "is_chunk", "lc_attributes"})
"""Fields of older messages that say nothing."""


def constructor_form(message: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return the class name and the arguments in LangChain's form of an object; None for others.

    Raises:
        ValueError: the object could not be stored at that time.
    """
    path: Any = message.get("id")
    if message.get("lc") != 1 or not isinstance(path, (list, tuple)) or not path:
        return None
    name, arguments = str(cast("Any", path)[-1]), message.get("kwargs")
    if message.get("type") != "constructor" or not isinstance(arguments, Mapping):
        raise ValueError(
            f"A stored {name} has no content: LangChain wrote {message.get('type')!r} in its place."
        )
    return name, dict(cast("Mapping[str, Any]", arguments))


def kind_of_class(name: str) -> str:
    """Return the kind of the messages of a class.

    Raises:
        ValueError: there are no such messages.
    """
    if name not in _KIND_OF_CLASS:
        raise ValueError(
            f"Unknown class of messages {name!r}.{did_you_mean(name, _KIND_OF_CLASS)} "
            f"Known: {', '.join(_KIND_OF_CLASS)}."
        )
    return _KIND_OF_CLASS[name]


def current_fields(kind: str, stored: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the kind and the fields of a stored message as they are today.

    Fields that are unknown today go to `additional_kwargs`. The calls and the usage of an answer
    are where older versions had them, if nowhere else.

    Args:
        kind: the `type` of the message, or "function".
        stored: its fields.
    """
    if kind == FUNCTION:
        kind, stored = "tool", {"tool_call_id": "", **stored}
    known = ALL_KINDS[kind].model_fields
    fields: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for key, value in stored.items():
        if key in known:
            fields[key] = value
        elif key not in _FORGOTTEN and value is not None:
            unknown[key] = value
    if fields.get("content") is None:
        fields["content"] = ""  # OpenAI has null beside calls
    if unknown:
        fields["additional_kwargs"] = {**(fields.get("additional_kwargs") or {}), **unknown}
    if kind in ("ai", "AIMessageChunk"):
        _move_calls(fields)
        _move_usage(fields)
    return kind, fields


def _move_calls(fields: dict[str, Any]) -> None:
    """Move OpenAI's calls from `additional_kwargs` and `tool_calls` to today's fields."""
    stored: Any = fields.get("additional_kwargs")
    extra: dict[str, Any] = dict(stored or {})
    calls: list[Any] = list(fields.get("tool_calls") or ())
    invalid: list[Any] = list(fields.get("invalid_tool_calls") or ())
    has_calls = bool(calls or invalid or fields.get("tool_call_chunks"))
    moved: list[Any] = []
    if _are_openai_calls(extra.get("tool_calls")):
        moved += extra.pop("tool_calls")
    if _is_function(extra.get("function_call")):
        function = extra.pop("function_call")
        moved += [] if moved else [{"function": function}]
    if moved:
        fields["additional_kwargs"] = extra
    calls += [] if has_calls else moved  # newer versions had them in both places
    if any(map(_is_openai_call, calls)) or moved:
        fields |= _parsed(calls, invalid)


def _parsed(calls: list[Any], invalid: list[Any]) -> dict[str, Any]:
    """Return calls as fields, where those of OpenAI have their arguments as a JSON string."""
    valid: list[Any] = []
    for call in calls:
        if not _is_openai_call(call):
            valid.append(call)
            continue
        function, id = call["function"], call.get("id")
        args: Any = function.get("arguments")
        try:
            args = parse_args(args) if args is None or isinstance(args, str) else args
            valid.append(tool_call(name=function["name"], args=args, id=id))
        except (ValueError, KeyError) as error:
            reason = str(error) if isinstance(error, ValueError) else "The call names no tool."
            invalid = [
                *invalid,
                invalid_tool_call(name=function.get("name"), args=args, id=id, error=reason),
            ]
    return {"tool_calls": valid, "invalid_tool_calls": invalid}


def _are_openai_calls(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    calls: list[Any] = cast("Any", value)
    return all(map(_is_openai_call, calls))


def _is_openai_call(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(cast("Any", value).get("function"), Mapping)


def _is_function(value: Any) -> bool:
    return isinstance(value, Mapping) and "name" in value


_USAGE: Final = (
    ("token_usage", "prompt_tokens", "completion_tokens"),
    ("usage", "input_tokens", "output_tokens"),
    ("usage", "prompt_tokens", "completion_tokens"),
)
"""Where metadata have had the usage: its key, and those of the tokens that were read, written."""


def _move_usage(fields: dict[str, Any]) -> None:
    """Set the usage of an answer from its metadata, where older versions had it alone."""
    metadata: Any = fields.get("response_metadata")
    if fields.get("usage_metadata") or not isinstance(metadata, Mapping):
        return
    for key, read, written in _USAGE:
        usage: Any = cast("Any", metadata).get(key)
        if not isinstance(usage, Mapping):
            continue
        counts = cast("Mapping[str, Any]", usage)
        input_tokens, output_tokens = counts.get(read), counts.get(written)
        if isinstance(input_tokens, int) and isinstance(output_tokens, int):
            total = counts.get("total_tokens")
            fields["usage_metadata"] = {
                "input_tokens": input_tokens,
                "output_tokens": output_tokens,
                "total_tokens": total if isinstance(total, int) else input_tokens + output_tokens,
            }
            return
