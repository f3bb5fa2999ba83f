"""Conversion of histories."""

from __future__ import annotations

from typing import Any


def from_theirs(x: Any) -> Any:
    """Return our counterpart."""
    raise NotImplementedError


def to_theirs(x: Any) -> Any:
    """Return their counterpart."""
    raise NotImplementedError
