"""llama.cpp in this process: loads a model without effects on the rest of the system.

By default, the runtime would open a TCP port, write its log to stderr, and spin all threads at
full speed while they wait. A library must do none of that.
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
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

from runnables.errors import ConfigError, MissingExtra, WeightsError
from runnables_providers.local.weights import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

LOG_VARIABLE: Final = "RUNNABLES_LOCAL_LOG"
"""The variable that makes llama.cpp write its log to stderr; a number sets its verbosity."""

_PACKAGE: Final = "xllamacpp"

Pooling: TypeAlias = Literal["mean", "cls", "last"]
"""How the vectors of tokens become one vector of a string."""


@dataclass(frozen=True)
class ModelSetup:
    """Everything that distinguishes one loaded model from another.

    Attributes:
        path: the model file; None: the default model.
        context: how many tokens one call may have, prompt and answer together.
        parallel: how many calls run at the same time.
        threads: how many threads compute; None: see `default_threads`.
        embeds: whether it returns vectors instead of text.
        pooling: how vectors are pooled; None: as the model file says.
        chat_template: the template that turns a conversation into a prompt; None: as the model
            file says.
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
    """The abilities of a loaded model.

    Attributes:
        tools: whether its chat template has a place for tools.
        context: how many tokens one call may have, prompt and answer together.
        trained: how many tokens the model can read at all.
        name: the name of the model, for errors.
        prompt: what is embedded in place of a string, with "{}" where the string goes.
    """

    tools: bool
    context: int
    trained: int
    name: str
    prompt: str = "{}"


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
    """Refuse to go on without the runtime; loads nothing.

    Raises:
        MissingExtra: the runtime is not installed.
    """
    if importlib.util.find_spec(_PACKAGE) is None:
        from runnables.core.installation import missing_extra  # here, as it reads metadata

        raise missing_extra("The local model", _PACKAGE, "local")


def is_imported() -> bool:
    """Tell whether this process has loaded the runtime's library."""
    return _PACKAGE in sys.modules


def check_counts(**settings: int | None) -> None:
    """Refuse settings that are not positive whole numbers; None stands for an unset one.

    Raises:
        ConfigError: there is such a setting.
    """
    for name, value in settings.items():
        if value is not None and not _is_count(value):
            raise ConfigError(f"{name}={value!r}: expected a whole number of at least 1.")


