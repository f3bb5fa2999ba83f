"""The suite `llm-comply` of other people against our chat completions and responses."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from runnables import AIMessage, BaseMessage, tool_call
from runnables_providers.scripted import ScriptedChatModel
from tests.serving.chains import SIGNED, USAGE
from tests.serving.servers import serving

COMMAND = Path(sysconfig.get_path("scripts")) / "llm-comply"

# The suite knows this event by another name than the specification that it ships.
RIGHT_EVENT = "unknown SSE event type: response.reasoning_summary_text"


def answer(conversation: list[BaseMessage]) -> AIMessage:
    """Call the tool for a question about the weather; else answer with what the suite looks for."""
    last = conversation[-1]
    if last.type == "human" and "weather" in last.text.lower():
        call = tool_call(name="get_weather", args={"location": "San Francisco"}, id="call_1")
        return AIMessage("", tool_calls=[call])
    text: Any = {"type": "text", "text": "Hello, Alice: 1, 2, 3, 4, 5; it is red."}
    return AIMessage([SIGNED, text])


@pytest.mark.parametrize(("form", "tests"), [("open-responses", 13), ("openai-chat", 9)])
def test_the_suite_of_others_passes(form: str, tests: int) -> None:
    """All its tests ran, and all passed. (It ends well, too, where it has run none.)"""
    model = ScriptedChatModel([answer], cycle=True, usage=USAGE)
    with serving({"gpt-5-like": model}) as served:  # a name whose reasoning it tests
        command = [str(COMMAND), *(["--format", form] if form == "openai-chat" else [])]
        options = ["-u", f"{served.url}/v1", "-k", "x", "-m", "gpt-5-like", "--json"]
        ran = subprocess.run(
            [*command, *options, "-i", RIGHT_EVENT], capture_output=True, text=True, check=False
        )
    found = json.loads(ran.stdout)
    failures = [result for result in found["results"] if result["status"] != "passed"]
    assert failures == []
    assert found["summary"] == {"total": tests, "passed": tests, "failed": 0, "skipped": 0}
