"""What the processes of a Ray cluster have to be like for the rows of a batch."""

from __future__ import annotations

from typing import Any, Final

from runnables.errors import ConfigError

_OURS: Final = ("lifetime", "max_concurrency", "max_restarts", "max_task_retries", "name")
"""Options of actors that the batch sets itself."""


class RayExecutor:
    """Ray as what runs the rows of a batch, where its defaults do not fit.

    `executor=ray`, the module, does the same with one CPU for each process, and as many processes
    as the cluster has CPUs.

    Args:
        processes: how many processes at most.
        num_cpus: how many CPUs of the cluster each reserves; rows that wait for a service need
            little of one.
        options: further options of `ray.remote`, such as `num_gpus`, `resources` or `runtime_env`.

    Raises:
        ConfigError: an option that the batch sets itself, or nothing that limits the processes.

    Example:
        >>> RayExecutor(processes=4, num_gpus=1)
        RayExecutor(processes=4, num_cpus=1, num_gpus=1)
    """

    def __init__(
        self, processes: int | None = None, *, num_cpus: float = 1, **options: Any
    ) -> None:
        if processes is not None and (isinstance(processes, bool) or processes < 1):
            raise ConfigError(f"processes={processes!r}: expected a number from 1 on")
        if ours := sorted(set(options) & set(_OURS)):
            raise ConfigError(
                f"{ours[0]}={options[ours[0]]!r}: the batch itself says when processes start and "
                "end, and how much they run at once. Leave it out."
            )
        self.processes = processes
        self.options: dict[str, Any] = {"num_cpus": num_cpus, **options}
        if processes is None and not self.needs:
            raise ConfigError(
                "num_cpus=0: nothing says how many processes the cluster can have. "
                "Say processes=8, too."
            )

    @property
    def needs(self) -> dict[str, float]:
        """Return how much of each resource of a node a process reserves."""
        named: dict[str, Any] = {
            "CPU": self.options.get("num_cpus"),
            "GPU": self.options.get("num_gpus"),
            "memory": self.options.get("memory"),
            **(self.options.get("resources") or {}),
        }
        return {name: amount for name, amount in named.items() if amount}

    def __repr__(self) -> str:
        shown = {"processes": self.processes, **self.options}
        given = ", ".join(f"{name}={value!r}" for name, value in shown.items() if value is not None)
        return f"{type(self).__name__}({given})"
