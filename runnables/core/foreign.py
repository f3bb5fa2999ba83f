"""Objects of other libraries, which are recognised without importing these libraries.

The layers below `interop` must take a chain, a message or a handler of LangChain, and may not
import the package that converts them. So they ask here. Where the other library is not loaded, no
object can be one of its own, and the answer costs one look into `sys.modules`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

from runnables.core.weak_cache import weak_cache

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from runnables.core.handlers import Handler


class RunnableOfLangChain(Protocol):
    """What type checkers know a runnable of LangChain by: a method that none of ours has."""

    @property
    def astream_log(self) -> Any:
        """Return LangChain's method of this name."""
        ...


class HandlerOfLangChain(Protocol):
    """What type checkers know a handler of LangChain by."""

    run_inline: bool

    @property
    def ignore_custom_event(self) -> bool:
        """Return LangChain's attribute of this name."""
        ...


class ModelOfLangChain(Protocol):
    """What type checkers know a model of LangChain by: a method that none of ours has."""

    @property
    def generate_prompt(self) -> Any:
        """Return LangChain's method of this name."""
        ...


ADAPTERS: Final[Mapping[str, str]] = {"langchain_core": "runnables.interop.langchain.convert"}
"""For each package whose objects are taken, the module with `from_foreign` for them.

It is imported only when an object of that package arrives.
"""


def foreign_package(thing: object) -> str | None:
    """Return the package in `ADAPTERS` that a thing is an object of; None where it is ours.

    A class is no object of its package: only an instance is converted. A string or a container of
    a class of another package, such as the text of a message of LangChain, is a plain one.
    """
    for package in ADAPTERS:
        if package in sys.modules and package in _packages(type(thing)):
            return None if isinstance(thing, _PLAIN) else package
    return None


_PLAIN: Final = (str, bytes, int, float, dict, list, tuple, set, frozenset)


def is_loaded(package: str) -> bool:
    """Tell whether a package in `ADAPTERS` was imported by the program."""
    return package in sys.modules


def is_foreign(thing: object) -> bool:
    """Tell whether a thing is an object of another library that an adapter converts."""
    return foreign_package(thing) is not None


def is_foreign_runnable(thing: object) -> bool:
    """Tell whether a thing is a runnable of LangChain's."""
    return is_foreign(thing) and is_foreign_runnable_class(type(thing))


def is_foreign_runnable_class(thing: object) -> bool:
    """Tell whether a thing is a class of LangChain's runnables: the brackets were forgotten."""
    return isinstance(thing, type) and any(
        base.__name__ == "Runnable" and base.__module__.startswith("langchain_core.")
        for base in thing.__mro__
    )


def from_foreign(thing: Any) -> Any:
    """Return the object of ours that stands for an object of another library.

    Anything else is returned as it is, so that callers need not ask first.

    Raises:
        TypeError: an object of such a library that has no counterpart; says the way out.
    """
    package = foreign_package(thing)
    return thing if package is None else _adapter(package).from_foreign(thing)


def to_foreign(package: str, thing: Any) -> Any:
    """Return the object of another library that stands for a thing of ours.

    Args:
        package: the other library, one of `ADAPTERS`.
        thing: what to convert.
    """
    return _adapter(package).to_foreign(thing)


def is_same(one: object, other: object) -> bool:
    """Tell whether two objects are the same, or stand for the same object of another library."""
    return one is other or (
        (original := _original(one)) is not None and original is _original(other)
    )


def _original(thing: object) -> object:
    """Return what an adapter stands for: the attribute that its class names in `_adapts`."""
    attribute = getattr(type(thing), "_adapts", None)
    return None if attribute is None else getattr(thing, attribute)


def is_control_flow(error: BaseException) -> bool:
    """Tell whether an exception is no failure, but how another library leaves a call.

    LangGraph's interrupts are exceptions. A retry, a fallback or a batch that collects errors must
    let them through, or the graph never stops for its user.
    """
    return "langgraph" in sys.modules and any(
        base.__name__ == "GraphBubbleUp" and base.__module__.startswith("langgraph.")
        for base in type(error).__mro__
    )


class ForeignHandlers(tuple["Handler", ...]):
    """The handlers of a run of another library that is around a call, as handlers of ours.

    Attributes:
        parents: the ids of the runs around the call, the outermost first.
        tags: the labels that the runs below it inherit.
        metadata: the metadata that they inherit.
    """

    parents: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = MappingProxyType({})


def _adapter(package: str) -> ModuleType:
    return import_module(ADAPTERS[package])


@weak_cache
def _packages(kind: type) -> set[str]:
    """Return the top-level packages of a class and of its bases."""
    return {base.__module__.partition(".")[0] for base in kind.__mro__}
