"""llama.cpp in this process: loading a model so that nobody notices but who asked for it.

Loaded as it comes, the runtime would open a TCP port, write its log to stderr, and spin all
threads at full speed while they wait. None of that is wanted in a library.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib
import importlib.util
import json
import os
import secrets
import socket
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias

from runnables.errors import ConfigError, MissingExtra, WeightsError, missing_extra
from runnables_providers.local.weights import folder_for_a_while

LOG_VARIABLE: Final = "RUNNABLES_LOCAL_LOG"
"""Set to anything, llama.cpp writes its log to stderr; a number is its verbosity."""

_PACKAGE: Final = "xllamacpp"

Pooling: TypeAlias = Literal["mean", "cls", "last"]
"""How the vectors of a text's tokens become one."""


@dataclass(frozen=True)
class ModelSetup:
    """Everything that makes one loaded model differ from another.

    Attributes:
        path: the model file; None: the embedded model.
        context: how many tokens one call may have, prompt and answer together.
        parallel: how many calls are worked on at the same time.
        threads: how many threads compute; None: see `default_threads`.
        embeds: whether it gives vectors instead of text.
        pooling: how vectors are pooled; None: as the model file says.
        chat_template: what makes a prompt of a conversation; None: as the model file says.
    """

    path: str | None
    context: int
    parallel: int
    threads: int | None = None
    embeds: bool = False
    pooling: Pooling | None = None
    chat_template: str | None = None


@dataclass(frozen=True)
class Abilities:
    """What a loaded model can do.

    Attributes:
        tools: whether its chat template has a place for tools.
        context: how many tokens one call may have, prompt and answer together.
    """

    tools: bool
    context: int


class Server(Protocol):
    """The part of `xllamacpp.Server` that is used here."""

    @property
    def listening_address(self) -> str: ...
    def handle_chat_completions(
        self, prompt: dict[str, Any], callback: Callable[[Any], bool]
    ) -> None: ...
    def handle_embeddings(self, prompt: dict[str, Any]) -> dict[str, Any]: ...
    def handle_metrics(self) -> str: ...


def require_runtime() -> None:
    """Raise where the runtime is not installed; loads nothing.

    Raises:
        MissingExtra: it is not.
    """
    if importlib.util.find_spec(_PACKAGE) is None:
        raise missing_extra("The embedded model", _PACKAGE, "local")


def is_imported() -> bool:
    """Whether this process has loaded the runtime's library."""
    return _PACKAGE in sys.modules


def check_counts(**settings: int | None) -> None:
    """Raise where a setting is not a positive whole number.

    Raises:
        ConfigError: it is not.
    """
    for name, value in settings.items():
        if value is not None and (isinstance(value, bool) or value < 1 or value != int(value)):
            raise ConfigError(f"{name}={value!r}: expected a whole number of at least 1.")


def load(setup: ModelSetup, path: Path) -> tuple[Server, Abilities]:
    """Load a model. Takes about half a second, during which no other Python code runs.

    Raises:
        MissingExtra: the runtime is not installed, or lacks a library of the system.
        WeightsError: the file is not there, or is no model that the runtime can read.
    """
    if not path.is_file():
        raise WeightsError(f"There is no model file {path}.")
    runtime = _runtime()
    with _private_door() as (door, key):
        params = _params(runtime, setup, path)
        params.hostnames, params.api_keys = [door], [key]
        try:
            server: Server = runtime.Server(params)
        except RuntimeError as error:
            template = " Is chat_template= valid Jinja?" if setup.chat_template else ""
            raise WeightsError(
                f"llama.cpp cannot load {path}: is it a whole gguf file, of a kind of model that "
                f"{_PACKAGE} {runtime.__version__} knows, and is there memory for it?{template} "
                f"With {LOG_VARIABLE}=1 in the environment it says why on stderr."
            ) from error
        # Answered by the server's own loop: after this it is known to run. Before, the server
        # must not be deleted, because deleting waits for ever for a loop that begins later.
        server.handle_metrics()
        return server, _abilities(server, key)


# -- importing


def _runtime() -> Any:
    require_runtime()
    try:
        with _short_spinning():
            return importlib.import_module(_PACKAGE)
    except ImportError as error:
        raise MissingExtra(
            f"{_PACKAGE} is installed but cannot be loaded: {error}. Where libgomp is missing, "
            "install it with the system's packages (libgomp1 on Debian and Ubuntu)."
        ) from error


