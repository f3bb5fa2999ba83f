"""From a tool's input to its function's arguments."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from pydantic import AliasChoices, AliasPath, BaseModel, ValidationError

from runnables.core.options import option_hint
from runnables.core.values import show
from runnables.errors import ConfigError, did_you_mean
from runnables.tools.invalid_arguments import invalid_arguments, missing_argument
from runnables.tools.signature import InjectedToolArg, InjectedToolCallId, Signature, is_marked

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from runnables.errors import ToolArgumentsError
    from runnables.tools.results import ToolInvocation

ArgsSchema: TypeAlias = type[BaseModel] | dict[str, Any]
"""The schema of a tool's arguments: a pydantic model, or a JSON schema of an object."""

CheckedArguments: TypeAlias = tuple[Any, dict[str, Any]]
"""The arguments of a function by position and by name, or the input of a runnable and options."""


def check_schema(args_schema: Any) -> None:
    """Refuse what is no schema of arguments.

    Raises:
        ConfigError: it is neither a pydantic model, a dict, nor None.
    """
    is_model = isinstance(args_schema, type) and issubclass(args_schema, BaseModel)
    if args_schema is None or is_model or isinstance(args_schema, Mapping):
        return
    raise ConfigError(
        f"args_schema={args_schema!r}: expected a pydantic model, or a JSON schema as a dict"
    )


def arguments_error(tool: str | None, reason: str, errors: Any = ()) -> ToolArgumentsError:
    """Return the error for arguments that do not fit."""
    return invalid_arguments(f"The tool {tool!r} was called with bad arguments: {reason}", errors)


def validated(tool: str | None, schema: type[BaseModel], arguments: Any) -> BaseModel:
    """Return the arguments as an object of a pydantic model.

    Raises:
        ToolArgumentsError: they do not fit.
    """
    try:
        return schema.model_validate(arguments)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        raise arguments_error(tool, "; ".join(map(_describe, errors)), errors) from error


def _describe(error: Any) -> str:
    """Return an error of pydantic in words for a model: the place, the problem and the value."""
    place = ".".join(map(str, error["loc"]))
    value = "" if error["type"] == "missing" else f" (given: {reprlib.repr(error['input'])})"
    return f"{place}: {error['msg']}{value}" if place else f"{error['msg']}{value}"


def injected_fields(
    schema: ArgsSchema, kind: type[InjectedToolArg] = InjectedToolArg
) -> dict[str, FieldInfo]:
    """Return the fields that the program passes, by their names in data."""
    if isinstance(schema, dict):
        return {}
    return {
        data_name(name, field): field
        for name, field in schema.model_fields.items()
        if is_marked(field.metadata, kind)
    }


def data_name(name: str, field: FieldInfo) -> str:
    """Return the name that a field has in data."""
    alias = field.validation_alias
    return alias if isinstance(alias, str) else field.alias or name


def hidden_names(schema: ArgsSchema) -> frozenset[str]:
    """Return every name that an argument which the program passes may have in data."""
    if isinstance(schema, dict):
        return frozenset()
    names: set[str] = set()
    for name, field in schema.model_fields.items():
        if is_marked(field.metadata):
            names |= {name, *filter(None, [field.alias]), *_aliases(field.validation_alias)}
    return frozenset(names)


def _aliases(alias: str | AliasPath | AliasChoices | None) -> Iterable[str]:
    """Return the top-level names of data that an alias stands for."""
    if isinstance(alias, AliasChoices):
        return [name for choice in alias.choices for name in _aliases(choice)]
    if isinstance(alias, AliasPath):
        return [name for name in alias.path[:1] if isinstance(name, str)]
    return [] if alias is None else [alias]


def _as_list(value: Any) -> list[Any]:
    return list(cast("Any", value)) if isinstance(value, (list, tuple)) else [value]


def _parameter_names(schema: ArgsSchema, *, inferred: bool) -> dict[str, str]:
    """Return the function's parameters by their names in data."""
    if isinstance(schema, dict):
        return {name: name for name in schema.get("properties", {})}
    data_names = {name: data_name(name, field) for name, field in schema.model_fields.items()}
    return {data_name: data_name if inferred else name for name, data_name in data_names.items()}


