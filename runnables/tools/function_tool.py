"""Functions as tools."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast, get_args, get_origin

from runnables.compose.runnable import Runnable
from runnables.core.config import activate
from runnables.core.signatures import is_async, is_generator, result_type, target
from runnables.core.typevars import Output
from runnables.core.user_code import user_config
from runnables.core.values import show
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError, SyncAsyncError, did_you_mean
from runnables.tools.arguments import ArgsSchema, Arguments, Ready, hidden_names
from runnables.tools.base import BaseTool, Handle, ResponseFormat
from runnables.tools.signature import Signature, config_names, read_docstring, whole_docstring

if TYPE_CHECKING:
    from runnables.core.config import Scope
    from runnables.tools.results import ToolInvocation


class StructuredTool(BaseTool[Output], internal=True):
    """A function that a model can call by name, with arguments that are checked first.

    Takes and gives what every tool does (`BaseTool`). The model is told the function's
    parameters, with their types and what the docstring says of them; but neither a parameter
    that takes the config (`config: RunnableConfig`) nor one that is annotated as
    `InjectedToolArg`, whose value stands among the arguments or is an option of the call.

    Args:
        func: the function; an async one is taken for the `coroutine`.
        coroutine: its async half. Without one, the function goes to a worker thread where the
            tool is awaited.
        name: what the model calls it; the function's name by default.
        description: what the model is told of it; by default the docstring up to its first
            section, else what the `args_schema` says.
        return_direct: whether its answer ends the work of an agent.
        args_schema: what says the arguments instead of the signature: a pydantic model, or a
            JSON schema, of which only the names are checked.
        infer_schema: whether to read the signature; with False the tool takes one text.
        response_format: "content_and_artifact" where it gives pairs of what the model gets and
            what the program gets.
        parse_docstring: whether to read what the docstring says of the arguments. None does,
            True moreover insists that they are parameters, and False makes the whole docstring
            the description.
        error_on_invalid_docstring: whether `parse_docstring=True` also insists on an `Args:`
            section.
        handle_tool_error: what becomes of a `ToolException` that it raises: False, it is raised;
            True, the model gets its text; a text; or a function of the error.
        handle_validation_error: what becomes of arguments that do not fit; likewise.

    Raises:
        ConfigError: no function, or one whose parameters no model can give; a ValueError.
        ToolArgumentsError: when run, arguments that do not fit; a ValueError.
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
        handle_tool_error: Handle = False,
        handle_validation_error: Handle = False,
    ) -> None:
        if func is not None and coroutine is None and is_async(func):
            func, coroutine = None, func
        self.func = func
        self.coroutine = coroutine
        self.infer_schema = infer_schema
        self.parse_docstring = parse_docstring
        self.error_on_invalid_docstring = error_on_invalid_docstring
        self._reader: Arguments | None = None
        function = _check_functions(func, coroutine)
        if description is None:
            description = _about(function, args_schema, parse_docstring)
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
        """The same as the class, for a function that says what it does.

        Args:
            func: see the class, as for all of these.
            coroutine: likewise.
            name: likewise.
            description: likewise.
            return_direct: likewise.
            args_schema: likewise.
            infer_schema: likewise.
            **options: the keywords of the class.

        Raises:
            ConfigError: there is no description, and nothing that it could be taken from.
        """
        given = (func, coroutine, name, description, return_direct, args_schema, infer_schema)
        made = StructuredTool[Any](*given, **options)
        if not made.description and description is None:
            raise ConfigError(
                f"The tool {made.name!r} has no description, so a model does not know what it is "
                'for. Write a docstring, or give a description; description="" will do.'
            )
        return made

    # -- a value

    def __repr__(self) -> str:
        functions = [show(it) for it in (self.func, self.coroutine) if it is not None]
        about = _about(self._function, vars(self)["args_schema"], self.parse_docstring)
        usual = {**_DEFAULTS, "name": _name_of(self._function), "description": about}
        return f"StructuredTool({', '.join([*functions, *self._unusual(usual)])})"

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._reader = None

    def __copy__(self) -> StructuredTool[Output]:
        made: StructuredTool[Output] = type(self).__new__(type(self))
        made.__setstate__(self.__getstate__())
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        """By name, where a decorated function stands under it: its own name leads to the tool."""
        function: Any = self._function
        where = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
        if _standing(*where) is self:
            return _standing, where
        return super().__reduce_ex__(protocol)

    # -- what it takes

    @property
    def _function(self) -> Callable[..., Any]:
        return cast("Callable[..., Any]", self.func or self.coroutine)

    def _result_type(self) -> Any:
        """As the function's result is annotated; of a pair, what the model gets."""
        said = result_type(self._function)
        if self.response_format == "content":
            return said
        return get_args(said)[0] if get_origin(said) is tuple and get_args(said) else Any

    @property
    def injected_args(self) -> frozenset[str]:
        """The arguments that the program gives and the model never sees."""
        return self._arguments.injected | hidden_names(self.args_schema)

    def _own_schema(self) -> ArgsSchema:
        takes = Signature(self._function)
        if self.infer_schema:
            return takes.model(self.get_name(), self.description, self._said_of(takes))
        first = next(iter(takes.given), "input")
        properties = {first: {"type": "string"}}
        return {"type": "object", "properties": properties, "required": [first]}

    def _said_of(self, takes: Signature) -> dict[str, str]:
        """What the docstring says of the parameters.

        Raises:
            ConfigError: `parse_docstring=True`, and it speaks of others, or of none.
        """
        if self.parse_docstring is False:
            return {}
        _, said = read_docstring(self._function)
        if not self.parse_docstring:
            return said
        if takes.given and not said and self.error_on_invalid_docstring:
            raise ConfigError(f"The docstring of {show(self._function)} has no `Args:` section.")
        for name in said:
            if name not in takes.names and name not in takes.configs:
                raise ConfigError(
                    f"The docstring of {show(self._function)} speaks of {name!r}, which is none "
                    f"of its parameters.{did_you_mean(name, takes.names)}"
                )
        return said

    @property
    def _arguments(self) -> Arguments:
        if self._reader is None:
            inferred = vars(self)["args_schema"] is None and self.infer_schema
            takes = Signature(self._function, strict=inferred)
            self._reader = Arguments(self.name, takes, self.args_schema, inferred=inferred)
        return self._reader

    # -- running

    def _ready(self, asked: ToolInvocation, kwargs: dict[str, Any]) -> Ready:
        return self._arguments.read(asked, kwargs)

    def _run(self, ready: Ready, scope: Scope | None) -> Any:
        if self.func is None:
            raise SyncAsyncError(
                f"The tool {self.name!r} is async, so a sync call cannot run it. "
                "Use `ainvoke`, or give it a sync function, too."
            )
        with activate(scope):
            return _now(self.func(*ready[0], **ready[1], **_config_for(self.func, scope)))

    async def _arun(self, ready: Ready, scope: Scope | None) -> Any:
        if self.coroutine is None:
            return await to_thread(self._run, ready, scope)
        with activate(scope):
            return await self.coroutine(*ready[0], **ready[1], **_config_for(self.coroutine, scope))


