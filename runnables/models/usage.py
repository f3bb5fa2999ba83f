"""How many tokens the models in a block of code took."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from runnables.core.config import activate, ensure_scope
from runnables.messages.usage import UsageMetadata, add_usage, sum_usage

if TYPE_CHECKING:
    from collections.abc import Generator

    from runnables.core.handlers import Event

MODELS: Final = frozenset({"chat_model", "embeddings"})
"""The sorts of runs that use tokens."""


class Usage:
    """Adds up the usage that models report; a handler, for `callbacks` too."""

    def __init__(self) -> None:
        # Runs end in several threads at once: appending is safe there, adding is not.
        self._answers: list[tuple[str, UsageMetadata]] = []

    @property
    def calls(self) -> int:
        """How many answers with a usage there were."""
        return len(self._answers)

    @property
    def by_model(self) -> dict[str, UsageMetadata]:
        """The usage of each model, by the name that the provider reports, or that of the run."""
        found: dict[str, UsageMetadata] = {}
        for name, usage in list(self._answers):
            found[name] = add_usage(found.get(name), usage)
        return found

    @property
    def total(self) -> UsageMetadata:
        """The usage of all models together."""
        return sum_usage(usage for _, usage in list(self._answers))

    def on_event(self, event: Event) -> None:
        """Count the usage of an answer."""
        if event.kind == "end" and event.run_type in MODELS and event.usage is not None:
            self._answers.append((model_of(event), event.usage))

    def __repr__(self) -> str:
        return f"Usage(calls={self.calls}, total={self.total})"


def model_of(event: Event) -> str:
    """Whose answer ends a run: the name that the provider reports, or that of the run."""
    name: str | None = getattr(event.output, "response_metadata", {}).get("model_name")
    return name or event.name


@contextmanager
def track_usage() -> Generator[Usage]:
    """Count the tokens of all models that run inside the block, sync or async.

    with track_usage() as usage:
        await chain.ainvoke(question)
    usage.total["total_tokens"]
    """
    usage = Usage()
    with activate(ensure_scope(None).merged({"callbacks": [usage]})):
        yield usage
