"""HTML in which whatever is no markup of ours is escaped."""

from __future__ import annotations

from html import escape
from typing import Final

_EMPTY: Final = frozenset({"br", "link", "meta"})
"""Elements that have no content and no end."""


class Markup(str):
    """A string that is HTML already. Only `element` and `joined` make it of other strings."""

    __slots__ = ()


def element(tag: str, /, *content: str, **attributes: str) -> Markup:
    """Return an element of HTML, with its content escaped where that is no markup.

    Args:
        tag: the name of the element.
        *content: what is in it.
        **attributes: its attributes; `class_` is `class`, and `data_x` is `data-x`.

    Example:
        >>> from runnables.serving.html import element
        >>> element("p", "1 < 2, ", element("b", "yes"), class_="note")
        '<p class="note">1 &lt; 2, <b>yes</b></p>'
    """
    pairs = [f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
             for key, value in attributes.items()]  # fmt: skip
    start = f"<{tag}{''.join(pairs)}>"
    return Markup(start if tag in _EMPTY else f"{start}{joined(*content)}</{tag}>")


def joined(*content: str) -> Markup:
    """Return parts of HTML one after the other, escaped where they are no markup."""
    return Markup("".join(
        part if isinstance(part, Markup) else escape(part) for part in content
    ))  # fmt: skip
