"""Pictures in text: those of some chains as they are, and what holds for those of any chain."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from runnables import Runnable, RunnableLambda, RunnableParallel
from runnables.graph.canvas import text_width
from tests.graph.chains import CHAINS
from tests.graph.strategies import CHAINS as RANDOM_CHAINS

PICTURES = Path(__file__).parent / "pictures"


@pytest.mark.parametrize("name", CHAINS)
def test_a_picture_is_as_it_was(name: str) -> None:
    """The pictures of ten chains are kept in files, which a change of the layout changes."""
    drawn = CHAINS[name]().get_graph().draw_ascii()
    assert f"{drawn}\n" == (PICTURES / f"{name}.txt").read_text("utf-8")


def test_the_kept_pictures_are_those_of_the_chains() -> None:
    """There is no picture without its chain."""
    assert {path.stem for path in PICTURES.iterdir()} == CHAINS.keys()


@given(RANDOM_CHAINS)
def test_each_step_of_any_chain_is_in_its_picture(chain: Runnable[Any, Any]) -> None:
    """Every name and note is there unbroken, with box characters and without."""
    graph = chain.get_graph()
    for unicode in (True, False):
        picture = graph.draw_ascii(unicode=unicode)
        nodes = [node for node in graph.nodes.values() if node.kind not in ("join", "junction")]
        for text in (text for node in nodes for text in (node.name, *node.notes)):
            assert text.strip() in picture


@given(RANDOM_CHAINS)
def test_boxes_of_any_chain_are_closed(chain: Runnable[Any, Any]) -> None:
    """A line never ends in nothing: each part of one meets the part beside it."""
    rows = [_cells(row) for row in chain.get_graph().draw_ascii().split("\n")]
    for number, row in enumerate(rows):
        below = rows[number + 1] if number + 1 < len(rows) else []
        for column, char in enumerate(row):
            right = row[column + 1] if column + 1 < len(row) else " "
            under = "".join(below[max(column - 1, 0) : column + 2])  # labels have spaces
            assert char not in "┌└├┬┴┼" or right != " ", (number, column)
            assert char not in "┌┐├┤┬┼│" or under.strip(), (number, column)


def _cells(row: str) -> list[str]:
    """Return the characters of a row by column; marks on a character belong to it."""
    cells: list[str] = []
    for char in row:
        width = text_width(f"a{char}") - 1
        cells += [char] * width if width else []
    return cells


def test_a_narrow_picture_puts_branches_below_each_other() -> None:
    """What does not fit side by side stands in a frame, one below the other."""
    graph = RunnableParallel({f"key {number}": RunnableLambda(len) for number in range(5)})
    wide, narrow = (graph.get_graph().draw_ascii(max_width=width) for width in (100, 20))
    assert max(map(len, wide.splitlines())) > 40
    assert max(map(len, narrow.splitlines())) <= 20
    assert "at once" in narrow and "at once" not in wide


def test_plain_lines_for_a_terminal_that_has_no_others() -> None:
    """A file that cannot encode box characters gets `+`, `-` and `|`."""
    graph = (RunnableLambda(len) | str).get_graph()
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    graph.print_ascii(file)
    text = raw.getvalue().decode("ascii")
    assert text.split() == [
        *("+-------+", "|", "input", "|", "+---+---+", "v", "+-----+", "|", "len", "|", "+--+--+"),
        *("v", "+-----+", "|", "str", "|", "+--+--+", "v", "+--------+", "|", "output", "|"),
        "+--------+",
    ]


def test_a_name_that_a_terminal_cannot_show_is_escaped() -> None:
    """Printing never fails for the sake of a name."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    RunnableLambda(len, name="é").get_graph().print_ascii(file)
    assert b"\\xe9" in raw.getvalue()


def test_print_ascii_prints_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a file it is that of `print`."""
    graph = RunnableLambda(len).get_graph()
    graph.print_ascii()
    assert capsys.readouterr().out == f"{graph.draw_ascii()}\n"
