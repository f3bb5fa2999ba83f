"""Trimming of a conversation to a number of tokens."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, cast

from runnables.errors import did_you_mean
from runnables.messages.ai import AIMessage
from runnables.messages.base import BaseMessage
from runnables.messages.convert import MessagesLike, convert_to_messages
from runnables.messages.exchanges import Exchange, exchanges_in
from runnables.messages.kinds import KindOf, check_kinds, is_kind
from runnables.messages.normalize import items_of, text_of
from runnables.messages.roles import SystemMessage
from runnables.messages.steps import also_a_step
from runnables.messages.tokens import count_tokens_approximately


class CountsTokens(Protocol):
    """A model that counts the tokens of messages."""

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], /) -> int:
        """Return how many tokens the model reads for these messages."""
        ...


class SplitsText(Protocol):
    """A splitter of strings, whose parts add up to the string."""

    def split_text(self, text: str, /) -> list[str]:
        """Return the parts of a string, in order."""
        ...


Counter: TypeAlias = Callable[[list[BaseMessage]], int]
TokenCounter: TypeAlias = (
    Counter | Callable[[BaseMessage], int] | CountsTokens | Literal["approximate"]
)
"""A counter of tokens: a function of a list of messages (`len` counts messages), a function whose
parameter is annotated as one message, a model, or the word "approximate"."""

Splitter: TypeAlias = Callable[[str], list[str]]


@also_a_step
def trim_messages(
    messages: MessagesLike,
    *,
    max_tokens: int,
    token_counter: TokenCounter,
    strategy: Literal["first", "last"] = "last",
    allow_partial: bool = False,
    end_on: KindOf | None = None,
    start_on: KindOf | None = None,
    include_system: bool = False,
    text_splitter: Splitter | SplitsText | None = None,
) -> list[BaseMessage]:
    """Return the end, or the beginning, of a conversation that fits into a number of tokens.

    Services refuse a tool call without its results, and a result without its call. So a call is
    kept or dropped together with all of its results, and what has no counterpart in the
    conversation is dropped; only calls at its very end may still wait for results.

    Args:
        messages: the conversation. Without it, the function returns a runnable that trims its
            input.
        max_tokens: the most that the result may count. (Only a system message that
            `include_system` keeps may exceed it; it is the whole result then.)
        token_counter: see `TokenCounter`. It must not return less for more messages.
        strategy: "last" keeps the end, "first" the beginning.
        allow_partial: True lets the message at the cut be cut itself: to some of its blocks,
            or to some of the parts into which `text_splitter` splits its text.
        end_on: drop messages at the end until one is of these kinds. With "last" this happens
            before the rest is fitted, with "first" afterwards.
        start_on: drop messages at the beginning of what fits until one is of these kinds; only
            with "last".
        include_system: keep a system message at the very beginning; only with "last".
        text_splitter: a function, or an object with `split_text`; by default, strings are split
            into lines.

    Raises:
        ValueError: options that contradict each other, or an unknown strategy, kind or counter.

    Example:
        >>> talk = [SystemMessage("Be brief."), HumanMessage("Hi"), AIMessage("Hello")]
        >>> trim_messages(talk, max_tokens=2, token_counter=len, include_system=True)
        [SystemMessage('Be brief.'), AIMessage('Hello')]
        >>> (trim_messages(max_tokens=100, token_counter="approximate") | len).invoke(talk)
        3
    """
    check_kinds("start_on", start_on)
    check_kinds("end_on", end_on)
    trimmer = _Trimmer(
        limit=_checked_limit(max_tokens),
        count=_counter(token_counter),
        last=_is_last(strategy, start_on, include_system),
        split=_splitter(text_splitter) if allow_partial else None,
        start_on=start_on,
        end_on=end_on,
        include_system=include_system,
    )
    return trimmer.trim(convert_to_messages(messages))


def _checked_limit(max_tokens: Any) -> int:
    if not isinstance(max_tokens, int) or max_tokens < 0:
        raise ValueError(f"max_tokens={max_tokens!r}: expected an int of 0 or more.")
    return max_tokens


def _is_last(strategy: str, start_on: KindOf | None, include_system: bool) -> bool:
    if strategy not in ("first", "last"):
        hint = did_you_mean(strategy, ["first", "last"])
        raise ValueError(f"strategy={strategy!r}: expected 'first' or 'last'.{hint}")
    if strategy == "first" and (start_on or include_system):
        name = "start_on" if start_on else "include_system"
        raise ValueError(
            f"{name} goes with strategy='last' only: 'first' keeps the beginning as it is."
        )
    return strategy == "last"


def _counter(counter: Any) -> Counter:
    if counter == "approximate":
        return count_tokens_approximately
    if hasattr(counter, "get_num_tokens_from_messages"):
        return cast("Counter", counter.get_num_tokens_from_messages)
    if not callable(counter) or hasattr(counter, "run_type"):  # a chain returns no count
        raise ValueError(
            f"token_counter={counter!r}: expected a function, a model with "
            "get_num_tokens_from_messages, or 'approximate'."
        )
    if _counts_one(counter):
        return lambda messages: sum(cast("int", counter(message)) for message in messages)
    return cast("Counter", counter)


def _counts_one(counter: Callable[..., Any]) -> bool:
    """Tell whether a function counts a single message, by the annotation of its parameter."""
    try:
        parameters = inspect.signature(counter).parameters.values()
    except (TypeError, ValueError):
        return False
    annotation = next((parameter.annotation for parameter in parameters), None)
    if isinstance(annotation, str):  # from __future__ import annotations
        return annotation.strip("'\"").rpartition(".")[2] in _message_names()
    return isinstance(annotation, type) and issubclass(annotation, BaseMessage)


def _message_names() -> set[str]:
    classes = [BaseMessage]
    for cls in classes:
        classes.extend(cls.__subclasses__())
    return {cls.__name__ for cls in classes} | {"AnyMessage"}


def _splitter(splitter: Any) -> Splitter:
    if splitter is None:
        return lambda text: text.splitlines(keepends=True)
    return cast("Splitter", getattr(splitter, "split_text", splitter))


@dataclass(frozen=True)
class _Trimmer:
    """The options of one call, checked, and the trimming itself."""

    limit: int
    count: Counter
    last: bool
    split: Splitter | None
    start_on: KindOf | None
    end_on: KindOf | None
    include_system: bool

    def trim(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        return self._keep_end(messages) if self.last else self._keep_beginning(messages)

    def _keep_beginning(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        exchanges = exchanges_in(messages)
        size = _largest_fitting(len(exchanges), lambda size: self._fits(_joined(exchanges[:size])))
        kept = exchanges[:size]
        if self.split and size < len(exchanges):
            before = _joined(kept)
            kept += self._cut_to_fit(exchanges[size], lambda part: [*before, *part])
        return _joined(_drop_after(kept, self.end_on))

    def _keep_end(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        exchanges = _drop_after(exchanges_in(messages), self.end_on)
        has_system = bool(exchanges) and isinstance(exchanges[0][0], SystemMessage)
        head = exchanges[0] if self.include_system and has_system else []
        rest = exchanges[1:] if head else exchanges
        size = _largest_fitting(
            len(rest), lambda size: self._fits([*head, *_joined(rest[len(rest) - size :])])
        )
        kept = rest[len(rest) - size :]
        if self.split and size < len(rest):
            after = _joined(kept)
            cut = self._cut_to_fit(rest[len(rest) - size - 1], lambda part: [*head, *part, *after])
            kept = [*cut, *kept]
        return [*head, *_joined(_drop_before(kept, self.start_on))]

    def _fits(self, messages: Sequence[BaseMessage]) -> bool:
        return self.count(list(messages)) <= self.limit

    def _cut_to_fit(
        self, exchange: Exchange, in_result: Callable[[Exchange], Sequence[BaseMessage]]
    ) -> list[Exchange]:
        """Return a list of the messages with one cut so that they fit, or an empty list.

        A message with calls is not cut, as its blocks may be the calls.
        """
        for place, message in enumerate(exchange):
            if isinstance(message, AIMessage) and (message.tool_calls or len(exchange) > 1):
                continue

            def with_part(content: Any, place: int = place) -> Exchange:
                part = _with_content(exchange[place], content)
                return [*exchange[:place], part, *exchange[place + 1 :]]

            def fits(content: Any, with_part: Callable[[Any], Exchange] = with_part) -> bool:
                return self._fits(in_result(with_part(content)))

            content = self._fitting_blocks(message, fits) or self._fitting_text(message, fits)
            if content:
                return [with_part(content)]
        return []

    def _fitting_blocks(self, message: BaseMessage, fits: Callable[[Any], bool]) -> Any:
        """Return as many blocks as fit; None where the content is no list."""
        if isinstance(message.content, str):
            return None
        blocks = message.content
        size = _largest_fitting(len(blocks) - 1, lambda size: fits(self._take(blocks, size)))
        return self._take(blocks, size)

    def _fitting_text(self, message: BaseMessage, fits: Callable[[Any], bool]) -> Any:
        """Return as many parts of the string next to the kept messages as fit."""
        items = items_of(message.content)
        strings = [text for item in items if (text := text_of([item]))]
        if not strings or self.split is None:
            return None
        parts = self.split(strings[-1] if self.last else strings[0])
        size = _largest_fitting(len(parts), lambda size: fits("".join(self._take(parts, size))))
        return "".join(self._take(parts, size))

    def _take(self, items: Sequence[Any], size: int) -> list[Any]:
        """Return that many items, from the side that is kept."""
        return list(items[len(items) - size :] if self.last else items[:size])


def _with_content(message: BaseMessage, content: Any) -> BaseMessage:
    return message.model_copy(update={"content": content})


def _largest_fitting(top: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number up to `top` that fits, by bisection; 0 where none does."""
    low, high = 0, max(top, 0)
    if high and fits(high):
        return high
    while low < high - 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _joined(exchanges: Iterable[Exchange]) -> list[BaseMessage]:
    return [message for exchange in exchanges for message in exchange]


def _drop_after(exchanges: list[Exchange], end_on: KindOf | None) -> list[Exchange]:
    """Return the parts up to the last one that ends with one of these kinds."""
    size = len(exchanges)
    while end_on and size and not is_kind(exchanges[size - 1][-1], end_on):
        size -= 1
    return exchanges[:size]


def _drop_before(exchanges: list[Exchange], start_on: KindOf | None) -> list[Exchange]:
    """Return the parts from the first one that begins with one of these kinds on."""
    start = 0
    while start_on and start < len(exchanges) and not is_kind(exchanges[start][0], start_on):
        start += 1
    return exchanges[start:]
