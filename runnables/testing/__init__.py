"""Test suites to subclass: `ChatModelTests`, `EmbeddingsTests` and `VectorStoreTests`.

The suites need pytest; nothing else in the library does.
"""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.testing.replay_server import Disconnect, ReplayServer, Stall, StreamedResponse
    from runnables.testing.suites import (
        ChatModelTests,
        EmbeddingsTests,
        Harness,
        VectorStoreTests,
    )
    from runnables.testing.sync_async import SyncAsyncCall
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
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "runnables.testing.replay_server": "Disconnect ReplayServer Stall StreamedResponse",
            "runnables.testing.suites": "ChatModelTests EmbeddingsTests Harness VectorStoreTests",
            "runnables.testing.sync_async": "SyncAsyncCall",
            "runnables.testing.wire_format": (
                "EmbeddingsWireFormat RecordedRequest Response ScriptedReply ScriptedToolCall "
                "Unsupported WireFormat json_line sse_event"
            ),
            "runnables.testing.word_embeddings": "WordEmbeddings",
        },
    )

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
