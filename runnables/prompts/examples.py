"""Selectors of examples for few-shot prompts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from runnables.core.values import Value
from runnables.engine.thread_calls import to_thread
from runnables.errors import SyncAsyncError

if TYPE_CHECKING:
    from runnables.prompts.string import StringPromptTemplate
    from runnables.prompts.template import Example


@runtime_checkable
class ExampleSelector(Protocol):
    """A protocol of objects that choose examples for a prompt.

    Example:
        >>> isinstance(LengthBasedExampleSelector([], PromptTemplate("{x}")), ExampleSelector)
        True
    """

    def select_examples(self, input_variables: dict[str, Any], /) -> Sequence[Example]:
        """Return the examples for these values, which are all values of the prompt's input."""
        ...


@runtime_checkable
class AsyncExampleSelector(Protocol):
    """A protocol of objects that choose examples for a prompt, and have to be awaited.

    Example:
        >>> import asyncio
        >>> class Search:
        ...     async def aselect_examples(self, input_variables):
        ...         return [{"word": "big"}]
        >>> shown = PromptTemplate("Example: {word}")
        >>> prompt = FewShotPromptTemplate(
        ...     example_prompt=shown, suffix="{word}?", example_selector=Search()
        ... )
        >>> asyncio.run(prompt.ainvoke("tall")).to_string()
        'Example: big\\n\\ntall?'
    """

    async def aselect_examples(self, input_variables: dict[str, Any], /) -> Sequence[Example]:
        """Return the examples for these values, which are all values of the prompt's input."""
        ...


class SyncAsyncSelector(NamedTuple):
    """A selector that can be called and awaited."""

    select_examples: Callable[[dict[str, Any]], Sequence[Example]]
    aselect_examples: Callable[[dict[str, Any]], Awaitable[Sequence[Example]]]


def sync_and_async(selector: object) -> SyncAsyncSelector:
    """Return the sync and the async method of a selector.

    Without an async method, the sync one runs in a thread. Without a sync method, calls raise.
    """
    sync = getattr(selector, "select_examples", None) or partial(_refuse, selector)
    awaitable = getattr(selector, "aselect_examples", None) or partial(to_thread, sync)
    return SyncAsyncSelector(sync, awaitable)


def _refuse(selector: object, values: dict[str, Any]) -> Sequence[Example]:
    raise SyncAsyncError(
        f"{type(selector).__name__} has no `select_examples`, only `aselect_examples`. "
        "Use `ainvoke` or `aformat_prompt` of the prompt instead."
    )


class BaseExampleSelector(ABC):
    """A base class for selectors. It is optional: a method of one of the two protocols is enough.

    Example:
        >>> class Last(BaseExampleSelector):
        ...     def select_examples(self, input_variables, /):
        ...         return [{"word": "big"}, {"word": "tall"}][-1:]
        >>> Last().select_examples({})
        [{'word': 'tall'}]
    """

    @abstractmethod
    def select_examples(self, input_variables: dict[str, Any], /) -> Sequence[Example]:
        """Return the examples for these values."""


class LengthBasedExampleSelector(Value, BaseExampleSelector):
    """A selector of the first examples that fit together with the input.

    Args:
        examples: all examples, the best first.
        example_prompt: the template that renders an example.
        max_length: the greatest length of the examples and the input together.
        get_text_length: a function that measures a string; by default it counts words.

    Example:
        >>> examples = [{"word": "big"}, {"word": "tall"}]
        >>> selector = LengthBasedExampleSelector(examples, PromptTemplate("{word}"), max_length=3)
        >>> selector.select_examples({"question": "how tall"})
        [{'word': 'big'}]
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
        """Return the first examples, as many as fit."""
        input_text = " ".join(map(str, input_variables.values()))
        remaining = self.max_length - self.get_text_length(input_text)
        chosen: list[Example] = []
        for example in self.examples:
            remaining -= self.get_text_length(self.example_prompt.invoke(example).to_string())
            if remaining < 0:
                break
            chosen.append(example)
        return chosen


def count_words(text: str) -> int:
    """Count the words of a string, which spaces and line ends separate."""
    return len(text.split(" ")) + text.count("\n")
