"""The replay server for the tests of each SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sdk.recorder import Recorder


@pytest.fixture(scope="module")
def server() -> Iterator[Recorder]:
    """Yield a replay server that listens until the tests of the module are over."""
    with Recorder().listening() as recorder:
        yield recorder
