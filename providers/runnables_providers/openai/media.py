"""Media blocks that chat completions have no type for, and would be sent unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from runnables.messages.normalize import ConversationError

_PLACES: Final = frozenset({"url", "base64", "file_id"})
"""Keys of a canonical block that say where its bytes are."""
_KNOWN: Final[Mapping[Any, frozenset[str]]] = {
    "file": frozenset({"base64", "file_id"}),
    "audio": frozenset({"base64"}),
    "video": frozenset(),
}
"""The keys that chat completions read, by type of block."""


def check_media(content: Sequence[str | Mapping[str, Any]], *, takes_urls: bool = False) -> None:
    """Refuse canonical blocks that chat completions cannot express.

    Args:
        content: the content of a message.
        takes_urls: whether the service may fetch a file from a URL, as OpenRouter does. OpenAI
            does not.

    Raises:
        ConversationError: there is such a block; the error says what to do.
    """
    for item in content:
        if isinstance(item, str) or (known := _KNOWN.get(item.get("type"))) is None:
            continue
        places = sorted(_PLACES & item.keys())
        if takes_urls and item["type"] == "file":
            known = _PLACES
        if places and known.isdisjoint(places):
            ways = [f"give it {' or '.join(map(repr, sorted(known)))}"] if known else []
            if item["type"] == "file":
                ways.append("let Responses fetch it (use_responses_api=True)")
            way = ", or ".join(ways) or "leave it out"
            raise ConversationError(
                f"Chat completions take no block of type {item['type']!r} with {places[0]!r}: "
                f"{way}."
            )
