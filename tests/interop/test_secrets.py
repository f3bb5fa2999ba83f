"""Keys do not cross the border: LangChain's tracers send what handlers get to a service."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps

from runnables import to_langchain
from runnables_providers.openai import ChatOpenAI
from tests.both_modes import Call

KEY = "sk-0123456789-of-a-user"


class Seen(BaseCallbackHandler):
    """A handler of LangChain that notes all that it gets, as a string."""

    def __init__(self) -> None:
        self.text = ""

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.text += f"{args!r} {kwargs!r}"

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.text += f"{error!r} {kwargs!r}"


def model() -> ChatOpenAI:
    """Return a model that has a key, and no service behind its URL."""
    return ChatOpenAI(
        model="gpt-5-mini",
        api_key=KEY,
        base_url="http://127.0.0.1:9/v1",
        default_headers={"X-Auth": KEY},
        max_retries=0,
    )


OPTIONS = [{}, {"extra_body": {"api_key": KEY}}, {"extra_headers": {"Authorization": f"B {KEY}"}}]


@pytest.mark.parametrize("options", OPTIONS, ids=["of the model", "in the body", "in a header"])
@pytest.mark.parametrize("make", [lambda one: one, to_langchain], ids=["ours", "in LangChain"])
def test_a_handler_of_langchain_gets_no_key(call: Call, make: Any, options: Any) -> None:
    """Neither of the model nor of a call, whichever library runs the model."""
    seen = Seen()
    made = make(model())
    with pytest.raises(Exception, match=r"connect|extra_headers") as caught:
        call.run(
            lambda: made.invoke("hi", {"callbacks": [seen]}, **options),
            lambda: made.ainvoke("hi", {"callbacks": [seen]}, **options),
        )
    assert KEY not in seen.text
    assert KEY not in str(caught.value)


def test_a_converted_model_shows_no_key() -> None:
    """In its repr, in LangChain's JSON, and in the key of its caches."""
    made = to_langchain(model())
    for shown in (repr(made), str(made), dumps(made), made._get_llm_string()):
        assert KEY not in shown
