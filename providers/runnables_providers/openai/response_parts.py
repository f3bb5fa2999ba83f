"""The items of an answer of Responses, as the chunks of a message.

Events send an item in parts, and again as a whole: when it is done, and when the answer is. Some
servers leave the parts out. So of each whole, only what its parts did not have becomes a chunk. A
non-streamed answer is read as items without parts.

An item becomes

- a string, for the text of an answer that begins with it; then `additional_kwargs["message_item"]`
  has the other fields of the item (its id, its phase, its annotations);
- a block of type "text", "refusal" or "reasoning" else, with the id of the item; its extras have
  the other fields;
- a tool call, whose extras have the other fields and the place among the items;
- a block of type "non_standard" for everything else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from runnables.messages import AIMessageChunk, text_chunk, tool_call_chunk
from runnables_providers._remote.origins import rest_of

if TYPE_CHECKING:
    from runnables.models.stop_sequences import StopSequenceFilter

ITEM_KEY: Final = "item"
"""The key of extras that holds the fields of an item that have no place in a block or a call."""
PLACE_KEY: Final = "output_index"
"""The key of a call's extras that holds the place of its item in the answer."""
MESSAGE_KEY: Final = "message_item"
"""The additional field of a message that holds those of the item whose text is a string."""

ORDER_KEY: Final = "item_order"
"""The additional field of a message that holds the places of its items in the order of the model,
where it is not that of the chunks. An item whose text is a string has -1 there."""

_MESSAGE_KEYS: Final = frozenset({"type", "role", "content"})
_CALL_KEYS: Final = frozenset({"type", "call_id", "name", "arguments"})
_REASONING_KEYS: Final = frozenset({"type", "id"})


