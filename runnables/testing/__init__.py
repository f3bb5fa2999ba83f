"""Tests for models, also for other people's: subclass `ChatModelTests` or `EmbeddingsTests`.

It needs pytest, and nothing else of the library does.
"""

from runnables.testing.base import Harness
from runnables.testing.chat import ChatModelTests
from runnables.testing.embeddings import EmbeddingsTests
from runnables.testing.replay_server import Disconnect, ReplayServer, Stall, StreamedResponse
from runnables.testing.sync_async import SyncAsyncCall
from runnables.testing.wire_format import (
    Answer,
    EmbeddingsWireFormat,
    RecordedRequest,
    ScriptedReply,
    ScriptedToolCall,
    Unsupported,
    WireFormat,
    json_line,
    server_sent,
)

__all__ = [
    # to subclass
    "ChatModelTests",
    "EmbeddingsTests",
    "EmbeddingsWireFormat",
    "WireFormat",
    # what a wire speaks of
    "Answer",
    "RecordedRequest",
    "ScriptedReply",
    "ScriptedToolCall",
    "Unsupported",
    "json_line",
    "server_sent",
    # to write further tests
    "SyncAsyncCall",
    "Disconnect",
    "Stall",
    "ReplayServer",
    "Harness",
    "StreamedResponse",
]
