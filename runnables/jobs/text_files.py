"""The text of a file, a compressed file or a pipe, whose reading can be ended from elsewhere."""

from __future__ import annotations

import gzip
import io
import os
import select
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from runnables.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator

STDIO: Final = "-"
"""The name of standard input, or of standard output."""

_IS_POSIX: Final = os.name == "posix"


class ReadingEnd:
    """Ends the reading of a pipe that may never say anything more.

    A read of a pipe cannot be interrupted in a thread. So it waits for the pipe and for this; on
    Windows, which cannot wait for pipes, it waits for the next line.

    Attributes:
        is_set: whether no more is to be read.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._wakes, self._wake = os.pipe()

    def set(self) -> None:
        """End it; a signal handler may do so."""
        self.is_set = True
        os.write(self._wake, b"x")

    def wait_for(self, file: int) -> bool:
        """Wait until a file can be read; return False where the reading has ended."""
        if _IS_POSIX and not self.is_set:
            select.select([file, self._wakes], [], [])  # poll knows no terminals on macOS
        return not self.is_set

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self._wakes)
        os.close(self._wake)


class _Pipe(io.RawIOBase):
    """The bytes of a descriptor, up to its end or the end of the reading."""

    def __init__(self, file: int, end: ReadingEnd) -> None:
        self._file = file
        self._end = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._end.wait_for(self._file):
            return 0
        content = os.read(self._file, len(buffer))
        buffer[: len(content)] = content
        return len(content)


def is_regular(name: str) -> bool:
    """Tell whether a name is that of a file, or of none yet; not of a pipe or a device.

    /dev/stdout is none, wherever it goes to.
    """
    if name == STDIO or name.startswith(("/dev/", "/proc/")):
        return False
    return not os.path.exists(name) or os.path.isfile(name)


@contextmanager
def opened_text(name: str, end: ReadingEnd | None = None) -> Generator[IO[str]]:
    """Open the text of a file; that of a name with .gz is decompressed.

    Args:
        name: the file, in UTF-8; "-" for standard input.
        end: ends the reading where it is a pipe.

    Raises:
        ConfigError: it cannot be read, or is no text in UTF-8.
    """
    try:
        with _opened(name, end) as file:
            yield file
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name!r} is not UTF-8: {_encoding_error(name, error)}") from None
    except (EOFError, gzip.BadGzipFile) as error:
        raise ConfigError(f"{name!r} is not whole, or not of gzip: {error}") from None
    except OSError as error:
        raise ConfigError(f"{name!r} cannot be read: {error.strerror or error}") from None


@contextmanager
def _opened(name: str, end: ReadingEnd | None) -> Generator[IO[str]]:
    if name == STDIO and sys.stdin is None:
        raise ConfigError("There is no standard input: name a file.")
    if is_regular(name):
        path = Path(name)
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as content:
            yield io.TextIOWrapper(content, encoding="utf-8-sig", newline="")
        return
    file = sys.stdin.fileno() if name == STDIO else os.open(name, os.O_RDONLY)
    own = ReadingEnd() if end is None else end
    try:
        buffered = io.BufferedReader(_Pipe(file, own), 1 << 16)
        yield io.TextIOWrapper(buffered, encoding="utf-8-sig", newline="")
    finally:
        if own is not end:
            own.close()
        if name != STDIO:
            os.close(file)


def _encoding_error(name: str, error: UnicodeDecodeError) -> str:
    """Return what is wrong with bytes, and what they may be instead."""
    if is_regular(name):
        with suppress(OSError), Path(name).open("rb") as file:
            head = file.read(2)
            if head == b"\x1f\x8b":
                return "it is compressed by gzip. Give it a name that ends in .gz."
            if head in (b"\xff\xfe", b"\xfe\xff"):
                return "it is UTF-16. Save it as UTF-8."
    return f"{error.reason}: {bytes(error.object[error.start : error.start + 4])!r}"
