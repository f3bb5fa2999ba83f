"""Fixtures of the tests of tracing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tracing.receiver import Receiver


@pytest.fixture
def receiver(caplog: pytest.LogCaptureFixture) -> Iterator[Receiver]:
    """Receive spans; fail where one ended twice, or OpenTelemetry has logged anything."""
    receiver = Receiver()
    yield receiver
    receiver.assert_each_ended_once()
    logged = [record.getMessage() for record in caplog.get_records("call")]
    assert [text for text in logged if "expected" not in text] == []
