"""Answers of services with OpenAI's interfaces, in the forms that they are known to have.

The strategies make whole answers; `completion_events` and `response_events` cut one into a stream.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from hypothesis import strategies as st

Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]
"""The `draw` of a composite strategy, or of `st.data()`."""

strings = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
objects = st.dictionaries(
    names, st.one_of(strings, st.integers(-99, 99), st.lists(strings)), max_size=3
)
signatures = st.from_regex(r"[A-Za-z0-9+/]{4,16}={0,2}", fullmatch=True)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Make dicts that have any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


# -- chat completions

reasoning_details = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.just("reasoning.text"),
            "text": strings,
            "format": st.just("anthropic-claude-v1"),
            "index": st.just(0),
        },
        optional={"signature": signatures},
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("reasoning.encrypted"),
            "data": signatures,
            "id": st.from_regex(r"rs_[a-z]{3}", fullmatch=True),
            "format": st.just("openai-responses-v1"),
            "index": st.just(1),
        }
    ),
)
extra_content = st.fixed_dictionaries(
    {"google": st.fixed_dictionaries({"thought_signature": signatures})}
)
beside = some(
    reasoning_content=strings,
    reasoning=strings,
    reasoning_details=st.lists(
        reasoning_details, min_size=1, max_size=2, unique_by=lambda one: one["type"]
    ),
    extra_content=extra_content,
    thought_signature=signatures,
    images=st.lists(
        st.fixed_dictionaries(
            {
                "type": st.just("image_url"),
                "image_url": st.fixed_dictionaries(
                    {"url": signatures.map("data:image/png;base64,{}".format)}
                ),
            }
        ),
        min_size=1,
        max_size=2,
    ),
    annotations=st.lists(
        st.fixed_dictionaries({"type": st.just("url_citation"), "url_citation": objects}),
        min_size=1,
        max_size=2,
    ),
    a_field_of_tomorrow=st.fixed_dictionaries({"anything": strings}),
)
"""What services send beside the content and the calls (DeepSeek, OpenRouter, Gemini, Groq)."""

mistral_thinking = st.fixed_dictionaries(
    {
        "type": st.just("thinking"),
        "thinking": st.lists(
            st.fixed_dictionaries({"type": st.just("text"), "text": strings}),
            min_size=1,
            max_size=1,
        ),
    },
    optional={"closed": st.just(True)},
)
databricks_reasoning = st.fixed_dictionaries(
    {
        "type": st.just("reasoning"),
        "summary": st.lists(
            st.fixed_dictionaries(
                {"type": st.just("summary_text"), "text": strings},
                optional={"signature": signatures},
            ),
            min_size=1,
            max_size=1,
        ),
    }
)
contents = st.one_of(
    st.none(),
    strings,
    st.tuples(
        st.one_of(mistral_thinking, databricks_reasoning),
        st.fixed_dictionaries({"type": st.just("text"), "text": strings}),
    ).map(list),
)

functions = st.fixed_dictionaries(
    {"name": names, "arguments": objects.map(json.dumps)},
    optional={"thought_signature": signatures},
)
function_calls = st.fixed_dictionaries(
    {"type": st.just("function"), "function": functions},
    optional={"extra_content": extra_content},
)
custom_calls = st.fixed_dictionaries(
    {
        "type": st.just("custom"),
        "custom": st.fixed_dictionaries({"name": names, "input": strings}),
    }
)


@st.composite
def completion_messages(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the message of a chat completion."""
    calls = draw(st.lists(st.one_of(function_calls, custom_calls), max_size=3))
    message = {"role": "assistant", "content": draw(contents), **draw(beside)}
    if calls:
        message["tool_calls"] = [{"id": f"call_{n}", **call} for n, call in enumerate(calls)]
    return message


