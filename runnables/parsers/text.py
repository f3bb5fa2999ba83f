"""The text in what a model gives, whatever the form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from runnables.messages import AIMessage, BaseMessage, Content, PromptValue
from runnables.messages.normalize import refusal_of, text_of as text_of_content

ModelOutput: TypeAlias = str | BaseMessage | PromptValue | list[str | dict[str, Any]]
"""What text parsers read: a text, a message or a piece of one, a prompt, or content blocks."""


def text_of(output: Any, reader: object) -> str:
    """The text of a model's output; of content blocks, only the text counts.

    Args:
        output: see `ModelOutput`.
        reader: who asks, for the error.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(output, str):
        return str(output)
    if isinstance(output, BaseMessage):
        return str(output.text)
    if isinstance(output, PromptValue):
        return output.to_string()
    if isinstance(output, list) and _are_blocks(cast("list[object]", output)):
        return text_of_content(cast("Content", output))
    raise TypeError(
        f"{type(reader).__name__} reads text, a message or a list of content blocks, "
        f"got {_described(cast('object', output))}."
    )


def refusal_in(output: Any) -> str | None:
    """What the model said in this output where it refused to answer, or None."""
    if isinstance(output, AIMessage):
        return output.refusal
    if isinstance(output, list) and _are_blocks(cast("list[object]", output)):
        return refusal_of(cast("Content", output)) or None
    return None


def _are_blocks(items: Sequence[object]) -> bool:
    return all(isinstance(item, str | dict) for item in items)


def _described(output: object) -> str:
    if isinstance(output, list):
        kinds = sorted({type(item).__name__ for item in cast("list[object]", output)})
        return f"a list of {', '.join(kinds)}"
    return f"a value of type {type(output).__name__!r}"
