"""The base classes of parsers, and the simplest parser: the text itself."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
    get_origin,
)

from typing_extensions import dataclass_transform

from runnables.compose.non_blocking import Decoder, NonBlockingStep
from runnables.core.foreign import from_foreign, is_foreign
from runnables.core.options import option_hint
from runnables.core.signatures import checks_keywords
from runnables.core.typevars import Output
from runnables.errors import ConfigError, ModelRefusalError, OutputParserException, did_you_mean
from runnables.messages.ai import AIMessage
from runnables.messages.base import BaseMessage
from runnables.messages.normalize import refusal_of, text_of as text_of_content
from runnables.messages.prompt_values import PromptValue
from runnables.parsers.results import ParsesResults

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.messages.blocks import Content
    from runnables.parsers.repair import RepairParser


T = TypeVar("T")


class BaseParser(ParsesResults, NonBlockingStep[Any, Output], internal=True):
    """Base of all parsers: a runnable from a model's output to a value, which waits for nothing.

    To write a parser of text, subclass `BaseOutputParser`.

    Example:
        >>> isinstance(JsonOutputParser(), BaseParser)
        True
        >>> isinstance(JsonOutputToolsParser(), BaseOutputParser)  # it reads tool calls, not text
        False
    """

    run_type: ClassVar[str] = "parser"

    def _apply(self, input: Any, **kwargs: Any) -> Any:
        self._refuse(kwargs)
        return self._parse_input(input)

    def _make_decoder(self, **kwargs: Any) -> Decoder[Any, Any] | None:
        self._refuse(kwargs)
        return self._new_decoder()

    def _refuse(self, options: dict[str, Any]) -> None:
        for option in options:
            hint = option_hint(option, ())
            raise TypeError(f"{type(self).__name__} has no option {option!r} for a call.{hint}")

    def _parse_input(self, input: Any) -> Any:
        """Return the result for a whole input."""
        raise NotImplementedError

    def _new_decoder(self) -> Decoder[Any, Any] | None:
        """Return a decoder for one stream; None where only the whole input can be parsed."""
        return None

    def get_format_instructions(self) -> str:
        """Return the part of a prompt that makes the model answer so that this can parse it.

        Raises:
            NotImplementedError: the parser takes any answer.

        Example:
            >>> CommaSeparatedListOutputParser().get_format_instructions()[:66]
            'Answer with a list of values separated by commas and nothing else,'
        """
        raise NotImplementedError(f"{type(self).__name__} has no format instructions.")

    @checks_keywords
    def with_repair(self, model: Runnable[Any, Any], *, attempts: int = 1) -> RepairParser[Output]:
        """Return this parser with a model that corrects answers which do not parse.

        The model is sent the format instructions, the answer and the error, and its new answer is
        parsed instead. See `RepairParser`.

        Args:
            model: a runnable from a prompt to a message or a string, as chat models are.
            attempts: how many times the model is called at most, one correction after the other.

        Raises:
            ConfigError: `attempts` is below 1.

        Example:
            >>> from runnables_providers.scripted import ScriptedChatModel
            >>> parser = JsonOutputParser().with_repair(ScriptedChatModel(['{"sea": "Baltic"}']))
            >>> parser.invoke("{sea: Baltic}")
            {'sea': 'Baltic'}
        """
        from runnables.parsers.repair import RepairParser  # which imports this module

        return RepairParser(self, model, attempts=attempts)


@dataclass_transform(kw_only_default=True)
class BaseOutputParser(BaseParser[Output], internal=True):
    """Base of parsers that read text. Write `parse`, and `get_format_instructions`.

    Annotated names of a subclass are its options: keywords of the constructor, with what is
    assigned to them as the default. The parser takes a string, a message or content blocks; a
    refusal that it cannot parse becomes a `ModelRefusalError`.

    Raises:
        ConfigError: an option that the class does not have.
        TypeError: an option without a default is missing.

    Example:
        >>> class YesNo(BaseOutputParser[bool]):
        ...     yes: str = "yes"
        ...
        ...     def parse(self, text: str) -> bool:
        ...         return text.strip().lower() == self.yes
        >>> YesNo().invoke(AIMessage("Yes"))
        True
        >>> YesNo(yes="oui")
        YesNo(yes='oui')
    """

    def __init__(self, **options: Any) -> None:
        known = _options(type(self))
        for name in options:
            if name not in known:
                raise ConfigError(
                    f"{type(self).__name__} has no option {name!r}.{did_you_mean(name, known)}"
                )
        for name in known:
            if name not in options and not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} needs the option {name!r}")
        vars(self).update(options)

    @abstractmethod
    def parse(self, text: str) -> Output:
        """Return the value of a whole text.

        Raises:
            OutputParserException: the text is not what this parser reads. It gets the text as its
                `llm_output`, where it has none.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `parse`: write it")

    async def aparse(self, text: str) -> Output:
        """Do what `parse` does, async; parsing itself waits for nothing."""
        return self.parse(text)

    def parse_with_prompt(self, completion: str, prompt: PromptValue) -> Output:
        """Do what `parse` does; the prompt is not needed, but for a `RetryOutputParser`."""
        return self.parse(completion)

    @property
    def InputType(self) -> Any:
        """Return the types that parsers of text read: a string, a message, content blocks."""
        return ModelOutput

    @property
    def OutputType(self) -> Any:
        """Return the type argument of the class; Any where there is none."""
        return _type_argument(type(self))

    def _parse_input(self, input: Any) -> Any:
        text = text_of(input, self)
        try:
            return self._parse_as_result(input, text) if self._reads_results else self.parse(text)
        except OutputParserException as error:
            if refusal := refusal_in(input):
                raise ModelRefusalError(refusal, text) from error
            if error.llm_output is None:
                error.llm_output = text
            raise


