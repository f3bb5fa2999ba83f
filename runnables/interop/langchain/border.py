"""What a call takes across the border, in each direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from runnables.core.config import RunnableConfig, Scope


def config_of_ours(manager: Any, config: Any = None) -> RunnableConfig:
    """Return the config for a call of ours that is a run of theirs, which is open already.

    The call has the id of their run, and its own events go to our handlers only; all below is
    reported to both.

    Args:
        manager: the run manager of their run, sync or async.
        config: their config of the call, for tags, metadata, limits and `configurable`.
    """
    raise NotImplementedError


def config_of_theirs(scope: Scope | None) -> Any:
    """Return the config for a call of theirs within our run.

    Their handlers receive all of it as they are, and ours through an adapter.

    Args:
        scope: the scope of our run; None: no config.
    """
    raise NotImplementedError


def silent() -> AbstractContextManager[None]:
    """Return a context in which a call of theirs tells nobody that it runs.

    For models and tools of theirs, whose run is reported as ours. Pass them the config
    `{"callbacks": []}`, too.
    """
    raise NotImplementedError
