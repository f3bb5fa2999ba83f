"""Packages that list names, and load each from its module when it is used."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for a package whose names are loaded when they are used.

    Args:
        package: its full name.
        homes: for each module, the names that it defines, separated by spaces. None of them is the
            name of a module of the package, as that would hide it.
    """
    home_of = {name: module for module, names in homes.items() for name in names.split()}

    def load(name: str) -> Any:
        if name not in home_of:
            elsewhere = import_module("runnables.core.elsewhere")
            asked_by = sys._getframe(1).f_code.co_name
            raise elsewhere.missing_name(name, home_of, asked_by=asked_by, module=package)
        value = getattr(import_module(home_of[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home_of})

    return load, listed
