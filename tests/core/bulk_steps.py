"""Steps that take many inputs in one call, and record what they get."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from runnables import Runnable


class Tens(Runnable[Any, Any]):
    """A step that takes up to `size` numbers in one call, and multiplies each by ten.

    Args:
        size: how many it takes.
        fails: a function of the numbers of a call, which may raise.
    """

    def __init__(self, size: int = 3, fails: Callable[[Sequence[Any]], None] | None = None) -> None:
        self.max_batch_size = size
        self.fails = fails
        self._calls: list[list[Any]] = []
        self._inside = self._peak = 0
        self._lock = threading.Lock()

    @property
    def calls(self) -> list[list[Any]]:
        """Return the inputs of each call, the calls in the order of their first inputs."""
        return sorted(self._calls)

    @property
    def peak(self) -> int:
        """Return how many calls were under way at once."""
        return self._peak

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return self._invoke_batch([input], None, kwargs)[0]

    def _invoke_batch(self, values: Sequence[Any], scope: Any, kwargs: dict[str, Any]) -> list[Any]:
        with self._counted(values):
            if self.fails is not None:
                self.fails(values)
            return [10 * value for value in values]

    @contextmanager
    def _counted(self, values: Sequence[Any]) -> Iterator[None]:
        with self._lock:
            self._calls.append(list(values))
            self._inside += 1
            self._peak = max(self._peak, self._inside)
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1


class Rows:
    """Inputs that count how many were pulled; and how many are done, as the test says.

    Attributes:
        most_ahead: how many were pulled and not done, at most.
    """

    def __init__(self, inputs: Any) -> None:
        self._inputs = inputs
        self.pulled = self.done = self.most_ahead = 0

    def __iter__(self) -> Iterator[Any]:
        for value in self._inputs:
            self.pulled += 1
            self.most_ahead = max(self.most_ahead, self.pulled - self.done)
            yield value


def sizes(step: Tens) -> list[int]:
    """Return how many inputs each call of a step had, the largest first."""
    return sorted((len(call) for call in step.calls), reverse=True)


def seen(step: Tens) -> Counter[Any]:
    """Return how often each input came to a step."""
    return Counter(value for call in step.calls for value in call)


def no_four(values: Sequence[Any]) -> None:
    """Fail for the number four."""
    if 4 in values:
        raise ValueError("four")
