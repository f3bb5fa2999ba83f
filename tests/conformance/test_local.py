"""The local models, which have no service to replay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from runnables import ChatModel, Embeddings, init_chat_model, init_embeddings
from runnables.testing import ChatModelTests, EmbeddingsTests

pytestmark = [
    pytest.mark.local_model,
    pytest.mark.leaks(reason="the loaded model keeps its threads and its socket"),
]


class TestLocalChatModel(ChatModelTests):
    """Local chat model, which calls a tool if it has to, but cannot choose one."""

    deterministic: ClassVar[Mapping[str, Any]] = {"temperature": 0, "seed": 1}
    supports_model_override = False
    supports_auto_tool_choice = False

    def make(self, **settings: Any) -> ChatModel:
        return init_chat_model("local", **{"max_tokens": 80, **settings})


class TestLocalEmbeddings(EmbeddingsTests):
    """Embeddings of the local model."""

    def make(self, **settings: Any) -> Embeddings:
        return init_embeddings("local", **settings)
