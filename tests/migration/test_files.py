"""Files are found and written as they are: encoding, line ends, permissions and links stay."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from runnables.errors import ConfigError
from runnables.migration import files
from runnables.migration.files import find_files, migrate_file, write

THEIRS = "from langchain_core.messages import HumanMessage\n"
OURS = "from runnables import HumanMessage\n"

BYTES = {
    "plain": (THEIRS.encode(), OURS.encode()),
    "without an end": (THEIRS.strip().encode(), OURS.strip().encode()),
    "line ends of Windows": (
        f"a\r\n{THEIRS.strip()}\r\n".encode(),
        f"a\r\n{OURS.strip()}\r\n".encode(),
    ),
    "mixed line ends": (f"a\r\nb\n{THEIRS}c\r".encode(), f"a\r\nb\n{OURS}c\r".encode()),
    "a byte order mark": (b"\xef\xbb\xbf" + THEIRS.encode(), b"\xef\xbb\xbf" + OURS.encode()),
    "Latin-1": (
        b"# -*- coding: latin-1 -*-\n'\xe9'\n" + THEIRS.encode(),
        b"# -*- coding: latin-1 -*-\n'\xe9'\n" + OURS.encode(),
    ),
    "a form feed": (b"x = 1\n\x0c\n" + THEIRS.encode(), b"x = 1\n\x0c\n" + OURS.encode()),
    "a separator of lines": (f"'\u2028'\n{THEIRS}".encode(), f"'\u2028'\n{OURS}".encode()),
}


@pytest.mark.parametrize("name", BYTES)
def test_all_other_bytes_stay(tmp_path: Path, name: str) -> None:
    """Only the import changes, and a second run finds nothing to do."""
    path = tmp_path / "a.py"
    path.write_bytes(BYTES[name][0])
    change = migrate_file(path)
    assert (change.problem, change.is_changed) == (None, True)
    write(change)
    assert path.read_bytes() == BYTES[name][1]
    assert not migrate_file(path).is_changed


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"# coding: none-such\n", "does not parse"),
        (b"x = '\xe9'\n", "does not parse"),
        (b"# coding: ascii\n'\xe9'\n", "is not encoded as it says"),
        (b"def f(:\n", "does not parse"),
        (b"\x00", "does not parse"),
        ("x = 1".encode("utf-16"), "parse"),
        (b"(" * 100_000, "parse|deep"),
    ],
)
def test_a_file_that_cannot_be_read_has_a_problem(
    tmp_path: Path, data: bytes, problem: str
) -> None:
    """It is not changed, and the next one is."""
    path = tmp_path / "a.py"
    path.write_bytes(data + THEIRS.encode() if b"(" not in data else data)
    change = migrate_file(path)
    assert change.problem is not None
    assert re.search(problem, change.problem)
    assert (change.is_changed, change.findings) == (False, [])


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    """The file that a link names is written, and the link stays."""
    path, link = tmp_path / "a.py", tmp_path / "link.py"
    path.write_text(THEIRS)
    path.chmod(0o750)
    link.symlink_to("a.py")
    write(migrate_file(link))
    assert link.is_symlink()
    assert (path.read_text(), path.stat().st_mode & 0o777) == (OURS, 0o750)
    assert sorted(os.listdir(tmp_path)) == ["a.py", "link.py"]


def test_a_file_that_cannot_be_written_whole_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure between the two leaves the older file, and nothing beside it."""
    path = tmp_path / "a.py"
    path.write_text(THEIRS)
    change = migrate_file(path)

    def fail(*args: object) -> None:
        raise OSError("full")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(OSError, match="full"):
        write(change)
    assert path.read_text() == THEIRS
    assert os.listdir(tmp_path) == ["a.py"]


def test_a_defect_of_ours_is_the_problem_of_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is raised, other files are changed."""

    def fail(*args: object) -> None:
        raise ZeroDivisionError("oh")

    path = tmp_path / "a.py"
    path.write_text(THEIRS)
    monkeypatch.setattr(files, "migrate_source", fail)
    assert migrate_file(path).problem == "cannot be changed: ZeroDivisionError: oh"


def test_folders_are_searched_for_code(tmp_path: Path) -> None:
    """Hidden folders, environments, caches and links are left out; a file is found once."""
    for name in (
        "a.py", "b.ipynb", "c.pyi", "d.txt", "sub/e.py", ".git/f.py", "__pycache__/g.py",
        "env/pyvenv.cfg", "env/lib/h.py", "node_modules/i.py", ".ipynb_checkpoints/b.ipynb",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link.py").symlink_to(tmp_path / "sub" / "e.py")
    found = find_files([tmp_path, tmp_path / "a.py"])
    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names == ["a.py", "b.ipynb", "c.pyi", "sub/e.py"]


def test_paths_that_are_no_code_are_refused(tmp_path: Path) -> None:
    """Before any file is read."""
    (tmp_path / "a.txt").write_text("")
    for paths, message in (
        ([], "at least one"),
        ([tmp_path / "none.py"], "does not exist"),
        ([tmp_path / "a.txt"], "no code of Python"),
    ):
        with pytest.raises(ConfigError, match=message):
            find_files(paths)
