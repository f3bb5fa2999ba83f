"""Names of tools and schemas, in the letters that services accept."""

from __future__ import annotations

import re
from typing import Final

MAX_LENGTH: Final = 64
_ACCEPTED: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}", re.ASCII)
_REFUSED: Final = re.compile(r"[^a-zA-Z0-9_-]+", re.ASCII)


def service_name(name: str) -> str:
    """Return a name that services accept, which is at most 64 of the characters a-z A-Z 0-9 _ -.

    A name that they accept stays as it is. Another one keeps what it can, and ends in a digest of
    the whole name: so two names stay two, and one name is the same everywhere.

    Example:
        >>> service_name("add"), service_name("Page[int]")
        ('add', 'Page_int_1e9a2ac6')
    """
    if _ACCEPTED.fullmatch(name):
        return name
    import unicodedata  # here, as most names are accepted
    from hashlib import blake2s

    digest = blake2s(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    letters = unicodedata.normalize("NFKD", name)  # é is e and an accent
    without_accents = "".join(char for char in letters if not unicodedata.combining(char))
    readable = _REFUSED.sub("_", without_accents).strip("_") or "tool"
    return f"{readable[: MAX_LENGTH - len(digest) - 1]}_{digest}"
