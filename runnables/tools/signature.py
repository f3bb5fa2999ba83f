"""The parameters of functions that models call: those that the model sees, and all others."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import BaseModel, Field
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, to_jsonable_python

from runnables.core.config import RunnableConfig
from runnables.core.schemas import adapter_of, fields_schema
from runnables.core.signatures import local_names, target
from runnables.core.values import show
from runnables.errors import ConfigError
from runnables.tools.typed_keywords import unpacked_keys


class InjectedToolArg:
    """A marker for an argument that the program passes and the model never sees.

    The value is one of the arguments of a call, or an option of it, which `bind` can set.

    Example:
        >>> from typing import Annotated
        >>> @tool
        ... def greet(greeting: str, user: Annotated[str, InjectedToolArg]) -> str:
        ...     '''Greet the user.'''
        ...     return f"{greeting}, {user}!"
        >>> list(greet.args)
        ['greeting']
        >>> greet.bind(user="Ada").invoke({"greeting": "Ahoy"})
        'Ahoy, Ada!'
    """


class InjectedToolCallId(InjectedToolArg):
    """A marker for the argument that gets the `id` of the tool call.

    Example:
        >>> from typing import Annotated
        >>> @tool
        ... def log(text: str, call_id: Annotated[str, InjectedToolCallId]) -> str:
        ...     '''Write to the log.'''
        ...     return f"{call_id}: {text}"
        >>> log.invoke(tool_call(name="log", args={"text": "ahoy"}, id="call_1")).content
        'call_1: ahoy'
    """


_CONFIGS: Final = (RunnableConfig, RunnableConfig | None)
_DICTS: Final = (Any, dict, Mapping, *_CONFIGS)
"""The annotations with which a parameter named `config` is that of the call."""
_BY_NAME: Final = frozenset({"callbacks", "run_manager"})
"""The parameters that belong to the program whatever their types: LangChain's tools have them."""


_LEFT_OUT: Final = object()
"""The default of a keyword that may be left out, and has no default."""


