"""Objects of other libraries, which are recognised without importing these libraries.

The layers below `interop` must take a chain, a message or a handler of LangChain, and may not
import the package that converts them. So they ask here. Where the other library is not loaded, no
object can be one of its own, and the answer costs one look into `sys.modules`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from runnables.core.weak_cache import weak_cache

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

ADAPTERS: Final[Mapping[str, str]] = {"langchain_core": "runnables.interop.langchain.convert"}
"""For each package whose objects are taken, the module with `from_foreign` for them.

It is imported only when an object of that package arrives.
"""


def foreign_package(thing: object) -> str | None:
    """Return the package in `ADAPTERS` that a thing is an object of; None where it is ours.

    A class is no object of its package: only an instance is converted.
    """
    for package in ADAPTERS:
        if package in sys.modules and package in _packages(type(thing)):
            return package
    return None


def is_foreign(thing: object) -> bool:
    """Tell whether a thing is an object of another library that an adapter converts."""
    return foreign_package(thing) is not None


def from_foreign(thing: Any) -> Any:
    """Return the object of ours that stands for an object of another library.

    Anything else is returned as it is, so that callers need not ask first.

    Raises:
        TypeError: an object of such a library that has no counterpart; says the way out.
    """
    package = foreign_package(thing)
    return thing if package is None else _adapter(package).from_foreign(thing)


def adapter_if_loaded(package: str) -> ModuleType | None:
    """Return the adapter of a package, where that was imported already."""
    return sys.modules.get(ADAPTERS[package])


def _adapter(package: str) -> ModuleType:
    return import_module(ADAPTERS[package])


@weak_cache
def _packages(kind: type) -> set[str]:
    """Return the top-level packages of a class and of its bases."""
    return {base.__module__.partition(".")[0] for base in kind.__mro__}
