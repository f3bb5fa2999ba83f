"""The command `python -m benchmarks.public_code`; its page in the docs says what it needs."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.public_code.candidates import CHOSEN, Candidate, choose, repositories
from benchmarks.public_code.causes import causes_of
from benchmarks.public_code.running import Outcome, run
from benchmarks.public_code.server import serving

_VARIES = (
    (re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{20,}|(?:lc_)?run-\S+"), "ID"),
    (
        re.compile(
            r"\d+\.\d{3,}|\d{4}-\d\d-\d\d[T ][\d:.]+|\b\d+(?:\.\d+)? ?(?:ms|µs|s|seconds)\b"
        ),
        "N",
    ),
    (re.compile(r"\s+"), " "),
)


def _plain(text: str) -> str:
    for pattern, instead in _VARIES:
        text = pattern.sub(instead, text)
    return text.strip()


def _measure(
    candidate: Candidate, url: str, originals: Sequence[str], both: str | None
) -> dict[str, Any]:
    """Run one file on each original and on ours; the original that runs most of it counts.

    Args:
        candidate: the file.
        url: the URL of the model server.
        originals: the Pythons that have LangChain.
        both: the Python that has ours and what may stay LangChain's, if that is measured, too.
    """
    cells = candidate.cells
    there = [run(cells, url, python=python) for python in originals]
    best = max(there, key=lambda outcomes: sum(outcome.error is None for outcome in outcomes))
    here = run(cells, url)
    runs_there = [outcome.error is None for outcome in best]
    causes = causes_of(cells, here, runs_there)
    runs = [i for i, o in enumerate(here) if runs_there[i] and o.error is None]
    result = {
        "file": candidate.name,
        "sha256": candidate.sha256,
        "cells": len(cells),
        "there": sum(runs_there),
        "here": len(runs),
        "failing": [
            {"cell": index, "class": cause.kind, "cause": cause.key}
            for index, cause in enumerate(causes)
            if cause is not None
        ],
    }
    if both is not None:
        together = run(cells, url, both=True, ours=both)
        result |= _together(cells, together, runs_there)
    same = [i for i in runs if _same(i, best, there)]
    details = {
        **result,
        "code": cells,
        "errors": {i: o.where for i, o in enumerate(here) if o.error and runs_there[i]},
        "errors_there": {i: o.error for i, o in enumerate(best) if o.error},
        "printed": {
            i: [best[i].printed, here[i].printed]
            for i in same
            if _plain(best[i].printed) != _plain(here[i].printed)
        },
    }
    print(f"{len(runs):4} of {sum(runs_there):4}  {candidate.name}", file=sys.stderr, flush=True)
    return {"result": result, "details": details}


def _together(
    cells: Sequence[str], together: Sequence[Outcome], runs_there: Sequence[bool]
) -> dict[str, Any]:
    """Return what became of the cells with what may stay LangChain's beside ours."""
    causes = causes_of(cells, together, runs_there)
    return {
        "both": sum(o.error is None for o, ran in zip(together, runs_there, strict=True) if ran),
        "failing_both": [
            {"cell": index, "class": cause.kind, "cause": cause.key}
            for index, cause in enumerate(causes)
            if cause is not None
        ],
    }


def _same(index: int, best: Sequence[Outcome], all_there: Sequence[Sequence[Outcome]]) -> bool:
    """Tell whether the originals that run a cell agree on what it prints."""
    printed = {_plain(o[index].printed) for o in all_there if o[index].error is None}
    return printed == {_plain(best[index].printed)}


def report(results: Sequence[dict[str, Any]], candidates: int) -> str:
    """Return the sums and the causes as text."""
    there, here = (sum(result[key] for result in results) for key in ("there", "here"))
    lines = [
        f"{here} of {there} cells that run on the original run here "
        f"({100 * here / max(there, 1):.1f} %), in {len(results)} of {candidates} files.",
        "",
    ]
    if any("both" in result for result in results):
        both = sum(result.get("both", 0) for result in results)
        lines[1:1] = [
            f"{both} of {there} with what may stay LangChain's beside ours "
            f"({100 * both / max(there, 1):.1f} %)."
        ]
        left = Counter(
            (failing["class"], failing["cause"])
            for result in results
            for failing in result.get("failing_both", ())
        )
        lines += ["With both:", *(f"{n:5}  {kind}: {why}" for (kind, why), n in left.most_common())]
        lines += ["", "Ours alone:"]
    kinds = Counter(failing["class"] for result in results for failing in result["failing"])
    lines += [f"{count:5}  {kind}" for kind, count in kinds.most_common()]
    causes = Counter(
        (failing["class"], failing["cause"]) for result in results for failing in result["failing"]
    )
    lines += ["", *(f"{count:5}  {kind}: {cause}" for (kind, cause), count in causes.most_common())]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the chosen files and print what became of their cells."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.public_code",
        description="Runs public code written for LangChain on the original and here.",
    )
    parser.add_argument("--repositories", type=Path, help="the folder of clones, at owner/name")
    parser.add_argument("--list", action="store_true", help="print the repositories to clone")
    parser.add_argument(
        "--original", action="append", default=[], help="a Python that has LangChain; several may"
    )
    parser.add_argument(
        "--both",
        help="a Python that has this library and what may stay LangChain's: run files there, too",
    )
    parser.add_argument(
        "--corpus", choices=("first", "second"), default="first", help="which files"
    )
    parser.add_argument("--count", type=int, default=CHOSEN, help="how many files are run")
    parser.add_argument("--only", default="", help="run only files with this in their names")
    parser.add_argument("--jobs", type=int, default=2, help="how many files run at a time")
    parser.add_argument("--write", type=Path, help="write the results, without anyone's code")
    parser.add_argument("--details", type=Path, help="write code, errors and output as well")
    asked = parser.parse_args()
    if asked.list:
        for repository in repositories(asked.corpus):
            print(f"https://github.com/{repository.name}.git {repository.commit}")
        return
    if asked.repositories is None or not asked.original:
        parser.error("--repositories and --original are needed")
    chosen, candidates = choose(asked.repositories, asked.count, asked.corpus)
    chosen = [candidate for candidate in chosen if asked.only in candidate.name]
    with serving() as url, ThreadPoolExecutor(asked.jobs) as pool:
        measured = list(
            pool.map(partial(_measure, url=url, originals=asked.original, both=asked.both), chosen)
        )
    results = [each["result"] for each in measured]
    if asked.write:
        text = json.dumps(results, indent=1, ensure_ascii=False)
        asked.write.write_text(text + "\n", encoding="utf-8")
    if asked.details:
        details = [each["details"] for each in measured]
        asked.details.write_text(json.dumps(details, ensure_ascii=False), encoding="utf-8")
    print(report(results, candidates))


if __name__ == "__main__":
    main()
