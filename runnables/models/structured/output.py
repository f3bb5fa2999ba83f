"""Answers of a declared form: what the model is told, and what reads its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import (
    Any,
    ClassVar,
    Generic,
    Literal,
    TypeAlias,
    TypedDict,
    TypeVar,
    get_args,
    overload,
)

from runnables.compose.runnable import Runnable
from runnables.core.signatures import unknown_option
from runnables.errors import ConfigError, did_you_mean
from runnables.messages import AIMessage
from runnables.messages.convert import LanguageModelInput
from runnables.models.structured.parser import AnswerParser, RawAndParsed, wrapped_schema
from runnables.models.structured.repair import RepairedAnswer
from runnables.models.structured.schemas import (
    answer_schema,
    convert_to_openai_tool,
    json_schema,
    schema_name,
)
from runnables.models.structured.strict import is_object, resolved, strict_schema

T = TypeVar("T")

Method: TypeAlias = Literal["json_schema", "function_calling", "json_mode"]
"""How a model is told the form of its answer."""


class RawAnswer(TypedDict, Generic[T]):
    """What a structured output with `include_raw=True` gives."""

    raw: AIMessage
    parsed: T | None
    parsing_error: Exception | None


class StructuredOutput(Runnable[LanguageModelInput, AIMessage], internal=True):
    """What a chat model does about answers of a form. A provider says how its service takes them.

    The options that it gets are in OpenAI's form: `response_format`, or `tools` and `tool_choice`.
    """

    known_options: ClassVar[frozenset[str]]
    """The names of the options that calls may give."""
    structured_method: ClassVar[Method] = "json_schema"
    """How the model is told the form, if nobody says: "json_schema" where the service holds it to
    a schema, else "function_calling"."""
    structured_objects: ClassVar[bool] = False
    """Whether the service takes only schemas of objects. The others (an enum, a list, a union)
    are then asked for as the one field of an object, as they are of a tool in any case."""

    def _method_for(self, form: Mapping[str, Any]) -> Method:
        """How the model is told a form, if nobody says: `structured_method`."""
        return self.structured_method

    def _fitted_schema(
        self, schema: dict[str, Any], strict: bool | None
    ) -> tuple[dict[str, Any], bool | None]:
        """A schema as the service takes it, and the value of `strict` to send (None: none).

        `runnables.models.structured.strict` has what a provider may need for it.

        Args:
            schema: the schema of an answer, or of the arguments of a tool that stands for one.
            strict: what the caller wants; None where the caller says nothing.

        Raises:
            ConfigError: the service cannot take it.
        """
        return (strict_schema(schema), True) if strict else (schema, strict)

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
        schema: Any,
        *,
        include_raw: bool = False,
        method: Method | None = None,
        strict: bool | None = None,
        repair: int = 0,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """The same model, which answers with an object of a type.

        Streamed, it gives the object so far, again and again, and at last the validated one.

        Args:
            schema: a pydantic model, TypedDict, dataclass, Enum, union or other type that
                pydantic knows, or a JSON schema as a dict, for which the answer is a dict; also
                the definition of a function, whose parameters are the schema.
            include_raw: give a dict of the model's message ("raw"), the object ("parsed"; None
                where it is not valid) and the reason ("parsing_error") instead.
            method: how the model is told: "json_schema" (the service holds it to the schema),
                "function_calling" (it calls a tool of that form) or "json_mode" (it answers with
                JSON, and the prompt must say of what form). None: the model's own,
                `structured_method`.
            strict: have the service hold the model to every word of the schema. A field that may
                be left out can then be null, which counts as left out. None: as the provider
                thinks best.
            repair: how often the model is shown what is wrong with its answer, and asked again.
            **kwargs: further options to bind.

        Raises:
            ConfigError: a type without a JSON schema, or whose schema cannot be strict, an unknown
                method, a `repair` below 0.
            OutputParserException: when run, an answer that does not fit the type.
        """
        for name in kwargs.keys() - self.known_options:
            known = ["include_raw", "method", "strict", "repair", *sorted(self.known_options)]
            raise unknown_option("with_structured_output", name, known)
        if isinstance(repair, bool) or repair < 0:
            raise ConfigError(f"repair={repair!r}: expected a whole number, 0 or more.")
        schema = answer_schema(schema)
        how = _checked(method or self._method_for(json_schema(schema)))
        options, parser = self._told(schema, how, strict)
        bound = self.bind(**self._bindable({**options, **kwargs}))
        chain = bound | (RawAndParsed(parser) if include_raw else parser)
        return RepairedAnswer(chain, repair, raw=include_raw) if repair else chain

    def _told(
        self, schema: Any, method: str, strict: bool | None
    ) -> tuple[dict[str, Any], AnswerParser]:
        """The options that make the model answer in a form, and what reads the answer."""
        form, name = json_schema(schema), schema_name(schema)
        form = resolved(form, form)  # a type that contains itself is nothing but a reference
        if method == "json_mode":
            return {"response_format": {"type": "json_object"}}, AnswerParser(schema)
        is_tool = method == "function_calling"
        wrapped = (is_tool or self.structured_objects) and not is_object(form)
        fitted, held = self._fitted_schema(dict(wrapped_schema(form, wrapped)), strict)
        said = {} if held is None else {"strict": held}
        if is_tool:
            tool = convert_to_openai_tool({**fitted, "title": name})
            tool["function"].update(said)
            parser = AnswerParser(schema, tool=name, wrapped=wrapped)
            return {"tools": [tool], "tool_choice": name}, parser
        told = {"name": name, "schema": fitted, **said}
        parser = AnswerParser(schema, wrapped=wrapped)
        return {"response_format": {"type": "json_schema", "json_schema": told}}, parser

    def _bindable(self, options: dict[str, Any]) -> dict[str, Any]:
        """Options, after a look whether the model takes them.

        Raises:
            ConfigError: it does not; what would else be raised when it runs.
        """
        raise NotImplementedError


def _checked(method: str) -> str:
    methods = get_args(Method)
    if method not in methods:
        raise ConfigError(
            f"method={method!r}: expected one of {', '.join(methods)}."
            f"{did_you_mean(method, methods)}"
        )
    return method
