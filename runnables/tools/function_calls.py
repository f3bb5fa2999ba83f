"""The functions of a tool: the schema of their arguments, and how they are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, cast, get_args, get_origin

from runnables.core.config import activate
from runnables.core.schemas import fields_in, fields_schema
from runnables.core.signatures import is_async, is_generator, result_type
from runnables.core.values import show
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError, SyncAsyncError, did_you_mean
from runnables.tools.arguments import ArgsSchema, ArgumentReader, CheckedArguments
from runnables.tools.docstrings import read_docstring
from runnables.tools.from_config import values_from_config
from runnables.tools.signature import Signature

if TYPE_CHECKING:
    from pydantic import BaseModel

    from runnables.core.config import Scope


class FunctionCalls:
    """The functions of a tool, as its settings are now.

    Args:
        tool: the name of the tool.
        func: the sync function.
        coroutine: the async function.
        description: the description of the tool.
        args_schema: the schema that was set.
        infer_schema: whether the signature is the schema where none was set; if not, the tool
            takes one string.
        parse_docstring: whether to read the descriptions of the arguments from the docstring;
            True also requires that they are parameters.
        error_on_invalid_docstring: whether that requires an `Args:` section, too.
        signatures: the signatures that were read already, to which those read here are added. The
            names in an annotation may be known only while the factory of the function runs.
    """

    def __init__(
        self,
        tool: str,
        func: Callable[..., Any] | None,
        coroutine: Callable[..., Any] | None,
        *,
        description: str,
        args_schema: ArgsSchema | None,
        infer_schema: bool = True,
        parse_docstring: bool | None = None,
        error_on_invalid_docstring: bool = True,
        signatures: list[Signature],
    ) -> None:
        self.tool = tool
        self.func = func
        self.coroutine = coroutine
        self.description = description
        self.args_schema = args_schema
        self.infer_schema = infer_schema
        self.parse_docstring = parse_docstring
        self.error_on_invalid_docstring = error_on_invalid_docstring
        self._signatures = signatures
        self._reader: ArgumentReader | None = None

    @property
    def function(self) -> Callable[..., Any]:
        """Return the function whose signature is the tool's."""
        return cast("Callable[..., Any]", self.func or self.coroutine)

    # -- the schema

    def own_schema(self) -> ArgsSchema:
        """Return the schema of the arguments where none was set."""
        signature = self.signature(self.function, strict=True)
        if self.infer_schema:
            descriptions = self._parameter_descriptions(signature)
            return signature.make_model(self.tool, self.description, descriptions)
        first = next(iter(signature.visible), "input")
        properties = {first: {"type": "string"}}
        return {"type": "object", "properties": properties, "required": [first]}

    def with_injected(self, schema: type[BaseModel]) -> type[BaseModel]:
        """Return a schema with the parameters that the program passes, where it has none of them.

        It describes the input; what the program passes is not checked by it.
        """
        signature = self.signature(self.function)
        if self.args_schema is not None or not signature.injected:
            return schema
        descriptions = self._parameter_descriptions(signature)
        fields = {**fields_in(schema), **signature.injected_fields(descriptions)}
        model = fields_schema(schema.__name__, fields)
        model.__doc__ = schema.__doc__
        return model

    def result_type(self, response_format: str) -> Any:
        """Return the annotated type of the result; of a pair, that of the content."""
        annotated = result_type(self.function)
        if response_format == "content":
            return annotated
        is_pair = get_origin(annotated) is tuple and get_args(annotated)
        return get_args(annotated)[0] if is_pair else Any

    @property
    def arguments(self) -> ArgumentReader:
        """Return the reader of the arguments."""
        if self._reader is None:
            inferred = self.args_schema is None and self.infer_schema
            schema = self.own_schema() if self.args_schema is None else self.args_schema
            signature = self.signature(self.function, strict=inferred)
            self._reader = ArgumentReader(self.tool, signature, schema, inferred=inferred)
        return self._reader

    def _parameter_descriptions(self, signature: Signature) -> dict[str, str]:
        """Return the descriptions of the parameters in the docstring.

        Raises:
            ConfigError: with `parse_docstring=True`, it describes other names, or none.
        """
        if self.parse_docstring is False:
            return {}
        _, descriptions = read_docstring(self.function)
        if not self.parse_docstring:
            return descriptions
        if signature.visible and not descriptions and self.error_on_invalid_docstring:
            raise ConfigError(f"The docstring of {show(self.function)} has no `Args:` section.")
        for name in descriptions:
            if name not in signature.names and name not in signature.configs:
                raise ConfigError(
                    f"The docstring of {show(self.function)} describes {name!r}, which is none "
                    f"of its parameters.{did_you_mean(name, signature.names)}"
                )
        return descriptions

    def signature(self, function: Callable[..., Any], *, strict: bool = False) -> Signature:
        """Return the signature of a function, read once.

        Args:
            function: the function, or the coroutine.
            strict: whether an annotation that cannot be read is an error.
        """
        named = frozenset(_names_in(self.args_schema))
        for known in self._signatures:
            # bound methods are made anew at each access, and equal
            if known.function == function and known.strict >= strict and known.named == named:
                return known
        signature = Signature(function, strict=strict, named=named)
        self._signatures.append(signature)
        return signature

    # -- running

    def _from_config(self, function: Callable[..., Any], scope: Scope | None) -> dict[str, Any]:
        configs = self.signature(function).configs
        return values_from_config(configs, scope, is_async=function is self.coroutine)

    def call(self, arguments: CheckedArguments, scope: Scope | None) -> Any:
        """Call the sync function.

        Raises:
            SyncAsyncError: there is none.
        """
        if self.func is None:
            raise SyncAsyncError(
                f"The tool {self.tool!r} is async, so a sync call cannot run it. "
                "Use `ainvoke`, or pass a sync function, too."
            )
        positional, named = arguments
        with activate(scope):
            given = self._from_config(self.func, scope)
            return _refuse_coroutine(self.func(*positional, **named, **given))

    async def acall(self, arguments: CheckedArguments, scope: Scope | None) -> Any:
        """Await the async function; without one, call the sync function in a worker thread."""
        if self.coroutine is None:
            return await to_thread(self.call, arguments, scope)
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


def check_functions(func: Any, coroutine: Any) -> None:
    """Refuse what cannot be the functions of a tool.

    Raises:
        ConfigError: a generator function, which has no one result, or a `coroutine` that is not
            async.
    """
    for function in (func, coroutine):
        if function is not None and is_generator(function):
            raise ConfigError(
                f"{show(function)} is a generator function, and a tool returns one result. "
                "Return it at once, or make a tool of a runnable: RunnableLambda(f).as_tool()."
            )
    if coroutine is not None and not is_async(coroutine):
        raise ConfigError(f"coroutine={show(coroutine)}: expected an async function")
