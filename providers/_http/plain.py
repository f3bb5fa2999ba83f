"""Requests, replies and limits as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """What to send."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Timeouts:
    """How long to wait, in seconds; None: for ever."""

    connect: float | None = 10
    first: float | None = 600
    between: float | None = 120
    total: float | None = None


@dataclass(frozen=True)
class Setup:
    """What a client is made of."""

    timeouts: Timeouts = Timeouts()
    proxy: str | None = None
