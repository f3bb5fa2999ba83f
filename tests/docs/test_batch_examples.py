"""The examples of batch jobs run, go on from their checkpoint, and have data that is in order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "batch"
SECONDS = 180

FILES = {
    "products.jsonl": (100, {"id", "name", "text"}),
    "articles.jsonl": (50, {"id", "title", "text"}),
    "emails.jsonl": (200, {"id", "email", "label"}),
}
"""How many rows each file has, and which fields."""


def read(name: str) -> list[dict[str, str]]:
    """Return the rows of a file."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("name", FILES)
def test_the_rows_are_complete_and_no_two_are_alike(name: str) -> None:
    """Each row has all fields, with something in them; ids and contents are unique."""
    count, fields = FILES[name]
    rows = read(name)
    assert len(rows) == count
    for row in rows:
        assert row.keys() == fields
        assert all(value == value.strip() != "" for value in row.values())
    for field in fields - {"label"}:
        assert len({row[field] for row in rows}) == count, field


def test_each_topic_has_as_many_emails() -> None:
    """So a chain that always says the same is right for a quarter."""
    labels = Counter(row["label"] for row in read("emails.jsonl"))
    assert labels == dict.fromkeys(("payment", "bug", "price", "delivery"), 50)


def test_no_example_of_the_prompt_is_among_the_emails(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted is not what the prompt shows; each topic has as many examples."""
    monkeypatch.syspath_prepend(FOLDER)
    import classify_emails

    emails = {row["email"] for row in read("emails.jsonl")}
    assert not emails & {email for email, _ in classify_emails.EXAMPLES}
    assert len(set(Counter(topic for _, topic in classify_emails.EXAMPLES).values())) == 1
    topics = list(classify_emails.Topic)
    table = classify_emails.confusion_table(topics, [topics[0], *topics[:3]])
    assert table.splitlines()[2].split() == ["bug", "|", "1", "0", "0", "0"]


def _run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "providers")))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.local_model
def test_the_emails_go_on_from_their_checkpoint(tmp_path: Path) -> None:
    """The second run calls no row again, and prints the same table."""
    arguments = [str(FOLDER / "classify_emails.py"), "--first", "3"]
    first, again = (_run(arguments, tmp_path) for _ in range(2))
    assert " of 3 right" in first.stdout
    assert "3 from before" in again.stderr
    assert again.stdout.splitlines()[:-1] == first.stdout.splitlines()[:-1]  # the last has a time


@pytest.mark.local_model
@pytest.mark.parametrize(
    ("program", "name"), [("shorten_products", "products"), ("summarise_articles", "articles")]
)
def test_the_command_goes_on_from_the_checkpoint_of_the_program(
    program: str, name: str, tmp_path: Path
) -> None:
    """The chain is the same in both, and the output has the key of each row."""
    done = _run([str(FOLDER / f"{program}.py"), "--first", "3"], tmp_path)
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[:3]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    target = str(FOLDER / f"{program}.py:chain")
    options = ["--key", "id", "--checkpoint", f"{name}.sqlite", "-o", "out.jsonl"]
    again = _run(["-m", "runnables.cli", "batch", target, "rows.jsonl", *options], tmp_path)
    assert "3 from before" in again.stderr
    found = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    results = [json.loads(line) for line in found]
    assert [result["key"] for result in results] == [json.loads(line)["id"] for line in lines]
    assert all(result["output"] in done.stdout for result in results)
