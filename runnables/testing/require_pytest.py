"""The import of pytest, which only this package needs."""

from __future__ import annotations

from runnables.core.installation import missing_package

try:
    import pytest
except ImportError as error:
    raise missing_package("runnables.testing", "pytest") from error

# Failed asserts in these modules show what they compared, as asserts in test files do.
pytest.register_assert_rewrite(
    *(
        f"runnables.testing.{name}"
        for name in (
            *("concurrency", "conversations", "embeddings"),
            *("failures", "structured_output", "tool_calls"),
            *("store_calls", "store_changes", "store_filters", "store_search", "vector_store"),
        )
    )
)

__all__ = ["pytest"]
