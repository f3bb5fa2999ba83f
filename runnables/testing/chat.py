"""The tests that every chat model passes."""

from __future__ import annotations

from runnables.testing.concurrency import Concurrency
from runnables.testing.conversations import Conversations
from runnables.testing.failures import Failures
from runnables.testing.structured_output import StructuredOutputs
from runnables.testing.tool_calls import ToolCalls


class ChatModelTests(Conversations, ToolCalls, StructuredOutputs, Failures, Concurrency):
    """The tests that every chat model passes. Subclass it in a test module, and write `make`:

        class TestMine(ChatModelTests):
            supports_images = True

            def make(self, **settings: Any) -> ChatModel:
                return MyChatModel(**settings)

    Tests that talk with the model run on `make()`, where `live` says that there is one, and on
    a service that is played on loopback, where there is a `wire`; tests of faults, on that only.
    What the model cannot do, it says in the attributes; those tests are skipped, with the reason.
    """
