"""Write the table of the names of LangChain that are not here into the page that has it.

    python -m scripts.langchain_table            writes it
    python -m scripts.langchain_table --check    fails where the page has another one

It is made of what an ImportError says for each name, so the two always agree.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import runnables
from runnables.core.elsewhere import where_is
from runnables.core.names_of_langchain import SENTENCES
from scripts.langchain_names import all_names

PAGE: Final = Path(__file__).parent.parent / "docs" / "coming-from-langchain.md"
BEGIN: Final = "<!-- names: written by scripts/langchain_table.py -->\n"
END: Final = "<!-- end of names -->\n"
_PROVIDERS: Final = "Providers"


def answers() -> dict[str, dict[str, list[str]]]:
    """Return the names that are not here: for each subject, for each sentence, its names."""
    subject_of = {
        sentence: subject for subject, sentences in SENTENCES.items() for sentence in sentences
    }
    found: dict[str, dict[str, list[str]]] = {subject: {} for subject in (*SENTENCES, _PROVIDERS)}
    for name in sorted(set().union(*all_names().values()), key=str.casefold):
        if name not in runnables.__all__:
            sentence = where_is(name, runnables.__all__).strip()
            if sentence.startswith("Write:"):
                sentence = f"`{sentence.removeprefix('Write: ').rpartition(' import ')[0]}`"
            found[subject_of.get(sentence, _PROVIDERS)].setdefault(sentence, []).append(name)
    return found


def table() -> str:
    """Return the table as Markdown, with a heading for each subject."""
    lines: list[str] = []
    for subject, sentences in answers().items():
        if sentences:
            lines += ["", f"### {subject}", "", "| not here | instead |", "|---|---|"]
        for sentence, names in sentences.items():
            listed = ", ".join(f"`{name}`" for name in names)
            lines.append(f"| {listed} | {_escaped(sentence)} |")
    return "\n".join([*lines, "", ""])


def _escaped(sentence: str) -> str:
    return sentence.replace("|", "&#124;").replace("__", r"\_\_")


def page_with_table(page: str) -> str:
    """Return the text of the page with the table in its place.

    Args:
        page: the text as it is.
    """
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def main() -> None:
    """Read the command line."""
    page = PAGE.read_text()
    new = page_with_table(page)
    if "--check" not in sys.argv:
        PAGE.write_text(new)
    elif new != page:
        sys.exit(f"{PAGE.name}: its table is old; run `python -m scripts.langchain_table`")


if __name__ == "__main__":
    main()