class BaseTransformOutputParser(BaseOutputParser[Output], internal=True):
    """Base of parsers that parse every chunk of a string on its own, as it comes.

    `parse` must distribute over chunks: its results for the chunks of a string add up to its
    result for the string.

    Example:
        >>> class Shout(BaseTransformOutputParser[str]):
        ...     def parse(self, text: str) -> str:
        ...         return text.upper()
        >>> list(Shout().transform(["ship ", "ahoy"]))
        ['SHIP ', 'AHOY']
    """

    def _new_decoder(self) -> Decoder[Any, Output] | None:
        return _ChunkwiseDecoder(self)


class _ChunkwiseDecoder(Decoder[Any, T]):
    """A decoder that parses each chunk; an empty stream is parsed as the empty string."""

    def __init__(self, parser: BaseOutputParser[T]) -> None:
        self._parser = parser
        self._has_emitted = False

    def feed(self, chunk: Any) -> Iterable[T]:
        self._has_emitted = True
        return (self._parser._parse_input(chunk),)

    def finish(self) -> Iterable[T]:
        return () if self._has_emitted else (self._parser._parse_input(""),)


class StrOutputParser(BaseTransformOutputParser[str], internal=True):
    """A parser to the text of a model's answer, as it comes, without its other content blocks.

    Reasoning that a service leaves in the text (`<think>...</think>`) is in the result, as in
    LangChain; `answer_text` leaves it out.

    Example:
        >>> StrOutputParser().invoke(AIMessage("Land ahoy"))
        'Land ahoy'
        >>> list((FakeListChatModel(responses=["Ahoy"]) | StrOutputParser()).stream("Hello"))
        ['A', 'h', 'o', 'y']
    """

    def parse(self, text: str) -> str:
        """Return the text itself."""
        return text

    def _new_decoder(self) -> Decoder[Any, str]:
        return _StrDecoder(self)


class _StrDecoder(Decoder[Any, str]):
    """A decoder to the text of each chunk; chunks without text count only if no other comes."""

    def __init__(self, parser: StrOutputParser) -> None:
        self._parser = parser
        self._has_emitted = False

    def feed(self, chunk: Any) -> Iterable[str]:
        text = text_of(chunk, self._parser)
        self._has_emitted = self._has_emitted or bool(text)
        return (text,) if text else ()

    def finish(self) -> Iterable[str]:
        return () if self._has_emitted else ("",)


