"""The objects that `executor=` takes, known by the package that their class is from."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runnables.jobs.executors.engines import ChunkEngine

_ENGINES: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("distributed", "Client"): ("dask_engine", "DaskEngine"),
    ("distributed", "ClientExecutor"): ("dask_engine", "DaskEngine"),
    ("ray", ""): ("ray_engine", "RayEngine"),  # the module itself
    ("runnables", "RayExecutor"): ("ray_engine", "RayEngine"),
    ("concurrent", "Executor"): ("pool_engine", "PoolEngine"),
}
"""By the package and the name of a class: the module of an engine here, and its class.

The module is imported when such an object is passed, so its package is loaded then.
"""

_EXPECTED: Final = (
    "expected a Client of dask.distributed, the module ray, an executor of concurrent.futures, or "
    "a function that makes one"
)


def check_executor(executor: Any) -> None:
    """Refuse what cannot run chunks.

    Raises:
        ConfigError: says what was expected.
    """
    if executor is not None and _engine_of(executor) is None:
        raise ConfigError(f"executor={executor!r}: {_EXPECTED}")


def engine_for(executor: Any) -> ChunkEngine:
    """Return a new engine that runs the chunks of one job through what the user has passed."""
    found = _engine_of(executor)
    assert found is not None, "it was checked"
    module = import_module(f"runnables.jobs.executors.{found[0]}")
    return cast("ChunkEngine", getattr(module, found[1])(executor))


def _engine_of(executor: Any) -> tuple[str, str] | None:
    for name in _names_of(executor):
        if (found := _ENGINES.get(name)) is not None:
            return found
    is_factory = callable(executor) and not isinstance(executor, (type, ModuleType))
    return ("pool_engine", "PoolEngine") if is_factory else None


def _names_of(executor: Any) -> Iterator[tuple[str, str]]:
    """Yield the package and the name of each class of an object; of a module, its own."""
    if isinstance(executor, ModuleType):
        yield executor.__name__, ""
        return
    for kind in type(executor).__mro__:
        yield kind.__module__.partition(".")[0], kind.__name__
