"""From what a tool was given to the arguments of its function."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from pydantic import AliasChoices, AliasPath, BaseModel, ValidationError

from runnables.core.values import show
from runnables.errors import ConfigError, ToolArgumentsError, did_you_mean
from runnables.tools.signature import InjectedToolArg, InjectedToolCallId, Signature, is_marked

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from runnables.tools.results import ToolInvocation

ArgsSchema: TypeAlias = type[BaseModel] | dict[str, Any]
"""What says the arguments of a tool: a pydantic model, or a JSON schema of an object."""

Ready: TypeAlias = tuple[Any, dict[str, Any]]
"""What a call comes down to, once its arguments are checked."""


def misfit(tool: str | None, reason: str, errors: Any = ()) -> ToolArgumentsError:
    """The error for arguments that do not fit."""
    return ToolArgumentsError(f"The tool {tool!r} was called with bad arguments: {reason}", errors)


def validated(tool: str | None, schema: type[BaseModel], given: Any) -> BaseModel:
    """The arguments as an object of a model.

    Raises:
        ToolArgumentsError: they do not fit.
    """
    try:
        return schema.model_validate(given)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise misfit(tool, "; ".join(map(_fault, faults)), faults) from error


def _fault(fault: Any) -> str:
    """One fault in words for a model: where it is, what it is, and what was given."""
    place = ".".join(map(str, fault["loc"]))
    given = "" if fault["type"] == "missing" else f" (given: {reprlib.repr(fault['input'])})"
    return f"{place}: {fault['msg']}{given}" if place else f"{fault['msg']}{given}"


def injected_fields(
    schema: ArgsSchema, kind: type[InjectedToolArg] = InjectedToolArg
) -> dict[str, FieldInfo]:
    """The fields, by the names that data has, that are marked as the program's."""
    if isinstance(schema, dict):
        return {}
    fields = schema.model_fields.items()
    return {_in_data(key, it): it for key, it in fields if is_marked(it.metadata, kind)}


def _in_data(key: str, field: FieldInfo) -> str:
    """The name that data has for a field."""
    alias = field.validation_alias
    return alias if isinstance(alias, str) else field.alias or key


def hidden_names(schema: ArgsSchema) -> frozenset[str]:
    """Every name by which data can say an argument that is marked as the program's."""
    if isinstance(schema, dict):
        return frozenset()
    names: set[str] = set()
    for key, field in schema.model_fields.items():
        if is_marked(field.metadata):
            names |= {key, *filter(None, [field.alias]), *_aliases(field.validation_alias)}
    return frozenset(names)


def _aliases(alias: str | AliasPath | AliasChoices | None) -> Iterable[str]:
    """The names at the top of data that these stand for."""
    if isinstance(alias, AliasChoices):
        return [name for choice in alias.choices for name in _aliases(choice)]
    if isinstance(alias, AliasPath):
        return [it for it in alias.path[:1] if isinstance(it, str)]
    return [] if alias is None else [alias]


def _names(schema: ArgsSchema, *, inferred: bool) -> dict[str, str]:
    """The names that data has, to the names that the function has."""
    if isinstance(schema, dict):
        return {it: it for it in schema.get("properties", {})}
    fields = schema.model_fields.items()
    return {_in_data(key, it): _in_data(key, it) if inferred else key for key, it in fields}


