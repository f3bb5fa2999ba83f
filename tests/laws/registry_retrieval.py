"""Splitters for the registry."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from runnables import Document, RecursiveCharacterTextSplitter
from tests.laws.specimens import INTS, STRINGS, Specimen, specimen


def splitters() -> Iterator[Specimen]:
    documents = STRINGS.map(lambda text: Document(text, metadata={"source": "log"}))
    inputs = STRINGS | documents | st.lists(documents, max_size=2) | INTS
    yield specimen(
        "splitter", lambda: RecursiveCharacterTextSplitter(chunk_size=3, chunk_overlap=1), inputs
    )
