"""The base of models of text that are reached over HTTP."""

from __future__ import annotations

from typing import ClassVar, Final

from runnables.models.text import TEXT_OPTIONS, TextModel
from runnables_providers._remote.chat import HTTPModel

REMOTE_TEXT_OPTIONS: Final = TEXT_OPTIONS | {"extra_body", "extra_headers"}
"""The options of a call of any remote model of text; `extra_body` is merged into the body."""


class HTTPTextModel(HTTPModel[str], TextModel, internal=True):
    """A model of text that is reached over HTTP; see `HTTPModel`."""

    known_options: ClassVar[frozenset[str]] = REMOTE_TEXT_OPTIONS
