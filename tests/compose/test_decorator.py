"""`@chain` makes a runnable of a function, with the settings of `RunnableLambda`."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import MergeError, chain
from tests.both_modes import Call


def test_chain_takes_a_merge(call: Call) -> None:
    """The decorator says how chunks add up that do not add up by themselves."""

    @chain(merge=sum, name="counts")
    def numbers(text: str) -> Any:
        yield 1
        yield 2

    assert call.invoke(numbers, "") == 3
    assert numbers.get_name() == "counts"

    @chain
    def undeclared(text: str) -> Any:
        yield 1
        yield 2

    with pytest.raises(MergeError, match="@chain"):
        call.invoke(undeclared, "")
