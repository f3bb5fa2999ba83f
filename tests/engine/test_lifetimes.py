"""Objects of a call are freed when the call has ended."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from runnables import RunnableLambda


@pytest.mark.parametrize("chain", [RunnableLambda(int), RunnableLambda(str) | int], ids=repr)
def test_a_failed_call_keeps_nothing_alive(chain: Any) -> None:
    """When the error is freed, so is the input, without the garbage collector."""

    class Input:
        def __str__(self) -> str:
            return "no number"

        __repr__ = __str__

    value = Input()
    reference = weakref.ref(value)
    gc.collect()
    gc.disable()
    try:
        with pytest.raises((TypeError, ValueError)) as caught:
            chain.invoke(value)
        del value, caught
        assert reference() is None
    finally:
        gc.enable()
