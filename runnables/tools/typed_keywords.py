"""The keywords of `**options: Unpack[Options]` (PEP 692): which there are, and of which types."""

from __future__ import annotations

import sys
import typing
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin

import typing_extensions

from runnables.core.signatures import local_names

_UNPACK: Final = (typing.Unpack, typing_extensions.Unpack)
_REQUIRED: Final = (typing.Required, typing_extensions.Required)
_NOT_REQUIRED: Final = (typing.NotRequired, typing_extensions.NotRequired)
_READ_ONLY: Final = (
    typing_extensions.ReadOnly,
    getattr(typing, "ReadOnly", typing_extensions.ReadOnly),
)

TypedKeys = dict[str, tuple[Any, bool]]
"""For each key its type, and whether it is required."""


def unpacked_keys(annotation: Any) -> TypedKeys | None:
    """Return the keys of `Unpack[SomeTypedDict]`; None for any other annotation."""
    if get_origin(annotation) not in _UNPACK:
        return None
    (unpacked,) = get_args(annotation)
    typed_dict: Any = get_origin(unpacked) or unpacked
    if not typing_extensions.is_typeddict(typed_dict):
        return None
    parameters = getattr(typed_dict, "__parameters__", ())
    types = dict(zip(parameters, get_args(unpacked), strict=False))
    return {
        key: (_substituted(kind, types), required)
        for key, hint in _hints(typed_dict).items()
        for kind, required in [_unqualified(hint, key in typed_dict.__required_keys__)]
    }


def _hints(typed_dict: Any) -> dict[str, Any]:
    """Return the annotations of a TypedDict, which may name classes of the function around it."""
    module = vars(sys.modules.get(typed_dict.__module__, typing))
    local = local_names(typed_dict, module)
    return typing_extensions.get_type_hints(typed_dict, None, local, include_extras=True)


def _unqualified(hint: Any, required: bool) -> tuple[Any, bool]:
    """Return a type without `Required`, `NotRequired` and `ReadOnly`, and whether it is required.

    They count more than `__required_keys__`, which does not know them where they are strings.
    """
    if get_origin(hint) is Annotated:
        inner, *metadata = get_args(hint)
        inner, required = _unqualified(inner, required)
        return Annotated[inner, *metadata], required
    while (origin := get_origin(hint)) in (*_REQUIRED, *_NOT_REQUIRED, *_READ_ONLY):
        required = origin in _REQUIRED or (required and origin not in _NOT_REQUIRED)
        (hint,) = get_args(hint)
    return hint, required


def _substituted(hint: Any, types: dict[Any, Any]) -> Any:
    """Return a type whose type variables are replaced."""
    if isinstance(hint, TypeVar):
        return types.get(hint, Any)
    parameters = getattr(hint, "__parameters__", ())
    return (
        hint[tuple(types.get(parameter, Any) for parameter in parameters)] if parameters else hint
    )
