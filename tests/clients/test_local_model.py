"""A real model behind the server: one answer in each protocol, to its JavaScript client."""

from __future__ import annotations

import pytest

from runnables import init_chat_model
from tests.node import CLIENTS
from tests.serving.servers import serving

pytestmark = [
    pytest.mark.javascript,
    pytest.mark.local_model,
    pytest.mark.leaks(reason="the loaded model keeps its threads and its socket"),
]


@pytest.mark.parametrize(
    ("script", "case"),
    [
        ("js/openai.mjs", "chat streamed"),
        ("js/openai.mjs", "responses streamed"),
        ("js/ai_ui.mjs", "whole"),
        ("js/ag_ui.mjs", "whole"),
    ],
    ids=["chat", "responses", "ai-sdk", "ag-ui"],
)
def test_a_real_answer_comes_in_parts(script: str, case: str) -> None:
    """The client reads text in several chunks, and no error."""
    model = init_chat_model("local", max_tokens=20, temperature=0)
    with serving({"words": model}) as served:
        found = CLIENTS.run_cases(script, served.url, case, "--client=@ag-ui/client")[case]
    assert len(found.get("deltas") or found["stages"]) > 2
    assert found.get("error") is None
