"""How a value is shown in a prompt: messages and documents by what they say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, cast

from runnables.core.foreign import from_foreign, is_foreign
from runnables.errors import PromptError
from runnables.messages.as_text import get_buffer_string
from runnables.messages.base import BaseMessage
from runnables.messages.normalize import text_of
from runnables.messages.prompt_values import PromptValue

_PLAIN: Final = frozenset({str, int, bool, bytes})
_SHOWN: Final = frozenset({"BaseMessage", "PromptValue"})  # the names that LangChain has, too
_MISSING_NAMES: Final = frozenset({"NAType", "NaTType"})  # of pandas, which need not be here


def shown(value: Any) -> Any:
    """Return a message, a prompt, a document or a list of these as text; other values as they are.

    A list of messages is shown as a conversation, each behind its role.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, (list, tuple)):
        items: list[Any] = [_ours(item) for item in cast("Any", value)]
        if items and all(isinstance(item, BaseMessage) for item in items):
            return get_buffer_string(items)
        contents = [_page_content(item) for item in items]
        has_contents = bool(contents) and None not in contents
        return "\n\n".join(cast("list[str]", contents)) if has_contents else cast("Any", value)
    value = _ours(value)
    if isinstance(value, BaseMessage):
        return text_of(value.content)
    if isinstance(value, PromptValue):
        return value.to_string()
    content = _page_content(value)
    return value if content is None else content


def _ours(value: Any) -> Any:
    """Return a message or a prompt of LangChain as ours; other values as they are."""
    return from_foreign(value) if is_foreign(value) and _SHOWN & _names(value) else value


def _names(value: object) -> set[str]:
    return {base.__name__ for base in type(value).__mro__}


def _page_content(value: Any) -> str | None:
    """Return the text of a document, as LangChain has them; None for anything else."""
    content = getattr(value, "page_content", None)
    return content if isinstance(content, str) else None


def is_missing(value: Any) -> bool:
    """Tell whether a value stands for one that is not there: None, NaN, or pandas' own."""
    if value is None:
        return True
    if isinstance(value, (float, Decimal)):
        return bool(value != value)
    kind = type(cast("object", value))
    if kind.__name__ in _MISSING_NAMES:
        return True
    # numbers of NumPy, which are floats of other sizes
    return (
        kind.__module__ == "numpy" and getattr(value, "shape", None) == () and bool(value != value)
    )


def missing_value(name: str, value: Any, where: str, way_out: str) -> PromptError:
    """Return the error for a value that is not there.

    Args:
        name: the variable.
        value: the value.
        where: the place in the template, as the beginning of a sentence.
        way_out: how to write the word after all, as a sentence.
    """
    return PromptError(
        f"{where}: the value of {name!r} is {value!r}, which the model would read as a word. Pass "
        f"an empty string where there is nothing to show. {way_out}"
    )
