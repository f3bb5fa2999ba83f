"""The list of langchain-core's tests, and what a run says of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LIST: Final = Path(__file__).with_name("tests.txt")
BEHAVIOUR: Final = "behaviour"


@dataclass(frozen=True)
class Listed:
    """A test of the list.

    Attributes:
        kind: "behaviour", or why it is not about that.
        expected: "pass", or the class of its failure: "ours", "out", "to do"; "-" if not counted.
        reason: the row of the page, or the name in its table.
        id: the id that pytest gives it, below `unit_tests`.
    """

    kind: str
    expected: str
    reason: str
    id: str


def listed() -> Iterator[Listed]:
    """Yield the tests of the list."""
    for line in LIST.read_text().splitlines():
        if not line.startswith("#"):
            kind, expected, reason, name = line.split(" | ", 3)
            yield Listed(kind, expected, reason, name.encode().decode("unicode_escape"))


def outcomes(results: Path) -> dict[str, str]:
    """Return how each test ended, by its id; a failure of its teardown counts.

    Args:
        results: the file that a run has written.
    """
    ended: dict[str, str] = {}
    for line in results.read_text().splitlines():
        result = json.loads(line)
        name = result["id"].removeprefix("tests/unit_tests/")
        if ended.get(name, "passed") == "passed":
            ended[name] = result["outcome"]
    return ended


def report(ended: Mapping[str, str]) -> str:
    """Return the counts, and the tests that end otherwise than the list says.

    Args:
        ended: how each test ended, by its id.
    """
    tests = list(listed())
    about = [test for test in tests if test.kind == BEHAVIOUR]
    passed = [test for test in about if _passes(test, ended)]
    failed = [test for test in about if not _passes(test, ended)]
    lines = [
        f"{len(tests)} tests, {len(about)} of them about behaviour: {len(passed)} pass",
        "not about behaviour: " + _counted(Counter(t.kind for t in tests if t.kind != BEHAVIOUR)),
        "failures, by the class of the list: " + _counted(Counter(t.expected for t in failed)),
    ]
    lines += [f"fails, and the list says it passes: {t.id}" for t in failed if t.expected == "pass"]
    lines += [
        f"passes, and the list says {t.expected!r}: {t.id}" for t in passed if t.expected != "pass"
    ]
    return "\n".join(lines)


def _passes(test: Listed, ended: Mapping[str, str]) -> bool:
    # A test whose definition has failed has no parameters, so it has the id of all of them.
    outcome = ended.get(test.id) or ended.get(test.id.partition("[")[0], "failed")
    return outcome in ("passed", "xfailed", "xpassed", "skipped")


def _counted(counter: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items()))
