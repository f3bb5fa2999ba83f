"""How services of embeddings speak, as their API references have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runnables.testing import Answer, EmbeddingsWireFormat, RecordedRequest
from tests.conformance.gemini_wire_format import GeminiWire


class OpenAIWire(EmbeddingsWireFormat):
    """https://platform.openai.com/docs/api-reference/embeddings; in reverse, as the API allows."""

    def texts(self, asked: RecordedRequest) -> list[str]:
        return list(asked.body["input"])

    def answer(self, vectors: Sequence[Sequence[float]], asked: RecordedRequest) -> Answer:
        data: list[dict[str, Any]] = [
            {"object": "embedding", "index": index, "embedding": list(vector)}
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": 5, "total_tokens": 5}
        return Answer({"object": "list", "data": data[::-1], "model": "m", "usage": usage})

    def error(self, status: int, message: str) -> Answer:
        return Answer({"error": {"message": message, "type": "some_error"}}, status)


class GeminiEmbeddingsWire(EmbeddingsWireFormat):
    """https://ai.google.dev/api/embeddings."""

    def texts(self, asked: RecordedRequest) -> list[str]:
        return [it["content"]["parts"][0]["text"] for it in asked.body["requests"]]

    def answer(self, vectors: Sequence[Sequence[float]], asked: RecordedRequest) -> Answer:
        return Answer({"embeddings": [{"values": list(vector)} for vector in vectors]})

    def error(self, status: int, message: str) -> Answer:
        return GeminiWire().error(status, message)


class OllamaEmbeddingsWire(EmbeddingsWireFormat):
    """https://github.com/ollama/ollama/blob/main/docs/api.md."""

    def texts(self, asked: RecordedRequest) -> list[str]:
        return list(asked.body["input"])

    def answer(self, vectors: Sequence[Sequence[float]], asked: RecordedRequest) -> Answer:
        return Answer({"model": "m", "embeddings": [list(vector) for vector in vectors]})

    def error(self, status: int, message: str) -> Answer:
        return Answer({"error": message}, status)
