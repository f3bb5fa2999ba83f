"""The type variables of a runnable: what it takes, what it returns."""

from __future__ import annotations

from typing import TypeVar

Input = TypeVar("Input", contravariant=True)
Output = TypeVar("Output", covariant=True)
