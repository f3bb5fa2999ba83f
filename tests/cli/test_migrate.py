"""`runnables migrate` prints a diff, or writes files, and lists what has no counterpart."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import command

THEIRS = "from langchain_core.prompts import ChatPromptTemplate, StructuredPrompt\n"
OURS = THEIRS.replace("langchain_core.prompts", "runnables").partition(",")[0] + (
    "\nfrom langchain_core.prompts import StructuredPrompt\n"
)
DIFF = """\
--- a/a.py
+++ b/a.py
@@ -1 +1,2 @@
-from langchain_core.prompts import ChatPromptTemplate, StructuredPrompt
+from runnables import ChatPromptTemplate
+from langchain_core.prompts import StructuredPrompt
"""
LISTED = (
    "a.py:1: langchain_core.prompts.StructuredPrompt: It is not here. "
    "Use prompt | model.with_structured_output(MyClass).\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with code for LangChain."""
    (tmp_path / "a.py").write_text(THEIRS)
    cell = {"cell_type": "code", "source": ["import langchain_openai as o\n", "o.ChatOpenAI"]}
    (tmp_path / "b.ipynb").write_text(json.dumps({"cells": [cell]}))
    return tmp_path


def test_a_diff_is_printed_and_nothing_is_changed(project: Path) -> None:
    """Standard output is the diff alone, which `patch` and `git apply` take."""
    done = command(project, "migrate", "a.py")
    assert (done.returncode, done.stdout) == (0, DIFF)
    summary = "1 file: 1 to change, 1 place to look at. Say --write to change them.\n"
    assert done.stderr == LISTED + summary
    assert (project / "a.py").read_text() == THEIRS


def test_git_applies_the_diff(project: Path) -> None:
    """Also that of a file without a last line end, and with line ends of Windows."""
    (project / "c.py").write_bytes(b"import langchain_core.x as p\r\nf(p.tool)")
    done = command(project, "migrate", ".")
    patched = subprocess.run(
        ["git", "apply", "-"], cwd=project, input=done.stdout.encode(), capture_output=True
    )
    assert patched.returncode == 0, patched.stderr
    assert (project / "a.py").read_text() == OURS
    assert (project / "c.py").read_bytes() == b"import runnables as p\r\nf(p.tool)"
    assert "import runnables_providers.openai as o" in (project / "b.ipynb").read_text()


def test_files_are_written_and_a_second_run_has_nothing_to_do(project: Path) -> None:
    """Their names are printed; what stays is listed again."""
    done = command(project, "migrate", "--write", ".")
    assert (done.returncode, done.stdout) == (0, "a.py\nb.ipynb\n")
    assert done.stderr.endswith("2 files: 2 changed, 1 place to look at.\n")
    assert (project / "a.py").read_text() == OURS
    again = command(project, "migrate", "--write", ".")
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr.splitlines()[0] == LISTED.replace(":1:", ":2:").strip()


def test_a_file_that_does_not_parse_is_named_and_the_others_are_changed(project: Path) -> None:
    """The exit code says so."""
    broken = f"{THEIRS}def f(:\n"
    (project / "0.py").write_text(broken)
    (project / "deep.py").write_text(f"{THEIRS}{'(' * 10_000}\n")
    done = command(project, "migrate", ".", "--write")
    assert (done.returncode, done.stdout) == (1, "a.py\nb.ipynb\n")
    assert "0.py: not changed: it does not parse: invalid syntax, line 2.\n" in done.stderr
    assert "deep.py: not changed: it " in done.stderr
    assert "2 not changed, as they cannot be" in done.stderr
    assert (project / "0.py").read_text() == broken


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Error: Name at least one file or folder to migrate.\n"),
        (["none"], "Error: 'none' does not exist.\n"),
        (["a.py", "a.txt"], "Error: 'a.txt' is no code of Python: expected .py or .ipynb.\n"),
    ],
)
def test_a_wrong_call_changes_nothing(project: Path, arguments: list[str], message: str) -> None:
    """Paths are checked before the first file is read."""
    (project / "a.txt").write_text("")
    done = command(project, "migrate", "--write", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)
    assert (project / "a.py").read_text() == THEIRS


def test_the_extra_that_is_missing_is_named(project: Path) -> None:
    """Where libcst is not installed."""
    script = (
        "import sys; sys.modules['libcst'] = None; sys.argv = ['runnables', 'migrate', 'a.py']; "
        "from runnables.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "needs the package 'libcst'" in done.stderr
