"""Structured output of chat models: what a model is sent, and the parser that reads its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Literal,
    TypeAlias,
    TypedDict,
    get_args,
    overload,
)

from typing_extensions import TypeVar

from runnables.compose.runnable import Runnable
from runnables.core.options import unknown_option
from runnables.errors import ConfigError, did_you_mean
from runnables.messages.ai import AIMessage
from runnables.messages.convert import LanguageModelInput

if TYPE_CHECKING:
    from typing_extensions import TypeForm

    from runnables.models.structured.parser import AnswerParser

T = TypeVar("T")
F = TypeVar("F", default=Any)
"""What a type form (a union, a `Literal`) stands for; Any for checkers that know no type forms."""

Method: TypeAlias = Literal["json_schema", "function_calling", "json_mode"]
"""How a service is asked for an answer of a type. See `with_structured_output`."""


class RawAnswer(TypedDict, Generic[T]):
    """The result of a structured output with `include_raw=True`.

    Attributes:
        raw: the model's message.
        parsed: the object; None where the message does not parse.
        parsing_error: why it does not parse; None where it does.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> model = ScriptedChatModel(["about 400 km"])
        >>> answer = model.with_structured_output(int, include_raw=True).invoke("How long is it?")
        >>> answer["raw"].text, answer["parsed"], type(answer["parsing_error"]).__name__
        ('about 400 km', None, 'OutputParserException')
    """

    raw: AIMessage
    parsed: T | None
    parsing_error: Exception | None


class StructuredOutput(Runnable[LanguageModelInput, AIMessage], internal=True):
    """The part of a chat model that asks for answers of a type.

    Class attributes and hooks of a provider adapt the schema to its service. The options that reach
    the provider are those of OpenAI: `response_format`, or `tools` and `tool_choice`.
    """

    known_options: ClassVar[frozenset[str]]
    """The names of the options that calls may set."""
    structured_method: ClassVar[Method] = "json_schema"
    """The method where the caller names none: "json_schema" where the service holds the model to a
    schema, else "function_calling"."""
    structured_objects: ClassVar[bool] = False
    """Whether the service takes only schemas of objects. Other types (an enum, a list, a union)
    then become the one field of an object, as they do in any case for a tool."""

    def _method_for(self, schema: Mapping[str, Any], /) -> Method:
        """Return the method for a schema where the caller names none: `structured_method`."""
        return self.structured_method

    def _fitted_schema(
        self, schema: dict[str, Any], strict: bool | None
    ) -> tuple[dict[str, Any], bool | None]:
        """Return a schema as the service takes it, and the value of `strict` to send.

        `runnables.models.structured.strict` has what a provider may need for it. A `strict` of
        None is not sent.

        Args:
            schema: the schema of an answer, or of the arguments of the tool that stands for it.
            strict: what the caller wants; None where the caller says nothing.

        Raises:
            ConfigError: the service cannot take it.
        """
        from runnables.models.structured.strict import strict_schema

        return (strict_schema(schema), True) if strict else (schema, strict)

    # The order matters. `type[T]` comes first, since pyright infers `object` for a generic caller's
    # `type[T]` as a TypeForm. TypeForm comes after dicts, since older checkers take it for Any.
    @overload
    def with_structured_output(
        self,
        schema: None = None,
        *,
        include_raw: Literal[False] = False,
        method: Literal["json_mode"],
        strict: bool | None = None,
        repair: int = 0,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any]]: ...
    @overload
    def with_structured_output(
        self,
        schema: type[T],
        *,
        include_raw: Literal[False] = False,
        method: Method | None = None,
        strict: bool | None = None,
        repair: int = 0,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, T]: ...
    @overload
    def with_structured_output(
        self,
        schema: type[T],
        *,
        include_raw: Literal[True],
        method: Method | None = None,
        strict: bool | None = None,
        repair: int = 0,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, RawAnswer[T]]: ...
    @overload
    def with_structured_output(
        self,
        schema: Mapping[str, Any],
        *,
        include_raw: Literal[False] = False,
        method: Method | None = None,
        strict: bool | None = None,
        repair: int = 0,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any]]: ...
    @overload
    def with_structured_output(
        self,
        schema: Mapping[str, Any],
        *,
        include_raw: Literal[True],
        method: Method | None = None,
        strict: bool | None = None,
        repair: int = 0,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, RawAnswer[dict[str, Any]]]: ...
    @overload
    def with_structured_output(
        self,
        schema: TypeForm[F],
        *,
        include_raw: Literal[False] = False,
        method: Method | None = None,
        strict: bool | None = None,
        repair: int = 0,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, F]: ...
    @overload
    def with_structured_output(
        self,
        schema: TypeForm[F],
        *,
        include_raw: Literal[True],
        method: Method | None = None,
        strict: bool | None = None,
        repair: int = 0,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, RawAnswer[F]]: ...
    @overload
    def with_structured_output(
        self,
        schema: Any,
        *,
        include_raw: bool = False,
        method: Method | None = None,
        strict: bool | None = None,
        repair: int = 0,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]: ...
    def with_structured_output(
        self,
        schema: Any = None,
        *,
        include_raw: bool = False,
        method: Method | None = None,
        strict: bool | None = None,
        repair: int = 0,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return this model with answers that are objects of a type.

        The model is sent the JSON schema of the type; its answer is parsed and validated. Streamed,
        each chunk is the object so far, and the last one is the validated object.

        Args:
            schema: a pydantic model, TypedDict, dataclass, Enum, `Literal`, union or other type
                that pydantic knows; or a JSON schema as a dict, for which the answer is a dict. A
                function, a tool, or the definition of one stands for its parameters: the answer is
                a dict of its arguments, and it is not called. With "json_mode", None stands for
                any JSON object.
            include_raw: return a `RawAnswer` instead: a dict of the model's message ("raw"), the
                object ("parsed") and the error where there is none ("parsing_error").
            method: how the service is asked. "json_schema": it holds the model to the schema.
                "function_calling": the model calls a tool whose arguments are the object.
                "json_mode": the model writes JSON, and the prompt must describe the schema.
                None: the model's own, `structured_method`.
            strict: have the service enforce every word of the schema. A field that may be left out
                can then be null, which counts as left out. None: the provider's default.
            repair: how many times the model is shown the error of an answer that does not parse,
                to correct it.
            **kwargs: more options to bind to the model.

        Raises:
            ConfigError: a type without a JSON schema, or whose schema cannot be strict; an unknown
                method or option; a `repair` below 0.
            OutputParserException: when run, an answer that does not fit the type.
            ModelRefusalError: when run, the model refuses to answer.

        Example:
            >>> from pydantic import BaseModel
            >>> from runnables_providers.scripted import ScriptedChatModel
            >>> class Sea(BaseModel):
            ...     name: str
            ...     salty: bool = True
            >>> model = ScriptedChatModel([['{"name": "Bal', 'tic"}']], cycle=True)
            >>> model.with_structured_output(Sea).invoke("Name a sea.")
            Sea(name='Baltic', salty=True)
            >>> [sea.name for sea in model.with_structured_output(Sea).stream("Name a sea.")]
            ['Bal', 'Baltic']
        """
        # here, as most models are asked for text, and these need tools and parsers
        from runnables.models.structured.parser import RawAndParsed
        from runnables.models.structured.repair import RepairedAnswer
        from runnables.models.structured.schemas import answer_schema, json_schema_of

        for name in kwargs.keys() - self.known_options:
            known = ["include_raw", "method", "strict", "repair", *sorted(self.known_options)]
            raise unknown_option("with_structured_output", name, known)
        if isinstance(repair, bool) or repair < 0:
            raise ConfigError(f"repair={repair!r}: expected a whole number, 0 or more.")
        if schema is None and method == "json_mode":
            schema = dict[str, Any]
        given, schema = schema, answer_schema(schema)
        known_method = _known_method(method or self._method_for(json_schema_of(schema)))
        options, parser = self._structured_request(schema, known_method, strict)
        parser.given = given if given is not schema else None
        bound = self.bind(**self._bindable({**options, **kwargs}))
        chain = bound | (RawAndParsed(parser) if include_raw else parser)
        return RepairedAnswer(chain, repair, raw=include_raw) if repair else chain

    def _structured_request(
        self, schema: Any, method: str, strict: bool | None
    ) -> tuple[dict[str, Any], AnswerParser]:
        """Return the options that ask for an answer of a type, and the parser of that answer."""
        from runnables.models.structured.parser import AnswerParser, wrap_schema
        from runnables.models.structured.schemas import (
            convert_to_openai_tool,
            json_schema_of,
            schema_name,
        )
        from runnables.models.structured.strict import is_object, resolve

        whole = json_schema_of(schema)
        whole = resolve(whole, whole)  # a type that contains itself is nothing but a reference
        name = schema_name(schema, whole)
        if method == "json_mode":
            return {"response_format": {"type": "json_object"}}, AnswerParser(schema)
        is_tool = method == "function_calling"
        wrapped = (is_tool or self.structured_objects) and not is_object(whole)
        fitted, enforced = self._fitted_schema(dict(wrap_schema(whole, wrapped)), strict)
        sent_strict = {} if enforced is None else {"strict": enforced}
        if is_tool:
            tool = convert_to_openai_tool({**fitted, "title": name})
            tool["function"].update(sent_strict)
            parser = AnswerParser(schema, tool=name, wrapped=wrapped)
            return {"tools": [tool], "tool_choice": name}, parser
        described = {"name": name, "schema": fitted, **sent_strict}
        parser = AnswerParser(schema, wrapped=wrapped)
        return {"response_format": {"type": "json_schema", "json_schema": described}}, parser

    def _bindable(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options, once the model is known to take them.

        Raises:
            ConfigError: it does not take them; a call would raise the same later.
        """
        raise NotImplementedError


def _known_method(method: str) -> str:
    methods = get_args(Method)
    if method not in methods:
        raise ConfigError(
            f"method={method!r}: expected one of {', '.join(methods)}."
            f"{did_you_mean(method, methods)}"
        )
    return method
