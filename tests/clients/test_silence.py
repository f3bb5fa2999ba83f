"""The comments that keep a silent stream open, as JavaScript clients read them."""

from __future__ import annotations

import pytest

from runnables.serving import response
from runnables_providers.scripted import Delay, ScriptedChatModel
from tests.node import CLIENTS
from tests.serving.servers import serving

pytestmark = pytest.mark.javascript


@pytest.mark.parametrize(
    ("script", "cases"),
    [
        ("js/openai.mjs", ["chat streamed", "responses streamed"]),
        ("js/ai_models.mjs", ["chat streamed", "responses streamed"]),
        ("js/ai_ui.mjs", ["whole"]),
        ("js/ag_ui.mjs", ["whole"]),
    ],
    ids=["openai", "ai-models", "ai-ui", "ag-ui"],
)
def test_comments_are_no_part_of_an_answer(
    script: str, cases: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many come before the first chunk and between two; the client reads the chunks alone."""
    monkeypatch.setattr(response, "KEEP_ALIVE", 0.01)
    model = ScriptedChatModel([[Delay(0.1), "One", Delay(0.1), " two"]], cycle=True)
    with serving({"words": model}) as served:
        found = CLIENTS.run_cases(script, served.url, *cases, "--client=@ag-ui/client")
    for case in cases:
        answer = found[case]
        assert answer.get("deltas") == ["One", " two"] or answer["stages"] == ["One", "One two"]
