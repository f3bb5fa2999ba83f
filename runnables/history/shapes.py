"""The messages in the inputs and outputs of a chain: strings, messages, lists of them, dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from runnables.messages.ai import AIMessage
from runnables.messages.base import BaseMessage
from runnables.messages.convert import convert_to_messages
from runnables.messages.kinds import message_chunk_to_message

_KEYWORDS = {"input": "input_messages_key", "output": "output_messages_key"}


@dataclass(frozen=True)
class Shapes:
    """Where a chain has its messages.

    Attributes:
        owner: the runnable, for errors.
        input_key: the key of the new messages in the input; None: see `_key_in`.
        output_key: the key of the answer in the output; None: see `_key_in`.
        history_key: the key that gets the history; None: it goes in front of the new messages.
    """

    owner: object
    input_key: str | None
    output_key: str | None
    history_key: str | None

    def messages_in(self, value: Any) -> list[BaseMessage]:
        """Return the new messages of an input, as they go into the history.

        Raises:
            TypeError: no messages are where they are expected.
        """
        found: Any = value
        if isinstance(value, Mapping):
            found = self._part(cast("Mapping[str, Any]", value), self.input_key, "input")
        elif self.input_key is not None or self.history_key is not None:
            raise TypeError(
                f"{self.owner!r}: expected a dict as input, as its keys are set, got {value!r}"
            )
        if type(found) in (list, tuple) and len(found) == 1 and type(found[0]) is list:
            found = found[0]  # a batch of one conversation, as LangChain has it
        try:
            return convert_to_messages(found)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{self.owner!r}: expected a string, a message or a list of messages as its "
                f"input, got {found!r} ({error})"
            ) from None

    def with_history(self, value: Any, history: list[BaseMessage], new: list[BaseMessage]) -> Any:
        """Return the input of the chain: with the history under its key, or in front."""
        if self.history_key is not None:
            return {**value, self.history_key: history}
        if self.input_key is not None:
            return {**value, self.input_key: [*history, *new]}
        return [*history, *new]

    def messages_out(self, output: Any, given: list[BaseMessage]) -> list[BaseMessage]:
        """Return the messages of an output, as they go into the history.

        An agent returns the whole conversation. What the chain was given is not new.

        Args:
            output: the output.
            given: the history and the new messages of the input.

        Raises:
            TypeError: no messages are where they are expected.
        """
        found = output
        if isinstance(output, Mapping):
            found = self._part(cast("Mapping[str, Any]", output), self.output_key, "output")
        if isinstance(found, str):
            return [AIMessage(found)]
        messages: Any = [found] if isinstance(found, BaseMessage) else found
        if not _are_messages(messages):
            raise TypeError(
                f"{self.owner!r}: expected a string, a message or a list of messages as its "
                f"output, got {found!r}. Put the history around the model alone, and what comes "
                "after it behind the history: with_history(prompt | model) | parser."
            )
        asks_again = isinstance(output, Mapping) and "approval_requests" in output
        is_longer = len(messages) > len(given) or asks_again
        new = _new(messages, given) if is_longer else messages
        return [message_chunk_to_message(message) for message in new]

    def _part(self, value: Mapping[str, Any], key: str | None, side: str) -> Any:
        """Return what stands under a key: the one that is set, the only one, or "input"/"output".

        Raises:
            TypeError: there is no such key.
        """
        if key is None:
            others = [name for name in value if name != self.history_key]
            key = others[0] if len(others) == 1 else side
        if key not in value:
            raise TypeError(
                f"{self.owner!r}: its {side} has no key {key!r}, but {', '.join(map(repr, value))}."
                f" Set {_KEYWORDS[side]}= to the key of the messages."
            )
        return value[key]


def _new(messages: Sequence[BaseMessage], given: list[BaseMessage]) -> Sequence[BaseMessage]:
    """Return the messages that are not those that the chain was given, themselves.

    Where some of those are missing, it is no conversation that goes on: all are new.
    """
    known, found = set(map(id, given)), set(map(id, messages))
    return [each for each in messages if id(each) not in known] if known <= found else messages


def _are_messages(value: Any) -> bool:
    is_list = isinstance(value, Sequence)
    return is_list and all(isinstance(message, BaseMessage) for message in cast("Any", value))
