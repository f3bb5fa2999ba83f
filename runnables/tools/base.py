"""What all tools share: arguments that are checked, and answers that models can read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias, overload

from pydantic import BaseModel

from runnables.compose.runnable import Runnable
from runnables.core.schemas import fields_in, fields_schema, is_whole
from runnables.core.typevars import Output
from runnables.errors import ConfigError, ToolArgumentsError, ToolException
from runnables.messages.roles import ToolMessage
from runnables.tools.arguments import ArgsSchema, Ready, hidden_names, injected_fields
from runnables.tools.results import ToolInvocation

if TYPE_CHECKING:
    from runnables.core.config import RunnableConfig, Scope
    from runnables.messages.tool_calls import ToolCall


Handle: TypeAlias = bool | str | Callable[[Any], Any]
"""What becomes of an error: False, it is raised; True, its text is the answer; a text, that is;
a function of the error, what it gives."""

ResponseFormat: TypeAlias = Literal["content", "content_and_artifact"]
"""Whether a result is for the model, or a pair of that and something for the program."""


_INSIDE: Final = ("bound", "func", "coroutine")
_DEFAULTS: Final[Mapping[str, Any]] = {
    "return_direct": False,
    "response_format": "content",
    "handle_tool_error": False,
    "handle_validation_error": False,
}


class BaseTool(Runnable[Any, Output], internal=True):
    """Base of what a model can call by name, with arguments that are checked first.

    Takes a dict of arguments, and gives the bare result; or a tool call of a model,
    `{"type": "tool_call", "name", "args", "id"}`, and gives the ToolMessage that answers it.

    Attributes:
        name: what the model calls it.
        description: what the model is told of it.
        return_direct: whether its answer ends the work of an agent.
        response_format: "content", or "content_and_artifact" where it gives pairs.
        handle_tool_error: what becomes of a `ToolException` that it raises.
        handle_validation_error: what becomes of arguments that do not fit.
    """

    run_type: ClassVar[str] = "tool"

    def __init__(
        self,
        *,
        name: str,
        description: str,
        args_schema: Any,
        return_direct: bool,
        response_format: ResponseFormat,
        handle_tool_error: Handle,
        handle_validation_error: Handle,
    ) -> None:
        if response_format not in ("content", "content_and_artifact"):
            raise ConfigError(
                f"response_format={response_format!r}: expected 'content' or 'content_and_artifact'"
            )
        _check_schema(args_schema)
        self.name: str | None = name
        self.description = description
        vars(self)["args_schema"] = args_schema  # as given: the property shows what follows of it
        self.return_direct = return_direct
        self.response_format = response_format
        self.handle_tool_error = handle_tool_error
        self.handle_validation_error = handle_validation_error
        self._schema: ArgsSchema | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._schema = None

    def _unusual(self, usual: Mapping[str, Any]) -> Iterator[str]:
        """The settings that are not as usual, as keywords; not what it is made of."""
        for key, value in self._settings().items():
            if key not in _INSIDE and value != {**_DEFAULTS, **usual}.get(key):
                yield f"{key}={value!r}"

    # -- what it says of itself

    @property
    def args_schema(self) -> ArgsSchema:
        """What says the arguments: as it was given, or as it follows from what is inside."""
        if self._schema is None:
            given: ArgsSchema | None = vars(self)["args_schema"]
            self._schema = self._own_schema() if given is None else given
        return self._schema

    @property
    def tool_call_schema(self) -> ArgsSchema:
        """What says the arguments to the model: without those that the program gives."""
        schema = self.args_schema
        if isinstance(schema, dict) or not (hidden := injected_fields(schema)):
            return schema
        shown = {key: it for key, it in fields_in(schema).items() if key not in hidden}
        made = fields_schema(schema.__name__, shown)
        made.__doc__ = schema.__doc__
        return made

    @property
    def args_jsonschema(self) -> dict[str, Any]:
        """The JSON schema of the arguments: an object, as models want it."""
        schema = self.tool_call_schema
        if isinstance(schema, dict):
            return {"type": "object", "properties": {}, **schema}
        whole = schema.model_json_schema()
        if not is_whole(schema):
            return whole
        given = {key: value for key, value in whole.items() if key != "$defs"}
        shared = {"$defs": whole["$defs"]} if "$defs" in whole else {}
        return {"type": "object", "properties": {"input": given}, "required": ["input"], **shared}

    @property
    def args(self) -> dict[str, Any]:
        """The JSON schema of each argument, by name."""
        return dict(self.args_jsonschema.get("properties", {}))

    @property
    def injected_args(self) -> frozenset[str]:
        """The arguments that the program gives and the model never sees."""
        return hidden_names(self.args_schema)

    @property
    def InputType(self) -> Any:
        """Anything: a dict of arguments, a tool call, or the one argument as it is."""
        return Any

    @property
    def OutputType(self) -> Any:
        """What it gives for arguments, or the message that answers a call."""
        said = self._result_type()
        handles = self.handle_tool_error or self.handle_validation_error
        return Any if said is Any or handles else said | ToolMessage

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """The pydantic model of the arguments; of any dict where a JSON schema says them."""
        schema = self.args_schema
        return super().get_input_schema(config) if isinstance(schema, dict) else schema

    # -- running

    if TYPE_CHECKING:  # a tool call is answered by a message, and nobody else makes tool calls

        @overload
        def invoke(
            self, input: ToolCall, config: RunnableConfig | None = None, **kwargs: Any
        ) -> ToolMessage: ...
        @overload
        def invoke(
            self,
            input: dict[str, Any] | str | BaseModel,
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
            input: dict[str, Any] | str | BaseModel,
            config: RunnableConfig | None = None,
            **kwargs: Any,
        ) -> Output: ...
        async def ainvoke(
            self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
        ) -> Any: ...

    @abstractmethod
    def _result_type(self) -> Any:
        """The type of the bare result."""

    @abstractmethod
    def _own_schema(self) -> ArgsSchema:
        """What says the arguments where no `args_schema` was given."""

    @abstractmethod
    def _ready(self, asked: ToolInvocation, kwargs: dict[str, Any]) -> Ready:
        """The arguments, checked.

        Raises:
            ToolArgumentsError: they do not fit.
        """

    @abstractmethod
    def _run(self, ready: Ready, scope: Scope | None) -> Any:
        """Do what the tool is for."""

    @abstractmethod
    async def _arun(self, ready: Ready, scope: Scope | None) -> Any:
        """`_run`, to be awaited."""

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        asked = ToolInvocation(value)
        try:
            ready = self._ready(asked, kwargs)
        except ToolArgumentsError as error:
            return self._refusal(asked, error, self.handle_validation_error)
        try:
            return self._answer(asked, self._run(ready, scope))
        except ToolException as error:
            return self._refusal(asked, error, self.handle_tool_error)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        asked = ToolInvocation(value)
        try:
            ready = self._ready(asked, kwargs)
        except ToolArgumentsError as error:
            return self._refusal(asked, error, self.handle_validation_error)
        try:
            return self._answer(asked, await self._arun(ready, scope))
        except ToolException as error:
            return self._refusal(asked, error, self.handle_tool_error)

    def _answer(self, asked: ToolInvocation, result: Any) -> Any:
        """What comes out: the result, without what is not for the model, or a message."""
        artifact = None
        if self.response_format == "content_and_artifact":
            given: Any = result
            if not isinstance(result, tuple) or len(given) != 2:
                raise ValueError(
                    f"The tool {self.name!r} gave {result!r}: with "
                    "response_format='content_and_artifact' it gives a pair, what the model gets "
                    "and what the program gets."
                )
            result, artifact = given
        return asked.answer(result, self.get_name(), artifact=artifact)

    def _refusal(self, asked: ToolInvocation, error: Exception, handle: Handle) -> Any:
        """What comes out where an error is handled; otherwise it is raised."""
        if not handle:
            raise error
        said: Any = handle(error) if callable(handle) else handle
        if said is True:
            said = str(error) or f"The tool {self.name!r} failed."
        return asked.answer(said, self.get_name(), failed=True)


def _check_schema(args_schema: Any) -> None:
    is_model = isinstance(args_schema, type) and issubclass(args_schema, BaseModel)
    if args_schema is None or is_model or isinstance(args_schema, Mapping):
        return
    raise ConfigError(
        f"args_schema={args_schema!r}: expected a pydantic model, or a JSON schema as a dict"
    )