class ItemReader:
    """Reader of the items of one answer.

    Args:
        stop: a filter of the text.
        make_id: returns an id for the call at a place, for servers that give none.

    Attributes:
        has_calls: whether there was a function call.
        has_begun: whether there was anything.
    """

    def __init__(self, stop: StopSequenceFilter, make_id: Callable[[int], str]) -> None:
        self.has_calls = False
        self.has_begun = False
        self._stop = stop
        self._make_id = make_id
        self._lengths: dict[tuple[int, str, int], int] = {}
        """How much of each text has come: by item, kind and part."""
        self._string: tuple[int, int] | None = None
        """The item and part whose text is a string; the first one, if nothing was before it."""
        self._last_text: tuple[int, int] | None = None
        self._last_reasoning: dict[int, tuple[str, int]] = {}
        self._complete: dict[int, Mapping[str, Any]] = {}
        self._called: set[int] = set()
        self._in_content: dict[int, None] = {}
        """The places of the items in the content of the message, in the order of their chunks."""

    # -- parts

    def text(self, place: int, part: int, text: str) -> Iterator[AIMessageChunk]:
        """Yield the chunk of a part of the text."""
        self._count(place, "text", part, text)
        if self._string is None and not self.has_begun:
            self._string = (place, part)
        self.has_begun = True
        self._last_text = (place, part)
        yield from self._text_chunk(self._stop.feed(text))

    def held_text(self) -> Iterator[AIMessageChunk]:
        """Yield the text that was held back, as the beginning of a stop sequence."""
        yield from self._text_chunk(self._stop.finish())

    def _text_chunk(self, text: str) -> Iterator[AIMessageChunk]:
        if not text:
            return
        if self._last_text == self._string or self._last_text is None:
            yield text_chunk(text)
        else:
            yield _block("text", _index(*self._last_text), text=text)

    def refusal(self, place: int, part: int, text: str) -> Iterator[AIMessageChunk]:
        """Yield the chunk of a part of a refusal."""
        self._count(place, "refusal", part, text)
        self.has_begun = True
        yield _block("refusal", _index(place, part), refusal=text)

    def reasoning(self, place: int, kind: str, part: int, text: str) -> Iterator[AIMessageChunk]:
        """Yield the chunk of a part of a summary, or of raw reasoning; an empty line is between."""
        self._count(place, kind, part, text)
        self.has_begun = True
        last = self._last_reasoning.get(place)
        if last is not None and last != (kind, part):
            text = "\n\n" + text
        self._last_reasoning[place] = (kind, part)
        yield _block("reasoning", place, reasoning=text)

    def start_call(self, place: int, item: Mapping[str, Any]) -> Iterator[AIMessageChunk]:
        """Yield the chunk with which a function call begins; once."""
        if item.get("type") != "function_call" or place in self._called:
            return
        self.has_calls = self.has_begun = True
        self._called.add(place)
        call_id = item.get("call_id") or item.get("id")
        yield _call(place, name=item.get("name"), id=call_id)
        yield from self._rest_of_arguments(place, item)

    def arguments(self, place: int, text: str) -> Iterator[AIMessageChunk]:
        """Yield the chunk of a part of the arguments of a call."""
        self._count(place, "arguments", 0, text)
        yield _call(place, args=text)

    def _count(self, place: int, kind: str, part: int, text: str) -> None:
        key = (place, kind, part)
        if kind != "arguments":
            self._in_content.setdefault(place)
        self._lengths[key] = self._lengths.get(key, 0) + len(text)

    # -- wholes

    def whole(self, place: int, kind: str, part: int, text: Any) -> Iterator[AIMessageChunk]:
        """Yield the rest of a string that is known as a whole now."""
        rest = self._rest(place, kind, part, text)
        if not rest:
            return
        match kind:
            case "text":
                yield from self.text(place, part, rest)
            case "refusal":
                yield from self.refusal(place, part, rest)
            case "arguments":
                yield from self.arguments(place, rest)
            case _:
                yield from self.reasoning(place, kind, part, rest)

    def _rest(self, place: int, kind: str, part: int, text: Any) -> str:
        return text[self._lengths.get((place, kind, part), 0) :] if isinstance(text, str) else ""

    def complete(self, place: int, item: Mapping[str, Any]) -> Iterator[AIMessageChunk]:
        """Yield what an item has beyond its parts; of an item that comes again, what is new."""
        before = self._complete.get(place)
        self._complete[place] = item
        if item.get("type") != "function_call":
            self._in_content.setdefault(place)
        match item.get("type"):
            case "message":
                yield from self._complete_message(place, item, is_new=before is None)
            case "reasoning":
                yield from self._complete_reasoning(place, item, before)
            case "function_call":
                yield from self._complete_call(place, item, is_new=before is None)
            case _ if before is None:
                self.has_begun = True
                yield _block("non_standard", place, value=dict(item))
            case _:
                pass

    def order(self, places: Sequence[int]) -> Iterator[AIMessageChunk]:
        """Yield the order of the items, where some came later than those after them."""
        in_content = [place for place in places if place in self._in_content]
        if list(places) == sorted(places) and in_content == list(self._in_content):
            return
        string = None if self._string is None else self._string[0]
        order = [-1 if place == string else place for place in places]
        yield AIMessageChunk("", additional_kwargs={ORDER_KEY: order})

    def _complete_message(
        self, place: int, item: Mapping[str, Any], *, is_new: bool
    ) -> Iterator[AIMessageChunk]:
        parts: Sequence[Mapping[str, Any]] = item.get("content") or ()
        for number, part in enumerate(parts):
            yield from self.whole(place, "text", number, part.get("text"))
            yield from self.whole(place, "refusal", number, part.get("refusal"))
        if not is_new:
            return
        fields = rest_of(item, _MESSAGE_KEYS)
        if fields.get("status") == "completed":
            del fields["status"]
        for number, part in enumerate(parts or ({"type": "output_text"},)):
            yield from self._end_part(place, number, part, fields)
        notes = [note for part in parts for note in part.get("annotations") or ()]
        if notes:
            yield AIMessageChunk("", additional_kwargs={"annotations": notes})
        if chances := [chance for part in parts for chance in part.get("logprobs") or ()]:
            yield AIMessageChunk("", response_metadata={"logprobs": {"content": chances}})

    def _end_part(
        self, place: int, number: int, part: Mapping[str, Any], fields: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        """Yield the fields of the item with each of its parts, so that none is without."""
        notes: dict[str, Any] = rest_of({"annotations": part.get("annotations") or None}, ())
        if self._string == (place, number) or not self.has_begun:
            self._string = (place, number)
            self.has_begun = True
            if fields or notes:
                yield AIMessageChunk("", additional_kwargs={MESSAGE_KEY: {**fields, **notes}})
            return
        kind = "refusal" if "refusal" in part else "text"
        block: dict[str, Any] = {kind: "", "id": fields.get("id"), **notes}
        if more := {key: fields[key] for key in fields if key != "id"}:
            block["extras"] = {ITEM_KEY: more}
        yield _block(kind, _index(place, number), **block)

    def _complete_reasoning(
        self, place: int, item: Mapping[str, Any], before: Mapping[str, Any] | None
    ) -> Iterator[AIMessageChunk]:
        for kind in ("summary", "content"):
            parts: Sequence[Mapping[str, Any]] = item.get(kind) or ()
            for number, part in enumerate(parts):
                yield from self.whole(place, kind, number, part.get("text"))
        self.has_begun = True
        encrypted = item.get("encrypted_content")
        if before is None:
            fields = {key: value for key, value in item.items() if value and key != "type"}
            extras = {key: fields[key] for key in fields if key not in _REASONING_KEYS}
            if _can_be_split(extras.get("summary") or (), extras.get("content") or ()):
                extras.pop("summary", None)
            more: dict[str, Any] = {"extras": extras} if extras else {}
            yield _block("reasoning", place, id=item.get("id"), **more)
        elif encrypted and encrypted != before.get("encrypted_content"):
            yield _block("reasoning", place, extras={"encrypted_content": encrypted})

    def _complete_call(
        self, place: int, item: Mapping[str, Any], *, is_new: bool
    ) -> Iterator[AIMessageChunk]:
        yield from self.start_call(place, item)
        yield from self._rest_of_arguments(place, item)
        if not is_new:
            return
        fields = rest_of(item, _CALL_KEYS)
        if fields.get("status") == "completed":
            del fields["status"]
        extras: dict[str, Any] = {PLACE_KEY: place, **({ITEM_KEY: fields} if fields else {})}
        made_id = None if item.get("call_id") or item.get("id") else self._make_id(place)
        yield _call(place, id=made_id, extras=extras)

    def _rest_of_arguments(self, place: int, item: Mapping[str, Any]) -> Iterator[AIMessageChunk]:
        args = item.get("arguments")
        if args is not None and not isinstance(args, str):
            args = json.dumps(args, ensure_ascii=False)
        yield from self.whole(place, "arguments", 0, args)


def summary_of(text: str) -> list[dict[str, Any]]:
    """Return the parts of the summary that the text of a reasoning block was joined from."""
    parts = text.split("\n\n") if text else []
    return [{"type": "summary_text", "text": part} for part in parts]


def _can_be_split(
    summary: Sequence[Mapping[str, Any]], content: Sequence[Mapping[str, Any]]
) -> bool:
    """Tell whether the joined text can be split into its parts; many have an empty line themselves,
    after a title."""
    text = "\n\n".join(str(part.get("text")) for part in summary)
    return not content and summary_of(text) == list(summary)


def _index(place: int, part: int) -> int | str:
    """Return the number by which the chunks of one part of an item are merged."""
    return f"{place}.{part}" if part else place


def place_of(index: Any) -> int | None:
    """Return the place of the item of a block with this index; None for another index."""
    head = str(index).partition(".")[0]
    return int(head) if head.isdecimal() else None


def _block(kind: str, index: int | str, **fields: Any) -> AIMessageChunk:
    known = {key: value for key, value in fields.items() if value is not None}
    return AIMessageChunk([{"type": kind, **known, "index": index}])


def _call(place: int, *, extras: dict[str, Any] | None = None, **fields: Any) -> AIMessageChunk:
    chunk = tool_call_chunk(**fields, index=place)
    if extras:
        chunk["extras"] = extras
    return AIMessageChunk("", tool_call_chunks=[chunk])