@contextmanager
def _short_spinning() -> Generator[None, None, None]:
    """Let OpenMP, which reads this when it is loaded, wait a moment and then sleep.

    By default its threads spin for milliseconds wherever they wait for each other. On a machine
    with anything else to do, the one that is waited for then does not get a CPU: measured with
    two busy processes on two CPUs, 0.5 tokens a second instead of 9. Alone, both give 85.
    """
    own_policy = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys()
    if own_policy:
        yield
        return
    os.environ["GOMP_SPINCOUNT"] = "1000"
    try:
        yield
    finally:
        del os.environ["GOMP_SPINCOUNT"]


# -- parameters


def _params(runtime: Any, setup: ModelSetup, path: Path) -> Any:
    params = runtime.CommonParams()
    params.model.path = str(path)
    params.model_alias = {path.stem}  # or answers would tell where the file lies
    params.verbosity = _verbosity()
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = (
        setup.threads or default_threads()
    )
    params.n_parallel = setup.parallel
    # A part of the memory for each call. In one pool for all, a call that fills it would make
    # the runtime fail all the others; and what others hold would change the roundings of a call.
    params.n_ctx = setup.context * setup.parallel
    params.kv_unified = False
    params.cache_ram_mib = 0  # or it would keep up to 8 GB of old prompts in memory
    params.endpoint_metrics = True
    params.ui = False
    params.n_threads_http = 1
    # Steps of a prompt: between them, a call can be stopped, and others go on. Leaving waits for
    # up to two; larger ones are hardly faster to read (264, 304, 315, 318 tokens/s at 32, 64,
    # 128, 256).
    params.n_batch = params.n_ubatch = 64
    if setup.chat_template is not None:
        params.chat_template = setup.chat_template
    if setup.embeds:
        _embed(runtime, params, setup)
    return params


def _embed(runtime: Any, params: Any, setup: ModelSetup) -> None:
    params.embedding = True
    # One pool: in parts of their own, texts of different lengths are read in several steps, and
    # the runtime then takes the mean over the tokens of the last step only.
    params.kv_unified = True
    params.n_batch = params.n_ubatch = setup.context  # a text is embedded in a single step
    if setup.pooling is not None:
        kind = f"LLAMA_POOLING_TYPE_{setup.pooling.upper()}"
        params.pooling_type = getattr(runtime.llama_pooling_type, kind)


def _verbosity() -> int:
    wanted = os.environ.get(LOG_VARIABLE)
    if not wanted:
        return -1
    return int(wanted) if wanted.isdecimal() and wanted != "1" else 3


def default_threads() -> int:
    """How many threads compute, if nobody says: two, or half of the CPUs if that is more.

    The other half are often only the second threads of the same cores. And where a thread has to
    share its CPU, all others wait for it at every step.
    """
    return max(min(_cpus(), 2), _cpus() // 2)


def _cpus() -> int:
    """How many CPUs this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(allowed(0)) if allowed else os.cpu_count() or 1


# -- the door


@contextmanager
def _private_door() -> Generator[tuple[str, str], None, None]:
    """An address for the runtime, which insists on listening, that nobody else can reach.

    A socket file in a folder of our own, which is removed once the model is loaded. Where there
    are no such sockets: a port of this machine, behind a password that is told to nobody.
    """
    key = secrets.token_hex(16)
    if sys.platform == "win32":
        yield "127.0.0.1", key
        return
    with folder_for_a_while(prefix="runnables-") as folder:
        yield str(folder / "local.sock"), key


def _abilities(server: Server, key: str) -> Abilities:
    """What the model can do, of which the runtime tells over HTTP only."""
    with contextlib.closing(_connection(server.listening_address)) as connection:
        connection.request("GET", "/props", headers={"Authorization": f"Bearer {key}"})
        props: Mapping[str, Any] = json.loads(connection.getresponse().read())
    template: Mapping[str, Any] = props.get("chat_template_caps") or {}
    return Abilities(
        tools=bool(template.get("supports_tools")),
        context=int(props["default_generation_settings"]["n_ctx"]),
    )


def _connection(address: str) -> http.client.HTTPConnection:
    scheme, _, place = address.partition("://")
    if scheme == "unix":
        return _SocketFile(place)
    return http.client.HTTPConnection(place, timeout=60)


class _SocketFile(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
