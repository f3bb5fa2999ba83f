"""One recording server for the tests of each SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sdk.recorder import Recorder


@pytest.fixture(scope="module")
def server() -> Iterator[Recorder]:
    """Listens until the module's tests are over."""
    with Recorder().listening() as server:
        yield server
