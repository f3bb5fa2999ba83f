"""The suite that every chat model passes."""

from __future__ import annotations

from runnables.testing.concurrency import Concurrency
from runnables.testing.conversations import Conversations
from runnables.testing.failures import Failures
from runnables.testing.structured_output import StructuredOutputs
from runnables.testing.tool_calls import ToolCalls


class ChatModelTests(Conversations, ToolCalls, StructuredOutputs, Failures, Concurrency):
    """Test suite that every chat model passes. Subclass it in a test module, and write `make`.

    Each test about answers runs on the model of `make()`, unless `live` is False, and on a
    replay server, if there is a `wire_format`. Tests about failures run on the replay server only.
    The class attributes say what the model supports. A test of something that it does not support
    is skipped, with the reason.

    Example:
        >>> from runnables.testing import ChatModelTests
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> class TestMyModel(ChatModelTests):
        ...     supports_tools = False
        ...
        ...     def make(self, **settings):
        ...         return ScriptedChatModel(["Hello."], cycle=True, **settings)
        >>> TestMyModel().make().invoke("Hi").text
        'Hello.'
    """
