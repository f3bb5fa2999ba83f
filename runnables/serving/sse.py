"""Frames of server-sent events, and the JSON in them."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

DONE: Final = b"data: [DONE]\n\n"
COMMENT: Final = b": keep-alive\n\n"
"""A frame that clients ignore."""


def as_json(value: Any) -> bytes:
    """Return a value as JSON: models by their fields, and what has no form in JSON as its text."""
    try:
        return to_json(value, fallback=str, inf_nan_mode="null")
    except PydanticSerializationError:
        # Half of a character, such as some services send, is no UTF-8: it becomes U+FFFD.
        plain = to_jsonable_python(value, fallback=str, inf_nan_mode="null")
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def frame(value: Any) -> bytes:
    """Return an event with this value as its data."""
    return b"data: " + as_json(value) + b"\n\n"


def named_frame(name: str, value: Any) -> bytes:
    """Return an event with a name."""
    return b"event: " + name.encode() + b"\ndata: " + as_json(value) + b"\n\n"


def split_frames(encoded: bytes) -> list[bytes]:
    """Return the frames of some bytes one by one; none has an empty line in it."""
    return [one + b"\n\n" for one in encoded.split(b"\n\n") if one]


HOLE: Final = "\0the string\0"
"""What stands for the string in a value that `StringFrames` takes."""


class StringFrames:
    """Frames that differ in one string alone, as those of an answer do.

    A stream has one for every token. Their JSON is made once, which takes a third of the time.

    Args:
        value: the value, with `HOLE` in the place of the string.
    """

    __slots__ = ("_after", "_before")

    def __init__(self, value: Any) -> None:
        self._before, self._after = frame(value).split(as_json(HOLE))

    def frame(self, string: str) -> bytes:
        """Return the frame with this string."""
        return self._before + as_json(string) + self._after
