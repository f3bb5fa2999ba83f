"""Which examples to show."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from runnables.core.values import Value
from runnables.engine import to_thread
from runnables.errors import SyncAsyncError

if TYPE_CHECKING:
    from runnables.prompts.string import StringPromptTemplate
    from runnables.prompts.template import Example


@runtime_checkable
class ExampleSelector(Protocol):
    """Chooses examples for a prompt."""

    def select_examples(self, input_variables: dict[str, Any], /) -> Sequence[Example]:
        """The examples to show for these values; they may be any of the prompt's input."""
        ...


@runtime_checkable
class AsyncExampleSelector(Protocol):
    """Chooses examples for a prompt, and has to wait for them."""

    async def aselect_examples(self, input_variables: dict[str, Any], /) -> Sequence[Example]:
        """The examples to show for these values; they may be any of the prompt's input."""
        ...


class SyncAsyncSelector(NamedTuple):
    """A selector that can be called and awaited."""

    select_examples: Callable[[dict[str, Any]], Sequence[Example]]
    aselect_examples: Callable[[dict[str, Any]], Awaitable[Sequence[Example]]]


def sync_and_async(selector: object) -> SyncAsyncSelector:
    """The two halves of a selector; the half that it lacks works in a thread, or raises."""
    sync = getattr(selector, "select_examples", None) or partial(_refuse, selector)
    coloured = getattr(selector, "aselect_examples", None) or partial(to_thread, sync)
    return SyncAsyncSelector(sync, coloured)


def _refuse(selector: object, values: dict[str, Any]) -> Sequence[Example]:
    raise SyncAsyncError(
        f"{type(selector).__name__} selects examples with `aselect_examples` only. "
        "Use `ainvoke` or `aformat_prompt` of the prompt instead."
    )


class BaseExampleSelector(ABC):
    """A base for selectors; a selector needs no base, one method of the two protocols is enough."""

    @abstractmethod
    def select_examples(self, input_variables: dict[str, Any], /) -> Sequence[Example]:
        """The examples to show for these values."""


class LengthBasedExampleSelector(Value, BaseExampleSelector):
    """Shows the first examples that fit beside the input.

    Args:
        examples: all examples, the best first.
        example_prompt: how an example is shown.
        max_length: how long the examples and the input together may be.
        get_text_length: measures a text; words by default.
    """

    def __init__(
        self,
        examples: Iterable[Example],
        example_prompt: StringPromptTemplate,
        *,
        max_length: int = 2048,
        get_text_length: Callable[[str], int] | None = None,
    ) -> None:
        self.examples = list(examples)
        self.example_prompt = example_prompt
        self.max_length = max_length
        self.get_text_length = get_text_length or count_words

    def add_example(self, example: Example) -> None:
        """Add an example at the end, in place."""
        self.examples.append(example)

    def select_examples(self, input_variables: Mapping[str, Any], /) -> list[Example]:
        """The first examples, as long as there is room."""
        room = self.max_length - self.get_text_length(" ".join(map(str, input_variables.values())))
        chosen: list[Example] = []
        for example in self.examples:
            room -= self.get_text_length(self.example_prompt.invoke(example).to_string())
            if room < 0:
                break
            chosen.append(example)
        return chosen


def count_words(text: str) -> int:
    """How many words a text has, as spaces and line ends part them."""
    return len(text.split(" ")) + text.count("\n")
