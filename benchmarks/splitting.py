"""Splitting: Markdown, and a string without a single place to split.

The floor cuts a string into slices of equal length, wherever that is. `python -m benchmarks --only
split split-solid` measures these rows; `python -m benchmarks.splitting` also prints what the chunks
are like.
"""

from __future__ import annotations

import random
import statistics
from typing import TYPE_CHECKING, Any, Final

from benchmarks.harness import Growth, Measured, Row, Run, repeated
from runnables import RecursiveCharacterTextSplitter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIZE: Final = 1_000
"""How long a chunk may be, in characters."""
KILOBYTES: Final = 1_000


def markdown(size: int) -> str:
    """Return Markdown of about so many characters: always the same."""
    chance = random.Random(3)
    words = [
        "".join(chance.choices("abcdefghijklmnop", k=chance.randint(2, 10))) for _ in range(500)
    ]
    parts: list[str] = []
    length = 0
    while length < size:
        title = " ".join(chance.choices(words, k=3))
        paragraphs = ["\n".join(_lines(chance, words)) for _ in range(chance.randint(1, 6))]
        parts.append("\n\n".join([f"## {title}", *paragraphs]))
        length += len(parts[-1]) + 2
    return "\n\n".join(parts)[:size]


def _lines(chance: random.Random, words: list[str]) -> list[str]:
    return [f"{' '.join(chance.choices(words, k=14))}." for _ in range(chance.randint(1, 8))]


def solid(size: int) -> str:
    """Return a string without spaces and line breaks."""
    return "x" * size


def floor(text: str) -> Run:
    """Return the work of the floor: slices of equal length."""
    return repeated(lambda: [text[at : at + SIZE] for at in range(0, len(text), SIZE)])


def ours(text: str) -> Run:
    """Return the work of this library."""
    splitter = RecursiveCharacterTextSplitter(chunk_size=SIZE)
    return repeated(lambda: splitter.split_text(text))


def peer(text: str) -> Run:
    """Return the work of langchain-text-splitters."""
    splitter = _peer()
    return repeated(lambda: splitter.split_text(text))


def _peer() -> Any:
    from langchain_text_splitters import RecursiveCharacterTextSplitter as Peer

    return Peer(chunk_size=SIZE, chunk_overlap=0)


def _of(work: Callable[[str], Run], kind: Callable[[int], str]) -> Callable[[int], Run]:
    return lambda size: work(kind(size))


_TEXT: Final = markdown(KILOBYTES * 1_000)

ROWS: Sequence[Measured] = (
    Row(
        "split",
        "split Markdown of 1 MB into chunks of 1,000 characters",
        "us/kB",
        KILOBYTES,
        40,
        lambda: floor(_TEXT),
        lambda: peer(_TEXT),
        lambda: ours(_TEXT),
    ),
    Growth(
        "split-solid",
        "split a string without a space, of 10 MB",
        "us/character",
        (100_000, 10_000_000),
        3,
        _of(floor, solid),
        _of(peer, solid),
        _of(ours, solid),
        peer_sizes=(10_000, 1_000_000),
    ),
)


def described(chunks: Sequence[str], text: str) -> str:
    """Return what chunks are like: how many, how long, and how many end where a line does."""
    lengths = [len(chunk) for chunk in chunks]
    at_line = sum(text[text.find(chunk) + len(chunk) :][:1] in ("", "\n") for chunk in chunks)
    return (
        f"{len(chunks)} chunks, {statistics.mean(lengths):.0f} characters on average, "
        f"{sum(length < SIZE // 10 for length in lengths)} below {SIZE // 10}, "
        f"{at_line / len(chunks):.0%} end with a line"
    )


def main() -> None:
    """Print what the chunks of both are like."""
    subjects: dict[str, Any] = {"ours": RecursiveCharacterTextSplitter(chunk_size=SIZE)}
    try:
        subjects["peer"] = _peer()
    except ImportError:
        print("langchain-text-splitters is not installed")
    for name, splitter in subjects.items():
        print(f"{name}: {described(splitter.split_text(_TEXT), _TEXT)}")


if __name__ == "__main__":
    main()
