"""Imports of LangChain, changed as `runnables migrate` changes them, under rules of their own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Final

from runnables.migration.answers import Rules, is_theirs
from runnables.migration.names import ROOTS, STAYS
from runnables.migration.reading import Code, UnreadableCode, read
from runnables.migration.source import migrate_cells

PACKAGES: Final = frozenset(
    root
    for root in (*ROOTS, *(module.partition(".")[0] for module in STAYS))
    if root.startswith("lang") and root != "langgraph"
)

OURS_ALONE: Final = Rules(made_ours=PACKAGES)
"""Each name is ours: one that is not here is imported from `runnables` all the same, and so fails
as it does for a person who changes the imports."""

BOTH: Final = Rules(
    made_ours=frozenset({"langchain_core", "langchain_openai", "langchain_anthropic"}),
    only_listed=True,
)
"""Each name of these three packages is ours, and of the others each name that is here; what is on
the list of `names.py` stays LangChain's, beside ours."""

_URL = re.compile(
    r"""((?:base_url|api_base|api_url|azure_endpoint|BASE_URL|API_BASE|OPENAI_ENDPOINT|_HOST)["'\]]*\s*[=:,]\s*)"""
    r"""(["'])https?://[^"'\s]*\2"""
)


def rewritten(cells: Sequence[str], rules: Rules = OURS_ALONE) -> list[str]:
    """Return cells whose imports of LangChain are imports of ours.

    Args:
        cells: the code, without magics; a cell that does not parse is returned as it is.
        rules: what becomes of a name that has no counterpart.
    """
    codes: dict[int, Code] = {}
    for number, cell in enumerate(cells):
        try:
            codes[number] = read(cell)
        except UnreadableCode:
            continue
    migrated = migrate_cells(list(codes.values()), rules)
    changed = dict(zip(codes, (found.text for found in migrated), strict=True))
    return [changed.get(number, cell) for number, cell in enumerate(cells)]


def names_from(cell: str) -> Iterator[tuple[str, str]]:
    """Yield each name that a cell imports from LangChain, with the module it is imported from."""
    try:
        imports = read(cell).imports
    except UnreadableCode:
        return
    for node in imports:
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                yield alias.name, node.module or ""
            elif is_theirs(alias.name):
                yield alias.name, alias.name


def with_url(cell: str, url: str) -> str:
    """Return a cell that names the model server where it names a service's URL, on both sides."""
    return _URL.sub(lambda found: f"{found[1]}{found[2]}{url}{found[2]}", cell)
