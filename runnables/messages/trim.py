"""Keep a conversation below a number of tokens."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, cast, overload

from runnables.compose.functions import RunnableLambda
from runnables.core.values import show
from runnables.errors import did_you_mean
from runnables.messages.base import BaseMessage
from runnables.messages.convert import MessagesLike, convert_to_messages
from runnables.messages.kinds import KindOf, check_kinds, is_kind
from runnables.messages.normalize import items_of, text_of
from runnables.messages.roles import SystemMessage
from runnables.messages.tokens import count_tokens_approximately

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable


class CountsTokens(Protocol):
    """A model that knows how many tokens messages take."""

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], /) -> int:
        """How many tokens the model reads for these messages."""
        ...


class SplitsText(Protocol):
    """What cuts texts into pieces that joined give the text again."""

    def split_text(self, text: str, /) -> list[str]:
        """The pieces of a text, in order."""
        ...


Counter: TypeAlias = Callable[[list[BaseMessage]], int]
TokenCounter: TypeAlias = (
    Counter | Callable[[BaseMessage], int] | CountsTokens | Literal["approximate"]
)
"""What counts tokens: a function of a list of messages (`len` counts messages), a function whose
parameter is annotated as one message, a model, or the word "approximate"."""

Splitter: TypeAlias = Callable[[str], list[str]]


@overload
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
) -> list[BaseMessage]: ...


@overload
def trim_messages(
    messages: None = None,
    *,
    max_tokens: int,
    token_counter: TokenCounter,
    strategy: Literal["first", "last"] = "last",
    allow_partial: bool = False,
    end_on: KindOf | None = None,
    start_on: KindOf | None = None,
    include_system: bool = False,
    text_splitter: Splitter | SplitsText | None = None,
) -> Runnable[MessagesLike, list[BaseMessage]]: ...


def trim_messages(
    messages: MessagesLike | None = None,
    *,
    max_tokens: int,
    token_counter: TokenCounter,
    strategy: Literal["first", "last"] = "last",
    allow_partial: bool = False,
    end_on: KindOf | None = None,
    start_on: KindOf | None = None,
    include_system: bool = False,
    text_splitter: Splitter | SplitsText | None = None,
) -> list[BaseMessage] | Runnable[MessagesLike, list[BaseMessage]]:
    """The beginning or the end of a conversation that fits into a number of tokens.

    Args:
        messages: the conversation; without it, a runnable that trims its input.
        max_tokens: what the result may take at most. (Only a system message that is kept by
            `include_system` may exceed it; it then stands alone.)
        token_counter: see `TokenCounter`. It must not give less for more messages.
        strategy: "last" keeps the end, "first" the beginning.
        allow_partial: whether the message at the cut may be cut itself: to some of its blocks,
            or to some of the pieces that `text_splitter` makes of its text.
        end_on: drop messages at the end until one is of these kinds; with "last" this happens
            before the rest is fitted, with "first" afterwards.
        start_on: drop messages at the beginning of what fitted until one is of these kinds; only
            with "last". "human" makes sure that no tool's answer stands without its question.
        include_system: keep a system message at the very beginning; only with "last".
        text_splitter: a function, or an object with `split_text`; by default, lines.

    Raises:
        ValueError: options that contradict each other, or an unknown strategy, kind or counter.
    """
    options = _Options(
        max_tokens=max_tokens,
        token_counter=token_counter,
        strategy=strategy,
        allow_partial=allow_partial,
        end_on=end_on,
        start_on=start_on,
        include_system=include_system,
        text_splitter=text_splitter,
    )
    trim = options.checked()
    if messages is not None:
        return trim(messages)
    return RunnableLambda(options, name="trim_messages", blocking=False)


@dataclass(frozen=True, repr=False)
class _Options:
    """The options of one call, as they were given: a value that compares, prints and pickles."""

    max_tokens: int
    token_counter: TokenCounter
    strategy: str
    allow_partial: bool
    end_on: KindOf | None
    start_on: KindOf | None
    include_system: bool
    text_splitter: Splitter | SplitsText | None

    def __call__(self, messages: MessagesLike) -> list[BaseMessage]:
        return self.checked()(messages)

    def checked(self) -> _Trimmer:
        """What the options mean; ValueError where they mean nothing."""
        check_kinds("start_on", self.start_on)
        check_kinds("end_on", self.end_on)
        return _Trimmer(
            limit=_checked_limit(self.max_tokens),
            count=_counter(self.token_counter),
            last=_is_last(self.strategy, self.start_on, self.include_system),
            split=_splitter(self.text_splitter) if self.allow_partial else None,
            start_on=self.start_on,
            end_on=self.end_on,
            include_system=self.include_system,
        )

    def __repr__(self) -> str:
        given = {name: value for name, value in vars(self).items() if value}
        shown = (f"{name}={show(value)}" for name, value in given.items())
        return f"trim_messages({', '.join(shown)})"


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
    if not callable(counter):
        raise ValueError(
            f"token_counter={counter!r}: expected a function, a model with "
            "get_num_tokens_from_messages, or 'approximate'."
        )
    if _counts_one(counter):
        return lambda messages: sum(cast("int", counter(message)) for message in messages)
    return cast("Counter", counter)


def _counts_one(counter: Callable[..., Any]) -> bool:
    """Whether a function says, by its annotation, that it counts a single message."""
    try:
        parameters = inspect.signature(counter).parameters.values()
    except (TypeError, ValueError):
        return False
    annotation = next((parameter.annotation for parameter in parameters), None)
    if isinstance(annotation, str):  # from __future__ import annotations
        return annotation.strip("'\"").rpartition(".")[2] in _message_names()
    return isinstance(annotation, type) and issubclass(annotation, BaseMessage)


def _message_names() -> set[str]:
    found = [BaseMessage]
    for cls in found:
        found.extend(cls.__subclasses__())
    return {cls.__name__ for cls in found} | {"AnyMessage"}


def _splitter(splitter: Any) -> Splitter:
    if splitter is None:
        return lambda text: text.splitlines(keepends=True)
    return cast("Splitter", getattr(splitter, "split_text", splitter))


@dataclass(frozen=True)
class _Trimmer:
    """What the options of one call do to a conversation."""

    limit: int
    count: Counter
    last: bool
    split: Splitter | None
    start_on: KindOf | None
    end_on: KindOf | None
    include_system: bool

    def __call__(self, messages: MessagesLike) -> list[BaseMessage]:
        found = convert_to_messages(messages)
        return self._keep_end(found) if self.last else self._keep_beginning(found)

    def _keep_beginning(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        kept = messages[: _largest_fitting(len(messages), lambda n: self._fits(messages[:n]))]
        if self.split and len(kept) < len(messages):
            kept += self._cut_to_fit(messages[len(kept)], lambda part: [*kept, part])
        return _drop_after(kept, self.end_on)

    def _keep_end(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        messages = _drop_after(messages, self.end_on)
        has_system = bool(messages) and isinstance(messages[0], SystemMessage)
        head = messages[:1] if self.include_system and has_system else []
        rest = messages[len(head) :]
        size = _largest_fitting(len(rest), lambda n: self._fits([*head, *rest[len(rest) - n :]]))
        kept = rest[len(rest) - size :]
        if self.split and size < len(rest):
            cut = self._cut_to_fit(rest[len(rest) - size - 1], lambda part: [*head, part, *kept])
            kept = [*cut, *kept]
        return [*head, *_drop_before(kept, self.start_on)]

    def _fits(self, messages: Sequence[BaseMessage]) -> bool:
        return self.count(list(messages)) <= self.limit

    def _cut_to_fit(
        self, message: BaseMessage, around: Callable[[BaseMessage], Sequence[BaseMessage]]
    ) -> list[BaseMessage]:
        """As much of a message as fits, or nothing."""

        def fits(content: Any) -> bool:
            return self._fits(around(_with_content(message, content)))

        content = self._fitting_blocks(message, fits) or self._fitting_text(message, fits)
        return [_with_content(message, content)] if content else []

    def _fitting_blocks(self, message: BaseMessage, fits: Callable[[Any], bool]) -> Any:
        """Some of the blocks of a content that is a list."""
        if isinstance(message.content, str):
            return None
        blocks = message.content
        return self._take(
            blocks, _largest_fitting(len(blocks) - 1, lambda n: fits(self._take(blocks, n)))
        )

    def _fitting_text(self, message: BaseMessage, fits: Callable[[Any], bool]) -> Any:
        """Some of the pieces of the text at the edge that is kept."""
        items = items_of(message.content)
        texts = [text for item in items if (text := text_of([item]))]
        if not texts or self.split is None:
            return None
        pieces = self.split(texts[-1] if self.last else texts[0])
        size = _largest_fitting(len(pieces), lambda n: fits("".join(self._take(pieces, n))))
        return "".join(self._take(pieces, size))

    def _take(self, items: Sequence[Any], size: int) -> list[Any]:
        """That many items, from the edge that is kept."""
        return list(items[len(items) - size :] if self.last else items[:size])


def _with_content(message: BaseMessage, content: Any) -> BaseMessage:
    return message.model_copy(update={"content": content})


def _largest_fitting(top: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `top` that fits, by bisection; 0 where none does."""
    low, high = 0, max(top, 0)
    if high and fits(high):
        return high
    while low < high - 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _drop_after(messages: list[BaseMessage], end_on: KindOf | None) -> list[BaseMessage]:
    """Without the messages behind the last one of these kinds."""
    size = len(messages)
    while end_on and size and not is_kind(messages[size - 1], end_on):
        size -= 1
    return messages[:size]


def _drop_before(messages: list[BaseMessage], start_on: KindOf | None) -> list[BaseMessage]:
    """Without the messages before the first one of these kinds."""
    start = 0
    while start_on and start < len(messages) and not is_kind(messages[start], start_on):
        start += 1
    return messages[start:]
