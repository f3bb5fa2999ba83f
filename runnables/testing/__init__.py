"""Test suites to subclass: `ChatModelTests`, `EmbeddingsTests` and `VectorStoreTests`.

This package needs pytest; nothing else in the library does.
"""

from runnables.testing.base import Harness
from runnables.testing.chat import ChatModelTests
from runnables.testing.embeddings import EmbeddingsTests
from runnables.testing.replay_server import Disconnect, ReplayServer, Stall, StreamedResponse
from runnables.testing.sync_async import SyncAsyncCall
from runnables.testing.vector_store import VectorStoreTests
from runnables.testing.wire_format import (
    EmbeddingsWireFormat,
    RecordedRequest,
    Response,
    ScriptedReply,
    ScriptedToolCall,
    Unsupported,
    WireFormat,
    json_line,
    sse_event,
)
from runnables.testing.word_embeddings import WordEmbeddings

__all__ = [
    # to subclass
    "ChatModelTests",
    "EmbeddingsTests",
    "EmbeddingsWireFormat",
    "VectorStoreTests",
    "WireFormat",
    # requests and responses
    "RecordedRequest",
    "Response",
    "ScriptedReply",
    "ScriptedToolCall",
    "Unsupported",
    "json_line",
    "sse_event",
    # for more tests
    "Disconnect",
    "Harness",
    "ReplayServer",
    "Stall",
    "StreamedResponse",
    "SyncAsyncCall",
    "WordEmbeddings",
]
