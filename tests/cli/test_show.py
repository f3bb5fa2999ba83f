"""What `runnables batch show` says of a checkpoint."""

from __future__ import annotations

from pathlib import Path

from tests.cli.commands import command, lines, write_rows

CALL = ["batch", "chains:chain", "rows.jsonl", "--checkpoint", "run.sqlite", "--key", "id"]


def test_a_checkpoint_is_shown_to_people(folder: Path) -> None:
    """Totals, rows that are no longer there, attempts, each run with its end, errors by class."""
    command(folder, *CALL)
    write_rows(folder / "rows.jsonl", [{"id": "b", "text": "bad"}, {"id": "c", "text": "é"}])
    command(folder, *CALL, "--max-errors", "0")
    shown = command(folder, "batch", "show", "run.sqlite", "--failed").stdout
    for said in (
        "2 rows done, 1 failed",
        "1 of them are not among the rows of the last run",
        "4 attempts",
        "all rows were tried, after 0 s",
        "stopped, as too many rows failed, after 0 s",
        "1 x ValueError, such as: bad text",
        '0: {"id": "b", "text": "bad"} -> ValueError: bad text',
    ):
        assert said in shown, shown


def test_a_checkpoint_is_shown_to_programs(folder: Path) -> None:
    """All that is known of each row of the last run, or of those that failed, a line each."""
    command(folder, *CALL)
    shown = lines(command(folder, "batch", "show", "run.sqlite", "--json").stdout)
    assert [(row["status"], row.get("output")) for row in shown] == [
        ("done", "AHOY"),
        ("failed", None),
        ("done", "É"),
    ]
    assert shown[0].keys() >= {"key", "input", "attempts", "input_tokens", "cost", "seconds"}
    (failed,) = lines(command(folder, "batch", "show", "run.sqlite", "--json", "--failed").stdout)
    assert (failed["input"], failed["error_type"]) == ({"id": "b", "text": "bad"}, "ValueError")
    limited = command(folder, "batch", "show", "run.sqlite", "--json", "--limit", "1").stdout
    assert lines(limited) == shown[:1]


def test_messages_are_shown_as_their_text(folder: Path) -> None:
    """And as plain dicts to programs, as in an output."""
    command(folder, "batch", "chains:message", "rows.jsonl", "--checkpoint", "m.sqlite")
    assert "-> You said " in command(folder, "batch", "show", "m.sqlite").stdout
    shown = lines(command(folder, "batch", "show", "m.sqlite", "--json").stdout)
    assert shown[0]["output"]["type"] == "ai"
