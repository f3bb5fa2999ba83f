"""Calls without an input, such as `chain.invoke(x="a")`: the error says what to write.

Python's own error names a base class and a parameter, and not the way out.
"""

from __future__ import annotations

import inspect
import reprlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

from runnables.core.foreign import is_loaded
from runnables.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Method = TypeVar("Method", bound="Callable[..., Any]")


class _NotGiven:
    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN: Final[Any] = _NotGiven()
"""The input of a call that has none."""


def may_lack_input(method: Method) -> Method:
    """Decorate a method so that a call without an input gets `NOT_GIVEN`, for it to refuse.

    Its signature, for people and for type checkers, stays what it is: the input is required.
    """
    changed: Any = method
    changed.__signature__ = inspect.signature(method)
    changed.__defaults__ = (NOT_GIVEN, *(changed.__defaults__ or ()))
    return method


def missing_input(method: Any, options: Mapping[str, Any]) -> ConfigError:
    """Return the error for a call without an input.

    Args:
        method: the method that was called.
        options: the keywords of the call, which were probably meant as the input.
    """
    name, call = method.__self__.get_name(), method.__name__
    if not options:
        return ConfigError(f"{name}.{call}() has no input. Write {call}(value).")
    given = ", ".join(f"{key}={reprlib.repr(value)}" for key, value in options.items())
    meant = ", ".join(f"{key!r}: {reprlib.repr(value)}" for key, value in options.items())
    return ConfigError(
        f"{name}.{call}({given}) has no input: keywords are options of the call. For a dict write "
        f"{call}({{{meant}}}), for another value {call}(value)."
    )


def missing_inputs(runnable: Any, options: Mapping[str, Any]) -> ConfigError:
    """Return the error for a batch without inputs.

    Args:
        runnable: what the batch was to run.
        options: the keywords of the call.
    """
    given = ", ".join(f"{key}={reprlib.repr(value)}" for key, value in options.items())
    note = ": other keywords are options of the calls" if given else ""
    return ConfigError(
        f"batch({given}) of {runnable!r} has no inputs{note}. Write batch([value, ...])."
    )


def missing_name(runnable: Any, config: object) -> ConfigError:
    """Return the error for a second value of a batch that is no config."""
    limit = f" For a limit write max_concurrency={config!r}." if type(config) is int else ""
    return ConfigError(
        f"batch of {runnable!r}: {reprlib.repr(config)} is no config: expected a dict with keys of "
        f"RunnableConfig, or a list with one for each input.{limit}"
    )


def not_callable(runnable: Any, args: tuple[Any, ...], options: Mapping[str, Any]) -> ConfigError:
    """Return the error for a runnable that is called as a function."""
    if args:
        meant = ", ".join(reprlib.repr(value) for value in args[:1])
    else:
        pairs = ", ".join(f"{key!r}: {reprlib.repr(value)}" for key, value in options.items())
        meant = f"{{{pairs}}}" if options else "value"
    return ConfigError(
        f"{runnable.get_name()} is a runnable, which is not called like a function. Write "
        f".invoke({meant}), or `await` .ainvoke({meant}).{_for_langchain()}"
    )


def _for_langchain() -> str:
    """Return what to write where LangChain calls a runnable: an agent calls what makes a model."""
    if not is_loaded("langchain_core"):
        return ""
    return " For an agent or another function of LangChain or LangGraph: to_langchain(runnable)."