class Arguments:
    """Reads what a function is given, by its signature and by the schema of its arguments.

    Args:
        tool: the name of the tool, for errors.
        takes: what the function takes.
        schema: what says the arguments.
        inferred: whether the schema follows from the signature, so that nothing else is known.

    Attributes:
        injected: the arguments that the program gives.
    """

    def __init__(
        self, tool: str | None, takes: Signature, schema: ArgsSchema, *, inferred: bool
    ) -> None:
        fields = injected_fields(schema)
        self.injected = frozenset({*takes.injected, *fields})
        self._tool = tool
        self._takes = takes
        self._schema = schema
        self._inferred = inferred
        self._call_ids = takes.call_ids | injected_fields(schema, InjectedToolCallId).keys()
        self._required = {name for name, required in takes.injected.items() if required}
        self._required |= {name for name, field in fields.items() if field.is_required()}
        self._names = _names(schema, inferred=inferred)

    def check(self, function: Callable[..., Any]) -> None:
        """What a schema names is what the function takes, and the other way round.

        Raises:
            ConfigError: names what is missing.
        """
        named, takes = set(self._names.values()), self._takes
        for name in () if takes.is_open else named - takes.names:
            raise ConfigError(
                f"The args_schema of {self._tool!r} names {name!r}, which {show(function)} does "
                f"not take.{did_you_mean(name, takes.names)}"
            )
        for name in takes.required:
            if name not in named:
                raise ConfigError(
                    f"{show(function)} needs {name!r}, which the args_schema of {self._tool!r} "
                    f"does not name."
                    f"{did_you_mean(name, named)} Name it there, or annotate the parameter "
                    "as what the program gives: Annotated[..., InjectedToolArg]."
                )

    def read(self, asked: ToolInvocation, options: Mapping[str, Any]) -> Ready:
        """The arguments by position and by name.

        Args:
            asked: what the tool was given.
            options: more of the arguments that the program gives.

        Raises:
            ToolArgumentsError: arguments of the model's that do not fit.
            ConfigError: one of the program's that is missing, or unknown.
        """
        given = self._by_name(asked.given)
        hidden = {key: given.pop(key) for key in self.injected & given.keys()}
        hidden |= self._checked_options(options)
        if asked.is_call:
            hidden |= dict.fromkeys(self._call_ids, asked.id)
        self._require(hidden)
        named = self._values(given, hidden)
        named |= {key: it for key, it in hidden.items() if key in self._takes.injected}
        return [named.pop(it) for it in self._takes.positional if it in named], named

    def _by_name(self, given: Any) -> dict[str, Any]:
        """The arguments by name; for the only one, or the only one that must be, its value."""
        if isinstance(given, Mapping):
            return dict(cast("Mapping[str, Any]", given))
        if isinstance(self._schema, type) and isinstance(given, self._schema):
            fields = type(given).model_fields.items()
            return {_in_data(key, it): getattr(given, key) for key, it in fields}
        names = [it for it in self._names if it not in self.injected]
        only = names if len(names) == 1 else [it for it in names if self._is_required(it)]
        if len(only) != 1:
            known = ", ".join(names) or "none"
            raise misfit(self._tool, f"expected a dict of arguments ({known}), got {given!r}")
        return {only[0]: given}

    def _is_required(self, name: str) -> bool:
        if isinstance(self._schema, dict):
            return name in self._schema.get("required", ())
        fields = self._schema.model_fields.items()
        return any(it.is_required() for key, it in fields if _in_data(key, it) == name)

    def _checked_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in options:
            if name not in self.injected:
                raise ConfigError(
                    f"The tool {self._tool!r} takes no option {name!r}."
                    f"{did_you_mean(name, self.injected)} "
                    "Options are arguments that the model does not see; "
                    f"here: {', '.join(sorted(self.injected)) or 'none'}."
                )
        return options

    def _require(self, hidden: Mapping[str, Any]) -> None:
        for name in sorted(self._required - hidden.keys()):
            if name in self._call_ids:
                raise ConfigError(
                    f"The tool {self._tool!r} needs the id of a tool call. Invoke it with one: "
                    '{"type": "tool_call", "name": ..., "args": {...}, "id": ...}.'
                )
            raise ConfigError(
                f"The tool {self._tool!r} needs {name!r}, which the program gives: "
                f"tool.bind({name}=...), or among the arguments."
            )

    def _values(self, given: dict[str, Any], hidden: Mapping[str, Any]) -> dict[str, Any]:
        """What the function is given of the schema, by the names of its parameters."""
        if isinstance(self._schema, dict):
            return self._known(given, self._schema.get("required", ()))
        rest = self._rest(given)
        data = {**given, **{key: it for key, it in hidden.items() if key in self._names}}
        checked = validated(self._tool, self._schema, data)
        values = {**rest, **(checked.model_extra or {})}
        for key, info in type(checked).model_fields.items():
            name = _in_data(key, info) if self._inferred else key
            if not self._inferred or key in checked.model_fields_set or self._takes.in_field(name):
                values[name] = getattr(checked, key)
        return values

    def _known(self, given: dict[str, Any], required: Iterable[str]) -> dict[str, Any]:
        """Arguments of which a JSON schema says the names; nobody checks their values."""
        if missing := [it for it in required if it not in given]:
            raise misfit(self._tool, f"{', '.join(map(repr, missing))} must be given")
        self._rest(given)
        return given

    def _rest(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the schema does not name; refused where nothing can take it."""
        rest = {key: it for key, it in given.items() if key not in self._names}
        known = [it for it in self._names if it not in self.injected]
        refuses = self._inferred or isinstance(self._schema, dict)
        refused = self._takes.taken & rest.keys() if self._takes.is_open else rest.keys()
        for name in sorted(refused) if refuses else ():
            raise misfit(
                self._tool,
                f"there is no argument {name!r}.{did_you_mean(name, known)} "
                f"Known: {', '.join(known) or 'none'}.",
            )
        return rest if self._takes.is_open and self._inferred else {}
