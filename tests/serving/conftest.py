"""One server for the tests of clients, with all chains."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving.chains import chains
from tests.serving.servers import Served, serving


@pytest.fixture
def server() -> Iterator[Served]:
    with serving(chains(), shows_steps=True) as served:
        yield served


@pytest.fixture
def server_with_page() -> Iterator[Served]:
    with serving(chains(), page=True, shows_steps=True) as served:
        yield served
