"""Several configs as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from runnables.core.config import check_config, check_handlers
from runnables.core.foreign import is_same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnables.core.config import RunnableConfig


def merge_configs(*configs: RunnableConfig | None) -> RunnableConfig:
    """Merge several configs into one.

    Tags, callbacks, metadata and configurable values add up. Of any other key, and of two values
    with one key in the metadata, the later one wins.

    Args:
        *configs: the configs, the most general one first; None is skipped.

    Returns:
        A new config.

    Raises:
        ConfigError: an unknown key, or a value of the wrong type.

    Example:
        >>> merge_configs({"tags": ["a"], "run_name": "x"}, {"tags": ["b"], "run_name": "y"})
        {'tags': ['a', 'b'], 'run_name': 'y'}
    """
    merged: dict[str, Any] = {}
    for config in configs:
        check_config(config or {})
        for key, value in (config or {}).items():
            if value is not None:
                combine = _COMBINERS.get(key)
                merged[key] = combine(merged.get(key), value) if combine else value
    return cast("RunnableConfig", merged)


def _joined(old: Any, new: Any) -> list[Any]:
    return [*(old or ()), *(value for value in new if value not in (old or ()))]


def _joined_handlers(old: Any, new: Any) -> Any:
    if not old:
        return new
    known = check_handlers(old)
    added = (one for one in check_handlers(new) if not any(is_same(one, other) for other in known))
    return [*known, *added]


def _updated(old: Any, new: Any) -> dict[str, Any]:
    return {**(old or {}), **new}


_COMBINERS: Final[Mapping[str, Any]] = {
    "tags": _joined,
    "callbacks": _joined_handlers,
    "metadata": _updated,
    "configurable": _updated,
}
