"""What assistants are given of the docs: an index whose links exist, and all pages in one file."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from scripts import llms_txt, reference
from scripts.llms_txt import Entry

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Markdown pages, as scripts/docs.sh collects them."""
    pages = tmp_path_factory.mktemp("site") / "pages"
    shutil.copytree(ROOT / "docs", pages)
    shutil.copy(ROOT / "CHANGELOG.md", pages / "changelog.md")
    shutil.copy(ROOT / "CONTRIBUTING.md", pages / "contributing.md")
    reference.write(pages / "reference")
    return pages


@pytest.fixture
def site(pages: Path, tmp_path: Path) -> Path:
    """A site with the pages that the build makes of the reference."""
    (tmp_path / "reference").mkdir()
    for page in (pages / "reference").glob("*.md"):
        (tmp_path / "reference" / page.with_suffix(".html").name).touch()
    return tmp_path


def test_the_index_lists_every_page_and_every_link_exists(pages: Path, site: Path) -> None:
    """It is as llmstxt.org asks: a title, a sentence, and sections of links."""
    llms_txt.write(pages, site)
    text = (site / "llms.txt").read_text(encoding="utf-8")
    assert re.match(r"# \w+\n\n> [^\n]+\n\n[^\n]+\n\n## Start\n\n- ", text)
    entries = re.findall(r"^- \[([^\]]+)\]\(([^)]+)\): (.+)$", text, re.MULTILINE)
    listed = text.count("\n- ")
    assert len(entries) == listed == len(list(pages.rglob("*.md")))
    for title, link, sentence in entries:
        assert (site / link).is_file(), title
        assert sentence.endswith((".", "?", ":")), sentence
        assert not re.search(r"\]\(|\*\*|<!--", sentence), sentence


def test_all_pages_are_in_one_file(pages: Path, site: Path) -> None:
    """In the order of the navigation, without the reference, which is made of docstrings."""
    llms_txt.write(pages, site)
    text = (site / "llms-full.txt").read_text(encoding="utf-8")
    assert text.startswith("<!-- index.md -->\n\n# Runnables\n")
    assert "\n# Streaming\n" in text
    assert "\n# Changelog\n" not in text
    assert "\n:::" not in text


def test_a_link_that_leads_nowhere_fails_the_build(pages: Path, tmp_path: Path) -> None:
    """A page of the reference that was not made is named."""
    with pytest.raises(FileNotFoundError, match=r"reference/running\.html"):
        llms_txt.write(pages, tmp_path)


def test_the_first_sentence_is_one_of_prose() -> None:
    """Code, headings and link targets are left out."""
    text = (
        "# A `page`\n\n```python\nnot. this\n```\n\n## Begin\n\n"
        "Use **this**, of\n[that page](that.md). More.\n"
    )
    entry = Entry("Guides", "a/page.md", text)
    assert (entry.title, entry.first_sentence) == ("A page", "Use this, of that page.")
    assert entry.link == "a/page.md"
