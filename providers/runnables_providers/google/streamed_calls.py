"""Function calls whose arguments come in parts (`partialArgs`, `willContinue`).

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling describes
them: each part names the place of its value by a JSON path, and a string may come in several.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, cast

_STEP: Final = re.compile(
    r"""\.([^.\[\]]+) | \[(\d+)\] | \['((?:[^'\\]|\\.)*)'\] | \["((?:[^"\\]|\\.)*)"\]""", re.VERBOSE
)
_STREAMING_KEYS: Final = frozenset({"partialArgs", "willContinue"})
_MAX_GAP: Final = 100
"""The most items that a path may skip at the end of a list. They come in order, and a few paths
with large indexes would fill the memory."""


class StreamedCall:
    """A call that is not complete yet.

    Attributes:
        part: the fields of its parts so far, besides the call.
    """

    def __init__(self) -> None:
        self.part: dict[str, Any] = {}
        self._call: dict[str, Any] = {}
        self._args: dict[str, Any] = {}
        self._open_path: str | None = None

    def add(self, part: Mapping[str, Any]) -> bool:
        """Add a part; tell whether the call is complete.

        Raises:
            ValueError: a path cannot be read.
        """
        call: Mapping[str, Any] = part["functionCall"]
        self.part |= {key: value for key, value in part.items() if key != "functionCall"}
        for key, value in call.items():
            if key == "args":
                self._args |= value or {}
            elif key not in _STREAMING_KEYS and value:
                self._call[key] = value
        for partial in call.get("partialArgs") or ():
            self._add_partial(partial)
        return not call.get("willContinue")

    def call(self) -> dict[str, Any]:
        """Return the call with the arguments that came."""
        return {**self._call, "args": self._args}

    def cut_off(self) -> str:
        """Return the arguments as JSON that is cut off, for a call that never was complete."""
        return json.dumps(self._args, ensure_ascii=False).removesuffix("}")

    def _add_partial(self, partial: Mapping[str, Any]) -> None:
        path: str = partial["jsonPath"]
        [value] = [partial[key] for key in partial if key not in ("jsonPath", "willContinue")] or [
            ""
        ]
        if "nullValue" in partial:
            value = None
        continues = path == self._open_path
        _put(self._args, _steps(path), value, continues=continues)
        self._open_path = path if partial.get("willContinue") else None


def is_streamed(call: Mapping[str, Any]) -> bool:
    """Tell whether a call comes in parts."""
    return bool(_STREAMING_KEYS & call.keys())


def _steps(path: str) -> list[str | int]:
    """Return the keys and indexes of a JSON path.

    Raises:
        ValueError: it is no path to one place in an object.
    """
    steps: list[str | int] = []
    end = 1
    while path.startswith("$") and (found := _STEP.match(path, end)):
        name, index, single, double = found.groups()
        if index is not None:
            steps.append(int(index))
        else:
            quoted = single if double is None else double
            steps.append(name if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        end = found.end()
    if not steps or end != len(path):
        raise ValueError(f"{path!r} is no path to an argument")
    return steps


def _put(target: Any, steps: Sequence[str | int], value: Any, *, continues: bool) -> None:
    """Put a value at a place, or append it to the string there; containers are made as needed."""
    for step, following in pairwise(steps):
        empty: Any = [] if isinstance(following, int) else {}
        known = _at(target, step)
        if known is None:
            _set(target, step, empty)
        target = _at(target, step)
    last = steps[-1]
    known = _at(target, last)
    if continues and isinstance(known, str):
        value = known + value
    _set(target, last, value)


def _at(target: Any, step: str | int) -> Any:
    if isinstance(step, int):
        items = cast("list[Any]", target)
        return items[step] if step < len(items) else None
    return cast("dict[str, Any]", target).get(step)


def _set(target: Any, step: str | int, value: Any) -> None:
    if isinstance(step, int):
        if step - len(target) > _MAX_GAP:
            raise ValueError(f"an item {step} of a list of arguments")
        target.extend([None] * (step + 1 - len(target)))
    target[step] = value
