"""The base of classes with fields, each of which is a `Runnable` with a constructor of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic import Field, PrivateAttr
from pydantic.fields import FieldInfo, ModelPrivateAttr
from typing_extensions import dataclass_transform

from runnables.core.fields import (
    Fields,
    declare_fields,
    field_values,
    fields_of,
    finish,
    private_defaults,
)
from runnables.core.values import Value, show_settings

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass_transform(kw_only_default=True, field_specifiers=(Field, PrivateAttr))
class WithFields(Value):
    """A class whose annotations are fields: its constructor takes them as keywords.

    A class of the library, which is `internal`, lists its own fields in `_known_fields`. Classes
    below it add theirs by annotations.
    """

    _known_fields: ClassVar[Fields] = {}
    _lowest: ClassVar[type]
    """The class of the library that a user's class derives from."""

    def __init_subclass__(cls, internal: bool = False, **kwargs: Any) -> None:
        """Read the fields of a user's class.

        Args:
            internal: whether the class is one of the library, which has no annotated fields.
            **kwargs: keywords of other base classes.
        """
        cast("Any", super()).__init_subclass__(internal=internal, **kwargs)
        if internal:
            cls._lowest = cls
            return
        declare_fields(cls)
        hidden = {
            name: member
            for name, member in vars(cls).items()
            if isinstance(member, (FieldInfo, ModelPrivateAttr))
        }
        for name in hidden:  # an object that has no value must not show the declaration of one
            delattr(cls, name)
        cast("Any", cls)._hidden = hidden

    def __init__(self, **settings: Any) -> None:
        """Set the fields.

        Raises:
            ConfigError: a required field is not given, a keyword is no field, or a value does not
                fit.
        """
        vars(self).update(field_values(type(self), self._fields_model(), settings))
        self._check_known()
        finish(self)

    def _check_known(self) -> None:
        """Check the fields that the library's class has."""

    @classmethod
    def _fields_model(cls) -> type[BaseModel]:
        return fields_of(cls, cls._lowest, cls._known_fields)

    def _identity(self) -> dict[str, Any]:
        """Return the settings that decide the output: no field with `exclude=True`."""
        fields = self._fields_model().model_fields
        left_out = {name for name, field in fields.items() if field.exclude}
        identity = super()._identity().items()
        return {name: value for name, value in identity if name not in left_out}

    def __repr__(self) -> str:
        fields = self._fields_model().model_fields
        hidden = {name for name, field in fields.items() if not field.repr}
        shown = {name: value for name, value in self._settings().items() if name not in hidden}
        return f"{type(self).__name__}({show_settings(shown)})"

    def _with_changes(self, changes: Mapping[str, Any]) -> Any:
        """Return an object made anew, by the constructor, with some fields changed."""
        names = self._fields_model().model_fields
        settings = {**self._settings(), **changes}
        made = type(self)(**{name: settings[name] for name in names if name in settings})
        vars(made).update({name: changes[name] for name in changes if name not in names})
        return made

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({**private_defaults(self._fields_model()), **state})
        if hasattr(self, "model_post_init"):
            cast("Any", self).model_post_init(None)
