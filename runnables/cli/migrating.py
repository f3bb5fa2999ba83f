"""The command `runnables migrate`: code for LangChain with our imports and keywords."""

from __future__ import annotations

import difflib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from runnables.cli import exit_codes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnables.migration.files import FileChange

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_NO_END: Final = "\\ No newline at end of file"


def migrate(*paths: Path, write: bool = False) -> int:
    """Print what changes in code for LangChain, so that it runs here: imports and keywords.

    The changes are a unified diff on standard output; what has no counterpart is listed on
    standard error, each with its place and the way out. A file that does not parse is named, and
    not changed, and the exit code is 1.

    Args:
        paths: files and notebooks (.py, .ipynb), and folders of them.
        write: change the files, each whole or not at all, and print their names.
    """
    from runnables.migration import files as migration  # it needs the extra `migrate`

    counts: dict[str, int] = {"changed": 0, "listed": 0, "failed": 0}
    for path in (files := migration.find_files(paths)):
        change = migration.migrate_file(path)
        for place, finding in change.findings:
            print(f"{path}:{place}: {finding.what}: {finding.why}", file=sys.stderr)
        counts["listed"] += len(change.findings)
        if change.is_changed and write:
            try:
                migration.write(change)
                print(path)
            except OSError as error:
                change.problem = f"cannot be written: {error.strerror or error}"
        elif change.is_changed:
            sys.stdout.writelines(diff(change))
        if change.problem is not None:
            counts["failed"] += 1
            print(f"{path}: not changed: it {change.problem}.", file=sys.stderr)
        counts["changed"] += change.is_changed
    print(_summary(len(files), counts, written=write), file=sys.stderr)
    return exit_codes.SOME_FAILED if counts["failed"] else 0


def diff(change: FileChange) -> Iterator[str]:
    """Yield the lines of the unified diff of a file, with their own line ends."""
    name = change.path.as_posix().lstrip("/")
    before, after = (_LINE.findall(text) for text in (change.before, change.after))
    for line in difflib.unified_diff(before, after, f"a/{name}", f"b/{name}"):
        yield line if line.endswith(("\n", "\r")) else f"{line}\n{_NO_END}\n"


def _summary(files: int, counts: dict[str, int], *, written: bool) -> str:
    verb = "changed" if written else "to change"
    parts = [f"{_counted(files, 'file')}: {counts['changed']:,} {verb}"]
    if counts["listed"]:
        parts.append(f"{_counted(counts['listed'], 'place')} to look at")
    if counts["failed"]:
        parts.append(f"{counts['failed']:,} not changed, as they cannot be")
    hint = " Say --write to change them." if counts["changed"] and not written else ""
    return f"{', '.join(parts)}.{hint}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