class TextDecoder(Decoder[Any, T]):
    """Base of decoders of text that keep all of it, since an error quotes it.

    A subclass writes `read` and `end`.
    """

    def __init__(self, parser: BaseParser[Any]) -> None:
        self.parser = parser
        self._parts: list[str] = []
        self._refusals: list[str] = []

    @property
    def text(self) -> str:
        """Return all text so far."""
        return "".join(self._parts)

    def feed(self, chunk: Any) -> Iterable[T]:
        """Take the text of a chunk."""
        text = text_of(chunk, self.parser)
        self._parts.append(text)
        if refusal := refusal_in(chunk):
            self._refusals.append(refusal)
        return self.read(text)

    def finish(self) -> Iterable[T]:
        """End the text; a refusal that does not parse becomes a `ModelRefusalError`."""
        try:
            return self.end()
        except OutputParserException as error:
            if self._refusals:
                raise ModelRefusalError("".join(self._refusals), self.text) from error
            raise

    def read(self, text: str) -> Iterable[T]:
        """Take the next part of the text; return what it completes."""
        raise NotImplementedError

    def end(self) -> Iterable[T]:
        """End the text; return the rest, or raise."""
        raise NotImplementedError


def _options(cls: type) -> Sequence[str]:
    """Return the annotated names of a parser's own classes, from the base on down."""
    classes: list[type] = [
        base for base in reversed(cls.__mro__) if issubclass(base, BaseOutputParser)
    ]
    names = [
        name
        for base in classes
        for name, annotation in inspect.get_annotations(base).items()
        if not name.startswith("_") and "ClassVar" not in str(annotation)
    ]
    return list(dict.fromkeys([*names, "name"]))


def _type_argument(cls: type) -> Any:
    for base in cls.__mro__:
        for generic in cast("tuple[Any, ...]", base.__dict__.get("__orig_bases__", ())):
            origin = get_origin(generic)
            if isinstance(origin, type) and issubclass(origin, BaseParser):
                argument = get_args(generic)[0]
                return Any if isinstance(argument, TypeVar | str) else argument
    return Any


ModelOutput: TypeAlias = str | BaseMessage | PromptValue | list[str | dict[str, Any]]
"""The input of parsers of text: a string, a message or a chunk of one, a prompt, content blocks."""


def text_of(output: Any, reader: object) -> str:
    """Return the text of a model's output, without the content blocks that are not text.

    Args:
        output: see `ModelOutput`.
        reader: the object that reads it, for the error.

    Raises:
        TypeError: the output is of another type.
    """
    if isinstance(output, str):
        return str(output)
    if isinstance(output, BaseMessage):
        return str(text_of_content(output.content))
    if isinstance(output, PromptValue):
        return output.to_string()
    if isinstance(output, list) and _are_blocks(cast("list[object]", output)):
        return text_of_content(cast("Content", output))
    if is_foreign(cast("object", output)):
        return text_of(from_foreign(output), reader)
    raise TypeError(
        f"{type(reader).__name__} reads text, a message or a list of content blocks, "
        f"got {_type_of(cast('object', output))}."
    )


QUOTED: Final = 200
"""How many characters of an answer its error shows."""


def unreadable(problem: str, text: str) -> OutputParserException:
    """Return the error of an answer, which shows the beginning of it.

    A model that is to correct its answer is sent the problem alone: it sees all of the answer.
    """
    quoted = repr(text if len(text) <= QUOTED else f"{text[:QUOTED]}...")
    separator = "\n" if "\n" in problem else " "
    return OutputParserException(f"{problem}{separator}The answer: {quoted}", text, problem)


def refusal_in(output: Any) -> str | None:
    """Return the model's words where it refused to answer in this output, or None."""
    if isinstance(output, AIMessage):
        return output.refusal
    if isinstance(output, list) and _are_blocks(cast("list[object]", output)):
        return refusal_of(cast("Content", output)) or None
    return None


def _are_blocks(items: Sequence[object]) -> bool:
    return all(isinstance(item, str | dict) for item in items)


def _type_of(output: object) -> str:
    if isinstance(output, list):
        names = sorted({type(item).__name__ for item in cast("list[object]", output)})
        return f"a list of {', '.join(names)}"
    return f"a value of type {type(output).__name__!r}"
