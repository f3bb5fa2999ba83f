"""A fixture of every test about objects of LangChain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from langchain_core.runnables.config import var_child_runnable_config

from runnables.core.config import current_scope
from runnables.interop.langchain import contexts


@pytest.fixture(autouse=True)
def nothing_left_in_context() -> Iterator[None]:
    """Fail a test whose calls leave a run around the calls of the next one."""
    yield
    assert var_child_runnable_config.get() is None
    assert current_scope() is None
    assert contexts.left_scope() is None
    assert contexts._silent.get() is None
