"""The registry has every runnable class of the library."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import runnables
import runnables_providers
from runnables import Runnable
from runnables.core.description import walk
from tests.laws.registry import BASES, ELSEWHERE, REGISTRY


def _modules() -> Iterator[str]:
    for package in (runnables, runnables_providers):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield module.name


def _shipped() -> dict[str, type]:
    """Return the public runnable classes of both packages, by their full names."""
    found: dict[str, type] = {}
    for name in _modules():
        module = importlib.import_module(name)
        for key, value in vars(module).items():
            if _is_ours(value, name) and not key.startswith("_"):
                found[f"{name}.{key}"] = value
    return found


def _is_ours(value: Any, module: str) -> bool:
    return inspect.isclass(value) and issubclass(value, Runnable) and value.__module__ == module


def _registered() -> set[type]:
    """Return the classes of all specimens, and of the runnables inside them."""
    return {type(part) for specimen in REGISTRY for part in walk(specimen.make())}


def test_every_runnable_is_in_the_registry() -> None:
    """A new class is in the registry, or on a list that says why it cannot be."""
    excused = BASES.keys() | ELSEWHERE.keys()
    missing = [name for name, cls in _shipped().items() if cls not in _registered()]
    assert sorted(set(missing) - excused) == []


def test_the_lists_of_exceptions_have_no_idle_entry() -> None:
    """Each class on them exists and is not in the registry; each base has a subclass in it."""
    shipped, registered = _shipped(), _registered()
    assert sorted((BASES.keys() | ELSEWHERE.keys()) - shipped.keys()) == []
    assert [name for name in BASES.keys() | ELSEWHERE.keys() if shipped[name] in registered] == []
    assert [
        name for name in BASES if not any(issubclass(cls, shipped[name]) for cls in registered)
    ] == []


def test_titles_are_unique() -> None:
    """A failing law names one specimen."""
    titles = [specimen.title for specimen in REGISTRY]
    assert len(titles) == len(set(titles))
