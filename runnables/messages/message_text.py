"""The text of a message, as users read it: a string that may also be called."""

from __future__ import annotations


class MessageText(str):
    """A string that returns itself, as a plain string, when it is called.

    LangChain's `message.text()` was a method before it became a property, and code has both. What
    is made of it (slices, sums, copies, pickles, JSON) is or has a plain string.

    Example:
        >>> message = HumanMessage("Ahoy")
        >>> message.text, message.text()
        ('Ahoy', 'Ahoy')
        >>> type(message.text())
        <class 'str'>
    """

    __slots__ = ()

    def __call__(self) -> str:
        """Return the plain string."""
        return str(self)

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Copy and pickle as a plain string."""
        return str, (str(self),)
