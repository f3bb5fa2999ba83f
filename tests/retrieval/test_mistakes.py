"""Common mistakes: each is an error that says what to write, before any work begins."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runnables import (
    ConfigError,
    Document,
    DocumentLoadError,
    InMemoryVectorStore,
    RecursiveCharacterTextSplitter,
    RunnableLambda,
    SQLiteStore,
    StoreError,
    create_retriever_tool,
    format_documents,
    load_documents,
)
from runnables.testing import WordEmbeddings

Splitter: Any = RecursiveCharacterTextSplitter
load: Any = load_documents
show: Any = format_documents


def of_store(use: Callable[[Any], Any]) -> Callable[[], Any]:
    """Return a function that uses an empty store."""
    return lambda: use(InMemoryVectorStore(WordEmbeddings()))


MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a size by position": (
        lambda: Splitter(1000, 200), ConfigError, "a size goes by name: chunk_size=1000",
    ),
    "separators that are none": (
        lambda: Splitter(separators=1.5), ConfigError, "expected a list of strings",
    ),
    "a mistyped size": (
        lambda: Splitter(chunksize=10), ConfigError, "Did you mean 'chunk_size'",
    ),
    "a splitter by tokens": (
        lambda: Splitter.from_tiktoken_encoder(chunk_size=10),
        AttributeError, "no 'from_tiktoken_encoder'. Pass length_function=",
    ),
    "a splitter of code": (
        lambda: Splitter().from_language("python"), AttributeError, "Pass separators=",
    ),
    "one string to split": (
        lambda: Splitter().create_documents("abc"), ConfigError, r"got a string: \[text\]",
    ),
    "several folders": (lambda: load(["a", "b"]), ConfigError, "the path of one folder"),
    "no path": (lambda: load(None), ConfigError, r"path=None"),
    "an empty path": (lambda: load(""), ConfigError, r"path=''"),
    "a pattern as the path": (
        lambda: load("notes/*.md"), DocumentLoadError, r"A pattern goes into glob=",
    ),
    "a template that is none": (
        lambda: show([], 5), TypeError, "template=5.: expected a string, or a prompt",
    ),
    "a store in a pipe": (
        of_store(lambda store: RunnableLambda(str) | store), TypeError, r"store\.as_retriever\(\)",
    ),
    "a store as a tool": (
        of_store(lambda store: create_retriever_tool(store, "a", "b")),
        TypeError, r"store\.as_retriever\(\)",
    ),
    "a mistyped setting of a retriever": (
        of_store(lambda store: store.as_retriever(kk=3)), ConfigError, "Did you mean 'k'",
    ),
    "several questions": (
        of_store(lambda store: store.search(["a", "b"])), ConfigError, "use `search_many`",
    ),
    "a document as the question": (
        of_store(lambda store: store.search(Document("a"))), ConfigError, "cannot be searched",
    ),
    "a list in a filter": (
        of_store(lambda store: store.search("a", filter={"year": [1, 2]})),
        ConfigError, r"write \{'\$in': \[\.\.\.\]\}",
    ),
    "a name of LangChain's": (
        of_store(lambda store: store.get_by_ids(["a"])), AttributeError, r"Use store\.get\(ids\)",
    ),
    "a mistyped name": (
        of_store(lambda store: store.serch("a")), AttributeError, "has no attribute 'serch'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_says_what_to_write(mistake: str) -> None:
    """The error names what was passed, and the way out."""
    make, kind, message = MISTAKES[mistake]
    with pytest.raises(kind, match=message):
        make()


def test_a_folder_is_no_file_of_a_store(tmp_path: Path) -> None:
    """It stays as it is."""
    with pytest.raises(StoreError, match="is a folder: name a file in it"):
        SQLiteStore(tmp_path, WordEmbeddings())
    assert os.listdir(tmp_path) == []
