"""Which files are run: a query over public repositories, and a choice that no one makes by hand."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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

# repositories that no one looked at while the library was made: those of other books, courses and
# companies, and LangGraph's own
SECOND = """
aws-samples/amazon-bedrock-workshop 8b378f27d4dd13e45a1deca183a13a9dabeb9b50 .
BAEM1N/langchain-langgraph-deepagents-notebooks 2e78f6a68c7584f4913f59100e7e1f20f44e63a2 .
Coding-Crashkurse/LangChain-Basics 6ca472fa822b6ac478e0dc0954f90fc591e3519f .
Coding-Crashkurse/LangGraph-Tutorial 7c2cf4ba7ef1bbcb835a5fad92e1622b2d40a9ec .
Coding-Crashkurse/Udemy-Advanced-LangChain 1966ac6cdc40ee5568e4f6fd5ac60bdb810a1833 .
emarco177/ice_breaker 12cc229ceb2363df78f569faca323238071028f5 .
emarco177/langchain-course 1b2f959f27161670b2055e50e00f5663c0164d0d .
GalaxyXieyu/Awesome-Langgraph-Learn e1b90c5b71b414d6809862d617ec948d0ead3702 .
gkamradt/langchain-tutorials 697c4de4f6c655ea3aa16ea0de324da157398557 .
google-gemini/cookbook f1e7e3de6004e6ca604b174684ecf89d628ac6c4 .
huangjia2019/langchain-in-action 6a899d656b6afa4497c53c7a535e83d98a3b63ad .
JustCodeIt7/LangGraph_101 f7f57b506288e1198c80c2331f3ed6855b5c8270 .
ksm26/Functions-Tools-and-Agents-with-LangChain 5b11f0f2533a025e4ae3a6380ef8b81c5bc8eb6d .
ksm26/LangChain-for-LLM-Application-Development 4eeb47a5805e7c1094d011dc0718acfb3ea1dca2 .
langchain-ai/langgraph f09cfe8ffc1eeffd68f4b628ed69c30f7cad229f .
langchain-ai/langsmith-cookbook 1cc7d013abfabdd3e92c3f7cfc04498669e74a8b .
langchain-ai/lca-langchainV1-essentials 94700813aebfcb9ec6431d5ff7f2ad2f7732be7c .
langchain-ai/learning-langchain 89301c62ac34893b6fbb693b817f0425d496572b .
loonslo/langchain-learning 898048d24eae1d1e007239ffe9ee69fc226a9327 .
mistralai/cookbook 1cf863b8a356d4cd562d1008d71bd63484d7fdd8 .
NirDiamant/GenAI_Agents bd681451b254ac1a790e947b581d3997ab35013d .
NirDiamant/Prompt_Engineering 4645bf2af9b79acff1347dd3ff2ad1d8a3f95e95 .
NirDiamant/RAG_Techniques b1a3fa5c13635e84a8df24b74f7bdb63c315773e .
pixegami/langchain-rag-tutorial c6e045434faf71f97cffdcf8382d030f7c3a76a4 .
redis-developer/redis-ai-resources 47259d8e63cff3ddc5cc7f131b27c0d75d2aabb3 .
sangdongbo/langchain_study 55f4c231678df7c0dfb8dd6e7f7f9d92db27deb6 .
"""

MOST = 4  # files of one repository in the second corpus

_IMPORT = re.compile(r"^\s*(?:from|import)\s+langchain", re.MULTILINE)
_EXPRESSION = re.compile(
    r"\|\s*(?:\w*(?:llm|model|prompt|parser|chain)\w*|\w+Parser\(|Runnable\w+)\b"
    r"|\bRunnable[A-Z]\w+"
)
_FORM = re.compile(
    r"PromptTemplate\b|OutputParser\b|with_structured_output|bind_tools|@tool\b|AgentExecutor\b"
    r"|StateGraph\b|create_\w*agent\b"
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


def repositories(corpus: str = "first") -> list[Repository]:
    """Return the repositories that are searched for a corpus: "first" or "second"."""
    text = {"first": REPOSITORIES, "second": SECOND}[corpus]
    lines = [line.split() for line in text.strip().splitlines()]
    return [Repository(name, commit, folder) for name, commit, folder in lines]


def is_candidate(path: str, content: bytes, corpus: str = "first") -> bool:
    """Tell whether a file is of a corpus.

    The first has what is written for LangChain's expression language, and not for LangGraph. The
    second has notebooks with prompts, parsers, structured output, tools, agents or graphs, too;
    scripts are left out of it, as most are parts of programs, and do not run alone.
    """
    if not path.endswith((".ipynb", ".py")) or len(content) > LARGEST:
        return False
    try:
        code = "\n".join(cells_of(path, content.decode()))
    except (ValueError, AttributeError):
        return False
    if corpus == "second":
        found = _EXPRESSION.search(code) or _FORM.search(code)
        return path.endswith(".ipynb") and bool(_IMPORT.search(code) and found)
    return bool(_IMPORT.search(code) and _EXPRESSION.search(code) and not _OTHER.search(code))


def choose(folder: Path, count: int = CHOSEN, corpus: str = "first") -> tuple[list[Candidate], int]:
    """Return the first candidates by the hash of their paths, and how many there are in all.

    Args:
        folder: where the repositories are, each as a clone at owner/name.
        count: how many are returned.
        corpus: "first", or "second", of which a repository has `MOST` files at most.
    """
    found = [
        file
        for repository in repositories(corpus)
        for file in _candidates(folder, repository, corpus)
    ]
    ordered = sorted(found, key=lambda candidate: candidate.order)
    if corpus == "second":
        ordered = [*_few_of_each(ordered)]
    return ordered[:count], len(found)


def _few_of_each(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """Yield the first of each repository, in order."""
    taken = Counter[str]()
    for candidate in candidates:
        taken[candidate.repository.name] += 1
        if taken[candidate.repository.name] <= MOST:
            yield candidate


def _candidates(folder: Path, repository: Repository, corpus: str) -> Iterator[Candidate]:
    clone = folder / repository.name
    listed = _git(
        clone, ["ls-tree", "-r", "-z", "--name-only", repository.commit, repository.folder]
    )
    for path in listed.decode().split("\0"):
        if path.endswith((".ipynb", ".py")):
            content = _git(clone, ["show", f"{repository.commit}:{path}"], missing=b"")
            if is_candidate(path, content, corpus):
                yield Candidate(repository, path, content)


def _git(clone: Path, arguments: Sequence[str], missing: bytes | None = None) -> bytes:
    done = subprocess.run(["git", "-C", clone, *arguments], capture_output=True, check=False)
    if done.returncode and missing is not None:
        return missing
    if done.returncode:
        raise SystemExit(f"{clone}: {done.stderr.decode().strip()} (clone it, see --help)")
    return done.stdout
