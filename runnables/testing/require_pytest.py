"""The import of pytest, which only the suites need."""

from __future__ import annotations

import sys

from runnables.core.installation import missing_package

try:
    import pytest
except ImportError as error:
    raise missing_package("A suite of `runnables.testing`", "pytest") from error

# Failed asserts in these modules show what they compared, as asserts in test files do.
pytest.register_assert_rewrite(
    *(
        module
        for name in (
            *("concurrency", "conversations", "embeddings"),
            *("failures", "structured_output", "tool_calls"),
            *("store_calls", "store_changes", "store_filters", "store_search", "vector_store"),
        )
        if (module := f"runnables.testing.{name}") not in sys.modules
    )
)

__all__ = ["pytest"]
