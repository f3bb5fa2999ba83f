"""Write the tables of the names of LangChain into the page that has them.

    python -m scripts.langchain_table            writes them
    python -m scripts.langchain_table --check    fails where the page has other ones

They are made of the table of which the command `runnables migrate` is made, and of what an
ImportError says for each name, so that all of them agree.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import runnables
from runnables.core.elsewhere import where_is
from runnables.core.names_of_langchain import SENTENCES
from runnables.migration.answers import Ours, answer_for
from runnables.migration.names import KEYWORDS, MOVED, OURS, RENAMED, STAYS
from scripts.langchain_names import all_names

DOCS: Final = Path(__file__).parent.parent / "docs"
PAGE: Final = DOCS / "names-of-langchain.md"
DIFFERENCES: Final = DOCS / "coming-from-langchain.md"
"""The page on what differs."""

_PROVIDERS: Final = "Providers"


def answers() -> dict[str, dict[str, list[str]]]:
    """Return the names that are not here: for each subject, for each sentence, its names."""
    subject_of = {
        sentence: subject for subject, sentences in SENTENCES.items() for sentence in sentences
    }
    found: dict[str, dict[str, list[str]]] = {subject: {} for subject in (*SENTENCES, _PROVIDERS)}
    for name in sorted(
        set().union(*all_names().values()), key=lambda name: (name.casefold(), name)
    ):
        if name not in OURS:
            sentence = where_is(name, runnables.__all__).strip()
            found[subject_of.get(sentence, _PROVIDERS)].setdefault(sentence, []).append(name)
    return found


def _not_here() -> list[str]:
    lines: list[str] = []
    for subject, sentences in answers().items():
        if sentences:
            lines += ["", f"### {subject}", "", "| not here | instead |", "|---|---|"]
        for sentence, names in sentences.items():
            lines.append(f"| {_listed(names)} | {_escaped(sentence)} |")
    return [*lines, "", ""]


def _here() -> list[str]:
    """Return a row for each module of LangChain and of ours, and those of names that differ."""
    modules = sorted(
        all_names(),
        key=lambda module: (module.split(".")[0] == "langchain", module.count("."), module),
    )  # where it is now before where it was, and packages before what is in them
    homes: dict[tuple[str, str], list[str]] = {}
    known: set[str] = set()
    for module in modules:
        for name in sorted(all_names()[module], key=lambda name: (name.casefold(), name)):
            answer = answer_for(module, name)
            if name not in known and isinstance(answer, Ours) and answer.name == name:
                known.add(name)
                homes.setdefault((module, answer.module), []).append(name)
    rows = [
        f"| `{theirs}` | {_listed(names)} | `{ours}` |" for (theirs, ours), names in homes.items()
    ]
    rows += [f"| `{root}` | `{name}` | `{module}` |" for (root, name), module in MOVED.items()]
    other = [f"| `{old}` | `{new}` of `{OURS[new]}` |" for old, new in RENAMED.items()]
    return [
        "", "| of LangChain | names | here |", "|---|---|---|", *rows, "",
        "These have another name here:", "", "| LangChain | here |", "|---|---|", *other, "", "",
    ]  # fmt: skip


def _stays() -> list[str]:
    modules: dict[str, list[str]] = {}
    for module, why in STAYS.items():
        modules.setdefault(why, []).append(module)
    rows = [f"| {_listed(names)} | {_escaped(why)} |" for why, names in modules.items()]
    return ["", "| LangChain's | with ours |", "|---|---|", *rows, "", ""]


def _keywords() -> list[str]:
    owners: dict[tuple[str, str], list[str]] = {}
    for owner, names in KEYWORDS.items():
        for old, new in names.items():
            owners.setdefault((old, new), []).append(owner)
    together: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (old, new), classes in owners.items():
        together.setdefault((new, tuple(classes)), []).append(old)
    rows = [
        f"| {_listed(old)} | `{new}` | {_listed(classes)} |"
        for (new, classes), old in together.items()
    ]
    return ["", "| LangChain | here | of |", "|---|---|---|", *rows, "", ""]


TABLES: Final[Mapping[str, Callable[[], list[str]]]] = {
    "here": _here,
    "stays": _stays,
    "keywords": _keywords,
    "names": _not_here,
}
"""The tables of the page, by the name in the marks around each."""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _escaped(sentence: str) -> str:
    return sentence.replace("|", "&#124;").replace("__", r"\_\_")


def page_with_table(page: str) -> str:
    """Return the text of the page with the tables in their places.

    Args:
        page: the text as it is.
    """
    for name, table in TABLES.items():
        begin = f"<!-- {name}: written by scripts/langchain_table.py -->\n"
        end = f"<!-- end of {name} -->\n"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise SystemExit(f"{PAGE.name} has no place for the table {name!r}")
        page = f"{before}{begin}{chr(10).join(table())}{end}{after}"
    return page


def main() -> None:
    """Read the command line."""
    page = PAGE.read_text()
    new = page_with_table(page)
    if "--check" not in sys.argv:
        PAGE.write_text(new)
    elif new != page:
        sys.exit(f"{PAGE.name}: its tables are old; run `python -m scripts.langchain_table`")


if __name__ == "__main__":
    main()
