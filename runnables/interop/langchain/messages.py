"""Messages of LangChain as ours, and ours as LangChain's.

Both libraries have the same kinds of messages, with the same names of fields, so a message is
converted field by field, and nothing passes through JSON: an artifact stays the object that it is,
apart from documents and messages in it.
Validation is left out. It would take most of the time, and it would change messages: theirs drops
the extras of tool calls, and each library parses the calls of a chunk in its own way. So the calls
of a converted chunk are as its own library has parsed them (LangChain shows the middle of a call as
one without a name), and those of a sum as the library that adds parses them.

What one side has no field for travels under one key of `additional_kwargs`, and is put back where
the message returns:

- `FROM_LANGCHAIN`: attributes of their message that no class of ours has.
- `FROM_RUNNABLES`: keys of our tool calls that theirs do not have, such as `extras`. It is a list
  of dicts with `index` and `id`, because their chunks merge such lists by these keys.
"""

from __future__ import annotations

from collections.abc import Callable, KeysView, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from langchain_core import messages as theirs

from runnables.interop.langchain.values import from_value, to_value
from runnables.messages.construct import construct_from_fields
from runnables.messages.kinds import ALL_KINDS, kind_of

if TYPE_CHECKING:
    from runnables.messages.base import BaseMessage

FROM_LANGCHAIN: Final = "__langchain__"
"""The key of our `additional_kwargs` for the attributes of their message that ours cannot hold."""

FROM_RUNNABLES: Final = "__runnables__"
"""The key of their `additional_kwargs` for what their message cannot hold of ours."""

_THEIR_CLASSES: Final[Mapping[str, type[theirs.BaseMessage]]] = {
    "human": theirs.HumanMessage,
    "ai": theirs.AIMessage,
    "system": theirs.SystemMessage,
    "tool": theirs.ToolMessage,
    "chat": theirs.ChatMessage,
    "HumanMessageChunk": theirs.HumanMessageChunk,
    "AIMessageChunk": theirs.AIMessageChunk,
    "SystemMessageChunk": theirs.SystemMessageChunk,
    "ToolMessageChunk": theirs.ToolMessageChunk,
    "ChatMessageChunk": theirs.ChatMessageChunk,
}
"""Their classes by `type`, the same words as in `ALL_KINDS`."""

_CALL_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "tool_calls": frozenset({"name", "args", "id", "type"}),
    "invalid_tool_calls": frozenset({"name", "args", "id", "error", "type"}),
    "tool_call_chunks": frozenset({"name", "args", "id", "index", "type"}),
}
"""The fields that are lists of tool calls, and the keys that theirs have. Their constructor drops
other keys, or refuses them."""


def from_theirs(message: theirs.BaseMessage) -> BaseMessage:
    """Return a message of LangChain as one of ours.

    Raises:
        TypeError: we have no such message. It says what to do.
    """
    plan = _plan(type(message))
    if plan is None:
        raise TypeError(_no_counterpart(message))
    values = vars(message)
    fields = _copied_fields(values, plan)
    fields["type"] = plan.kind
    if "artifact" in fields:
        fields["artifact"] = from_value(values["artifact"])
    for name, make in plan.only_ours:
        fields[name] = make()
    more: dict[str, Any] = {}
    for name, make in plan.only_theirs:
        if name in values and values[name] != make():
            more[name] = values[name]
    if message.__pydantic_extra__:
        more |= message.__pydantic_extra__
    kwargs: dict[str, Any] = fields["additional_kwargs"]
    if FROM_RUNNABLES in kwargs:
        _put_back(fields, kwargs.pop(FROM_RUNNABLES))
    if more:
        kwargs[FROM_LANGCHAIN] = more
    return construct_from_fields(ALL_KINDS[plan.kind], fields, set(fields))


def to_theirs(message: BaseMessage) -> theirs.BaseMessage:
    """Return one of our messages as a message of LangChain.

    Of a class that a user has derived from one of ours, the fields that it adds become additional
    attributes.
    """
    kind = message.type if message.type in _THEIR_CLASSES else kind_of(message)
    cls = _THEIR_CLASSES[kind]
    plan = cast("_Plan", _plan(cls))
    values = vars(message)
    fields = _copied_fields(values, plan)
    fields["type"] = kind
    if "artifact" in fields:
        fields["artifact"] = to_value(values["artifact"])
    for name, make in plan.only_theirs:
        fields[name] = make()
    extra: dict[str, Any] = {}
    kwargs: dict[str, Any] = fields["additional_kwargs"]
    if FROM_LANGCHAIN in kwargs:
        for name, value in kwargs.pop(FROM_LANGCHAIN).items():
            (fields if name in fields else extra)[name] = value
    if len(values) > len(plan.shared) + len(plan.only_ours):
        known = ALL_KINDS[kind].model_fields
        extra |= {name: value for name, value in values.items() if name not in known}
    if "tool_calls" in fields and (more := _taken_out(fields)):
        kwargs[FROM_RUNNABLES] = more
    made = construct_from_fields(cls, fields, set(fields))
    # Their models allow any attribute, and expect the dict of these to be there.
    object.__setattr__(made, "__pydantic_extra__", extra)
    return made


