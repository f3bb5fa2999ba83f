"""The wire formats of embeddings services, from their API references."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runnables.testing import EmbeddingsWireFormat, RecordedRequest, Response
from tests.conformance.gemini_wire_format import GeminiWireFormat


class OpenAIEmbeddingsWireFormat(EmbeddingsWireFormat):
    """https://platform.openai.com/docs/api-reference/embeddings, in reverse, as the API allows."""

    def inputs(self, request: RecordedRequest) -> list[str]:
        return list(request.body["input"])

    def response(self, vectors: Sequence[Sequence[float]], request: RecordedRequest) -> Response:
        data: list[dict[str, Any]] = [
            {"object": "embedding", "index": index, "embedding": list(vector)}
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": 5, "total_tokens": 5}
        return Response({"object": "list", "data": data[::-1], "model": "m", "usage": usage})

    def error(self, status: int, message: str) -> Response:
        return Response({"error": {"message": message, "type": "some_error"}}, status)


class GeminiEmbeddingsWireFormat(EmbeddingsWireFormat):
    """https://ai.google.dev/api/embeddings."""

    def inputs(self, request: RecordedRequest) -> list[str]:
        return [entry["content"]["parts"][0]["text"] for entry in request.body["requests"]]

    def response(self, vectors: Sequence[Sequence[float]], request: RecordedRequest) -> Response:
        return Response({"embeddings": [{"values": list(vector)} for vector in vectors]})

    def error(self, status: int, message: str) -> Response:
        return GeminiWireFormat().error(status, message)


class OllamaEmbeddingsWireFormat(EmbeddingsWireFormat):
    """https://github.com/ollama/ollama/blob/main/docs/api.md."""

    def inputs(self, request: RecordedRequest) -> list[str]:
        return list(request.body["input"])

    def response(self, vectors: Sequence[Sequence[float]], request: RecordedRequest) -> Response:
        return Response({"model": "m", "embeddings": [list(vector) for vector in vectors]})

    def error(self, status: int, message: str) -> Response:
        return Response({"error": message}, status)
