"""The registry holds every runnable class that we ship."""

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
    """The public runnable classes of both packages, by where they are defined."""
    found: dict[str, type] = {}
    for name in _modules():
        module = importlib.import_module(name)
        for key, value in vars(module).items():
            if _is_ours(value, name) and not key.startswith("_"):
                found[f"{name}.{key}"] = value
    return found


def _is_ours(value: Any, module: str) -> bool:
    return inspect.isclass(value) and issubclass(value, Runnable) and value.__module__ == module


def _kept() -> set[type]:
    """What the registry holds, also inside of chains, and what that is made of."""
    return {type(part) for specimen in REGISTRY for part in walk(specimen.make())}


def test_every_runnable_is_in_the_registry() -> None:
    """A new class joins the registry, or says why no law can be asked of it."""
    excused = BASES.keys() | ELSEWHERE.keys()
    missing = [name for name, cls in _shipped().items() if cls not in _kept()]
    assert sorted(set(missing) - excused) == []


def test_no_excuse_is_idle() -> None:
    """What is excused exists, is not in the registry itself, and a base has heirs in there."""
    shipped, kept = _shipped(), _kept()
    assert sorted((BASES.keys() | ELSEWHERE.keys()) - shipped.keys()) == []
    assert [name for name in BASES.keys() | ELSEWHERE.keys() if shipped[name] in kept] == []
    assert [name for name in BASES if not any(issubclass(it, shipped[name]) for it in kept)] == []


def test_titles_tell_the_specimens_apart() -> None:
    """A failing law names one specimen."""
    titles = [specimen.title for specimen in REGISTRY]
    assert len(titles) == len(set(titles))
