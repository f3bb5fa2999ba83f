"""Notebooks change in their code alone: magics, outputs and how the JSON is written stay."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables.migration.files import FileChange, migrate_file
from runnables.migration.notebooks import cells, with_magics, with_sources, without_magics

THEIRS = "from langchain_core.messages import HumanMessage"
OURS = "from runnables import HumanMessage"


def _notebook(*sources: Any, kind: str = "code") -> dict[str, Any]:
    made = [{"cell_type": kind, "metadata": {}, "outputs": [], "source": s} for s in sources]
    return {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def _migrated(folder: Path, text: str) -> FileChange:
    path = folder / "notebook.ipynb"
    path.write_bytes(text.encode())
    return migrate_file(path)


FORMS: list[dict[str, Any]] = [
    {"indent": 1, "ensure_ascii": False},
    {"indent": 2},
    {"indent": "\t"},
    {},
    {"separators": (",", ":")},
]


@pytest.mark.parametrize("form", range(len(FORMS)))
@pytest.mark.parametrize("source", [[f"{THEIRS}\n", "é = '<b>'\n", "x"], f"{THEIRS}\né", [THEIRS]])
def test_all_but_the_code_stays_as_it_is_written(tmp_path: Path, form: int, source: Any) -> None:
    """However the JSON is written, nothing differs but the name of the module."""
    text = json.dumps(_notebook("a", source, ["b"]), **FORMS[form])
    change = _migrated(tmp_path, text)
    assert (change.problem, change.after) == (None, text.replace(THEIRS, OURS))
    assert not _migrated(tmp_path, change.after).is_changed


def test_lines_that_do_not_change_keep_their_escapes(tmp_path: Path) -> None:
    """Some programs write more escapes than JSON needs."""
    text = json.dumps(_notebook([f"{THEIRS}\n", "a < b"])).replace("<", "\\u003c")
    change = _migrated(tmp_path, text)
    assert change.after == text.replace(THEIRS, OURS)


MAGICS = [
    "!pip install langchain",
    "%pip install -U \\\n  langchain \\\n  langchain-openai\nb = 1",
    "%%time\nx = 1",
    "%time chain = prompt | llm",
    "files = !ls *.py",
    "value = %env HOME",
    "chain?",
    "?chain",
    "if x:\n    !ls\n    y = (5\n      % 3)",
    "text = '''\n!not a command\n'''\n!ls",
    "ls scripts/",
    "pip install langchain",
    "await chain.ainvoke(1)",
]


@pytest.mark.parametrize("magic", MAGICS)
def test_magics_stay(tmp_path: Path, magic: str) -> None:
    """Before and after the import that changes."""
    for source in (f"{magic}\n{THEIRS}", f"{THEIRS}\n{magic}"):
        if source.startswith(THEIRS) and magic.startswith("%%"):
            continue
        change = _migrated(tmp_path, json.dumps(_notebook(source)))
        assert (change.problem, change.is_changed) == (None, True)
        (cell,) = cells(change.after)
        assert cell.source == source.replace(THEIRS, OURS)


def test_a_cell_that_is_indented_as_a_whole_is_changed(tmp_path: Path) -> None:
    """Notebooks run it; its lines are counted from its own first."""
    source = f"  {THEIRS}\n  from langgraph.graph import END\n!ls\ny = 1"
    change = _migrated(tmp_path, json.dumps(_notebook(source)))
    assert [cell.source for cell in cells(change.after)] == [source.replace(THEIRS, OURS)]
    assert [place for place, _ in change.findings] == ["cell 1, line 2"]


@pytest.mark.parametrize("source", ["ls = [1]", "cat(1)", "more = less + 1", "x = rm"])
def test_python_that_looks_like_a_command_is_python(tmp_path: Path, source: str) -> None:
    """Also beside a magic."""
    text = json.dumps(_notebook(f"!ls\n{source}; import langchain_core.x as p; p.tool"))
    change = _migrated(tmp_path, text)
    assert cells(change.after)[0].source == f"!ls\n{source}; import runnables as p; p.tool"


@pytest.mark.parametrize("source", [f"%%bash\n{THEIRS}", f"%%writefile a.py\n{THEIRS}", "", " \n"])
def test_cells_of_other_languages_stay(tmp_path: Path, source: str) -> None:
    """A cell is given to a shell, or to a file, as it is."""
    assert not _migrated(tmp_path, json.dumps(_notebook(source))).is_changed


def test_cells_see_the_imports_of_each_other(tmp_path: Path) -> None:
    """A module that one cell imports is used in another, also in a magic."""
    first = "import langchain_core.prompts as p"
    change = _migrated(tmp_path, json.dumps(_notebook(first, "p.Runnable")))
    assert [cell.source for cell in cells(change.after)] == ["import runnables as p", "p.Runnable"]
    kept = _migrated(tmp_path, json.dumps(_notebook(first, "%time p.Other()\n", "p.Runnable")))
    first_kept, *_, last = (cell.source for cell in cells(kept.after))
    assert (first_kept, last) == (f"{first}, runnables", "runnables.Runnable")


def test_places_name_the_cell(tmp_path: Path) -> None:
    """Cells are counted from 1, with those of text."""
    notebook = _notebook("# Title", kind="markdown")
    notebook["cells"] += _notebook("x = 1\nfrom langgraph.graph import END")["cells"]
    change = _migrated(tmp_path, json.dumps(notebook))
    assert [place for place, _ in change.findings] == ["cell 2, line 2"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "does not parse as JSON"),
        ("[" * 100_000, "does not parse as JSON"),
        ("[]", "no list of cells"),
        ('{"worksheets": []}', "no list of cells"),
        ('{"cells": 3}', "no list of cells"),
        (json.dumps(_notebook(THEIRS, "def f(:")), "does not parse: .* of cell 2"),
        (json.dumps(_notebook(THEIRS, "%magic\ndef f(:")), "does not parse: .* of cell 2"),
    ],
)
def test_what_is_no_notebook_of_python_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """None of its cells is changed."""
    change = _migrated(tmp_path, text)
    assert change.problem is not None
    assert re.search(problem, change.problem)
    assert not change.is_changed


@pytest.mark.parametrize(
    "cell",
    [
        3,
        None,
        {"cell_type": "code"},
        {"cell_type": "code", "source": 3},
    ],
)
def test_odd_cells_are_left_out(tmp_path: Path, cell: Any) -> None:
    """They have no code."""
    notebook = _notebook(THEIRS)
    notebook["cells"].insert(0, cell)
    change = _migrated(tmp_path, json.dumps(notebook))
    assert (change.problem, change.is_changed) == (None, True)


LINES = st.lists(
    st.sampled_from(["!ls", "x = 1", "%pip a \\", "  % 3", "a = !b", "h?", "'''", "", "é"]),
    max_size=8,
)


@given(LINES, st.sampled_from(["\n", "\r\n"]))
def test_magics_come_back_as_they_were(lines: list[str], newline: str) -> None:
    """Whatever is taken out is put back, also from strings."""
    source = newline.join(lines)
    assert with_magics(*without_magics(source)) == source


SOURCES = st.lists(st.one_of(st.text(), st.lists(st.text(min_size=1))), min_size=1, max_size=4)


@given(SOURCES, st.sampled_from(FORMS), st.text())
def test_any_source_takes_the_place_of_another(
    sources: list[Any], form: dict[str, Any], new: str
) -> None:
    """The other cells have their code as before."""
    text = json.dumps(_notebook(*sources), **form)
    found = cells(text)
    changed = with_sources(text, [(found[0], new)])
    expected = [new, *(cell.source for cell in found[1:])]
    assert [cell.source for cell in cells(changed)] == expected


def test_an_import_in_a_magic_is_listed(tmp_path: Path) -> None:
    """Its line is not changed, as no line of a magic is."""
    source = f"x = 1\n%time {THEIRS}\n!grep langchain app.py\n%timeit y"
    change = _migrated(tmp_path, json.dumps(_notebook("a", source)))
    assert not change.is_changed
    assert [(place, found.what) for place, found in change.findings] == [
        ("cell 2, line 2", f"%time {THEIRS}")
    ]
