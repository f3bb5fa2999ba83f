"""The types of loading, splitting and showing documents. mypy and pyright read this file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

from runnables import (
    Document,
    DocumentLoadError,
    PromptTemplate,
    RecursiveCharacterTextSplitter,
    RunnableLambda,
    StructuredTool,
    create_retriever_tool,
    format_documents,
    iter_documents,
    load_documents,
)


def keep(error: DocumentLoadError) -> None:
    assert_type(error.path, str)


assert_type(load_documents("notes"), list[Document])
assert_type(load_documents(Path("notes"), ["*.md"], encoding="cp1252"), list[Document])
assert_type(iter_documents("notes", "*.txt", on_error="skip"), Iterator[Document])
assert_type(load_documents("notes", on_error=keep), list[Document])
load_documents("notes", on_error="ignore")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - no such way

splitter = RecursiveCharacterTextSplitter(chunk_size=500, length_function=lambda text: len(text))
assert_type(splitter.invoke("text"), list[Document])
assert_type(splitter.invoke(Document("text")), list[Document])
assert_type(splitter.invoke(load_documents("notes")), list[Document])
assert_type(splitter.batch(["a", Document("b")]), list[list[Document]])
assert_type(splitter.split_text("text"), list[str])
assert_type(splitter.split_documents(iter_documents("notes")), list[Document])
assert_type(splitter.create_documents(["a"], [{"page": 1}]), list[Document])
splitter.invoke(3)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - no text
RecursiveCharacterTextSplitter(keep_separator="both")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - no such place


def find(query: str) -> list[Document]:
    return [Document(query)]


retriever = RunnableLambda(find)
assert_type((retriever | format_documents).invoke("sea"), str)
assert_type((retriever | splitter).invoke("sea"), list[Document])
assert_type(format_documents([Document("a")], PromptTemplate("{page_content}")), str)
assert_type(create_retriever_tool(retriever, "find", "Find."), StructuredTool[Any])
assert_type(create_retriever_tool(find, "find", "Find."), StructuredTool[Any])