def _now(result: Any) -> Any:
    """What a sync call gives; a coroutine is none of that."""
    if inspect.iscoroutine(result):
        result.close()
        raise SyncAsyncError("The tool gave a coroutine to a sync call. Use `ainvoke` instead.")
    return result


def _config_for(function: Callable[..., Any], scope: Scope | None) -> dict[str, Any]:
    names = config_names(function)
    return dict.fromkeys(names, user_config(scope)) if names else {}


def _check_functions(func: Any, coroutine: Any) -> Callable[..., Any]:
    """The function that says what the tool takes.

    Raises:
        ConfigError: there is none, or one that cannot be a tool.
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
                f"{show(function)} is a generator function, and a tool gives one result. "
                "Return it whole, or make a tool of a runnable: RunnableLambda(f).as_tool()."
            )
    if coroutine is not None and not is_async(coroutine):
        raise ConfigError(f"coroutine={show(coroutine)}: expected an async function")
    return cast("Callable[..., Any]", func or coroutine)


def _name_of(function: Any) -> str:
    it = target(function)
    own = getattr(function, "__name__", None) or getattr(it, "__name__", None)
    return type(function).__name__ if own in (None, "__call__") else str(own)


def _about(function: Any, schema: ArgsSchema | None, parse_docstring: bool | None) -> str:
    """What a model is told, where nothing else is said: of the function, else of its arguments."""
    it = function if inspect.isroutine(function) else target(function)
    said = whole_docstring(it) if parse_docstring is False else read_docstring(it)[0]
    if said or schema is None:
        return said
    given: Mapping[str, Any] = schema if isinstance(schema, dict) else vars(schema)
    return inspect.cleandoc(given.get("description") or given.get("__doc__") or "")


def _standing(module: str | None, qualname: str | None) -> Any:
    """What stands under this name; None where nothing does."""
    found: Any = importlib.import_module(module) if module and qualname else None
    for part in (qualname or "").split("."):
        found = getattr(found, part, None)
    return found


_DEFAULTS: Final[Mapping[str, Any]] = {
    "infer_schema": True,
    "error_on_invalid_docstring": True,
}
