"""Calls of models of ours by LangChain, with a config that sets configurable fields.

Within a chain or a graph of LangChain, our call finds the config around it. A model of LangChain
that is called by itself does not pass its config on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from runnables.core.description import fields_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping


class ConfiguredCalls:
    """A base class, in front of LangChain's, of models that stand for one of ours as `ours`."""

    ours: Any

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Run the model with the values of its configurable fields in a config."""
        return _super(self._configured(config)).invoke(input, config, **kwargs)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Do what `invoke` does, async."""
        return await _super(self._configured(config)).ainvoke(input, config, **kwargs)

    def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Iterator[Any]:
        """Do what `invoke` does, and yield the answer in chunks."""
        chunks: Iterator[Any] = _super(self._configured(config)).stream(input, config, **kwargs)
        return chunks

    # no generator: it would be one more layer to close
    def astream(self, input: Any, config: Any = None, **kwargs: Any) -> AsyncIterator[Any]:
        """Do what `stream` does, async."""
        chunks: Any = _super(self._configured(config)).astream(input, config, **kwargs)
        return cast("AsyncIterator[Any]", chunks)

    def _configured(self, config: Mapping[str, Any] | None) -> Any:
        """Return the model with these values; itself where they are about other things."""
        values: Mapping[str, Any] = (config or {}).get("configurable") or {}
        known: set[str] = fields_of(self.ours) if values else set()
        own = {key: value for key, value in values.items() if key in known}
        if not own:
            return self
        copied = cast("Any", self).model_copy()
        copied.ours = self.ours.with_config(configurable=own)
        return copied


def _super(model: ConfiguredCalls) -> Any:
    """Return LangChain's own methods of a model."""
    return super(ConfiguredCalls, model)
