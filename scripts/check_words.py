"""Look for the words of scripts/words.txt in the files that git tracks.

python scripts/check_words.py [path ...]
"""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORDS = ROOT / "scripts" / "words.txt"
SUFFIXES = {".py", ".md", ".sh", ".toml", ".txt", ".yaml"}


@dataclass(frozen=True)
class Word:
    """A dropped word: its expression, what to write instead, and the files that may have it."""

    source: str
    instead: str
    allowed: tuple[str, ...]

    def find(self, path: str, line: str) -> str | None:
        """Return the word as it stands in a line; None where it is not there, or is allowed."""
        found = re.search(rf"(?i)(?<![a-z])(?:{self.source})(?![a-z])", line)
        if found is None or any(fnmatch.fnmatch(path, pattern) for pattern in self.allowed):
            return None
        return found[0]


def read_words(text: str) -> list[Word]:
    """Return the words of a list, each with the files that are allowed to have it."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    allowed: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("allow "):
            path, source, reason = line.removeprefix("allow ").split(" : ", 2)
            assert reason.strip(), f"{line!r} gives no reason"
            allowed.setdefault(source.strip(), []).append(path.strip())
    pairs = [line.split(" -> ", 1) for line in lines if not line.startswith("allow ")]
    unknown = allowed.keys() - {source for source, _ in pairs}
    assert not unknown, f"allowed, but not on the list: {sorted(unknown)}"
    return [Word(source, instead, tuple(allowed.get(source, ()))) for source, instead in pairs]


def tracked_files(*paths: str) -> list[Path]:
    """Return the text files below these paths that git tracks, without the list itself."""
    command = ["git", "ls-files", "-z", "--", *paths]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in names.split("\0") if name]
    return [path for path in files if path.suffix in SUFFIXES and path != WORDS and path.is_file()]


def main(paths: list[str]) -> int:
    """Print each line that has a dropped word; return 1 where there is one."""
    words, count = read_words(WORDS.read_text(encoding="utf-8")), 0
    for path in tracked_files(*paths):
        name = path.relative_to(ROOT).as_posix()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for word in words:
                if found := word.find(name, line):
                    print(f"{name}:{number}: {found!r}: write {word.instead}")
                    count += 1
    if count:
        print(f"{count} dropped words; scripts/words.txt says why they were dropped")
    return min(count, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
