"""Official SDKs and the providers embed alike.

Declared differences: the SDK of OpenAI requests base64 of compatible servers, where the provider
lets them choose; the SDK of Google gives each string the role "user", and sets no task by default.
"""

from __future__ import annotations

import base64
from array import array
from typing import Any

from google import genai
from openai import OpenAI

from runnables.testing import Response
from runnables_providers.google import GoogleGenerativeAIEmbeddings
from runnables_providers.openai import OpenAIEmbeddings
from tests.sdk.recorder import Recorder

STRINGS = ["one", "zwei", "三"]
VECTORS = [[0.5, -1.25], [3.0, 0.0], [-0.125, 8.0]]
ENCODED = [base64.b64encode(array("f", vector).tobytes()).decode() for vector in VECTORS]


def test_openai_embeddings_are_equal(server: Recorder) -> None:
    """The bodies are equal, and so are the vectors, in the order of their index."""
    data = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(ENCODED)
    ]
    server.enqueue(Response({"object": "list", "model": "m", "data": data, "usage": {}}))
    with OpenAI(api_key="k", base_url=server.url) as sdk:
        theirs = sdk.embeddings.create(model="m", input=STRINGS, dimensions=2)
    model = OpenAIEmbeddings(
        "m", api_key="k", base_url=server.url, dimensions=2, encoding_format="base64"
    )
    assert model.embed_documents(STRINGS) == [each.embedding for each in theirs.data] == VECTORS
    their_request, request = server.requests
    assert request.path == their_request.path == "/embeddings"
    assert request.body == their_request.body


def test_google_embeddings_are_equal(server: Recorder) -> None:
    """The bodies are equal if the task is set, and so are the vectors."""
    server.enqueue(Response({"embeddings": [{"values": vector} for vector in VECTORS]}))
    options: Any = {"base_url": server.url, "api_version": "v1beta"}
    with genai.Client(api_key="k", http_options=options) as sdk:
        response = sdk.models.embed_content(
            model="gemini-embedding-001",
            contents=STRINGS,
            config={"task_type": "RETRIEVAL_DOCUMENT", "output_dimensionality": 2},
        )
    model = GoogleGenerativeAIEmbeddings(
        "gemini-embedding-001", api_key="k", base_url=server.url, dimensions=2
    )
    theirs = [each.values for each in response.embeddings or ()]
    assert model.embed_documents(STRINGS) == theirs == VECTORS
    their_request, request = server.requests
    assert request.path == their_request.path
    assert request.body == without_roles(their_request.body)


def without_roles(body: Any) -> Any:
    """Return a body without the role "user", which means nothing for embeddings."""
    for request in body["requests"]:
        request["content"].pop("role", None)
    return body
