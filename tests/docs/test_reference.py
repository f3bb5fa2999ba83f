"""The reference has every public name once, and the site every page."""

from __future__ import annotations

import doctest
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts import check_site, reference
from scripts.subjects import SUBJECTS
from tests.docs import examples

ROOT = Path(__file__).resolve().parents[2]


def test_every_public_name_has_one_entry_in_the_reference() -> None:
    """No name is missing, listed twice, or listed without being public."""
    assert reference.problems() == []


def test_a_name_without_an_entry_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above finds a page that is left out."""
    monkeypatch.setattr(reference, "SUBJECTS", SUBJECTS[1:])
    assert "runnables.Runnable is public and on no page" in reference.problems()


def test_a_class_shows_what_it_has_from_private_bases(tmp_path: Path) -> None:
    """Readers find `batch` under `Runnable`, although a private base defines it."""
    reference.write(tmp_path)
    entry = (tmp_path / "running.md").read_text(encoding="utf-8").split(":::")[1]
    assert {"invoke", "batch", "with_retry", "__or__"} <= set(
        entry.partition("members: [")[2].partition("]")[0].split(", ")
    )


def test_a_runnable_begins_with_how_it_is_called() -> None:
    """`invoke` is the first member, pipes come before policies, and no name is out of date."""
    page = reference.page(SUBJECTS[0])
    entry = page.partition("::: runnables.Runnable\n")[2].partition(":::")[0]
    members = entry.partition("members: [")[2].partition("]")[0].split(", ")
    assert tuple(members[: len(reference.FIRST)]) == reference.FIRST


def test_private_bases_are_not_named() -> None:
    """A base without an entry says nothing to a reader; one with an entry is named."""
    entries = "".join(map(reference.page, SUBJECTS)).split("::: ")
    hidden = {entry.split()[0] for entry in entries if "show_bases: false" in entry}
    assert {"runnables.Runnable", "runnables.ChatModel", "runnables.TextContentBlock"} <= hidden
    assert "runnables.RunnableLambda" not in hidden


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    """A page that is added to the docs is added to `nav` in zensical.toml."""
    config = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    docs = ROOT / "docs"
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    pages |= {f"reference/{subject.file}.md" for subject in SUBJECTS}
    pages |= {"reference/index.md", "contributing.md", "changelog.md"}  # made by scripts/docs.sh
    listed = list(_pages(config["project"]["nav"]))
    assert sorted(listed) == sorted(pages)


def _pages(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for entry in nav.values() if isinstance(nav, dict) else nav:
            yield from _pages(entry)


def test_the_examples_in_docstrings_print_what_they_show() -> None:
    """Each example of the reference runs, and its output is compared."""
    reports = [report for test in examples.collected() if (report := examples.run(test))]
    assert not reports, "\n".join(reports)


def test_an_example_that_prints_something_else_is_found() -> None:
    """The runner itself: the names of `runnables` are defined, and outputs are compared."""
    text = ">>> (RunnableLambda(len) | str).invoke('abc')\n'{}'\n"
    parser = doctest.DocTestParser()
    right, wrong = (
        parser.get_doctest(text.format(number), {}, "example", None, 0) for number in (3, 4)
    )
    assert examples.run(right) == ""
    assert "Expected:\n    '4'\nGot:\n    '3'" in examples.run(wrong)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('<script src="https://cdn.test/x.js"></script>', "loads https://cdn.test/x.js"),
        ('<link rel="stylesheet" href="//cdn.test/x.css">', "loads //cdn.test/x.css"),
        ('<img src="https://cdn.test/x.png">', "loads https://cdn.test/x.png"),
        ("<style>@import 'https://cdn.test/x.css'</style>", "loads https://cdn.test/x.css"),
        ('<img src="nowhere.png">', "links to nowhere.png, which is not there"),
        ('<a href="nowhere.html">', "links to nowhere.html, which is not there"),
        (
            r"<td><code>a <b>\|</b> b</code>",
            r"shows a \| b: write <code>, and &#124; for the bar",
        ),
        ('<a href="#nowhere">', "links to #nowhere, which has no such anchor"),
    ],
)
def test_a_page_that_is_not_whole_is_found(tmp_path: Path, text: str, problem: str) -> None:
    """A page that loads from another host, or has a dead link, fails the build."""
    (tmp_path / "index.html").write_text(f'<a href="index.html">{text}', encoding="utf-8")
    assert [found.partition(": ")[2] for found in check_site.problems(tmp_path)] == [problem]


def test_a_stylesheet_that_loads_a_font_is_found(tmp_path: Path) -> None:
    """Stylesheets are checked as pages are."""
    (tmp_path / "index.html").write_text('<a href="index.html">', encoding="utf-8")
    (tmp_path / "x.css").write_text("@font-face{src:url(https://fonts.test/x)}", encoding="utf-8")
    assert [found.partition(": ")[2] for found in check_site.problems(tmp_path)] == [
        "loads https://fonts.test/x"
    ]


def test_a_page_that_no_navigation_leads_to_is_found(tmp_path: Path) -> None:
    """The first page holds the navigation; a page that it does not list is lost."""
    (tmp_path / "index.html").write_text('<a href="index.html">', encoding="utf-8")
    (tmp_path / "lost.html").write_text("", encoding="utf-8")
    assert "is not in the navigation" in "".join(check_site.problems(tmp_path))
    outside = '<a href="https://other.test/">'
    (tmp_path / "index.html").write_text(f'<a href="index.html"><a href="lost.html">{outside}')
    assert list(check_site.problems(tmp_path)) == []
