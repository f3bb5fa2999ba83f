"""Check a built site: nothing is loaded from elsewhere, no link is broken, no page is unreachable,
and no code shows the backslash that a bar has in tables.

    python -m scripts.check_site build/site

The strict build knows the links of Markdown pages. This reads what was built, with the links that
themes and docstrings add. Links to other sites are fine: a reader follows them, a page does not.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {"script", "img", "iframe", "source", "audio", "video", "embed", "object", "track"}
_NAMED = {
    "canonical",
    "alternate",
    "author",
    "license",
    "prev",
    "next",
}  # a `link` that loads nothing
_IN_CSS = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")


class Page(HTMLParser):
    """What a page loads, where it links to, its anchors, and the code in its sentences."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.code: list[str] = []
        self._inside: list[str] = []
        text = path.read_text(encoding="utf-8")
        self.feed(text)
        self.loads += _IN_CSS.findall(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag loads, links to or names."""
        if tag in {"code", "pre"}:
            self._inside.append(tag)
            self.code.append("")
        given = {name: value for name, value in attrs if value}
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        if tag in _LOADED:
            self.loads += [given[name] for name in ("src", "data", "poster") if name in given]
            self.loads += [part.split()[0] for part in given.get("srcset", "").split(",") if part]
        elif tag == "link" and given.get("rel") not in _NAMED:
            self.loads += [given["href"]] if "href" in given else []
        elif tag == "a" and "href" in given:
            self.links.append(given["href"])

    def handle_endtag(self, tag: str) -> None:
        """Note where code ends."""
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        """Collect the text of code, but not that of blocks: theirs is shown as it is written."""
        if self._inside and "pre" not in self._inside:
            self.code[-1] += data


def problems(site: Path) -> Iterator[str]:
    """Yield what is wrong with a site, a line each."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    if not pages:
        yield f"{site}: no pages"
    for sheet in sorted(site.rglob("*.css")):
        for address in _IN_CSS.findall(sheet.read_text(encoding="utf-8")):
            yield f"{sheet}: loads {address}"
    for path in _unreachable(site, pages):
        yield f"{path}: is not in the navigation of the first page"
    for page in pages.values():
        for address in page.loads:
            if _is_outside(address):
                yield f"{page.path}: loads {address}"
        for code in page.code:
            if "\\|" in code:  # in tables, Markdown needs the backslash, and the site shows it
                yield f"{page.path}: shows {code}: write <code>, and &#124; for the bar"
        if page.path.name != "404.html":  # served for any address, so it links from the root
            yield from _broken(page, pages)


def _unreachable(site: Path, pages: dict[Path, Page]) -> list[Path]:
    first = pages.get(site / "index.html")
    linked = {site / urlsplit(link).path for link in first.links} if first else set()
    reached = {path.resolve() for path in linked}
    return [path for path in pages if path not in reached and path.name != "404.html"]


def _is_outside(address: str) -> bool:
    return bool(urlsplit(address).netloc)


def _broken(page: Page, pages: dict[Path, Page]) -> Iterator[str]:
    for address in [*page.links, *page.loads]:
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        target = page.path
        if parts.path:
            target = Path(f"{page.path.parent}/{unquote(parts.path)}").resolve()
        if not target.is_file():
            yield f"{page.path}: links to {address}, which is not there"
        elif parts.fragment and target in pages:
            if unquote(parts.fragment) not in pages[target].anchors:
                yield f"{page.path}: links to {address}, which has no such anchor"


def main() -> int:
    """Print what is wrong with the site."""
    found = list(problems(Path(sys.argv[1]).resolve()))
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
