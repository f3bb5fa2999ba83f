"""The type variables of a runnable: its input and its output."""

from __future__ import annotations

from typing import TypeVar

Input = TypeVar("Input", contravariant=True)
Output = TypeVar("Output", covariant=True)
