"""Common mistakes at the border: each is an error that says what to write."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.output_parsers import StrOutputParser as TheirStrOutputParser

from runnables import ConfigError, RunnableLambda, from_langchain


def test_a_class_of_langchain_in_a_pipe_is_an_error() -> None:
    """The brackets were forgotten; it would make an object of each input."""
    with pytest.raises(TypeError, match=r"write StrOutputParser\(\.\.\.\)"):
        RunnableLambda(str) | TheirStrOutputParser


def test_a_handler_that_is_no_list_is_an_error() -> None:
    """Of either library."""

    class Ours:
        def on_event(self, event: Any) -> None:
            """Receive an event."""

    for handler in (BaseCallbackHandler(), Ours()):
        config: Any = {"callbacks": handler}
        with pytest.raises(
            ConfigError, match=r"not a list of handlers\. Write: callbacks=\[handler"
        ):
            RunnableLambda(str).invoke(1, config)


def test_an_object_of_ours_needs_no_conversion() -> None:
    """The error of `from_langchain` says so; one of something else shows no key."""
    with pytest.raises(TypeError, match="of this library already"):
        from_langchain(RunnableLambda(str))

    class Other:
        def __repr__(self) -> str:
            return "Other(api_key='sk-0123456789-of-a-user')"

    with pytest.raises(TypeError, match="no object of LangChain") as caught:
        from_langchain(Other())
    assert "of-a-user" not in str(caught.value)
