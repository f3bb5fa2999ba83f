"""Gaps that are known and not closed yet: each names the law test that shows it."""

from __future__ import annotations

import pytest

_TREES = "what a cancelled sibling tells its observers depends on the colour and on timing"

_COUNTED = "its failures are counted over items that run at once, so their texts are a race"

KNOWN_GAPS = {
    "test_batch_agrees_with_abatch[retry: in vain]": _COUNTED,
    "test_batch_agrees_with_abatch[retry: another error]": _COUNTED,
    "test_batch_agrees_with_abatch[retry: restarts in vain]": _COUNTED,
    "test_invoke_agrees_with_ainvoke[parallel: a branch fails]": _TREES,
    "test_invoke_agrees_with_ainvoke[parallel: a branch fails on the way]": _TREES,
    "test_invoke_agrees_with_ainvoke[map: fails]": _TREES,
    "test_stream_agrees_with_astream[parallel: a branch fails]": _TREES,
    "test_stream_agrees_with_astream[parallel: a branch fails on the way]": _TREES,
    "test_stream_agrees_with_astream[map: fails]": _TREES,
    "test_stream_agrees_with_astream[assign]": _TREES,
    "test_stream_agrees_with_astream[assign: over a key]": _TREES,
    "test_stream_agrees_with_astream[retry: restarts, then parallel, assign]": _TREES,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the known gaps; not strictly, because timing decides."""
    for item in items:
        if item.name in KNOWN_GAPS:
            item.add_marker(pytest.mark.xfail(reason=KNOWN_GAPS[item.name], strict=False))
