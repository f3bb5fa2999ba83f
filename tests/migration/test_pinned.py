"""Whole files before and after the change, and what is listed of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from runnables.migration.source import migrate_source

PINNED = Path(__file__).parent / "pinned"

LISTED = {
    "agent": {
        1: "langchain.agents.create_agent",
        2: "langchain.agents.middleware.SummarizationMiddleware",
        5: "langgraph.checkpoint.memory.InMemorySaver",
    },
    "chat": {16: "langchain_community.chat_message_histories.RedisChatMessageHistory"},
    "retrieval": {
        5: "langchain.vectorstores.FAISS",
        7: "langchain.chains.RetrievalQA",
        15: "langchain.verbose",
        19: ".get_relevant_documents",
    },
}


@pytest.mark.parametrize("name", LISTED)
def test_a_file_becomes_the_pinned_one(name: str) -> None:
    """Imports and keywords change, comments and form stay, and a second run changes nothing."""
    before, after = (
        (PINNED / f"{name}.{which}.txt").read_text(encoding="utf-8")
        for which in ("before", "after")
    )
    migrated = migrate_source(before)
    assert migrated.text == after
    assert {found.line: found.what for found in migrated.findings} == LISTED[name]
    assert migrate_source(after).text == after


def test_every_pinned_file_is_compared() -> None:
    """There is no pair that nothing reads."""
    assert {path.name.partition(".")[0] for path in PINNED.glob("*.txt")} == {*LISTED}
