"""The errors of a tool's arguments as they are raised: pydantic's errors, too.

So `except ToolArgumentsError` catches one, and so does `except ValidationError` of code that was
written for tools that raise pydantic's errors as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from runnables.errors import ConfigError, ToolArgumentsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    # pydantic declares its error final, and lets it be subclassed
    _Invalid = _Missing = ValidationError
else:

    class _Invalid(ToolArgumentsError, ValidationError):
        def __init__(self, title: str, *_: object) -> None:
            super().__init__(title)

        def __str__(self) -> str:
            return self.args[0]

        def __repr__(self) -> str:
            return f"ToolArgumentsError({self.args[0]!r})"

        def __reduce__(self) -> tuple[Any, ...]:
            return invalid_arguments, (self.args[0], self._errors)

    class _Missing(ConfigError, ValidationError):
        def __init__(self, title: str, *_: object) -> None:
            super().__init__(title)

        def __str__(self) -> str:
            return self.args[0]

        def __repr__(self) -> str:
            return f"ConfigError({self.args[0]!r})"

        def __reduce__(self) -> tuple[Any, ...]:
            return missing_argument, (self.args[0], self.errors()[0]["loc"][0])

    for _shown, _known in ((_Invalid, ToolArgumentsError), (_Missing, ConfigError)):
        _shown.__name__ = _shown.__qualname__ = _known.__name__  # the name that users know
        _shown.__module__ = _known.__module__


def invalid_arguments(message: str, errors: Sequence[Any] = ()) -> ToolArgumentsError:
    """Return the error for arguments that do not fit.

    Args:
        message: what is wrong, in words for a model.
        errors: the errors of pydantic, as dicts.
    """
    error: Any = _Invalid.from_exception_data(message, list(_lines(errors)))
    error._errors = list(errors)
    return cast("ToolArgumentsError", error)


def missing_argument(message: str, name: str) -> ConfigError:
    """Return the error for an argument that the program has not passed.

    Args:
        message: what is missing, and how to pass it.
        name: the name of the argument.
    """
    missing: dict[str, Any] = {
        "type": "missing",
        "loc": (name,),
        "msg": "Field required",
        "input": {},
    }
    error: Any = _Missing.from_exception_data(message, list(_lines([missing])))
    return cast("ConfigError", error)


def _lines(errors: Iterable[Any]) -> Iterable[InitErrorDetails]:
    """Yield errors as pydantic takes them."""
    for detail in errors:
        kind = PydanticCustomError(detail["type"], detail["msg"])
        yield InitErrorDetails(type=kind, loc=detail["loc"], input=detail["input"])
