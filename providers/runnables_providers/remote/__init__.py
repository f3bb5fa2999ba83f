"""Chains that run in another process, and are reached over HTTP."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables_providers.remote.runnable import RemoteRunnable as RemoteRunnable
else:
    __getattr__, __dir__ = lazy_names(
        __name__, {"runnables_providers.remote.runnable": "RemoteRunnable"}
    )

__all__ = ["RemoteRunnable"]