class Signature:
    """The parameters of a function that a model calls.

    Args:
        function: the function.
        strict: whether an annotation that cannot be read is an error; it is one where the
            annotations are the types of the arguments.
        named: the arguments that a schema names: they are the model's, whatever they are called.

    Attributes:
        function: the function.
        strict: as passed.
        named: as passed.
        visible: the parameters that the model sees.
        injected: the names of those that the program passes, and whether each is required.
        call_ids: those of them that get the id of the call.
        configs: the parameters that get the config, or what is in it: "config", "callbacks" or
            "run_manager", by the name of the parameter.
        positional: the parameters that cannot be passed by name.
        variadic: the name of its `*` parameter, which the model sees as a list, where it is the
            only parameter that the model sees; else an empty string.
        is_open: whether it has a `**` parameter, and so takes other names, too.
        reserved: the names that it does not take from a call even then.

    Raises:
        ConfigError: an annotation that cannot be read, or a method that is not bound.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        strict: bool = True,
        named: frozenset[str] = frozenset(),
    ) -> None:
        self.visible: dict[str, inspect.Parameter] = {}
        self.injected: dict[str, bool] = {}
        self.call_ids: set[str] = set()
        self.configs: dict[str, str] = {}
        self.positional: list[str] = []
        self.variadic = ""
        self.is_open = False
        self.reserved: set[str] = set(getattr(function, "keywords", ()))  # of a partial
        self.function = function
        self.strict = strict
        self.named = named
        self._hints: dict[str, Any] = {}
        self._hidden: list[inspect.Parameter] = []
        self._made: tuple[Any, type[BaseModel]] | None = None
        parameters = list(_parameters(function))
        if any(parameter.annotation is not parameter.empty for parameter in parameters):
            self._hints = _hints(function, strict=strict)
        for parameter in parameters:
            self._add(parameter)
        self._see_variadic(parameters)

    def _see_variadic(self, parameters: Iterable[inspect.Parameter]) -> None:
        """Let the model see the `*` parameter, where it sees no other one."""
        for parameter in parameters:
            name = parameter.name
            if parameter.kind is parameter.VAR_POSITIONAL and not (self.visible or self.named):
                item: Any = _plain(self._hints.get(name, Any))
                self._hints[name] = list[item]
                self.visible[name] = _keyword(name, required=False)
                self.variadic = name

    def _add(self, parameter: inspect.Parameter) -> None:
        name, hint = parameter.name, self._hints.get(parameter.name, Any)
        if parameter.kind is parameter.VAR_KEYWORD and (keys := unpacked_keys(hint)) is not None:
            for key, (annotation, required) in keys.items():
                self._hints[key] = annotation
                self._add(_keyword(key, required=required))
            return
        if parameter.kind is parameter.VAR_KEYWORD:
            self.is_open = True
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return
        if parameter.kind is parameter.POSITIONAL_ONLY:
            self.positional.append(name)
        if content := self._config_content(name, _plain(hint)):
            self.configs[name] = content
            self.reserved.add(name)
        elif is_injected(hint):
            self.injected[name] = parameter.default is parameter.empty
            self._hidden.append(parameter)
            if is_injected(hint, InjectedToolCallId):
                self.call_ids.add(name)
        else:
            self.visible[name] = parameter

    def _config_content(self, name: str, annotation: Any) -> str | None:
        """Return what of the config a parameter gets; None where it is an argument."""
        if annotation in _CONFIGS:
            return "config"
        if name in self.named or is_injected(self._hints.get(name)):
            return None
        if name == "config" and _kind(annotation) in _DICTS:
            return "config"
        return name if name in _BY_NAME else None

    @property
    def names(self) -> set[str]:
        """Return the names of all parameters but that of the config."""
        return {*self.visible, *self.injected}

    @property
    def required(self) -> list[str]:
        """Return the parameters without a default that the model sees."""
        return [
            name for name, parameter in self.visible.items() if parameter.default is parameter.empty
        ]

    def has_field_default(self, name: str) -> bool:
        """Tell whether the default of a parameter is a pydantic `Field(...)`."""
        return name in self.visible and isinstance(self.visible[name].default, FieldInfo)

    def make_model(
        self, name: str, docstring: str, descriptions: Mapping[str, str]
    ) -> type[BaseModel]:
        """Make a pydantic model of the parameters that the model sees.

        Args:
            name: the name of the class.
            docstring: its docstring.
            descriptions: those of the fields, by name.

        Raises:
            ConfigError: a parameter of a type without a JSON schema.
        """
        key = (name, docstring, dict(descriptions))
        if self._made is not None and self._made[0] == key:
            return self._made[1]
        fields = {
            key: self._field(parameter, descriptions.get(key))
            for key, parameter in self.visible.items()
        }
        try:
            model = fields_schema(name, fields, needs_json=True)
            model.__doc__ = docstring
            if not model.__pydantic_complete__:  # a class in it names other classes of a function
                model.model_rebuild(_types_namespace=local_names(_owner(self.function)))
            model.model_json_schema()
        except PydanticUserError as error:
            raise ConfigError(
                f"{show(self.function)} has a parameter of a type without a JSON schema, so no "
                "model can write it. Pass an `args_schema`, or annotate a parameter that the "
                f"program passes: Annotated[..., InjectedToolArg]. ({error.message})"
            ) from error
        self._made = key, model
        return model

    def injected_fields(self, descriptions: Mapping[str, str]) -> dict[str, tuple[Any, Any]]:
        """Return the types and the defaults of the parameters that the program passes.

        Args:
            descriptions: those of the parameters, by name.
        """
        fields: dict[str, tuple[Any, Any]] = {}
        for parameter in self._hidden:
            hint, default = self._field(parameter, descriptions.get(parameter.name))
            try:
                adapter_of(hint).json_schema()
            except PydanticUserError:  # any class at all
                marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
                hint = Annotated[(Any, *marks, InjectedToolArg)]
            fields[parameter.name] = hint, default
        return fields

    def _field(self, parameter: inspect.Parameter, description: str | None) -> tuple[Any, Any]:
        """Return the type and the default of a pydantic field."""
        hint, default = self._hints.get(parameter.name, Any), parameter.default
        settings: dict[str, Any] = {}
        if text := description or _description(hint):
            settings = {"description": text}
        if isinstance(default, FieldInfo):
            return (hint if default.description else Annotated[hint, Field(**settings)]), default
        if default is parameter.empty:
            return hint, Field(**settings)
        if _has_json(default):
            return hint, Field(default=default, **settings)
        return hint, Field(default_factory=lambda: default, **settings)  # not in the JSON schema


def _has_json(default: Any) -> bool:
    try:
        to_jsonable_python(default)
    except (PydanticSerializationError, ValueError):
        return False
    return True


def is_injected(hint: Any, kind: type[InjectedToolArg] = InjectedToolArg) -> bool:
    """Tell whether an annotation marks an argument that the program passes.

    LangChain's marks count as ours, and so does a type that says it of itself, such as LangGraph's
    `ToolRuntime`.
    """
    if get_origin(hint) is Annotated and is_marked(get_args(hint)[1:], kind):
        return True
    itself: Any = get_origin(_plain(hint)) or _plain(hint)
    return kind is InjectedToolArg and _has_foreign_base(itself, "_DirectlyInjectedToolArg")


def is_marked(metadata: Any, kind: type[InjectedToolArg] = InjectedToolArg) -> bool:
    """Tell whether one of these is the marker, or LangChain's, as a class or an object of it."""
    classes: Iterable[type] = (item if isinstance(item, type) else type(item) for item in metadata)
    return any(
        issubclass(class_, kind) or _has_foreign_base(class_, kind.__name__) for class_ in classes
    )


