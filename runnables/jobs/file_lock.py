"""A file that one job at a time holds, for as long as its process lives."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

_held: set[str] = set()
"""The files that this process holds: the locks of POSIX are those of a process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_held.clear)


class FileLock:
    """A lock on a file beside another; the system releases it when the process ends, however.

    A forked child does not hold it.

    Args:
        path: the file, created if it does not exist. It stays there, empty.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def acquire(self) -> bool:
        """Acquire the lock; return False where another process, or this one, holds it."""
        if self._path in _held:  # not to be opened here: to close it would release the lock
            return False
        file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        try:
            _lock(file)
        except OSError:
            file.close()
            return False
        _held.add(self._path)
        self._file = file
        return True

    def release(self) -> None:
        """Release the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None
            _held.discard(self._path)


def _lock(file: BinaryIO) -> None:
    """Lock a file, or raise an OSError where it is locked."""
    if sys.platform == "win32":  # pragma: no cover - not run here
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
