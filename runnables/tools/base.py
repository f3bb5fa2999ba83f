"""The base of all tools: it checks their arguments, and makes messages of their results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Literal,
    Self,
    TypeAlias,
    overload,
)

from runnables.core.fields import field_values, fields_of, finish, private_defaults
from runnables.core.typevars import Output
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError, SyncAsyncError, ToolArgumentsError, ToolException
from runnables.messages.roles import ToolMessage
from runnables.messages.tool_names import service_name
from runnables.redaction import hide
from runnables.tools.approval import NeedsApproval, check_needs_approval, is_method
from runnables.tools.arguments import (
    ArgsSchema,
    CheckedArguments,
    check_schema,
    hidden_names,
)
from runnables.tools.class_fields import KNOWN, functions_of, read_class
from runnables.tools.function_calls import FunctionCalls
from runnables.tools.results import ToolInvocation, split_pair
from runnables.tools.run_methods import RunMethods
from runnables.tools.run_settings import RunSettings, WithRunSettings

if TYPE_CHECKING:
    from pydantic import BaseModel
    from typing_extensions import Unpack

    from runnables.core.config import RunnableConfig, Scope
    from runnables.messages.tool_calls import ToolCall
    from runnables.tools.signature import Signature

    Arguments: TypeAlias = (
        dict[str, Any] | BaseModel | str | bool | int | float | list[Any] | tuple[Any, ...] | None
    )
    """A tool's arguments, or the value of its only one; not Mapping, which a ToolCall is, too."""

ErrorHandling: TypeAlias = bool | str | Callable[[Any], Any]
"""How an error is handled: False raises it; True answers with its message; a string is the answer;
a function of the error returns the answer."""

ResponseFormat: TypeAlias = Literal["content", "content_and_artifact"]
"""Whether a result is content for the model, or a pair of that and an artifact for the program."""


_IMPLEMENTATION: Final = ("bound", "func", "coroutine")
_DEFAULTS: Final[Mapping[str, Any]] = {
    "return_direct": False,
    "response_format": "content",
    "handle_tool_error": False,
    "handle_validation_error": False,
    "needs_approval": False,
}


