"""The phase of a message, commentary or the answer itself, passes responses in both directions."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import AIMessage
from runnables.serving.open_responses import ResponseEvents
from runnables.serving.parts import Finish, MessageEnd, TextDelta
from runnables.serving.responses_input import read_input
from runnables_providers.openai.response_items import input_items
from tests.serving.servers import events

TEXT: Any = {"type": "text", "text": "Hm."}


@pytest.mark.parametrize(
    "message",
    [
        AIMessage("Hm.", additional_kwargs={"phase": "commentary"}),
        AIMessage("Hm.", additional_kwargs={"message_item": {"phase": "commentary"}}),
        AIMessage([{**TEXT, "extras": {"phase": "commentary"}}]),
        AIMessage([{**TEXT, "id": "msg_1", "extras": {"item": {"phase": "commentary"}}}]),
    ],
)
def test_the_phase_of_a_message_is_shown(message: AIMessage) -> None:
    """Wherever its provider has put it."""
    encoder = ResponseEvents("1", "m", {})
    parts = (TextDelta("Hm."), MessageEnd(message), Finish())
    found = events(b"".join(map(encoder.encode, parts)).decode())
    done = [event["item"] for event in found if event["type"] == "response.output_item.done"]
    assert done[0]["phase"] == "commentary"
    assert found[-1]["response"]["output"][0]["phase"] == "commentary"


def test_the_phase_that_a_client_sends_back_reaches_the_service() -> None:
    """Also that of a bare message, with nothing packed beside it."""
    said = {"type": "message", "role": "assistant", "content": "Hm.", "phase": "commentary"}
    conversation = read_input({"input": [said]})
    assert input_items(conversation) == [
        {"role": "assistant", "content": "Hm.", "phase": "commentary"}
    ]
    (whole,) = input_items(conversation, full_items=True)
    assert (whole["type"], whole["phase"]) == ("message", "commentary")
