"""Imports of LangChain, rewritten to ours by name; nothing else of the code changes."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType

import runnables
import runnables_providers

_PYDANTIC = re.compile(r"langchain(_core)?\.pydantic_v1")
_OTHERS = {"langchain_teddynote", "langchain_opentutorial"}
_URL = re.compile(
    r"""((?:base_url|api_base|api_url|azure_endpoint|BASE_URL|API_BASE|OPENAI_ENDPOINT|_HOST)["'\]]*\s*[=:,]\s*)"""
    r"""(["'])https?://[^"'\s]*\2"""
)


@cache
def homes() -> Mapping[str, str]:
    """Return the module of each public name of ours."""
    found: dict[str, str] = {}
    for package in pkgutil.iter_modules(runnables_providers.__path__, "runnables_providers."):
        if "._" not in package.name:
            module = importlib.import_module(package.name)
            names = getattr(module, "__all__", None) or dir(module)
            found |= {name: package.name for name in names if _is_public(module, name)}
    return found | dict.fromkeys(runnables.__all__, "runnables")


def _is_public(module: ModuleType, name: str) -> bool:
    made_in = getattr(getattr(module, name), "__module__", None) or ""
    return not name.startswith("_") and made_in.startswith("runnables_providers")


def is_theirs(module: str | None) -> bool:
    """Tell whether a module is LangChain's, and not of others who build on it."""
    return (module or "").split(".")[0] not in _OTHERS and (module or "").startswith("langchain")


def rewritten(cell: str) -> str:
    """Return a cell whose imports of LangChain are imports of ours.

    A name that is not here is imported from `runnables` all the same, and so fails as it does for
    a person who changes the imports.

    Args:
        cell: the code, without magics; what does not parse is returned as it is.
    """
    try:
        tree = ast.parse(cell)
    except SyntaxError:
        return cell
    lines = cell.encode().splitlines(keepends=True)
    for node in sorted(_imports(tree), key=lambda node: node.lineno, reverse=True):
        new = "; ".join(_statements(node)).encode()
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        before = lines[first][: node.col_offset]
        after = lines[last][node.end_col_offset :]
        lines[first : last + 1] = [before + new + after]
    return b"".join(lines).decode()


def names_from(cell: str) -> Iterator[tuple[str, str]]:
    """Yield each name that a cell imports from LangChain, with the module it is imported from."""
    try:
        tree = ast.parse(cell)
    except SyntaxError:
        return
    for node in _imports(tree):
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                yield alias.name, node.module or ""
            elif is_theirs(alias.name):
                yield alias.name, alias.name


def _imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and is_theirs(node.module):
            yield node
        elif isinstance(node, ast.Import) and any(is_theirs(alias.name) for alias in node.names):
            yield node


def _statements(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    for alias in node.names:
        bound = f" as {alias.asname}" if alias.asname else ""
        if isinstance(node, ast.Import):
            if is_theirs(alias.name):
                yield f"import runnables as {alias.asname or alias.name.split('.')[0]}"
            else:
                yield f"import {alias.name}{bound}"
        elif _PYDANTIC.fullmatch(node.module or ""):
            yield f"from pydantic import {alias.name}{bound}"
        else:
            yield f"from {homes().get(alias.name, 'runnables')} import {alias.name}{bound}"


def with_url(cell: str, url: str) -> str:
    """Return a cell that names the model server where it names a service's URL, on both sides."""
    return _URL.sub(lambda found: f"{found[1]}{found[2]}{url}{found[2]}", cell)
