"""Where results go: a file, a device or a pipe, whole at the end or line by line."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self

from runnables.errors import ConfigError
from runnables.jobs import parquet_files
from runnables.jobs.row_writers import Result, ResultWriter, TextWriter
from runnables.jobs.text_files import STDIO, is_regular

if TYPE_CHECKING:
    from collections.abc import Generator

    from runnables.jobs.row_files import FileFormat

_PART: Final = ".part"
"""The end of the name of a file that is not whole yet."""


class Output:
    """Where the results of a job go; opened with the first of them.

    So a call that fails before its first row leaves an older file as it is. Lines are written as
    they come. What is whole at the end only, takes the place of an older file then.

    Args:
        name: the file; "-" for standard output.
        format: its format.
        checkpoint: what has everything, where the file is written from it at the end.
        append: whether it goes on with a file.

    Raises:
        ConfigError: it cannot be written, such as on a full disk; says how to go on.
    """

    def __init__(
        self,
        name: str,
        format: FileFormat,
        *,
        checkpoint: str | None = None,
        append: bool = False,
    ) -> None:
        self._name = name
        self._format: FileFormat = format
        self._checkpoint = checkpoint
        self._append = append
        at_end = checkpoint is not None or format == "parquet"
        self._is_replaced = is_regular(name) and at_end
        self._path = os.path.realpath(name)  # a link stays one
        self._file: Any = None
        self._writer: ResultWriter | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, result: Result) -> None:
        """Write a result."""
        with self._said():
            self._opened().write(result)

    def finish(self) -> None:
        """Make a file although there was no row."""
        with self._said():
            self._opened()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        is_whole = kind is None or self._checkpoint is None  # else this is all that there is
        if self._writer is not None:
            with self._said():
                self._close(self._writer, is_whole=is_whole)

    def _close(self, writer: ResultWriter, *, is_whole: bool) -> None:
        try:
            writer.close(is_whole=is_whole)
        except BaseException:
            is_whole = False
            raise
        finally:
            if self._name != STDIO:
                with suppress(OSError):  # what was not written was said
                    self._file.close()
            if self._is_replaced:
                _replace(self._path) if is_whole else os.remove(self._path + _PART)

    @contextmanager
    def _said(self) -> Generator[None]:
        """Say of an error what it is about; a reader who has left is none."""
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            where = "standard output" if self._name == STDIO else repr(self._name)
            way_on = ""
            if self._checkpoint is not None:
                way_on = f" The rows are in {self._checkpoint!r}; the same command goes on there."
            elif is_regular(self._name) and self._format != "parquet":
                way_on = " With --resume, the same command goes on with what it has."
            problem = error.strerror or str(error)
            raise ConfigError(f"{where} cannot be written: {problem}.{way_on}") from None

    def _opened(self) -> ResultWriter:
        if self._writer is None:
            self._file = self._open()
            if self._format == "parquet":
                self._writer = parquet_files.ParquetWriter(self._file)
            else:
                self._writer = TextWriter(self._file, self._format, is_new=not self._append)
        return self._writer

    def _open(self) -> IO[Any]:
        if self._name == STDIO:
            return sys.stdout.buffer if self._format == "parquet" else sys.stdout
        path = self._path + _PART if self._is_replaced else self._name
        if self._format == "parquet":
            return open(path, "wb")
        return open(path, "a" if self._append else "w", encoding="utf-8", newline="")


def _replace(path: str) -> None:
    """Put a file that is whole in the place of the older one."""
    if os.path.exists(path):
        shutil.copymode(path, path + _PART)
    os.replace(path + _PART, path)


def check_output(output: str, format: FileFormat, others: dict[str, str | None]) -> None:
    """Refuse an output that could not be written at the end, before any row is run.

    Args:
        output: the file.
        format: its format.
        others: other files of the call, which it must not replace, by what they have.

    Raises:
        ConfigError: says why.
        MissingExtra: it is to be Parquet, and pyarrow is not installed.
    """
    if format == "parquet":
        parquet_files.check_installed()
        if output == STDIO and sys.stdout is not None and sys.stdout.isatty():
            raise ConfigError("Parquet is no text for a terminal: name a file with --output.")
    if output == STDIO:
        if sys.stdout is None:
            raise ConfigError("There is no standard output: name a file with --output.")
        return
    if output.endswith(".gz"):
        raise ConfigError(f"{output!r}: results are not compressed. Write them to a pipe: | gzip")
    path = Path(output)
    folder = Path(os.path.realpath(output)).parent
    if path.is_dir() or not folder.is_dir():
        raise ConfigError(f"{output!r} cannot be written: it is a folder, or in none that exists")
    is_new = not path.exists()
    at_end = format == "parquet" or others.get("the checkpoint") is not None
    if not os.access(folder if is_new or (at_end and path.is_file()) else path, os.W_OK):
        raise ConfigError(f"{output!r} cannot be written: Permission denied")
    for what, name in others.items():
        if name not in (None, STDIO) and not is_new and Path(str(name)).exists():
            if path.samefile(str(name)) and is_regular(output):
                raise ConfigError(f"{output!r} has {what}: write the output to another file")
        elif name is not None and Path(name).absolute() == path.absolute():
            raise ConfigError(f"{output!r} has {what}: write the output to another file")