def completion(message: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return the body of a chat completion."""
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c1", "model": "m-1", "choices": [choice], **more}


def completion_events(message: Mapping[str, Any], draw: Draw, **more: Any) -> list[dict[str, Any]]:
    """Cut a message into the events of a stream, the last of which has the usage."""
    deltas = [{"role": "assistant"}, *_deltas(message, draw)]
    events = [
        {"id": "c1", "model": "m-1", "choices": [{"index": 0, "delta": delta}]} for delta in deltas
    ]
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    return [*events, {"id": "c1", "model": "m-1", "choices": [end], **more}]


def _deltas(message: Mapping[str, Any], draw: Draw) -> Iterator[dict[str, Any]]:
    for key in ("reasoning_content", "reasoning"):
        if key in message:
            yield from ({key: part} for part in cut(message[key], draw))
    for detail in message.get("reasoning_details", ()):
        head = {key: detail[key] for key in detail if key not in ("text", "signature")}
        for part in cut(detail.get("text", ""), draw):
            yield {"reasoning_details": [{**head, "text": part}]}
        rest = {key: detail[key] for key in ("signature",) if key in detail}
        if rest or "text" not in detail:
            head = {key: detail[key] for key in ("type", "index") if rest} or head
            yield {"reasoning_details": [{**head, **rest}]}
    content = message["content"]
    for item in content if isinstance(content, list) else [content or ""]:
        if isinstance(item, str) or item["type"] == "text":
            text = item if isinstance(item, str) else item["text"]
            yield from ({"content": part} for part in cut(text, draw))
        else:
            yield from ({"content": [part]} for part in _cut_block(item, draw))
    for place, call in enumerate(message.get("tool_calls", ())):
        yield from ({"tool_calls": [part]} for part in _cut_call(place, call, draw))
    others = message.keys() - {"role", "content", "tool_calls", "reasoning_details"}
    for key in sorted(others - {"reasoning_content", "reasoning"}):
        yield {key: message[key]}


def _cut_block(block: Mapping[str, Any], draw: Draw) -> Iterator[dict[str, Any]]:
    key = "thinking" if "thinking" in block else "summary"
    (inner,) = block[key]
    head = {"type": block["type"]}
    for part in cut(inner["text"], draw):
        yield {**head, key: [{"type": inner["type"], "text": part}]}
    if "signature" in inner:
        yield {**head, key: [{"type": inner["type"], "text": "", "signature": inner["signature"]}]}
    if "closed" in block:
        yield {**head, key: [], "closed": True}


def _cut_call(place: int, call: Mapping[str, Any], draw: Draw) -> Iterator[dict[str, Any]]:
    kind = call["type"]
    key = "input" if kind == "custom" else "arguments"
    head = {inner: call[kind][inner] for inner in call[kind] if inner != key}
    yield {**call, "index": place, kind: {**head, key: ""}}
    for part in cut(call[kind][key], draw):
        yield {"index": place, kind: {key: part}}


def cut(text: str, draw: Draw) -> list[str]:
    """Cut a string at random places."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    parts = [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
    return [part for part in parts if part]


# -- Responses

paragraphs = st.one_of(strings, st.tuples(strings, strings).map("**{0[0]}**\n\n{0[1]}".format))
reasoning_items = st.fixed_dictionaries(
    {
        "type": st.just("reasoning"),
        "summary": st.lists(
            st.fixed_dictionaries({"type": st.just("summary_text"), "text": paragraphs}), max_size=3
        ),
    },
    optional={
        "encrypted_content": signatures,
        "content": st.lists(
            st.fixed_dictionaries({"type": st.just("reasoning_text"), "text": paragraphs}),
            min_size=1,
            max_size=2,
        ),
        "format": st.just("anthropic-claude-v1"),
    },
)
text_parts = st.fixed_dictionaries(
    {
        "type": st.just("output_text"),
        "text": strings,
        "annotations": st.lists(
            st.fixed_dictionaries({"type": st.just("url_citation"), "url": strings}), max_size=2
        ),
    }
)
refusal_parts = st.fixed_dictionaries({"type": st.just("refusal"), "refusal": strings})
message_items = st.fixed_dictionaries(
    {
        "type": st.just("message"),
        "role": st.just("assistant"),
        "status": st.just("completed"),
        "content": st.lists(st.one_of(text_parts, refusal_parts), min_size=1, max_size=2),
    },
    optional={"phase": st.sampled_from(["commentary", "final_answer"])},
)
call_items = st.fixed_dictionaries(
    {"type": st.just("function_call"), "name": names, "arguments": objects.map(json.dumps)},
    optional={"namespace": names, "caller": st.fixed_dictionaries({"type": st.just("direct")})},
)
other_items = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("web_search_call"), "status": st.just("completed"), "action": objects}
    ),
    st.fixed_dictionaries({"type": st.just("custom_tool_call"), "name": names, "input": strings}),
    st.fixed_dictionaries({"type": st.just("item_of_tomorrow"), "anything": objects}),
)


