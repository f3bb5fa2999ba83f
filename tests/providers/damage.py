"""A function that damages JSON, for tests of responses with unexpected values."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st


def with_random_change(data: st.DataObject, original: Any, value: Any) -> Any:
    """Return a copy in which one value is replaced."""
    copy = json.loads(json.dumps(original))
    container = copy
    while True:
        keys = list(container) if isinstance(container, dict) else list(range(len(container)))
        key = data.draw(st.sampled_from(keys))
        inner = container[key]
        if not isinstance(inner, (dict, list)) or not inner or data.draw(st.booleans()):
            container[key] = value
            return copy
        container = inner
