"""StopIteration and StopAsyncIteration of users' code, which must not pass as what they are.

An exception of these classes says to a loop around the call that it is at its end: `map(f, items)`
would end early, without an error. PEP 479 makes Python replace them where they leave a generator or
a coroutine. A step replaces them where they leave a plain function as well, so all ways of running
it raise the same error, and a retry or a fallback sees that error, too.
"""

from __future__ import annotations

from typing import Any, Final

_STOPS: Final = (StopIteration, StopAsyncIteration)
_BY_PYTHON: Final = frozenset(
    f"{kind} raised {stop}"
    for kind in ("generator", "coroutine", "async generator")
    for stop in ("StopIteration", "StopAsyncIteration")
)


def without_stop(error: Exception, culprit: Any) -> Exception:
    """Return the error; in place of a StopIteration, a RuntimeError that names the culprit.

    Its cause is the StopIteration, also where Python has replaced that already.

    Args:
        error: the error.
        culprit: the runnable whose code has raised it, or the name of something else.
    """
    stop: BaseException | None = error
    if type(error) is RuntimeError and str(error) in _BY_PYTHON:
        stop = error.__cause__
    if not issubclass(type(stop), _STOPS):  # not `isinstance`: it asks the object for its class
        return error
    kind = type(stop).__name__
    name = culprit if isinstance(culprit, str) else culprit.get_name()
    failure = RuntimeError(
        f"{name} raised {kind}, which would end a loop around the call as if it "
        "were done. Raise another error, or give `next` a default: next(iterator, None)."
    )
    failure.__cause__ = stop
    return failure


def raise_without_stop(error: Exception, runnable: Any) -> None:
    """Raise a RuntimeError in place of a StopIteration; return where it is another error."""
    failure = without_stop(error, runnable)
    if failure is not error:
        raise failure from failure.__cause__
