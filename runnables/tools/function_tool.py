"""Tools made of functions."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, cast, get_args, get_origin

from runnables.compose.runnable import Runnable
from runnables.core.config import activate
from runnables.core.signatures import is_async, is_generator, result_type, target
from runnables.core.typevars import Output
from runnables.core.values import show
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError, SyncAsyncError, did_you_mean
from runnables.messages.tool_names import service_name
from runnables.tools.arguments import ArgsSchema, ArgumentReader, CheckedArguments, hidden_names
from runnables.tools.base import BaseTool, ErrorHandling, ResponseFormat
from runnables.tools.docstrings import read_docstring, whole_docstring
from runnables.tools.from_config import values_from_config
from runnables.tools.signature import Signature

if TYPE_CHECKING:
    from runnables.core.config import Scope
    from runnables.tools.results import ToolInvocation


class StructuredTool(BaseTool[Output], internal=True):
    """A function that a model can call by name, with arguments that are checked first.

    It takes and returns what every tool does (`BaseTool`). The model sees the function's
    parameters, with their types and descriptions; of `**options: Unpack[Options]` it sees the keys.
    It sees neither a parameter that gets the config (`config: RunnableConfig`, `callbacks`,
    `run_manager`) nor one that is annotated as `InjectedToolArg`, whose value is one of the
    arguments or an option of the call.

    Args:
        func: the function; an async one becomes the `coroutine`.
        coroutine: the async function. Without one, an awaited tool runs `func` in a worker thread.
        name: the name by which the model calls it; the function's name by default.
        description: tells the model what the tool is for; by default the docstring up to its first
            section, else the description of the `args_schema`.
        return_direct: whether its answer ends the work of an agent.
        args_schema: the schema of the arguments, in place of the signature: a pydantic model, or
            a JSON schema, of which only the names are checked.
        infer_schema: whether to read the signature; with False the tool takes one string.
        response_format: "content_and_artifact" where the function returns pairs of content for
            the model and an artifact for the program.
        parse_docstring: whether to read the descriptions of the arguments from the docstring. By
            default they are read; True also requires that they are parameters; False makes the
            whole docstring the description.
        error_on_invalid_docstring: whether `parse_docstring=True` also requires an `Args:`
            section.
        handle_tool_error: how a `ToolException` is handled: False raises it; True returns its
            message to the model; a string is returned in its place; a function of the error
            returns the answer.
        handle_validation_error: how arguments that do not fit are handled; the same values.

    Raises:
        ConfigError: no function, or one whose parameters no model can write; a ValueError.
        ToolArgumentsError: when run, arguments that do not fit; a ValueError.

    Example:
        >>> def add(a: int, b: int = 1) -> int:
        ...     '''Add two numbers.'''
        ...     return a + b
        >>> plus = StructuredTool(add, name="plus")
        >>> plus.invoke({"a": 2}), plus.invoke({"a": "2", "b": 3})
        (3, 5)
        >>> try:
        ...     plus.invoke({"a": "two"})
        ... except ToolArgumentsError as error:
        ...     print(error)
        The tool 'plus' was called with bad arguments: a: Input should be a valid integer, ...
    """

    def __init__(
        self,
        func: Callable[..., Any] | None = None,
        coroutine: Callable[..., Any] | None = None,
        name: str | None = None,
        description: str | None = None,
        return_direct: bool = False,
        args_schema: ArgsSchema | None = None,
        infer_schema: bool = True,
        *,
        response_format: ResponseFormat = "content",
        parse_docstring: bool | None = None,
        error_on_invalid_docstring: bool = True,
        handle_tool_error: ErrorHandling = False,
        handle_validation_error: ErrorHandling = False,
    ) -> None:
        if func is not None and coroutine is None and is_async(func):
            func, coroutine = None, func
        self.func = func
        self.coroutine = coroutine
        self.infer_schema = infer_schema
        self.parse_docstring = parse_docstring
        self.error_on_invalid_docstring = error_on_invalid_docstring
        self._reader: ArgumentReader | None = None
        self._signatures: list[Signature] = []
        function = _checked_function(func, coroutine)
        if description is None:
            description = _default_description(function, args_schema, parse_docstring)
        super().__init__(
            name=name or _name_of(function),
            description=description,
            args_schema=args_schema,
            return_direct=return_direct,
            response_format=response_format,
            handle_tool_error=handle_tool_error,
            handle_validation_error=handle_validation_error,
        )
        self._arguments.check(function)

    @classmethod
    def from_function(
        cls,
        func: Callable[..., Any] | None = None,
        coroutine: Callable[..., Any] | None = None,
        name: str | None = None,
        description: str | None = None,
        return_direct: bool = False,
        args_schema: ArgsSchema | None = None,
        infer_schema: bool = True,
        **options: Any,
    ) -> StructuredTool[Any]:
        """Make a tool as the class does, of a function with a docstring or a description.

        Args:
            func: see the class, as for all of these.
            coroutine: see the class.
            name: see the class.
            description: see the class.
            return_direct: see the class.
            args_schema: see the class.
            infer_schema: see the class.
            **options: the keywords of the class.

        Raises:
            ConfigError: there is no description, and nothing to take one from.
        """
        settings = (func, coroutine, name, description, return_direct, args_schema, infer_schema)
        tool = StructuredTool[Any](*settings, **options)
        if not tool.description and description is None:
            raise ConfigError(
                f"The tool {tool.name!r} has no description, so a model does not know what it is "
                'for. Write a docstring, or pass a description; description="" will do.'
            )
        return tool

    # -- a value

    def __repr__(self) -> str:
        functions = [
            show(function) for function in (self.func, self.coroutine) if function is not None
        ]
        description = _default_description(
            self._function, vars(self)["args_schema"], self.parse_docstring
        )
        defaults = {
            **_DEFAULTS,
            "name": service_name(_name_of(self._function)),
            "description": description,
        }
        return f"StructuredTool({', '.join([*functions, *self._keywords(defaults)])})"

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._signatures = []
        super().__setstate__(state)

    def _forget(self) -> None:
        super()._forget()
        self._reader = None

    def __copy__(self) -> StructuredTool[Output]:
        copy: StructuredTool[Output] = type(self).__new__(type(self))
        copy.__setstate__(self.__getstate__())
        copy._signatures = list(self._signatures)  # names of a factory are known only while it runs
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle a decorated function's tool by name: the function's name leads to the tool."""
        function: Any = self._function
        path = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
        if _find_by_name(*path) is self:
            return _find_by_name, path
        return super().__reduce_ex__(protocol)

    # -- arguments

    @property
    def _function(self) -> Callable[..., Any]:
        return cast("Callable[..., Any]", self.func or self.coroutine)

    def _result_type(self) -> Any:
        """Return the annotated type of the function's result; of a pair, that of the content."""
        annotated = result_type(self._function)
        if self.response_format == "content":
            return annotated
        is_pair = get_origin(annotated) is tuple and get_args(annotated)
        return get_args(annotated)[0] if is_pair else Any

    @property
    def injected_args(self) -> frozenset[str]:
        """Return the names of the arguments that the program passes and the model never sees."""
        return self._arguments.injected | hidden_names(self.args_schema)

    def _own_schema(self) -> ArgsSchema:
        signature = self._signature(self._function, strict=True)
        if self.infer_schema:
            descriptions = self._parameter_descriptions(signature)
            return signature.make_model(self.get_name(), self.description, descriptions)
        first = next(iter(signature.visible), "input")
        properties = {first: {"type": "string"}}
        return {"type": "object", "properties": properties, "required": [first]}

    def _parameter_descriptions(self, signature: Signature) -> dict[str, str]:
        """Return the descriptions of the parameters in the docstring.

        Raises:
            ConfigError: with `parse_docstring=True`, it describes other names, or none.
        """
        if self.parse_docstring is False:
            return {}
        _, descriptions = read_docstring(self._function)
        if not self.parse_docstring:
            return descriptions
        if signature.visible and not descriptions and self.error_on_invalid_docstring:
            raise ConfigError(f"The docstring of {show(self._function)} has no `Args:` section.")
        for name in descriptions:
            if name not in signature.names and name not in signature.configs:
                raise ConfigError(
                    f"The docstring of {show(self._function)} describes {name!r}, which is none "
                    f"of its parameters.{did_you_mean(name, signature.names)}"
                )
        return descriptions

    @property
    def _arguments(self) -> ArgumentReader:
        if self._reader is None:
            inferred = vars(self)["args_schema"] is None and self.infer_schema
            signature = self._signature(self._function, strict=inferred)
            self._reader = ArgumentReader(self.name, signature, self.args_schema, inferred=inferred)
        return self._reader

    def _signature(self, function: Callable[..., Any], *, strict: bool = False) -> Signature:
        """Return the signature of a function, read once.

        Args:
            function: the function, or the coroutine.
            strict: whether an annotation that cannot be read is an error.
        """
        named = frozenset(_names_in(vars(self)["args_schema"]))
        for known in self._signatures:
            if known.function is function and known.strict >= strict and known.named == named:
                return known
        signature = Signature(function, strict=strict, named=named)
        self._signatures.append(signature)
        return signature

    def _from_config(self, function: Callable[..., Any], scope: Scope | None) -> dict[str, Any]:
        return values_from_config(self._signature(function).configs, scope)

    # -- running

    def _check_arguments(
        self, invocation: ToolInvocation, kwargs: dict[str, Any]
    ) -> CheckedArguments:
        return self._arguments.read(invocation, kwargs)

    def _run(self, arguments: CheckedArguments, scope: Scope | None) -> Any:
        if self.func is None:
            raise SyncAsyncError(
                f"The tool {self.name!r} is async, so a sync call cannot run it. "
                "Use `ainvoke`, or pass a sync function, too."
            )
        positional, named = arguments
        with activate(scope):
            given = self._from_config(self.func, scope)
            result = self.func(*positional, **named, **given)
            return _refuse_coroutine(result)

    async def _arun(self, arguments: CheckedArguments, scope: Scope | None) -> Any:
        if self.coroutine is None:
            return await to_thread(self._run, arguments, scope)
        positional, named = arguments
        with activate(scope):
            given = self._from_config(self.coroutine, scope)
            return await self.coroutine(*positional, **named, **given)