def _is_count(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and value >= 1 and value == value // 1


def load(setup: ModelSetup, path: Path) -> tuple[Server, Abilities]:
    """Load a model. It takes about half a second, during which no other Python code runs.

    Raises:
        MissingExtra: the runtime is not installed, or lacks a library of the system.
        WeightsError: the file does not exist, or is no model that the runtime can read.
    """
    if not path.is_file():
        raise WeightsError(f"There is no model file {path}.")
    runtime = _runtime()
    with _private_address() as (address, key):
        params = _params(runtime, setup, path)
        params.hostnames, params.api_keys = [address], [key]
        try:
            server: Server = runtime.Server(params)
        except RuntimeError as error:
            template = " Is chat_template= valid Jinja?" if setup.chat_template else ""
            raise WeightsError(
                f"llama.cpp cannot load {path}: is it a whole gguf file, of a kind of model that "
                f"{_PACKAGE} {runtime.__version__} knows, and is there memory for it?{template} "
                f"With {LOG_VARIABLE}=1 in the environment it says why on stderr."
            ) from error
        # The server's own loop answers this, so that it is known to run. Before, the server must
        # not be deleted, because deleting waits for ever for a loop that starts later.
        server.handle_metrics()
        return server, _abilities(server, key, setup)


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

    By default its threads spin for milliseconds whenever they wait for each other. On a machine
    that has other work, the thread that they wait for does not get a CPU: measured with two busy
    processes on two CPUs, 0.5 tokens a second instead of 9. On an idle machine, both reach 85.
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
    params.model_alias = {path.stem}  # or answers would contain the path of the file
    params.verbosity = _verbosity()
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = (
        setup.threads or default_threads()
    )
    params.n_parallel = setup.parallel
    # A part of the memory for each call. In one pool for all, a call that fills it would make
    # the runtime fail all the others; and the others would change a call's rounding errors.
    params.n_ctx = setup.context * setup.parallel
    params.kv_unified = False
    params.cache_ram_mib = 0  # or it would keep up to 8 GB of old prompts in memory
    params.endpoint_metrics = True
    params.ui = False
    params.n_threads_http = 1
    # The steps of a prompt: between them, a call can be stopped, and others go on. Stopping waits
    # for up to two; larger steps are hardly faster (264, 304, 315, 318 tokens/s at 32, 64, 128,
    # 256).
    params.n_batch = params.n_ubatch = 64
    if setup.chat_template is not None:
        params.chat_template = setup.chat_template
    if setup.embeds:
        _set_embedding(runtime, params, setup)
    return params


def _set_embedding(runtime: Any, params: Any, setup: ModelSetup) -> None:
    params.embedding = True
    # One pool: in parts of their own, strings of different lengths are read in several steps, and
    # the runtime then takes the mean over the tokens of the last step only. That is no harm where
    # only the last token counts, and such strings may be longer than a step.
    params.kv_unified = setup.pooling != "last"
    params.n_batch = params.n_ubatch = setup.context  # a string is embedded in a single step
    if setup.pooling is not None:
        kind = f"LLAMA_POOLING_TYPE_{setup.pooling.upper()}"
        params.pooling_type = getattr(runtime.llama_pooling_type, kind)


def _verbosity() -> int:
    wanted = os.environ.get(LOG_VARIABLE)
    if not wanted:
        return -1
    return int(wanted) if wanted.isdecimal() and wanted != "1" else 3


def default_threads() -> int:
    """Return the default number of threads: two, or half of the CPUs if that is more.

    The other half are often only the second threads of the same cores. And where a thread has to
    share its CPU, all others wait for it at every step.
    """
    return max(min(_cpus(), 2), _cpus() // 2)


def _cpus() -> int:
    """Count the CPUs that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(allowed(0)) if allowed else os.cpu_count() or 1


# -- the address of the server


@contextmanager
def _private_address() -> Generator[tuple[str, str], None, None]:
    """Yield an address that no other process can use, and a key: the runtime has to listen.

    It is a socket file in a folder of our own, which is removed once the model is loaded. On
    Windows, it is a port of this machine that needs the random key.
    """
    key = secrets.token_hex(16)
    if sys.platform == "win32":
        yield "127.0.0.1", key
        return
    with temporary_folder(prefix="runnables-") as folder:
        yield str(folder / "local.sock"), key


def _abilities(server: Server, key: str, setup: ModelSetup) -> Abilities:
    """Return the abilities of the model, which the runtime reports only over HTTP."""
    props = _get(server, key, "/props")
    (model,) = _get(server, key, "/v1/models")["data"]
    template: Mapping[str, Any] = props.get("chat_template_caps") or {}
    context = int(props["default_generation_settings"]["n_ctx"])
    return Abilities(
        tools=bool(template.get("supports_tools")),
        # For embeddings, it reports what all calls have together; see `_set_embedding`.
        context=min(context, setup.context) if setup.embeds else context,
        trained=int(model["meta"]["n_ctx_train"]),
        name=str(model["id"]),
    )


def _get(server: Server, key: str, path: str) -> Mapping[str, Any]:
    with contextlib.closing(_connection(server.listening_address)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        answer: Mapping[str, Any] = json.loads(connection.getresponse().read())
    return answer


def _connection(address: str) -> http.client.HTTPConnection:
    scheme, _, location = address.partition("://")
    if scheme == "unix":
        return _SocketConnection(location)
    return http.client.HTTPConnection(location, timeout=60)


class _SocketConnection(http.client.HTTPConnection):
    """An HTTP connection over a socket file."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
