"""Why cells fail here that run on the original: the cause, followed back to where it began."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.public_code.rewriting import names_from

if TYPE_CHECKING:
    from benchmarks.public_code.running import Outcome

NAME, FORM, DIFFERENCE, OUTSIDE = "missing name", "missing form", "difference", "out of scope"

_MISSING = re.compile(r"cannot import name '(\w+)' from|has no attribute '(\w+)'")
_IMPORT = re.compile(r"(?:ImportError: cannot import name|AttributeError: module 'runnables)")
_UNDEFINED = re.compile(r"NameError: name '(\w+)' is not defined")
_FORM = re.compile(
    r"TypeError: .*(?:keyword argument|argument)|TypeError: \w+\(?.*(?:no setting|takes|has no)"
    r"|AttributeError|NotImplementedError|unsupported operand|Extra inputs|ConfigError"
)
_OUTSIDE = re.compile(
    r"langchain_community(?!\.(?:chat_message_histories|callbacks))|langchain_(?:text_splitters|chroma|pinecone|huggingface|experimental|qdrant"
    r"|milvus|postgres|classic|teddynote|upstage|tavily|groq|mistralai|together|fireworks|cohere"
    r"|aws|google_vertexai|nvidia_ai_endpoints|neo4j|mcp_adapters|unstructured|graph_retriever"
    r"|benchmarks|azure_ai|deepseek|xai|perplexity|elasticsearch|mongodb)\b"
    r"|langchain(?:_core)?\.(?:vectorstores|indexes|document_loaders|text_splitter|chains|agents"
    r"|docstore|graphs|evaluation|smith|embeddings\.cache|storage|sql_database|retrievers"
    r"|document_transformers|utilities|hub|memory|llms|tools\.retriever)\b|^langchain$|^langgraph"
)


@dataclass(frozen=True)
class Cause:
    """Why a cell fails: its class, the first line of the error, and the module of a name."""

    kind: str
    line: str
    module: str = ""

    @property
    def key(self) -> str:
        """What causes are counted by."""
        return f"{self.line} ({self.module})" if self.module else self.line


def causes_of(
    cells: Sequence[str], here: Sequence[Outcome], runs_there: Sequence[bool]
) -> list[Cause | None]:
    """Return the cause of each cell that fails; what follows from an earlier one has its cause.

    Args:
        cells: the code, before it was rewritten.
        here: what became of each cell on ours.
        runs_there: which cells run on the original.
    """
    bound = [_bound(cell) for cell in cells]
    causes: list[Cause | None] = []
    for index, (cell, outcome) in enumerate(zip(cells, here, strict=True)):
        if outcome.error is None:
            causes.append(None)
            continue
        found = _UNDEFINED.search(outcome.error)
        own = _own_cause(cell, outcome.error)
        names = {found[1]} if found else _read(cell) if own.kind == DIFFERENCE else set[str]()
        cause = None
        for earlier in reversed(range(index)):
            if names & bound[earlier] and (cause := causes[earlier]) is not None:
                break
        causes.append(cause or own)
    return [cause if runs else None for cause, runs in zip(causes, runs_there, strict=True)]


def _own_cause(cell: str, error: str) -> Cause:
    line = re.sub(r"0x[0-9a-f]+", "0x", error.splitlines()[0])[:200]
    module = "runnables"
    if _IMPORT.match(line) and (found := _MISSING.search(line)):
        name = found[1] or found[2]
        module = dict(names_from(cell)).get(name, "")
        kind = OUTSIDE if _OUTSIDE.search(module) else NAME
        return Cause(kind, name, module)
    if line.startswith("ModuleNotFoundError"):
        return Cause(OUTSIDE, line)
    return Cause(FORM if _FORM.search(line) else DIFFERENCE, line)


def _tree(cell: str) -> ast.AST:
    try:
        return ast.parse(cell)
    except SyntaxError:
        return ast.Module([], [])


def _read(cell: str) -> set[str]:
    """Return the names whose values a cell reads."""
    nodes = ast.walk(_tree(cell))
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _bound(cell: str) -> set[str]:
    """Return the names that a cell binds, or whose values it changes by a method."""
    names: set[str] = set()
    for node in ast.walk(_tree(cell)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Attribute) and node.attr in {"append", "invoke", "update"}:
            if isinstance(node.value, ast.Name):
                names.add(node.value.id)
    return names
