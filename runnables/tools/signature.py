"""What a function takes, where a model calls it: what the model gives, and what it never sees."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import BaseModel, Field
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, to_jsonable_python

from runnables.core.config import RunnableConfig
from runnables.core.schemas import fields_schema
from runnables.core.signatures import target
from runnables.core.values import show
from runnables.errors import ConfigError


class InjectedToolArg:
    """Marks an argument that the program gives and the model never sees.

    `user: Annotated[str, InjectedToolArg]`; the value stands among the arguments of a call, or
    is an option of it: `tool.invoke(call, user="ada")`, `tool.bind(user="ada")`.
    """


class InjectedToolCallId(InjectedToolArg):
    """Marks the argument that gets the `id` of the tool call."""


_CONFIGS: Final = (RunnableConfig, RunnableConfig | None)


class Signature:
    """What a function takes where a model calls it.

    Args:
        function: the function.
        strict: whether all of its annotations must be read, since they say the types.

    Attributes:
        given: the parameters that the model gives.
        injected: those that the program gives; whether each must be there.
        call_ids: those of them that get the id of the call.
        configs: the parameters that get the config.
        positional: the parameters that cannot be given by name.
        is_open: whether it takes any other name, too.
        taken: the names that it does not take for that reason, as others give them.

    Raises:
        ConfigError: an annotation that cannot be read, or a method that is not bound.
    """

    def __init__(self, function: Callable[..., Any], *, strict: bool = True) -> None:
        self.given: dict[str, inspect.Parameter] = {}
        self.injected: dict[str, bool] = {}
        self.call_ids: set[str] = set()
        self.configs: list[str] = []
        self.positional: list[str] = []
        self.is_open = False
        self.taken: set[str] = set(getattr(function, "keywords", ()))  # of a partial
        self._function = function
        self._hints: dict[str, Any] = {}
        parameters = list(_parameters(function))
        if any(it.annotation is not it.empty for it in parameters):
            self._hints = _hints(function, strict=strict)
        for parameter in parameters:
            self._take(parameter)

    def _take(self, parameter: inspect.Parameter) -> None:
        name, hint = parameter.name, self._hints.get(parameter.name, Any)
        if parameter.kind is parameter.VAR_KEYWORD:
            self.is_open = True
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return
        if parameter.kind is parameter.POSITIONAL_ONLY:
            self.positional.append(name)
        if _plain(hint) in _CONFIGS or (name == "config" and hint is Any):
            self.configs.append(name)
            self.taken.add(name)
        elif is_injected(hint):
            self.injected[name] = parameter.default is parameter.empty
            if is_injected(hint, InjectedToolCallId):
                self.call_ids.add(name)
        else:
            self.given[name] = parameter

    @property
    def names(self) -> set[str]:
        """The names of all parameters but that of the config."""
        return {*self.given, *self.injected}

    @property
    def required(self) -> list[str]:
        """The parameters without a default that the model gives."""
        return [key for key, it in self.given.items() if it.default is it.empty]

    def in_field(self, name: str) -> bool:
        """Whether the default of a parameter stands in a pydantic `Field(...)`."""
        return name in self.given and isinstance(self.given[name].default, FieldInfo)

    def model(self, name: str, about: str, descriptions: Mapping[str, str]) -> type[BaseModel]:
        """A pydantic model of what the model gives, with this docstring.

        Raises:
            ConfigError: a type that pydantic knows nothing of.
        """
        fields = {key: self._field(it, descriptions.get(key)) for key, it in self.given.items()}
        try:
            made = fields_schema(name, fields)
            made.__doc__ = about
            made.model_json_schema()
        except PydanticUserError as error:
            raise ConfigError(
                f"{show(self._function)} has a parameter of a type without a JSON schema, so no "
                "model can give it. Give an `args_schema`, or annotate a parameter that the "
                f"program gives: Annotated[..., InjectedToolArg]. ({error.message})"
            ) from error
        return made

    def _field(self, parameter: inspect.Parameter, description: str | None) -> tuple[Any, Any]:
        hint, default = self._hints.get(parameter.name, Any), parameter.default
        told: dict[str, Any] = {}
        if said := description or _description(hint):
            told = {"description": said}
        if isinstance(default, FieldInfo):
            return (hint if default.description else Annotated[hint, Field(**told)]), default
        if default is parameter.empty:
            return hint, Field(**told)
        return hint, Field(default=default, **told) if _has_json(default) else _hidden(
            default, told
        )


def _hidden(default: Any, told: dict[str, Any]) -> Any:
    """A default that no JSON schema can show."""
    return Field(default_factory=lambda: default, **told)


def _has_json(default: Any) -> bool:
    try:
        to_jsonable_python(default)
    except (PydanticSerializationError, ValueError):
        return False
    return True


def config_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters of a function that get the config."""
    try:
        return _config_names(function)
    except TypeError:  # an unhashable callable object
        return _config_names.__wrapped__(function)


