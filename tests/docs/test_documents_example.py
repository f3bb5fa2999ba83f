"""The example of the guide on documents: its notes and questions are in order, and it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.guide_documents import FOLDER, filled, read_questions, score
from runnables import DeterministicFakeEmbedding, init_embeddings, load_documents

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 180


def test_there_are_twenty_notes() -> None:
    """Each has one or two hundred words, and no two are alike."""
    notes = load_documents(FOLDER / "notes")
    assert len(notes) == 20
    assert all(100 < len(note.page_content.split()) < 300 for note in notes)
    assert len({note.page_content for note in notes}) == 20
    assert {Path(note.metadata["source"]).suffix for note in notes} == {".md", ".txt", ".html"}


def test_each_note_has_two_questions() -> None:
    """So what always finds the same note is right for a twentieth."""
    questions = read_questions()
    names = {Path(note.metadata["source"]).name for note in load_documents(FOLDER / "notes")}
    assert Counter(row["source"] for row in questions) == dict.fromkeys(names, 2)
    assert len({row["question"] for row in questions}) == 40


def test_a_store_that_finds_at_random_scores_low() -> None:
    """The count can tell good from bad."""
    found = score(filled(DeterministicFakeEmbedding(size=16)), read_questions())
    assert found.questions == 40
    assert found.first <= found.among_three < 20


@pytest.mark.local_model
@pytest.mark.leaks(reason="the loaded model keeps its threads and its socket")
def test_the_right_note_is_found() -> None:
    """The page gives the measured share; this is a guard against a model that finds nothing."""
    found = score(filled(init_embeddings("local")), read_questions())
    assert found.first >= 30
    assert found.among_three >= 35


@pytest.mark.local_model
def test_the_example_answers(tmp_path: Path) -> None:
    """Twice: the second run embeds nothing, and both show sources before the answer."""
    printed = [
        subprocess.run(
            [sys.executable, "-W", "error", str(FOLDER / "ask_notes.py")],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'providers'}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        ).stdout.splitlines()
        for _ in range(2)
    ]
    for counts, first, *rest in printed:
        assert first.startswith("[1] ")
        assert "".join(rest[2:]).strip()
        assert counts.endswith("0 deleted")
    assert printed[0][0].partition(" ")[0] == printed[1][0].split()[3] != "0"
    assert "iron-pan.md" in printed[0][1]