@st.composite
def response_items(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw the items of an answer, each with an id."""
    kinds = st.one_of(reasoning_items, message_items, call_items, other_items)
    items: list[dict[str, Any]] = draw(st.lists(kinds, min_size=1, max_size=5))
    made: list[dict[str, Any]] = []
    for place, item in enumerate(items):
        named = {"id": f"{item['type'][:3]}_{place}", **item}
        if item["type"] in ("function_call", "custom_tool_call"):
            named["call_id"] = f"call_{place}"
        made.append(named)
    return made


def response(items: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """Return the body of a response."""
    return {"id": "r1", "model": "m-1", "status": "completed", "output": items, **more}


def response_events(
    items: Sequence[Mapping[str, Any]], draw: Draw, *, in_order: bool = False
) -> list[dict[str, Any]]:
    """Return the events of a response; servers differ in what they leave out.

    Deltas may be missing, and so may the items in the last event, or, unless `in_order`, all
    events of an item.
    """
    events: list[dict[str, Any]] = []
    repeats_output = draw(st.booleans())
    has_late = repeats_output and not in_order and draw(st.booleans())
    late = draw(st.integers(0, len(items) - 1)) if has_late else None
    for place, item in enumerate(items):
        if place == late:
            continue
        keys = {"output_index": place, "item_id": item["id"]}
        events.append(_event("output_item.added", item=_begun(item), **keys))
        if draw(st.booleans()):
            events.extend(_parts(item, keys, draw))
        events.append(_event("output_item.done", item=item, **keys))
    output = list(items) if repeats_output else []
    return [*events, _event("completed", response=response(output))]


def _begun(item: Mapping[str, Any]) -> dict[str, Any]:
    empty = {"content": [], "summary": [], "arguments": ""}
    return {**item, **{key: empty[key] for key in empty if key in item}}


def _parts(
    item: Mapping[str, Any], keys: Mapping[str, Any], draw: Draw
) -> Iterator[dict[str, Any]]:
    if "arguments" in item:
        for part in cut(item["arguments"], draw):
            yield _event("function_call_arguments.delta", delta=part, **keys)
        yield _event("function_call_arguments.done", arguments=item["arguments"], **keys)
    for number, part in enumerate(item.get("summary", ())):
        at = {**keys, "summary_index": number}
        yield _event("reasoning_summary_part.added", part={"type": "summary_text"}, **at)
        for text in cut(part["text"], draw):
            yield _event("reasoning_summary_text.delta", delta=text, **at)
        yield _event("reasoning_summary_text.done", text=part["text"], **at)
    for number, part in enumerate(item.get("content", ())):
        at = {**keys, "content_index": number}
        kind, key = {
            "output_text": ("output_text", "text"),
            "refusal": ("refusal", "refusal"),
            "reasoning_text": ("reasoning_text", "text"),
        }[part["type"]]
        yield _event("content_part.added", part=part, **at)
        if draw(st.booleans()):
            for text in cut(part[key], draw):
                yield _event(f"{kind}.delta", delta=text, **at)
        yield _event(f"{kind}.done", **{key: part[key]}, **at)


def _event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **fields}