def _has_foreign_base(class_: Any, name: str) -> bool:
    """Tell whether this is a class that has a base of this name among those of LangChain."""
    return any(
        base.__name__ == name and base.__module__.startswith("langchain_core.")
        for base in getattr(class_, "__mro__", ())
    )


def _kind(annotation: Any) -> Any:
    """Return a type without its arguments, and without None."""
    if get_origin(annotation) in (typing.Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        annotation = kinds[0] if len(kinds) == 1 else annotation
    return get_origin(annotation) or annotation


def _keyword(name: str, *, required: bool) -> inspect.Parameter:
    """Return a parameter that is passed by name, or may be left out."""
    default = inspect.Parameter.empty if required else _LEFT_OUT
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)


def _plain(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _description(hint: Any) -> str | None:
    """Return the string of `Annotated[int, "the string"]`."""
    if get_origin(hint) is not Annotated:
        return None
    return next((item for item in get_args(hint)[1:] if isinstance(item, str)), None)


def _parameters(function: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    """Yield the parameters of a function, without those that a partial has set already."""
    try:
        parameters = inspect.signature(function).parameters
    except ValueError as error:
        raise ConfigError(
            f"{show(function)} has no signature, so a model cannot call it. "
            "Wrap it in a function with annotations."
        ) from error
    if next(iter(parameters), None) in ("self", "cls"):
        raise ConfigError(
            f"{show(function)} is a method without its object. "
            f"Make a tool of the bound method: tool(thing.{show(function)})."
        )
    set_already: Mapping[str, Any] = getattr(function, "keywords", {})  # of a partial
    for name, parameter in parameters.items():
        if name not in set_already:
            yield parameter


def _owner(function: Any) -> Any:
    """Return the function that has the annotations."""
    called = target(function)
    return inspect.unwrap(called.__init__ if inspect.isclass(called) else called)


def _hints(function: Callable[..., Any], *, strict: bool) -> dict[str, Any]:
    """Return the annotations of a function, with the metadata of `Annotated`.

    Args:
        function: the function.
        strict: whether an annotation that cannot be read is an error; if not, it is left out.

    Raises:
        ConfigError: an annotation that cannot be read. Without it, the model would not know the
            argument's type, or would see an argument that it must not see.
    """
    owner = _owner(function)
    scope, local = getattr(owner, "__globals__", {}), local_names(owner)
    hints: dict[str, Any] = {}
    for name, annotation in getattr(owner, "__annotations__", {}).items():
        holder: Any = type("Parameter", (), {"__annotations__": {name: annotation}})
        try:
            hints |= typing.get_type_hints(holder, scope, local, include_extras=True)
        except Exception as error:  # annotations are any code at all
            if strict and name != "return" and name not in _BY_NAME:
                raise ConfigError(
                    f"The annotation of {name!r} in {show(function)} cannot be read: {error}. A "
                    "tool's types must be known at run time: import them outside of "
                    "`if TYPE_CHECKING`, at the top level of the module or around the place where "
                    "the tool is made, or pass an `args_schema`."
                ) from error
    return hints
