"""The error of a tool's bad arguments as it is raised: one of pydantic's, too.

So `except ToolArgumentsError` catches it, and so does `except ValidationError` of code that was
written for tools that raise pydantic's errors as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from runnables.errors import ToolArgumentsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    class _Raised(ToolArgumentsError):
        @classmethod
        def from_exception_data(cls, title: str, line_errors: list[InitErrorDetails]) -> _Raised:
            """Make the error."""
            ...

else:  # pydantic declares its error final, and lets it be subclassed

    class _Raised(ToolArgumentsError, ValidationError):
        def __init__(self, title: str, *_: object) -> None:
            super().__init__(title)

        def __str__(self) -> str:
            return self.title

        def __repr__(self) -> str:
            return f"ToolArgumentsError({self.title!r})"

        def __reduce__(self) -> tuple[Any, ...]:
            return invalid_arguments, (self.title, self._errors)


_Raised.__name__ = _Raised.__qualname__ = ToolArgumentsError.__name__
_Raised.__module__ = ToolArgumentsError.__module__


def invalid_arguments(message: str, errors: Sequence[Any] = ()) -> ToolArgumentsError:
    """Return the error for arguments that do not fit.

    Args:
        message: what is wrong, in words for a model.
        errors: the errors of pydantic, as dicts.
    """
    error = _Raised.from_exception_data(message, list(_lines(errors)))
    error._errors = list(errors)
    return error


def _lines(errors: Iterable[Any]) -> Iterable[InitErrorDetails]:
    """Yield errors in the form in which pydantic takes them."""
    for detail in errors:
        kind = PydanticCustomError(detail["type"], detail["msg"])
        yield InitErrorDetails(type=kind, loc=detail["loc"], input=detail["input"])
