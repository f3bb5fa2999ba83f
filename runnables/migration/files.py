"""Files are found, read, changed and written, each by itself: one that fails stops no other."""

from __future__ import annotations

import io
import os
import tempfile
import tokenize
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from runnables.errors import ConfigError
from runnables.migration import notebooks
from runnables.migration.answers import MIGRATE, Rules
from runnables.migration.reading import UnreadableCode
from runnables.migration.source import Finding, migrate_cells, migrate_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runnables.migration.reading import Code

SUFFIXES: Final = (".py", ".pyi", ".pyw", ".ipynb")
_LEFT_OUT: Final = frozenset({"__pycache__", "node_modules", "site-packages"})


@dataclass
class FileChange:
    """What becomes of a file.

    Attributes:
        path: the file.
        before: its text.
        after: its text after the change.
        findings: what has no counterpart: for each the place in the file, and what it is.
        problem: why the file is not changed, if it cannot be.
        encoding: how the text is encoded.
    """

    path: Path
    before: str = ""
    after: str = ""
    findings: list[tuple[str, Finding]] = field(default_factory=list[tuple[str, Finding]])
    problem: str | None = None
    encoding: str = "utf-8"

    @property
    def is_changed(self) -> bool:
        """Whether the text after the change is another one."""
        return self.problem is None and self.after != self.before


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files of code among paths and in folders, each once.

    Hidden folders, caches, virtual environments and the packages of Node.js are left out, and
    links in a folder are not followed: they may lead out of it.

    Args:
        paths: files and folders.

    Raises:
        ConfigError: there is none, one does not exist, or a file is no code of Python.
    """
    if not paths:
        raise ConfigError("Name at least one file or folder to migrate.")
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(_in_folder(path)))
        elif not path.exists():
            raise ConfigError(f"{str(path)!r} does not exist.")
        elif path.suffix not in SUFFIXES:
            raise ConfigError(f"{str(path)!r} is no code of Python: expected .py or .ipynb.")
        else:
            found[path] = None
    return list(found)


def _in_folder(folder: Path) -> Iterator[Path]:
    for current, folders, files in os.walk(folder):
        kept = (
            name
            for name in folders
            if not name.startswith(".")
            and name not in _LEFT_OUT
            and not os.path.exists(os.path.join(current, name, "pyvenv.cfg"))
        )
        folders[:] = sorted(kept)
        for name in sorted(files):
            path = Path(current, name)
            if path.suffix in SUFFIXES and path.is_file() and not path.is_symlink():
                yield path


def migrate_file(path: Path, rules: Rules = MIGRATE) -> FileChange:
    """Return what becomes of a file; a file that cannot be read or changed has a `problem`.

    Args:
        path: the file.
        rules: what becomes of a name that has no counterpart.
    """
    change = FileChange(path)
    try:
        data = path.read_bytes()
        is_notebook = path.suffix == ".ipynb"
        change.encoding = _notebook_encoding(data) if is_notebook else _encoding(data)
        change.before = change.after = data.decode(change.encoding)
        if change.before.encode(change.encoding) != data:
            raise UnreadableCode(f"has bytes that {change.encoding} would write otherwise")
        if is_notebook:
            change.after = _migrate_notebook(change, rules)
        else:
            migrated = migrate_source(change.before, rules)
            change.after = migrated.text
            change.findings = [(str(found.line), found) for found in migrated.findings]
        change.after.encode(change.encoding)
    except UnreadableCode as error:
        change.problem = str(error)
    except OSError as error:
        change.problem = f"cannot be read: {error.strerror or error}"
    except UnicodeError as error:
        change.problem = f"is not encoded as it says: {error}"
    except (RecursionError, MemoryError):
        change.problem = "is nested too deeply to be changed"
    except Exception as error:  # a defect of ours must not end the run for the other files
        change.problem = f"cannot be changed: {type(error).__name__}: {error}"
    if change.problem is not None:
        change.findings = []
    return change


def _encoding(data: bytes) -> str:
    """Return the encoding of a module, as Python finds it."""
    try:
        return tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError as error:
        raise UnreadableCode(f"does not parse: {error.msg}") from None


def _notebook_encoding(data: bytes) -> str:
    return "utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8"


def _migrate_notebook(change: FileChange, rules: Rules) -> str:
    codes: list[tuple[notebooks.Cell, Code, list[str]]] = []
    for cell in notebooks.cells(change.before):
        try:
            read = notebooks.read_cell(cell.source)
        except UnreadableCode as error:
            raise UnreadableCode(f"{error} of cell {cell.number}") from None
        if read is not None:
            codes.append((cell, *read))
    changed: list[tuple[notebooks.Cell, str]] = []
    migrated = migrate_cells([code for _, code, _ in codes], rules)
    for (cell, code, magics), new in zip(codes, migrated, strict=True):
        for found in new.findings:
            line = notebooks.line_in_cell(code, found.line)
            change.findings.append((f"cell {cell.number}, line {line}", found))
        for line, magic in notebooks.imports_in_magics(code, magics):
            found = Finding(line, magic, "It is in a magic: change it by hand.")
            change.findings.append((f"cell {cell.number}, line {line}", found))
        if new.text != code.text:
            changed.append((cell, notebooks.with_magics(new.text, magics)))
    return notebooks.with_sources(change.before, changed) if changed else change.before


def write(change: FileChange) -> None:
    """Write the text of a changed file in its place, whole or not at all.

    Encoding, line ends, byte order mark and permissions stay; a link stays a link.

    Args:
        change: the change.

    Raises:
        OSError: it cannot be written; the file is as it was.
    """
    path = Path(os.path.realpath(change.path))
    if not os.access(path, os.W_OK):
        raise PermissionError(13, "Permission denied", str(change.path))
    mode = path.stat().st_mode & 0o7777
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(change.after.encode(change.encoding))
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        if os.path.exists(name):
            os.remove(name)
        raise
