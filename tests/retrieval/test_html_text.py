"""The text of HTML pages: what a reader sees, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from runnables.retrieval.html_text import read_html

PAGE = """<!DOCTYPE html>
<html><head>
<title>  The sea &ndash;
 today </title>
<style>p { color: red }</style>
<script>document.write("<p>not seen</p>")</script>
</head><body>
<nav><ul><li>Home<li><a href="/">About</a></ul></nav>
<h1>The <em>sea</em></h1>
<p>It is
   <b>calm</b>, they&nbsp;say.<br>And wide.</p>
<!-- not seen -->
<table><tr><th>Wave</th><th>Height</th></tr><tr><td>one</td><td>2 m</td></tr></table>
<pre>
  kept   as it is
    here
</pre>
<noscript>not seen</noscript>
<template><p>not seen</p></template>
<h2>Later</h2>Rain &amp; wind.
</body></html>"""

TEXT = """- Home
- About

# The sea

It is calm, they\u00a0say.
And wide.

Wave Height
one 2 m

  kept   as it is
    here

## Later

Rain & wind."""


def test_a_page_becomes_text() -> None:
    """Headings become Markdown's, lists have dashes, and scripts, styles and comments are gone."""
    text, title = read_html(PAGE)
    assert text == TEXT
    assert title == "The sea \u2013 today"


@pytest.mark.parametrize(
    ("html", "text", "title"),
    [
        ("", "", ""),
        ("no tags", "no tags", ""),
        ("<h3>Only <i>a</i> heading</h3>text", "### Only a heading\n\ntext", "Only a heading"),
        ("<p>never <b>closed", "never closed", ""),
        ("</p></div>stray</b>", "stray", ""),
        ("<script>never closed", "", ""),
        ("<style>a</style>b", "b", ""),
        ("a<svg><title>icon</title><text>x</text></svg>b", "ab", ""),
        ("<p>a</p><p>b</p>", "a\n\nb", ""),
        ("a <b> b</b> c", "a b c", ""),
        ("<p>1 &lt; 2 &#8364; &unknown;", "1 < 2 € &unknown;", ""),
        ("<title>T</title><h1>H</h1>", "# H", "T"),
        ("<![if IE]>seen<![endif]>", "seen", ""),
        ("<br/>a<hr/>b", "a\n\nb", ""),
        ("<p title='a > b'>c<a href=x>y</a>", "cy", ""),
        ("<P CLASS=a\n>b</P\t>", "b", ""),
        ("I <3 you, and x < y", "I <3 you, and x < y", ""),
        ("seen <b", "seen <b", ""),
        ("<a href=\"x>one</a> two <b>three</b>", "one two three", ""),
        ("<!-->a<!-- --!>b<!-- > <p>c", "ab", ""),
        ("<title>A<b></title><textarea><p>c</textarea>", "<p>c", "A<b>"),
        ("&#065;&#x0041;&#" + "0" * 5000 + "65;&#" + "9" * 5000 + ";", "AAA\ufffd", ""),
    ],
    ids=["empty", "plain", "heading", "open", "stray", "open script", "style", "picture",
         "paragraphs", "spaces", "entities", "title first", "declaration", "closed at once",
         "attributes", "upper case", "less than", "half a tag", "open quote", "comments",
         "without tags", "long numbers"],
)  # fmt: skip
def test_parts_of_pages(html: str, text: str, title: str) -> None:
    """Also of those that are not well formed."""
    assert tuple(read_html(html)) == (text, title)


TAGS = st.sampled_from(
    "<p> </p> <h1> </h1> <pre> </pre> <li> <td> <script> </script> <style> </style> <title> "
    "</title> <!-- --> <![ <! ]> <? &amp".split()
)


@given(st.lists(TAGS | st.text(max_size=5), max_size=30).map("".join))
def test_any_string_is_read(html: str) -> None:
    """No page is an error, and its text begins and ends with something visible."""
    text, title = read_html(html)
    assert text == text.strip("\n")
    assert title == title.strip()


@pytest.mark.parametrize(
    "part",
    ["<", "<!--", "<!-- >", "<a ", "<a b='", "<a b=\"", "<a/", "</", "</a ", "<![", "<?", "<!d ",
     "&", "&#", "<svg>", "<title>", "<title></title>", "<script>", "<script></script", "<pre> ",
     "<h1>", "<meta ", "\t"],
)  # fmt: skip
def test_a_page_of_broken_parts_is_read_to_its_end(part: str) -> None:
    """Each part is looked at once. To look for its end anew each time would take minutes."""
    count = 100_000 // len(part)
    for page in (part * count, f"<pre>{part * count}x", f"{part * count}>", part * count + "</b>"):
        assert len(read_html(page).text) <= 2 * len(page)


@given(st.lists(st.text("abc \n", max_size=6), max_size=8))
def test_the_words_are_all_there(paragraphs: list[str]) -> None:
    """In their order, whatever the tags around them."""
    html = "".join(f"<p>{text}</p>" for text in paragraphs)
    assert read_html(html).text.split() == " ".join(paragraphs).split()
