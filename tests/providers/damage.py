"""Answers in which something is not as it should be."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st


def changed(data: st.DataObject, whole: Any, value: Any) -> Any:
    """A copy in which one value is another."""
    copy = json.loads(json.dumps(whole))
    place = copy
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, (dict, list)) or not inner or data.draw(st.booleans()):
            place[key] = value
            return copy
        place = inner
