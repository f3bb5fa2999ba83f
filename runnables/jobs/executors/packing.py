"""What travels to workers, as bytes: chains with lambdas and classes of `__main__`, but no secrets.

`cloudpickle` writes it, which Dask and Ray need, too. Three kinds of objects are written otherwise:

- **A model with a key** travels without it, unless the user says so: the worker then reads the key
  from its own environment, as a model without `api_key` does anywhere.
- **Headers with secrets** cannot come from an environment, so they are refused without that.
- **A rate limiter** becomes one with this process's part of the limit, where it is unpacked.
"""

from __future__ import annotations

import contextvars
import io
import pickle
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pydantic import Secret, SecretBytes, SecretStr

from runnables.core.values import Value, show
from runnables.errors import ConfigError, RunnablesError
from runnables.models.rate_limits import InMemoryRateLimiter
from runnables.redaction import SecretHeaders, is_secret_name

if TYPE_CHECKING:
    from collections.abc import Callable

_PICKLE: Final = 5

_processes: contextvars.ContextVar[int] = contextvars.ContextVar("runnables_processes", default=1)
"""Among how many processes the limits of what is unpacked are divided."""

_WAY_OUT: Final = (
    "Keys and the values of secret headers are sent to workers only with send_secrets=True: "
    "neither Dask nor Ray encrypts or authenticates by default."
)


class Packer:
    """Packs what travels to workers.

    Args:
        send_secrets: whether keys travel, too.

    Attributes:
        withheld: what says, for each model whose key was left out, where its worker looks for one.
        has_limiters: whether there was a rate limiter, which each process gets a part of.
    """

    def __init__(self, *, send_secrets: bool) -> None:
        self._send_secrets = send_secrets
        self.withheld: list[str] = []
        self.has_limiters = False

    def pack(self, value: Any, what: str) -> bytes:
        """Return a value as bytes.

        Args:
            value: the value.
            what: what it is, for errors.

        Raises:
            ConfigError: it cannot be pickled, or has secrets that have to travel; names the part.
        """
        try:
            return self._dumps(value)
        except RunnablesError:
            raise
        except Exception as error:
            part = self._part_of(value)
            where = "" if part is None else f" Its part {part} cannot."
            raise ConfigError(
                f"{what} cannot be sent to workers: {type(error).__name__}: {error}.{where} Make "
                "what cannot be pickled (a connection, a lock, an open file) inside the function "
                "that uses it, or at the top of a module that workers import."
            ) from error

    def pack_chain(self, chain: Any, kwargs: dict[str, Any]) -> bytes:
        """Return a chain and the options of its calls as bytes.

        Raises:
            ConfigError: as for `pack`.
        """
        try:
            return self._dumps((chain, kwargs))
        except RunnablesError:
            raise
        except Exception:
            self.pack(chain, show(chain))  # raises with the part, unless it is an option
            return self.pack(kwargs, "The options of the call")

    def _dumps(self, value: Any) -> bytes:
        file = io.BytesIO()
        _pickler()(file, self._reduce).dump(value)
        return file.getvalue()

    def _part_of(self, value: Any) -> str | None:
        """Return the smallest part of a chain that cannot be pickled."""
        parts: Any = list(value._children()) if hasattr(value, "_children") else []
        for part in parts:
            try:
                self._dumps(part)
            except Exception:
                return self._part_of(part) or show(part)
        return None

    def _reduce(self, value: Any) -> Any:
        """Return how a value is written; NotImplemented where that is as usual."""
        if isinstance(value, InMemoryRateLimiter):
            self.has_limiters = True
            return _part_of_limiter, (value._settings(), value._id)
        if self._send_secrets:
            return NotImplemented
        if isinstance(value, Value):
            return self._without_key(value)
        if isinstance(value, (SecretStr, SecretBytes, Secret)):
            raise ConfigError(f"The chain holds a secret that is no api_key of a model. {_WAY_OUT}")
        if isinstance(value, SecretHeaders):
            names = [name for name in value if is_secret_name(name)]
            if names:
                raise ConfigError(f"The chain has secret headers ({', '.join(names)}). {_WAY_OUT}")
        return NotImplemented

    def _without_key(self, value: Value) -> Any:
        """Return how a model is written whose key stays here."""
        state: dict[str, Any] = value.__getstate__()
        service: Any = getattr(value, "service", None)
        if state.get("api_key") is None or service is None:
            return NotImplemented
        names = getattr(service, "key_variables", ()) or ("of its key",)
        self.withheld.append(f"{type(value).__name__} reads its key from {names[0]} there")
        return _new, (type(value),), {**state, "api_key": None}


def _new(kind: type[Any]) -> Any:
    return object.__new__(kind)


def unpack(packed: bytes, processes: int = 1) -> Any:
    """Return what was packed.

    Args:
        packed: the bytes.
        processes: among how many processes rate limits are divided.
    """
    token = _processes.set(processes)
    try:
        return pickle.loads(packed)
    finally:
        _processes.reset(token)


def pack_plainly(value: Any) -> bytes:
    """Return a value as bytes, as it is.

    Raises:
        Exception: it cannot be pickled.
    """
    packed: bytes = _cloudpickle().dumps(value, _PICKLE)
    return packed


def _part_of_limiter(settings: dict[str, Any], limiter_id: str) -> InMemoryRateLimiter:
    """Return a limiter with this process's part of a limit."""
    processes = _processes.get()
    for name in ("requests_per_second", "requests_per_minute", "tokens_per_minute"):
        if settings.get(name) is not None:
            settings[name] /= processes
    settings["max_bucket_size"] = max(1, settings["max_bucket_size"] / processes)
    settings["key"] = f"{limiter_id} in {processes}"
    return InMemoryRateLimiter(**settings)


@cache
def _cloudpickle() -> Any:
    try:
        return import_module("cloudpickle")
    except ImportError:
        from runnables.core.installation import missing_extra

        raise missing_extra("executor=", "cloudpickle", "dask") from None


@cache
def _pickler() -> Any:
    """Return a class of picklers that ask a function first how an object is written."""
    base: Any = _cloudpickle().Pickler

    def set_up(self: Any, file: io.BytesIO, reduce: Callable[[Any], Any]) -> None:
        base.__init__(self, file, _PICKLE)
        self.reduce_first = reduce

    def reducer_override(self: Any, value: Any) -> Any:
        found = self.reduce_first(value)
        return base.reducer_override(self, value) if found is NotImplemented else found

    return type("Pickler", (base,), {"__init__": set_up, "reducer_override": reducer_override})
