"""Toolkits: classes that make several tools which belong together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from runnables.core.fields import declare_fields, field_values, fields_of
from runnables.core.values import Value

if TYPE_CHECKING:
    from runnables.tools.base import BaseTool


class BaseToolkit(Value, ABC):
    """A class that makes several tools which belong together, such as those of one service.

    Its fields are written as annotations, and passed by keyword. Everything else takes a list of
    tools: `create_agent(model, toolkit.get_tools())`.

    Example:
        >>> class Harbour(BaseToolkit):
        ...     port: str
        ...
        ...     def get_tools(self):
        ...         return [Tool("tide", lambda hour: f"{hour}:10 in {self.port}", "High tide.")]
        >>> (tide,) = Harbour(port="Brest").get_tools()
        >>> tide.invoke("12")
        '12:10 in Brest'
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Read the fields of the class."""
        super().__init_subclass__(**kwargs)
        declare_fields(cls)

    def __init__(self, **settings: Any) -> None:
        """Set the fields, by keyword."""
        model = fields_of(type(self), BaseToolkit, {})
        vars(self).update(field_values(type(self), model, settings))

    @abstractmethod
    def get_tools(self) -> list[BaseTool[Any]]:
        """Return the tools."""
