"""The list of langchain-core's tests says of each failure where the docs describe it."""

from __future__ import annotations

from collections import Counter

from scripts.langchain_core_tests.counts import BEHAVIOUR, listed, report
from scripts.langchain_table import DIFFERENCES, PAGE


def test_each_test_has_one_kind_and_one_class() -> None:
    """Only tests that are about behaviour have a class."""
    tests = list(listed())
    assert max(Counter(test.id for test in tests).values()) == 1
    for test in tests:
        classes = {"pass", "skip", "ours", "out", "to do"} if test.kind == BEHAVIOUR else {"-"}
        assert test.expected in classes, test


def test_the_page_has_each_difference_that_the_list_names() -> None:
    """A failure where ours is right has a row, and a name that stays out is in the table."""
    page = DIFFERENCES.read_text() + PAGE.read_text()
    for test in listed():
        if test.expected in ("ours", "out"):
            assert test.reason and test.reason in page, test


def test_a_report_counts_and_names_what_has_changed() -> None:
    """A test that ends otherwise than the list says is named."""
    about = [test for test in listed() if test.kind == BEHAVIOUR]
    ended = {test.id: "passed" if test.expected == "pass" else "failed" for test in about}
    passing = [test for test in about if test.expected == "pass"]
    assert f"{len(about)} of them about behaviour: {len(passing)} pass" in report(ended)
    assert "the list says" not in report(ended)
    ended[passing[0].id] = "error"
    assert f"fails, and the list says it passes: {passing[0].id}" in report(ended)
