"""Users' own steps with fields, as LangChain's `RunnableSerializable` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runnables.compose.runnable import Runnable
from runnables.core.typevars import Input, Output
from runnables.core.with_fields import WithFields

if TYPE_CHECKING:
    from runnables.core.fields import Fields


class RunnableSerializable(WithFields, Runnable[Input, Output], internal=True):
    """A runnable whose annotations are its fields, as those of a pydantic model are.

    A subclass writes fields and `invoke`. It is made by keywords, which pydantic checks: types,
    `Field(default_factory=...)`, `Field(alias=...)`, `field_validator` and `model_validator` work.
    Names with an underscore, with or without `PrivateAttr`, are state: they are not compared,
    printed or pickled, and are made anew in a copy from their defaults and `model_post_init`.
    A field with `repr=False` is not printed; one with `exclude=True` is not part of a cache's key.
    `model_config` may set `extra`. It is no pydantic model itself: there is no `model_dump`.

    Attributes:
        name: its name in events and error notes; by default that of the class.

    Raises:
        ConfigError: a required field is not given, a keyword is no field, or a value does not fit.

    Example:
        >>> class Repeat(RunnableSerializable[str, str]):
        ...     times: int = 2
        ...
        ...     def invoke(self, input, config=None, **kwargs):
        ...         return input * self.times
        >>> Repeat(times="3"), Repeat().batch(["ab", "c"])
        (Repeat(times=3), ['abab', 'cc'])
        >>> either = Repeat().configurable_fields(times=ConfigurableField(id="times"))
        >>> either.invoke("ab", {"configurable": {"times": 1}})
        'ab'
    """

    _known_fields: ClassVar[Fields] = {"name": (str | None, None)}
    name: str | None = None