class ArgumentReader:
    """A reader of a function's arguments, by its signature and its schema.

    Args:
        tool: the name of the tool, for errors.
        signature: that of the function.
        schema: the schema of the arguments.
        inferred: whether the schema follows from the signature; then it names all arguments.

    Attributes:
        injected: the arguments that the program passes.
    """

    def __init__(
        self, tool: str | None, signature: Signature, schema: ArgsSchema, *, inferred: bool
    ) -> None:
        fields = injected_fields(schema)
        self.injected = frozenset({*signature.injected, *fields})
        self._tool = tool
        self._signature = signature
        self._schema = schema
        self._inferred = inferred
        self._call_ids = signature.call_ids | injected_fields(schema, InjectedToolCallId).keys()
        self._required = {name for name, required in signature.injected.items() if required}
        self._required |= {name for name, field in fields.items() if field.is_required()}
        self._names = _parameter_names(schema, inferred=inferred)

    def check(self, function: Callable[..., Any]) -> None:
        """Refuse a schema and a function with different arguments.

        Raises:
            ConfigError: the schema names an argument that the function does not take, or lacks
                one that the function needs.
        """
        named, signature = set(self._names.values()), self._signature
        for name in () if signature.is_open else named - signature.names:
            raise ConfigError(
                f"The args_schema of {self._tool!r} names {name!r}, which {show(function)} does "
                f"not take.{did_you_mean(name, signature.names)}"
            )
        for name in signature.required:
            if name not in named:
                raise ConfigError(
                    f"{show(function)} needs {name!r}, which the args_schema of {self._tool!r} "
                    f"does not name."
                    f"{did_you_mean(name, named)} Name it there, or annotate the parameter "
                    "as one that the program passes: Annotated[..., InjectedToolArg]."
                )

    def read(self, invocation: ToolInvocation, options: Mapping[str, Any]) -> CheckedArguments:
        """Return the arguments of the function, by position and by name.

        Args:
            invocation: the input of the tool.
            options: more of the arguments that the program passes.

        Raises:
            ToolArgumentsError: the model's arguments do not fit.
            ConfigError: an argument of the program is missing, or unknown.
        """
        visible = self._by_name(invocation.arguments)
        injected = {name: visible.pop(name) for name in self.injected & visible.keys()}
        injected |= self._checked_options(options)
        if invocation.is_call:
            injected |= dict.fromkeys(self._call_ids, invocation.id)
        self._check_required(injected)
        values = self._values(visible, injected)
        parameters = self._signature.injected
        values |= {name: value for name, value in injected.items() if name in parameters}
        positional = [name for name in self._signature.positional if name in values]
        rest = values.pop(self._signature.variadic, [])
        return [*(values.pop(name) for name in positional), *_as_list(rest)], values

    def _by_name(self, value: Any) -> dict[str, Any]:
        """Return the arguments by name; a bare value is that of the only, or only required, one.

        A function without parameters takes any text: agents that write text write one.
        """
        if isinstance(value, Mapping):
            return dict(cast("Mapping[str, Any]", value))
        if isinstance(self._schema, type) and isinstance(value, self._schema):
            fields = type(value).model_fields.items()
            return {data_name(name, field): getattr(value, name) for name, field in fields}
        names = [name for name in self._names if name not in self.injected]
        if not names and not self._signature.is_open and isinstance(value, str):
            return {}
        only = names if len(names) == 1 else [name for name in names if self._is_required(name)]
        if len(only) != 1:
            known = ", ".join(names) or "none"
            raise arguments_error(
                self._tool, f"expected a dict of arguments ({known}), got {value!r}"
            )
        return {only[0]: _as_list(value) if only[0] == self._signature.variadic else value}

    def _is_required(self, name: str) -> bool:
        if isinstance(self._schema, dict):
            return name in self._schema.get("required", ())
        fields = self._schema.model_fields.items()
        return any(field.is_required() for key, field in fields if data_name(key, field) == name)

    def _checked_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in options:
            if name not in self.injected:
                raise ConfigError(
                    f"The tool {self._tool!r} takes no option {name!r}."
                    f"{option_hint(name, self.injected)} "
                    "Options are arguments that the model does not see; "
                    f"here: {', '.join(sorted(self.injected)) or 'none'}."
                )
        return options

    def _check_required(self, injected: Mapping[str, Any]) -> None:
        for name in sorted(self._required - injected.keys()):
            if name in self._call_ids:
                raise missing_argument(
                    f"The tool {self._tool!r} needs the id of a tool call. Invoke it with one: "
                    '{"type": "tool_call", "name": ..., "args": {...}, "id": ...}.',
                    name,
                )
            raise missing_argument(
                f"The tool {self._tool!r} needs {name!r}, which the program passes: "
                f"tool.bind({name}=...), or among the arguments.",
                name,
            )

    def _values(self, visible: dict[str, Any], injected: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that the schema names, by the names of the parameters."""
        if isinstance(self._schema, dict):
            return self._checked_names(visible, self._schema.get("required", ()))
        extra = self._extra(visible)
        named = {name: value for name, value in injected.items() if name in self._names}
        checked = validated(self._tool, self._schema, {**visible, **named})
        values = {**extra, **(checked.model_extra or {})}
        for key, field in type(checked).model_fields.items():
            name = data_name(key, field) if self._inferred else key
            is_set = key in checked.model_fields_set
            # a default of the function's own stays with the function
            if not self._inferred or is_set or self._signature.has_field_default(name):
                values[name] = getattr(checked, key)
        return values

    def _checked_names(self, visible: dict[str, Any], required: Iterable[str]) -> dict[str, Any]:
        """Return arguments whose names a JSON schema has; their values are not checked."""
        if missing := [name for name in required if name not in visible]:
            raise arguments_error(self._tool, f"{', '.join(map(repr, missing))} must be given")
        self._extra(visible)
        return visible

    def _extra(self, visible: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that the schema does not name, for a function with `**`.

        Raises:
            ToolArgumentsError: there are some, and the function cannot take them.
        """
        extra = {name: value for name, value in visible.items() if name not in self._names}
        known = [name for name in self._names if name not in self.injected]
        is_open = self._signature.is_open
        refuses = self._inferred or isinstance(self._schema, dict)
        refused = self._signature.reserved & extra.keys() if is_open else extra.keys()
        for name in sorted(refused) if refuses else ():
            raise arguments_error(
                self._tool,
                f"there is no argument {name!r}.{did_you_mean(name, known)} "
                f"Known: {', '.join(known) or 'none'}.",
            )
        return extra if is_open and self._inferred else {}
