"""Counting the tokens that models use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

from runnables.core.config import activate, ensure_scope
from runnables.messages.usage import UsageMetadata, add_usage, sum_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from runnables.core.handlers import Event, Handler

MODELS: Final = frozenset({"chat_model", "llm", "embeddings"})
"""The types of runs that use tokens."""


class Usage:
    """The sum of the usage that models report; also a handler, for `callbacks`.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> reported = UsageMetadata(input_tokens=3, output_tokens=2, total_tokens=5)
        >>> usage = Usage()
        >>> model = ScriptedChatModel(["Ahoy!"], usage=reported)
        >>> answer = model.invoke("Hello", {"callbacks": [usage]})
        >>> usage.calls, usage.total["total_tokens"]
        (1, 5)
    """

    run_types = MODELS

    def __init__(self) -> None:
        # Runs end in several threads at once: appending is safe there, adding is not.
        self._answers: list[tuple[str, UsageMetadata]] = []

    @property
    def calls(self) -> int:
        """Return how many answers reported a usage."""
        return len(self._answers)

    @property
    def answers(self) -> list[tuple[str, UsageMetadata]]:
        """Return the model and the usage of each answer, in the order in which they came."""
        return list(self._answers)

    @property
    def by_model(self) -> dict[str, UsageMetadata]:
        """Return the usage of each model, by the name that the provider reports, or the run's."""
        usages: dict[str, UsageMetadata] = {}
        for name, usage in list(self._answers):
            usages[name] = add_usage(usages.get(name), usage)
        return usages

    @property
    def total(self) -> UsageMetadata:
        """Return the usage of all models together."""
        return sum_usage(usage for _, usage in list(self._answers))

    def add(self, answers: Iterable[tuple[str, UsageMetadata]]) -> None:
        """Count the usage of answers that came elsewhere: the model and the usage of each."""
        self._answers.extend(answers)

    def on_event(self, event: Event) -> None:
        """Count the usage of an answer."""
        if event.kind == "end" and event.run_type in MODELS and event.usage is not None:
            self._answers.append((model_of(event), event.usage))

    def __repr__(self) -> str:
        return f"Usage(calls={self.calls}, total={self.total})"


def model_of(event: Event) -> str:
    """Return the model of a run that ends: the name that the provider reports, or the run's."""
    name: str | None = getattr(event.output, "response_metadata", {}).get("model_name")
    return name or event.name


H = TypeVar("H", bound="Handler")


class handling(Generic[H]):
    """The block of `with`, in which a handler receives the events of all runs.

    (A class: contextlib's own sets attributes of exceptions.)

    Args:
        make: makes the handler, at each entry.
    """

    def __init__(self, make: Callable[[], H]) -> None:
        self._make = make

    def __enter__(self) -> H:
        handler = self._make()
        self._block = activate(ensure_scope(None).merged({"callbacks": [handler]}))
        self._block.__enter__()
        return handler

    def __exit__(self, *_: object) -> None:
        self._block.__exit__()


def track_usage() -> AbstractContextManager[Usage, None]:
    """Count the tokens of all models that run inside the block, sync or async.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> reported = UsageMetadata(input_tokens=3, output_tokens=2, total_tokens=5)
        >>> model = ScriptedChatModel(["Ahoy!"], cycle=True, usage=reported)
        >>> with track_usage() as usage:
        ...     answers = model.batch(["Hello", "Good morning"])
        >>> usage.total["total_tokens"]
        10
    """
    return handling(Usage)
