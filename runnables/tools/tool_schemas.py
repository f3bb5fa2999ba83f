"""What a tool says of its arguments: schemas for programs, and for models."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any

from typing_extensions import TypedDict

from runnables.compose.runnable import Runnable
from runnables.core.schemas import fields_in, fields_schema, is_whole
from runnables.core.typevars import Output
from runnables.tools.arguments import ArgsSchema, injected_fields
from runnables.tools.definitions import self_contained

if TYPE_CHECKING:
    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig


class ToolSchemas(Runnable[Any, Output], internal=True):
    """The part of a tool that has the schemas of its arguments.

    Attributes:
        description: see `BaseTool`.
    """

    description: str
    _schema: ArgsSchema | None
    _call_schema: ArgsSchema | None

    if TYPE_CHECKING:
        args_schema: Any  # a type[BaseModel], a dict, or None; a class may annotate it as one
    else:

        @property
        def args_schema(self) -> ArgsSchema | None:
            """Return the schema that was set, or the one that was read from a signature.

            It is None for a class without one, and for a tool of one value; `tool_call_schema`
            and `args` are there for every tool.
            """
            schema = vars(self)["args_schema"]
            return self._inferred_schema() if schema is None else schema

    def _inferred_schema(self) -> ArgsSchema | None:
        """Return the `args_schema` where none was set."""
        return None

    def _own_schema(self) -> ArgsSchema:
        """Return the schema of the arguments where no `args_schema` was set."""
        raise NotImplementedError

    @property
    def _arguments_schema(self) -> ArgsSchema:
        """Return the schema of all arguments."""
        if self._schema is None:
            schema: ArgsSchema | None = vars(self)["args_schema"]
            self._schema = self._own_schema() if schema is None else schema
        return self._schema

    def _visible_schema(self) -> ArgsSchema:
        """Return the schema of the arguments that the model sees."""
        schema = self._arguments_schema
        if isinstance(schema, dict) or not (hidden := injected_fields(schema)):
            return schema
        visible = {name: field for name, field in fields_in(schema).items() if name not in hidden}
        return _model(schema.__name__, visible, schema.__doc__)

    @property
    def tool_call_schema(self) -> ArgsSchema:
        """Return the schema of a call by a model: the arguments that it sees.

        It has the name and the description of the tool.
        """
        if self._call_schema is None:
            self._call_schema = _named(self._visible_schema(), self.get_name(), self.description)
        return self._call_schema

    @property
    def args_jsonschema(self) -> dict[str, Any]:
        """Return the JSON schema of the arguments that the model sees, which is an object."""
        schema = self._visible_schema()
        if isinstance(schema, dict):
            return {"type": "object", "properties": {}, **schema}
        json_schema = schema.model_json_schema()
        if not is_whole(schema):
            return json_schema
        value = {key: value for key, value in json_schema.items() if key != "$defs"}
        shared = {"$defs": json_schema["$defs"]} if "$defs" in json_schema else {}
        return {"type": "object", "properties": {"input": value}, "required": ["input"], **shared}

    @property
    def args(self) -> dict[str, Any]:
        """Return the JSON schema of each argument that the model sees, by name.

        Each is complete: it has the definitions that it refers to.
        """
        schema = self.args_jsonschema
        definitions = schema.get("$defs", {})
        properties: dict[str, Any] = schema.get("properties", {})
        return {name: self_contained(part, definitions) for name, part in properties.items()}

    def arguments_type(self) -> Any:
        """Return the type of a dict of the arguments that the model sees, with their defaults.

        For a tool with a JSON schema, it is that schema.
        """
        schema = self._visible_schema()
        about = {"title": self.name, "description": self.description}
        if isinstance(schema, dict) or is_whole(schema):
            return {**self.args_jsonschema, **about}
        fields = {
            name: Annotated[annotation, info]
            for name, (annotation, info) in fields_in(schema).items()
        }
        make: Any = TypedDict
        arguments = make(self.get_name(), fields)
        arguments.__doc__ = self.description
        return arguments

    @property
    def is_single_input(self) -> bool:
        """Tell whether the model sees one argument."""
        return len(self.args) == 1

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the pydantic model of all arguments, also of those that the program passes.

        For a tool with a JSON schema, it is a model of any value.
        """
        schema = self._arguments_schema
        if isinstance(schema, dict):
            return super().get_input_schema(config)
        return self._with_injected(schema)

    def _with_injected(self, schema: type[BaseModel]) -> type[BaseModel]:
        """Return a schema of the arguments with those that only the program passes."""
        raise NotImplementedError


def _model(name: str, fields: dict[str, Any], docstring: str | None) -> type[BaseModel]:
    model = fields_schema(name, fields)
    model.__doc__ = docstring
    return model


def _named(schema: ArgsSchema, name: str, description: str) -> ArgsSchema:
    """Return a schema with this name and description; a class of the user's stays as it is."""
    if isinstance(schema, dict):
        return {**schema, "description": description} if description else schema
    own = inspect.cleandoc(schema.__doc__ or "")
    about = description or own
    title = schema.model_config.get("title") or schema.__name__
    if is_whole(schema) or (title == name and own == about):
        return schema
    return _model(name, fields_in(schema), about)
