"""Write `llms.txt` and `llms-full.txt` into a built site, for assistants that read the docs.

    python -m scripts.llms_txt build/docs build/site

The format is that of https://llmstxt.org: the site in one sentence, then its pages with their first
sentences, in the order of the navigation. Pages are copied as Markdown, which is what an assistant
reads best. Those of the reference are made when the site is built, so their HTML is linked.
`llms-full.txt` has all pages but those of the reference and of the project itself.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
REFERENCE: Final = "Reference"
OPTIONAL: Final = "Project"
"""The part of the navigation that a reader may leave out, which llms.txt calls "Optional"."""

_FRONT_MATTER: Final = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_TITLE: Final = re.compile(r"^# (.+)$", re.MULTILINE)
_PARAGRAPH: Final = re.compile(r"(?:^|\n\n)(?=[\w`*\[\"(])(?!\d+\. )(.+?)(?=\n\n|\n*\Z)", re.DOTALL)
_SENTENCE: Final = re.compile(r".+?[.!?](?=\s|\Z)", re.DOTALL)
_FENCED: Final = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)]*)\)")


@dataclass(frozen=True)
class Entry:
    """A page of the site.

    Attributes:
        section: the part of the navigation that it is in.
        path: its file, from the root of the docs.
        text: its Markdown.
    """

    section: str
    path: str
    text: str

    @property
    def title(self) -> str:
        """Return the text of its heading."""
        found = _TITLE.search(self.text)
        assert found is not None, f"{self.path} has no heading"
        return found[1].replace("`", "")

    @property
    def first_sentence(self) -> str:
        """Return the first sentence of its first paragraph, without links and bold type."""
        text = _FENCED.sub("", self.text)
        paragraph = _PARAGRAPH.search(text)
        assert paragraph is not None, f"{self.path} has no paragraph"
        plain = " ".join(_LINK.sub(r"\1", paragraph[1]).replace("**", "").split())
        sentence = _SENTENCE.match(plain)
        return sentence[0] if sentence else plain

    @property
    def link(self) -> str:
        """Return where it is in the site."""
        return self.path.replace(".md", ".html") if self.section == REFERENCE else self.path


def read_entries(pages: Path) -> Iterator[Entry]:
    """Yield the pages in the order of the navigation.

    Args:
        pages: the folder with their Markdown.
    """
    for section, path in _places(_config()["nav"], "Start"):
        text = _FRONT_MATTER.sub("", (pages / path).read_text(encoding="utf-8")).strip()
        yield Entry(section, path, text)


def _config() -> dict[str, Any]:
    config = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    project: dict[str, Any] = config["project"]
    return project


def _places(nav: Any, section: str) -> Iterator[tuple[str, str]]:
    """Yield the section and the file of each page."""
    for entry in nav:
        if isinstance(entry, str):
            yield section, entry
            continue
        for name, inner in entry.items():
            if isinstance(inner, str):
                yield section, inner
            else:
                yield from _places(inner, name)


def index(entries: list[Entry]) -> str:
    """Return the text of `llms.txt`."""
    config = _config()
    lines = [
        f"# {config['site_name']}",
        "",
        f"> {config['site_description']}",
        "",
        "A Python library. The pages of the first sections are in one file, too: "
        "[llms-full.txt](llms-full.txt). An installed copy says by itself how it is used well: "
        "`runnables skill`.",
    ]
    for section in dict.fromkeys(entry.section for entry in entries):
        lines += ["", f"## {'Optional' if section == OPTIONAL else section}", ""]
        lines += [
            f"- [{entry.title}]({entry.link}): {entry.first_sentence}"
            for entry in entries
            if entry.section == section
        ]
    return "\n".join(lines) + "\n"


def full(entries: list[Entry]) -> str:
    """Return the text of `llms-full.txt`."""
    kept = [entry for entry in entries if entry.section not in (REFERENCE, OPTIONAL)]
    return "\n\n".join(f"<!-- {entry.path} -->\n\n{entry.text}" for entry in kept) + "\n"


def write(pages: Path, site: Path) -> None:
    """Write both files, and the pages that they link to, into a site.

    Raises:
        FileNotFoundError: a link leads nowhere.
    """
    entries = list(read_entries(pages))
    for entry in entries:
        if entry.link == entry.path:
            copy = site / entry.path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(f"{entry.text}\n", encoding="utf-8")
    text = index(entries)
    (site / "llms.txt").write_text(text, encoding="utf-8")
    (site / "llms-full.txt").write_text(full(entries), encoding="utf-8")
    broken = [link for _, link in _LINK.findall(text) if not (site / link).is_file()]
    if broken:
        raise FileNotFoundError(f"llms.txt links to what is not there: {', '.join(broken)}")


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
