"""The check that the HTTP library is installed."""

from __future__ import annotations

import importlib.util
from typing import Final

_PACKAGE: Final = "aiohttp"


def require_http(subject: str, extra: str) -> None:
    """Raise if the HTTP library is not installed; nothing is loaded.

    Args:
        subject: the thing that needs it, as the subject of a sentence.
        extra: the extra of this distribution that installs it.

    Raises:
        MissingExtra: the library is not installed.
    """
    if importlib.util.find_spec(_PACKAGE) is None:
        from runnables.core.installation import missing_extra  # here, as it reads metadata

        raise missing_extra(subject, _PACKAGE, extra)
