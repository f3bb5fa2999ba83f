"""Tests for models, also for other people's: subclass `ChatModelTests` or `EmbeddingsTests`.

It needs pytest, and nothing else of the library does.
"""

from runnables.testing.base import Stage
from runnables.testing.chat import ChatModelTests
from runnables.testing.embeddings import EmbeddingsTests
from runnables.testing.replay_server import Cut, Hang, ReplayServer, Streamed
from runnables.testing.sync_async import Colour
from runnables.testing.wire_format import (
    Answer,
    Asked,
    EmbeddingsWire,
    Said,
    SaidCall,
    Unsayable,
    Wire,
    json_line,
    server_sent,
)

__all__ = [
    # to subclass
    "ChatModelTests",
    "EmbeddingsTests",
    "EmbeddingsWire",
    "Wire",
    # what a wire speaks of
    "Answer",
    "Asked",
    "Said",
    "SaidCall",
    "Unsayable",
    "json_line",
    "server_sent",
    # to write further tests
    "Colour",
    "Cut",
    "Hang",
    "ReplayServer",
    "Stage",
    "Streamed",
]