class BaseTool(RunMethods, WithRunSettings[Output], internal=True):
    """A runnable that a model can call by name, with arguments that are checked first.

    It takes a dict of arguments, and returns the bare result; or it takes a tool call of a model,
    `{"type": "tool_call", "name", "args", "id"}`, and returns the ToolMessage that answers it. Any
    other value is that of the only argument, or of the only required one; a tool without arguments
    takes any string.

    Attributes:
        name: the name by which the model calls it; where services would refuse the one that was
            given, it is changed to one that they accept.
        description: tells the model what the tool is for.
        return_direct: whether its answer ends the work of an agent.
        response_format: "content", or "content_and_artifact" where it returns pairs.
        handle_tool_error: how a `ToolException` that it raises is handled.
        handle_validation_error: how arguments that do not fit are handled.
        needs_approval: which of its calls an agent runs only when a person has approved them: all
            (True, or a string that tells why), none, or those for which a function of the dict of
            the arguments returns True or the reason. A class may write it as a method.
        tags: added to the tags of each of its runs, and of the calls inside.
        metadata: added to the metadata, likewise.
        callbacks: handlers that receive the events of its own runs.
        verbose: whether a `ConsoleHandler` prints its own runs.

    Example:
        >>> @tool
        ... def add(a: int, b: int) -> int:
        ...     '''Add two numbers.'''
        ...     return a + b
        >>> isinstance(add, BaseTool), add.invoke({"a": 1, "b": 2})
        (True, 3)
        >>> answer = add.invoke(tool_call(name="add", args={"a": 1, "b": 2}, id="call_1"))
        >>> answer.content, answer.tool_call_id
        ('3', 'call_1')
    """

    run_type: ClassVar[str] = "tool"

    def __init_subclass__(cls, internal: bool = False, **kwargs: Any) -> None:
        """Read the fields of a class, unless it is `internal`: one of the library."""
        super().__init_subclass__(internal=internal, **kwargs)
        if not internal:
            read_class(cls)

    def __init__(self, **settings: Any) -> None:
        """Make a tool of a class with fields, those below and its own, by keywords."""
        values = field_values(type(self), self._fields_model(), settings)
        own = {name: values.pop(name) for name in KNOWN if name in values}
        vars(self).update(values)
        self._set_up(**own)
        self._calls.arguments.check(self._calls.function)
        finish(self)

    @classmethod
    def _fields_model(cls) -> type[BaseModel]:
        return fields_of(cls, BaseTool, KNOWN)

    def _set_up(
        self,
        *,
        name: str,
        description: str,
        args_schema: Any,
        return_direct: bool,
        response_format: ResponseFormat,
        handle_tool_error: ErrorHandling,
        handle_validation_error: ErrorHandling,
        needs_approval: NeedsApproval,
        **run_settings: Unpack[RunSettings],
    ) -> None:
        """Set the settings that all tools have."""
        self._set_run_settings(run_settings)
        if response_format not in ("content", "content_and_artifact"):
            raise ConfigError(
                f"response_format={response_format!r}: expected 'content' or 'content_and_artifact'"
            )
        check_schema(args_schema)
        self.name: str = name  # pyright: ignore[reportIncompatibleVariableOverride] - a tool has one
        self.description = description
        vars(self)["args_schema"] = args_schema  # as passed; the property falls back on another
        self.return_direct = return_direct
        self.response_format = response_format
        self.handle_tool_error = handle_tool_error
        self.handle_validation_error = handle_validation_error
        if not is_method(type(self), needs_approval):
            self.needs_approval = needs_approval
        self._schema = self._call_schema = None
        self._made_calls: FunctionCalls | None = None
        self._signatures: list[Signature] = []

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; what was made of the former value is made anew."""
        if name == "args_schema":
            check_schema(value)
            vars(self)[name] = value
        else:
            if name == "needs_approval":
                check_needs_approval(self.get_name(), value)
            super().__setattr__(name, service_name(value) if name == "name" and value else value)
        if not name.startswith("_"):
            self._forget()

    def _forget(self) -> None:
        """Forget what was made of the public attributes."""
        self._schema = self._call_schema = None
        self._made_calls = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._signatures = []
        if "func" not in state and "bound" not in state:
            vars(self).update(private_defaults(self._fields_model()))
        self._forget()

    def __copy__(self) -> Self:
        copy = type(self).__new__(type(self))
        copy.__setstate__(self.__getstate__())
        copy._signatures = list(self._signatures)  # names of a factory are known only while it runs
        return copy

    @property
    def _calls(self) -> FunctionCalls:
        """Return the functions of the tool, as its settings are now."""
        if self._made_calls is None:
            self._made_calls = self._make_calls()
        return self._made_calls

    def _keywords(self, defaults: Mapping[str, Any]) -> Iterator[str]:
        """Yield the settings that are no defaults, as keywords, without the implementation."""
        for key, value in self._settings().items():
            if key not in _IMPLEMENTATION and value != {**_DEFAULTS, **defaults}.get(key):
                yield f"{key}={hide(value, key)!r}"

    def __repr__(self) -> str:
        fields = self._fields_model().model_fields.items()
        defaults = {name: field.get_default() for name, field in fields}
        return f"{type(self).__name__}({', '.join(self._keywords(defaults))})"

    # -- types

    @property
    def injected_args(self) -> frozenset[str]:
        """Return the names of the arguments that the program passes and the model never sees."""
        return self._calls.arguments.injected | hidden_names(self._arguments_schema)

    @property
    def InputType(self) -> Any:
        """Return Any: a dict of arguments, a tool call, or the value of the only argument."""
        return Any

    @property
    def OutputType(self) -> Any:
        """Return the type of the bare result, or of the message that answers a tool call."""
        result_type = self._result_type()
        handles = self.handle_tool_error or self.handle_validation_error
        return Any if result_type is Any or handles else result_type | ToolMessage

    # -- running

    if TYPE_CHECKING:  # a tool call is answered by a message, other arguments by the result

        @overload
        def invoke(
            self, input: ToolCall, config: RunnableConfig | None = None, **kwargs: Any
        ) -> ToolMessage: ...
        @overload
        def invoke(
            self,
            input: Arguments,
            config: RunnableConfig | None = None,
            **kwargs: Any,
        ) -> Output: ...
        def invoke(
            self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
        ) -> Any: ...

        @overload
        async def ainvoke(
            self, input: ToolCall, config: RunnableConfig | None = None, **kwargs: Any
        ) -> ToolMessage: ...
        @overload
        async def ainvoke(
            self,
            input: Arguments,
            config: RunnableConfig | None = None,
            **kwargs: Any,
        ) -> Output: ...
        async def ainvoke(
            self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
        ) -> Any: ...

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        """Do the tool's work; a user's class writes this, with the tool's arguments."""
        raise SyncAsyncError(f"The tool {self.name!r} has no `_run`. Use `ainvoke`.")

    async def _arun(self, *args: Any, **kwargs: Any) -> Any:
        """Do the tool's work, async; without it, `_run` is run in a worker thread."""
        return await to_thread(self._run, *args, **kwargs)

    def _make_calls(self) -> FunctionCalls:
        """Return the functions of the tool."""
        return FunctionCalls(
            self.get_name(),
            *functions_of(self, BaseTool),
            description=self.description,
            args_schema=vars(self)["args_schema"],
            signatures=self._signatures,
        )

    def _result_type(self) -> Any:
        """Return the type of the bare result."""
        return self._calls.result_type(self.response_format)

    def _own_schema(self) -> ArgsSchema:
        return self._calls.own_schema()

    def _with_injected(self, schema: type[BaseModel]) -> type[BaseModel]:
        return self._calls.with_injected(schema)

    def _check_arguments(
        self, invocation: ToolInvocation, kwargs: dict[str, Any]
    ) -> CheckedArguments:
        """Return the arguments of a call, or raise a ToolArgumentsError."""
        return self._calls.arguments.read(invocation, kwargs)

    def _check_by_json_schema(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return arguments whose schema is JSON as they are: by it, functions check none."""
        return arguments

    def _call(self, arguments: CheckedArguments, scope: Scope | None) -> Any:
        """Do the tool's work; return the bare result."""
        return self._calls.call(arguments, scope)

    async def _acall(self, arguments: CheckedArguments, scope: Scope | None) -> Any:
        """Do what `_call` does, async."""
        return await self._calls.acall(arguments, scope)

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        invocation = ToolInvocation(value)
        try:
            arguments = self._check_arguments(invocation, kwargs)
        except ToolArgumentsError as error:
            return self._handle(invocation, error, self.handle_validation_error)
        try:
            return self._answer(invocation, self._call(arguments, scope))
        except ToolException as error:
            return self._handle(invocation, error, self.handle_tool_error)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        invocation = ToolInvocation(value)
        try:
            arguments = self._check_arguments(invocation, kwargs)
        except ToolArgumentsError as error:
            return self._handle(invocation, error, self.handle_validation_error)
        try:
            return self._answer(invocation, await self._acall(arguments, scope))
        except ToolException as error:
            return self._handle(invocation, error, self.handle_tool_error)

    def _answer(self, invocation: ToolInvocation, result: Any) -> Any:
        """Return the result for the model, as a message where the input was a tool call."""
        artifact = None
        if self.response_format == "content_and_artifact":
            result, artifact = split_pair(self.name, result)
        return invocation.answer(result, self.get_name(), artifact=artifact)

    def _handle(self, invocation: ToolInvocation, error: Exception, handling: ErrorHandling) -> Any:
        """Return the answer to an error that is handled; raise any other."""
        if not handling:
            raise error
        content: Any = handling(error) if callable(handling) else handling
        if content is True:
            content = str(error) or "Tool execution error"
        return invocation.answer(content, self.get_name(), failed=True)