@lru_cache(maxsize=4096)
def _config_names(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(Signature(function, strict=False).configs)


def is_injected(hint: Any, kind: type[InjectedToolArg] = InjectedToolArg) -> bool:
    """Whether an annotation marks what the program gives."""
    return get_origin(hint) is Annotated and is_marked(get_args(hint)[1:], kind)


def is_marked(metadata: Any, kind: type[InjectedToolArg] = InjectedToolArg) -> bool:
    """Whether one of these marks what the program gives, as a class or an object of it."""
    kinds = (it if isinstance(it, type) else type(it) for it in metadata)
    return any(issubclass(it, kind) for it in kinds)


def _plain(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _description(hint: Any) -> str | None:
    """The text that stands in `Annotated[int, "the text"]`."""
    if get_origin(hint) is not Annotated:
        return None
    return next((it for it in get_args(hint)[1:] if isinstance(it, str)), None)


def _parameters(function: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    """Its parameters, without those that a partial has given already."""
    try:
        known = inspect.signature(function).parameters
    except ValueError as error:
        raise ConfigError(
            f"{show(function)} does not say what it takes, so a model cannot call it. "
            "Wrap it in a function with annotations."
        ) from error
    given: Mapping[str, Any] = getattr(function, "keywords", {})  # of a partial
    for at, (name, parameter) in enumerate(known.items()):
        if at == 0 and name in ("self", "cls"):
            raise ConfigError(
                f"{show(function)} is a method without its object. "
                f"Make a tool of the bound method: tool(thing.{show(function)})."
            )
        if name not in given:
            yield parameter


def _hints(function: Callable[..., Any], *, strict: bool) -> dict[str, Any]:
    """The annotations of its parameters, with what `Annotated` adds.

    Args:
        function: the function.
        strict: whether each must be read; else those that cannot are left out.

    Raises:
        ConfigError: one that cannot be read; without it, the model would be told nothing of its
            type, or be shown what it must not see.
    """
    it: Any = target(function)
    it = inspect.unwrap(it.__init__ if inspect.isclass(it) else it)
    hints: dict[str, Any] = {}
    for name, annotation in getattr(it, "__annotations__", {}).items():
        holder: Any = type("Parameter", (), {"__annotations__": {name: annotation}})
        try:
            scope = getattr(it, "__globals__", {})
            hints |= typing.get_type_hints(holder, scope, include_extras=True)
        except Exception as error:  # annotations are any code at all
            if strict and name != "return":
                raise ConfigError(
                    f"The annotation of {name!r} in {show(function)} cannot be read: {error}. A "
                    "tool's types must be known at run time: import them outside of "
                    "`if TYPE_CHECKING`, at the top level of the module, or give an `args_schema`."
                ) from error
    return hints


_ARGUMENT: Final = re.compile(r"\s*\*{0,2}(\w+)(?:\s*\([^)]*\))?\s*:\s*(.*)")
_HEADS: Final = ("Args:", "Arguments:", "Parameters:")


def read_docstring(function: Any) -> tuple[str, dict[str, str]]:
    """The text before the first section, and what is said of each argument."""
    lines = (inspect.getdoc(function) or "").splitlines()
    heads = [at for at, line in enumerate(lines) if re.fullmatch(r"[A-Z]\w*:", line.strip())]
    about = "\n".join(lines[: heads[0] if heads else len(lines)]).strip()
    arguments: dict[str, str] = {}
    for at in heads:
        if lines[at].strip() in _HEADS:
            arguments = _entries(lines[at + 1 : next((h for h in heads if h > at), None)])
    return about, arguments


def whole_docstring(function: Any) -> str:
    """The docstring as it stands, without its indentation."""
    return (inspect.getdoc(function) or "").strip()


def _entries(lines: Sequence[str]) -> dict[str, str]:
    """The entries of an `Args:` section; a line that is indented further goes on with the last."""
    found: dict[str, str] = {}
    indent = next((len(line) - len(line.lstrip()) for line in lines if line.strip()), 0)
    last = ""
    for line in filter(str.strip, lines):
        entry = _ARGUMENT.fullmatch(line) if len(line) - len(line.lstrip()) <= indent else None
        if entry:
            last = entry[1]
            found[last] = entry[2].strip()
        elif last:
            found[last] = f"{found[last]} {line.strip()}".strip()
    return found