def _refuse_coroutine(result: Any) -> Any:
    """Return the result of a sync call, which must be no coroutine."""
    if inspect.iscoroutine(result):
        result.close()
        raise SyncAsyncError("The tool returned a coroutine to a sync call. Use `ainvoke` instead.")
    return result


def _names_in(schema: ArgsSchema | None) -> Collection[str]:
    """Return the names of arguments in a schema."""
    if schema is None:
        return ()
    return schema.get("properties", {}) if isinstance(schema, dict) else schema.model_fields


def _checked_function(func: Any, coroutine: Any) -> Callable[..., Any]:
    """Return the function whose signature is the tool's.

    Raises:
        ConfigError: there is no function, or one that cannot be a tool.
    """
    if func is None and coroutine is None:
        raise ConfigError("StructuredTool needs a function: func, coroutine, or both.")
    for function in (func, coroutine):
        if function is None:
            continue
        if isinstance(function, Runnable) or not callable(function):
            raise ConfigError(f"StructuredTool({function!r}): expected a function")
        if is_generator(function):
            raise ConfigError(
                f"{show(function)} is a generator function, and a tool returns one result. "
                "Return it at once, or make a tool of a runnable: RunnableLambda(f).as_tool()."
            )
    if coroutine is not None and not is_async(coroutine):
        raise ConfigError(f"coroutine={show(coroutine)}: expected an async function")
    return cast("Callable[..., Any]", func or coroutine)


def _name_of(function: Any) -> str:
    own = getattr(function, "__name__", None) or getattr(target(function), "__name__", None)
    return type(function).__name__ if own in (None, "__call__") else str(own)


def _default_description(
    function: Any, schema: ArgsSchema | None, parse_docstring: bool | None
) -> str:
    """Return the description in a function's docstring, or else in the schema."""
    documented = function if inspect.isroutine(function) else target(function)
    if parse_docstring is False:
        description = whole_docstring(documented)
    else:
        description, _ = read_docstring(documented)
    if description or schema is None:
        return description
    fields: Mapping[str, Any] = schema if isinstance(schema, dict) else vars(schema)
    return inspect.cleandoc(fields.get("description") or fields.get("__doc__") or "")


def _find_by_name(module: str | None, qualname: str | None) -> Any:
    """Return the object with this name in a module; None where there is none."""
    found: Any = importlib.import_module(module) if module and qualname else None
    for part in (qualname or "").split("."):
        found = getattr(found, part, None)
    return found


_DEFAULTS: Final[Mapping[str, Any]] = {
    "infer_schema": True,
    "error_on_invalid_docstring": True,
}
