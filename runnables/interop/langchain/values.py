"""Values at the border: messages, documents and prompt values within inputs and outputs.

Values are converted at the top, in lists, tuples and dicts (at any depth of these), and in what a
node of LangGraph returns to direct the graph (`Command`, `Send`). Whatever holds none of them is
passed on as the same object, so that what two parts share stays shared, and no class is lost.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.interop.langchain.registry import converter_of_ours, converter_of_theirs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    ConverterOf = Callable[[type], Callable[[Any], Any] | None]
    """Returns the function that converts data of a class; None for other classes."""

_PLAIN: Final = frozenset({str, int, float, bool, bytes, type(None)})

_ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "Command": ("update", "resume", "goto"),
    "Send": ("arg",),
    "Overwrite": ("value",),
}
"""LangGraph's classes that carry values, and the attributes with them."""


def from_value(value: object) -> Any:
    """Return a value of theirs with our messages, documents and prompt values in it.

    A message of theirs that has no counterpart stays as it is: it may only pass through.

    Raises:
        ValueError: a list or dict with messages contains itself, or is nested too deeply.
    """
    cls = _class_of(value)
    if cls in _PLAIN:
        return value
    convert = converter_of_theirs(cls)
    return _Conversion(converter_of_theirs)(value) if convert is None else convert(value)


def to_value(value: object) -> Any:
    """Return a value of ours with their messages, documents and prompt values in it.

    Raises:
        ValueError: a list or dict with messages contains itself, or is nested too deeply.
    """
    cls = _class_of(value)
    if cls in _PLAIN:
        return value
    convert = converter_of_ours(cls)
    return _Conversion(converter_of_ours)(value) if convert is None else convert(value)


class _Conversion:
    """The conversion of one container.

    Args:
        converter_of: returns the function that converts data of the library that it comes from.
    """

    __slots__ = ("_converter_of", "_done", "_open")

    def __init__(self, converter_of: ConverterOf) -> None:
        self._converter_of = converter_of
        self._done: dict[int, tuple[Any, Any]] = {}
        self._open: set[int] = set()

    def __call__(self, value: Any) -> Any:
        if not self._holds_any(value):
            return value
        try:
            return self._converted(value)
        except RecursionError:
            raise ValueError(_too_deep(value, "is nested too deeply")) from None

    def _holds_any(self, value: Any) -> bool:
        """Tell whether a container holds something to convert, at any depth.

        It does not recurse, so that any depth will do, and goes into nothing twice, so that a
        container may contain itself.
        """
        seen: set[int] = set()
        containers = [value]
        while containers:
            for item in _items(containers.pop()):
                cls = _class_of(item)
                if cls in _PLAIN:
                    continue
                if self._converter_of(cls) is not None:
                    return True
                if id(item) not in seen:
                    seen.add(id(item))
                    containers.append(item)
        return False

    def _converted(self, value: Any) -> Any:
        cls = _class_of(value)
        if cls in _PLAIN:
            return value
        if (convert := self._converter_of(cls)) is not None:
            return convert(value)
        if id(value) in self._done:
            return self._done[id(value)][1]
        if id(value) in self._open:
            raise ValueError(_too_deep(value, "contains itself"))
        self._open.add(id(value))
        converted = self._rebuilt(value)
        self._open.remove(id(value))
        # The old value is kept with the new one: the id of one that is gone may be another's.
        self._done[id(value)] = (value, converted)
        return converted

    def _rebuilt(self, value: Any) -> Any:
        """Return a container with converted items; the same one where no item changes."""
        cls = _class_of(value)
        if issubclass(cls, dict):
            values = cast("dict[Any, Any]", value)
            changed = self._changes(values.items())
            return _with_items(values, changed) if changed else values
        if issubclass(cls, (list, tuple)):
            items = cast("list[Any] | tuple[Any, ...]", value)
            changed = self._changes(enumerate(items))
            return _with_positions(items, changed) if changed else items
        changed = self._changes((name, getattr(value, name)) for name in _attributes(cls))
        return _with_attributes(value, changed) if changed else value

    def _changes(self, items: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
        """Return those items, by key, that are others once they are converted."""
        changed: dict[Any, Any] = {}
        for key, old in items:
            if (new := self._converted(old)) is not old:
                changed[key] = new
        return changed


def _class_of(value: object) -> Any:
    return type(value)


def _items(value: Any) -> Iterable[object]:
    """Return what a container holds; nothing for what is no container."""
    cls = _class_of(value)
    if issubclass(cls, dict):
        return cast("dict[Any, Any]", value).values()
    if issubclass(cls, (list, tuple)):
        return cast("list[Any]", value)
    return [getattr(value, name) for name in _attributes(cls)]


def _attributes(cls: type) -> tuple[str, ...]:
    return _ATTRIBUTES.get(cls.__name__, ()) if cls.__module__ == "langgraph.types" else ()


def _with_items(values: dict[Any, Any], changed: dict[Any, Any]) -> dict[Any, Any]:
    # `copy` keeps the class, such as AddableDict; the method of the same name does not
    made = copy(values)
    made.update(changed)
    return made


def _with_positions(items: list[Any] | tuple[Any, ...], changed: dict[int, Any]) -> Any:
    made = [changed.get(position, item) for position, item in enumerate(items)]
    if isinstance(items, list):
        if type(items) is list:
            return made
        copied = copy(items)
        copied[:] = made
        return copied
    make: Any = getattr(type(items), "_make", type(items))  # a named tuple has `_make`
    return make(made)


def _with_attributes(value: Any, changed: dict[str, Any]) -> Any:
    made = copy(value)
    for name, new in changed.items():
        object.__setattr__(made, name, new)  # these classes are frozen
    return made


def _too_deep(value: Any, reason: str) -> str:
    return (
        f"A {type(value).__name__} with messages or documents {reason}: it cannot be passed "
        "between this library and LangChain. Pass a list or a dict of them without that."
    )