class _Plan(NamedTuple):
    """How a class of theirs is converted.

    Attributes:
        kind: the `type` of our message.
        shared: the names of the fields that both have, in the order of ours.
        only_ours: our other fields, and what makes their defaults.
        only_theirs: their other fields, and what makes their defaults.
    """

    kind: str
    shared: KeysView[str]
    only_ours: tuple[tuple[str, Callable[[], Any]], ...]
    only_theirs: tuple[tuple[str, Callable[[], Any]], ...]


@cache
def _plan(cls: type[theirs.BaseMessage]) -> _Plan | None:
    """Return how messages of a class are converted; None where none of its bases has a kind."""
    kinds = {known: kind for kind, known in _THEIR_CLASSES.items()}
    base = next((base for base in cls.__mro__ if base in kinds), None)
    if base is None:
        return None
    kind = kinds[base]
    ours, names = ALL_KINDS[kind].model_fields, cls.model_fields
    return _Plan(
        kind,
        dict.fromkeys(name for name in ours if name in names).keys(),
        _makers_of_defaults(ours, names),
        _makers_of_defaults(names, ours),
    )


def _makers_of_defaults(
    fields: Mapping[str, Any], others: Mapping[str, Any]
) -> tuple[tuple[str, Callable[[], Any]], ...]:
    """Return the fields that are not among the others, each with what makes its default."""
    return tuple(
        (name, partial(field.get_default, call_default_factory=True))
        for name, field in fields.items()
        if name not in others
    )


_UNCHANGING: Final = frozenset({str, type(None)})


def _copied_fields(values: Mapping[str, Any], plan: _Plan) -> dict[str, Any]:
    """Return the fields that both libraries have."""
    fields = dict(values)
    for name, value in values.items():
        if type(value) not in _UNCHANGING:  # most of those of a chunk are
            fields[name] = _copied(value)
    same = fields.keys() == plan.shared
    return fields if same else {name: fields[name] for name in plan.shared}


def _copied(value: Any) -> Any:
    """Return a list or dict as one that may be changed, with the dicts in it; other values as is.

    Their chunks change blocks of their content in place, and here calls get and lose keys.
    """
    known: object = value  # a name of its own, for checkers to narrow
    cls = type(known)
    if cls is dict:
        return value.copy()
    if not issubclass(cls, list):  # our list of merged calls is a class of its own
        return value
    return [item.copy() if _is_dict(item) else item for item in value] if value else []


def _is_dict(value: Any) -> bool:
    return type(value) is dict


def _taken_out(fields: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Remove those keys from the tool calls that theirs do not have, and return them."""
    taken: dict[str, list[dict[str, Any]]] = {}
    for name, known in _CALL_KEYS.items():
        calls: list[dict[str, Any]] = fields.get(name) or []
        for position, call in enumerate(calls):
            if call.keys() <= known:
                continue
            more = {key: call.pop(key) for key in list(call) if key not in known}
            index = call.get("index")
            place = {"position": position} if index is None else {"index": index}
            taken.setdefault(name, []).append({**place, "id": call.get("id"), "more": more})
    return taken


def _put_back(fields: dict[str, Any], taken: Any) -> None:
    """Put the keys that `_taken_out` has returned into the tool calls again."""
    for name in _CALL_KEYS:
        calls: list[dict[str, Any]] = fields.get(name) or []
        for entry in taken.get(name, ()):
            if (call := _call_of(entry, calls)) is not None:
                call.update(entry["more"])


def _call_of(entry: Mapping[str, Any], calls: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the call that an entry was taken out of: by its id, or its place in the list."""
    if entry["id"]:
        return next((call for call in calls if call.get("id") == entry["id"]), None)
    if "index" in entry:
        return next((call for call in calls if call.get("index") == entry["index"]), None)
    position: int = entry["position"]
    return calls[position] if position < len(calls) else None


_WAYS_OUT: Final[Mapping[str, str]] = {
    "function": "Make it a ToolMessage(content, tool_call_id=...) with the id of its call.",
    "remove": (
        "It tells LangGraph to delete a message from its state: leave it to the graph, and pass "
        "the other messages only."
    ),
}


def _no_counterpart(message: theirs.BaseMessage) -> str:
    way_out = _WAYS_OUT.get(
        message.type,
        "Pass one of HumanMessage, AIMessage, SystemMessage, ToolMessage, ChatMessage.",
    )
    name = type(message).__name__
    return f"A message of LangChain's class {name} has no counterpart here. {way_out}"
