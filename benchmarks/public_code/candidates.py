"""Which files are run: a query over public repositories, and a choice that no one makes by hand."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.public_code.notebooks import cells_of

CHOSEN = 60  # files that are run, by default
LARGEST = 1_000_000  # bytes of a file, which may hold pictures

# repository, commit, folder: LangChain's guides of version 0.3, and repositories of other people
REPOSITORIES = """
langchain-ai/langchain 04a899ebe36dcd82591d434ae76b3edd8ba1cfe3 docs/docs/how_to/
LangChain-OpenTutorial/LangChain-OpenTutorial 27ae47c3423ac6f216130b17f83e5f7bedd32989 .
aurelio-labs/langchain-course c32fe53b86b5c719fa11b0a0243a93311310185e .
bhancockio/langchain-crash-course 1cacb2d49994c36394f6b111204d495fe7690548 .
benman1/generative_ai_with_langchain 70661ad8d09b36e52f1cabe6f0c090d924623286 .
langchain-ai/rag-from-scratch 1fdb7d0e4f1d3e731c8397332452715512f18667 .
pinecone-io/examples fce762d5f0844b421b4f3a96192f6a31c536c9cb .
teddylee777/langchain-kr 227bbee24ad6500583be4c6ff7ff08d0963c996f .
sugarforever/LangChain-Tutorials 32f0abc3cebca46e583bc70fe2737ea367151e11 .
samwit/langchain-tutorials 2e8b86ae7999a4c33272acd465f53b851a790dac .
easypinex/LangChain-Tutorials cec2bf3038c417634f4b33ebe5281484475a5a8a .
dimz119/learn-langchain f0c2604aab7cab7f2c4d44d7bb484fd0dc2463bc .
AteetAgarwal/learn-langchain 53da462e2451f93b4eddaa725a7216418803a94f .
BUFONJOKER/langchain-course-campusx 806c1e9ebf1a92e2825b4a9adb611ce1d64609b9 .
kameshkotwani/langchain-tutorials-campusx 6c2649ff717a7e8fc0a7b9fad6039138390f95ef .
shivanshgupta2504/Langchain-Tutorials 08b4cb7ce6fb834f8661882187c43ea151a8a7e3 .
theabdulraffay/Langchain-Examples b091e232a216f2c4d185601f43bdcbaeeafc5647 .
krishnaik06/Updated-Langchain 8f54bb019cf788a55d9ee0b833d5967c7e963a3d .
datawhalechina/llm-universe e351c4317088b2dd1fb6de583aaacd20c1e3dda8 .
BancaKim/langchain-kr 4c367db4d966e4f39de00ffd7610bfc998d7c0b5 .
onlyphantom/llm-python fed0574d2e7e6236dd34ff46b8ca35265e48e396 .
shultais-education/langchain-course 63487daf422a3dbd84d4ec712442ede36f21e654 .
GoogleCloudPlatform/generative-ai 23b75dab2c25248f352d4c39e3c5984398b4b448 .
langchain-ai/langchain-academy fa15bec4a51c541c40c261586b037c9d134977b1 .
"""

_IMPORT = re.compile(r"^\s*(?:from|import)\s+langchain", re.MULTILINE)
_EXPRESSION = re.compile(
    r"\|\s*(?:\w*(?:llm|model|prompt|parser|chain)\w*|\w+Parser\(|Runnable\w+)\b"
    r"|\bRunnable[A-Z]\w+"
)
_OTHER = re.compile(r"^\s*(?:from|import)\s+langgraph", re.MULTILINE)  # written for graphs


@dataclass(frozen=True)
class Repository:
    """A public repository at a commit, or a folder of it."""

    name: str
    commit: str
    folder: str


@dataclass(frozen=True)
class Candidate:
    """A file that the query finds."""

    repository: Repository
    path: str
    content: bytes

    @property
    def order(self) -> str:
        """What candidates are ordered by."""
        return hashlib.sha256(f"{self.repository.name}/{self.path}".encode()).hexdigest()

    @property
    def name(self) -> str:
        """The repository, commit and path."""
        return f"{self.repository.name}@{self.repository.commit}:{self.path}"

    @property
    def sha256(self) -> str:
        """The hash of the content."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def cells(self) -> list[str]:
        """The code of its cells, without magics."""
        return cells_of(self.path, self.content.decode(errors="replace"))


def repositories() -> list[Repository]:
    """Return the repositories that are searched."""
    lines = [line.split() for line in REPOSITORIES.strip().splitlines()]
    return [Repository(name, commit, folder) for name, commit, folder in lines]


def is_candidate(path: str, content: bytes) -> bool:
    """Tell whether a file is written for LangChain's expression language, and not for LangGraph."""
    if not path.endswith((".ipynb", ".py")) or len(content) > LARGEST:
        return False
    try:
        code = "\n".join(cells_of(path, content.decode()))
    except (ValueError, AttributeError):
        return False
    return bool(_IMPORT.search(code) and _EXPRESSION.search(code) and not _OTHER.search(code))


def choose(folder: Path, count: int = CHOSEN) -> tuple[list[Candidate], int]:
    """Return the first candidates by the hash of their paths, and how many there are in all.

    Args:
        folder: where the repositories are, each as a clone at owner/name.
        count: how many are returned.
    """
    found = [file for repository in repositories() for file in _candidates(folder, repository)]
    return sorted(found, key=lambda candidate: candidate.order)[:count], len(found)


def _candidates(folder: Path, repository: Repository) -> Iterator[Candidate]:
    clone = folder / repository.name
    listed = _git(
        clone, ["ls-tree", "-r", "-z", "--name-only", repository.commit, repository.folder]
    )
    for path in listed.decode().split("\0"):
        if path.endswith((".ipynb", ".py")):
            content = _git(clone, ["show", f"{repository.commit}:{path}"], missing=b"")
            if is_candidate(path, content):
                yield Candidate(repository, path, content)


def _git(clone: Path, arguments: Sequence[str], missing: bytes | None = None) -> bytes:
    done = subprocess.run(["git", "-C", clone, *arguments], capture_output=True, check=False)
    if done.returncode and missing is not None:
        return missing
    if done.returncode:
        raise SystemExit(f"{clone}: {done.stderr.decode().strip()} (clone it, see --help)")
    return done.stdout
