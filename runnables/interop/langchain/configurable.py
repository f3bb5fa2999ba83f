"""Configurable models of LangChain: `configurable_fields` and `configurable_alternatives`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.configurable import ConfiguredRunnable
from runnables.compose.configurable_fields import ConfigurableField
from runnables.redaction import hide_in_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runnables.compose.runnable import Runnable


class ConfigurableOfLangChain(ConfiguredRunnable[Any, Any], internal=True):
    """A configurable runnable of LangChain; of a call's config, LangChain chooses what runs.

    What it chooses becomes one of ours, so a configurable model is a model here, too: it has
    `bind_tools`, streams, and its usage counts.

    Args:
        original: what `configurable_fields` or `configurable_alternatives` of LangChain returned.

    Attributes:
        original: the same.
        default: what runs where a call's config chooses nothing, as one of ours.
    """

    _adapts: ClassVar[str] = "original"

    def __init__(self, original: Any) -> None:
        self.original = original
        self.default = self._chosen({})

    def __repr__(self) -> str:
        return hide_in_text(f"from_langchain({self.original!r})")  # theirs may show keys

    def _configurable(self) -> Iterable[tuple[Any, Any]]:
        for spec in self.original.config_specs:
            yield (
                ConfigurableField(
                    id=spec.id,
                    name=spec.name,
                    description=spec.description,
                    annotation=spec.annotation,
                    is_shared=spec.is_shared,
                ),
                spec.default,
            )

    def _chosen(self, values: Mapping[str, Any]) -> Runnable[Any, Any]:
        chosen, _ = self.original.prepare({"configurable": dict(values)})
        made: Runnable[Any, Any] = coerce_to_runnable(chosen)
        # of the configs of LangChain's `with_config`, the values have been chosen by
        bound = self.original.config or {}
        config: Any = {key: bound[key] for key in bound if bound[key] and key in _BOUND}
        return made.with_config(config) if config else made


_BOUND = ("tags", "metadata", "callbacks", "run_name", "max_concurrency")
"""The keys of a bound config that hold for what was chosen."""
