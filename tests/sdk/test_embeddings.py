"""Official SDKs and ours embed alike.

Declared differences: the SDKs ask OpenAI's compatible servers for base64, too, where ours leave
the form to them; Google's SDK gives each text the role "user", and names no task by itself.
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

TEXTS = ["one", "zwei", "三"]
VECTORS = [[0.5, -1.25], [3.0, 0.0], [-0.125, 8.0]]
PACKED = [base64.b64encode(array("f", it).tobytes()).decode() for it in VECTORS]


def test_openai(server: Recorder) -> None:
    """The bodies are equal, and so are the vectors, whose order is that of their index."""
    data = [{"object": "embedding", "index": at, "embedding": it} for at, it in enumerate(PACKED)]
    server.enqueue(Response({"object": "list", "model": "m", "data": data, "usage": {}}))
    with OpenAI(api_key="k", base_url=server.url) as sdk:
        theirs = sdk.embeddings.create(model="m", input=TEXTS, dimensions=2)
    model = OpenAIEmbeddings(
        "m", api_key="k", base_url=server.url, dimensions=2, encoding_format="base64"
    )
    assert model.embed_documents(TEXTS) == [it.embedding for it in theirs.data] == VECTORS
    one, other = server.requests
    assert other.path == one.path == "/embeddings"
    assert other.body == one.body


def test_google(server: Recorder) -> None:
    """The bodies are equal where the task is named, and so are the vectors."""
    server.enqueue(Response({"embeddings": [{"values": it} for it in VECTORS]}))
    options: Any = {"base_url": server.url, "api_version": "v1beta"}
    with genai.Client(api_key="k", http_options=options) as sdk:
        found = sdk.models.embed_content(
            model="gemini-embedding-001",
            contents=TEXTS,
            config={"task_type": "RETRIEVAL_DOCUMENT", "output_dimensionality": 2},
        )
    model = GoogleGenerativeAIEmbeddings(
        "gemini-embedding-001", api_key="k", base_url=server.url, dimensions=2
    )
    theirs = [it.values for it in found.embeddings or ()]
    assert model.embed_documents(TEXTS) == theirs == VECTORS
    one, other = server.requests
    assert other.path == one.path
    assert other.body == without_roles(one.body)


def without_roles(body: Any) -> Any:
    """A body without the role "user", which says nothing of a text that is embedded."""
    for request in body["requests"]:
        request["content"].pop("role", None)
    return body
