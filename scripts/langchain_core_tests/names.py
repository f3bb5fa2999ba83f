"""The names that a rewritten test imports: ours, or objects that raise when they are used.

A test file of langchain-core imports names that are not here. With an ImportError, all tests of
the file would fail for the one that needs the name. So a name that is missing becomes an object
that fails the test which uses it, and says its name.

The copy of the tests gets this file as a module of its own.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

PROVIDERS = ("local", "scripted", "openai", "anthropic", "google", "ollama")


class MissingName(Exception):
    """The name that a test needs is not here."""


class Broken(Exception):
    """A line at the top of the file, which the test needs, has failed."""


class MissingBase:
    """The base of a class at the top of a file whose real base is missing."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        raise MissingName(getattr(cls, "missing_name", cls.__name__))


class Missing:
    """A name that is not here: any use of it inside a test fails."""

    def __init__(self, name: str, error: type[Exception] = MissingName) -> None:
        self.__name__ = name
        self._error = error

    def _fail(self, *args: Any, **kwargs: Any) -> Any:
        raise self._error(self.__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if at_the_top(sys._getframe(1)):
            return Missing(self.__name__, self._error)
        return self._fail()

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        if not at_the_top(sys._getframe(1)):
            self._fail()
        return (type("MissingBase", (MissingBase,), {"missing_name": self.__name__}),)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = ours(name)
        return Missing(self.__name__, self._error) if isinstance(found, Missing) else found

    def __getitem__(self, item: Any) -> Missing:
        return self

    def __or__(self, other: Any) -> Any:
        return Any

    __ror__ = __or__

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.any_schema()

    __iter__ = __len__ = __eq__ = __instancecheck__ = __subclasscheck__ = _fail
    __enter__ = __exit__ = __aenter__ = __aexit__ = __lt__ = __ge__ = __add__ = __radd__ = _fail

    def __hash__(self) -> int:
        return id(self)


def at_the_top(frame: Any) -> bool:
    """Return whether a frame is the top of a file, or of a class at the top."""
    return "<locals>" not in frame.f_code.co_qualname and (
        frame.f_code.co_name == "<module>" or not frame.f_code.co_flags & 0x1  # CO_OPTIMIZED
    )


def ours(name: str) -> Any:
    """Return what a name is here; a `Missing` where it is not.

    Args:
        name: the name, without its module.
    """
    if name in SUPPORT:
        return SUPPORT[name]()
    import runnables

    if name in runnables.__all__:
        return getattr(runnables, name)
    for module in PROVIDERS:
        provider = importlib.import_module(f"runnables_providers.{module}")
        if name in getattr(provider, "__all__", ()):
            return getattr(provider, name)
    return Missing(name)


def broken(name: str, error: BaseException, is_test: bool = False) -> Any:
    """Return what stands for a name whose definition at the top of a file has failed.

    Args:
        name: the name.
        error: how it has failed.
        is_test: whether it is a test.
    """
    reason = str(error) if isinstance(error, MissingName) else f"{type(error).__name__}: {error}"
    kind = MissingName if isinstance(error, MissingName) else Broken
    if is_test:

        def test() -> None:
            raise kind(reason)

        return test
    return Missing(reason, kind)


def _pydantic_version() -> Any:
    from packaging.version import parse
    from pydantic import VERSION

    return parse(VERSION)


def _base_model() -> Any:
    from pydantic import BaseModel

    return BaseModel


def _is_model_class(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, _base_model())


def _aclosing() -> Any:
    return importlib.import_module("contextlib").aclosing


def _create_model(name: str, *, root: Any = None, **options: Any) -> Any:
    pydantic = importlib.import_module("pydantic")
    if root is not None:
        return pydantic.create_model(name, __base__=pydantic.RootModel[root])
    return pydantic.create_model(name, **(options.get("field_definitions") or {}))


SUPPORT: dict[str, Callable[[], Any]] = {
    # What the tests use to decide what to run, and what says nothing of a runnable.
    "PYDANTIC_VERSION": _pydantic_version,
    "PydanticBaseModel": _base_model,
    "TypeBaseModel": _base_model,
    "is_basemodel_subclass": lambda: _is_model_class,
    "is_basemodel_instance": lambda: lambda value: _is_model_class(type(value)),
    "create_model_v2": lambda: _create_model,
    "aclosing": _aclosing,
    "IS_PYDANTIC_V1": lambda: False,
    "IS_PYDANTIC_V2": lambda: True,
    "VERSION": lambda: "0.3.83",
}
