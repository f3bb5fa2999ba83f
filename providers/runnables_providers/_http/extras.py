"""Whether the HTTP library is installed."""

from __future__ import annotations

import importlib.util
from typing import Final

from runnables.errors import missing_extra

_PACKAGE: Final = "aiohttp"


def require_http(what: str, extra: str) -> None:
    """Raise where the HTTP library is not installed; loads nothing.

    Args:
        what: what needs it, as the subject of a sentence.
        extra: the extra of this distribution that brings it.

    Raises:
        MissingExtra: it is not.
    """
    if importlib.util.find_spec(_PACKAGE) is None:
        raise missing_extra(what, _PACKAGE, extra)
