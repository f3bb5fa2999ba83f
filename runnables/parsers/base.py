"""What all parsers have in common, and the simplest of them."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar, cast, get_args, get_origin

from typing_extensions import dataclass_transform

from runnables.compose.non_blocking import Decoder, NonBlockingStep
from runnables.core.signatures import checks_keywords
from runnables.core.typevars import Output
from runnables.errors import ConfigError, ModelRefusalError, OutputParserException, did_you_mean
from runnables.messages import AIMessage, BaseMessage, Content, PromptValue
from runnables.messages.normalize import refusal_of, text_of as text_of_content

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.parsers.repair import RepairParser


T = TypeVar("T")


class BaseParser(NonBlockingStep[Any, Output], internal=True):
    """What every parser is: a runnable that reads a model's output and needs no waiting."""

    run_type: ClassVar[str] = "parser"

    def _apply(self, input: Any, **kwargs: Any) -> Any:
        self._refuse(kwargs)
        return self._parsed(input)

    def _make_decoder(self, **kwargs: Any) -> Decoder[Any, Any] | None:
        self._refuse(kwargs)
        return self._piecewise()

    def _refuse(self, options: dict[str, Any]) -> None:
        for option in options:
            raise TypeError(f"{type(self).__name__} has no option {option!r} for a call")

    def _parsed(self, input: Any) -> Any:
        """The result for a whole input."""
        raise NotImplementedError

    def _piecewise(self) -> Decoder[Any, Any] | None:
        """What parses piece by piece; None: only the whole input tells."""
        return None

    def get_format_instructions(self) -> str:
        """What to tell the model, so that its answer can be parsed.

        Raises:
            NotImplementedError: the parser has nothing to say.
        """
        raise NotImplementedError(f"{type(self).__name__} has no format instructions.")

    @checks_keywords
    def with_repair(self, model: Runnable[Any, Any], *, attempts: int = 1) -> RepairParser[Output]:
        """This parser, with a model that gets to correct an answer that does not parse.

        The model is shown what was expected, what was answered and what is wrong with that, and
        its new answer is parsed instead.

        Args:
            model: takes a prompt (messages) and gives a message or a text.
            attempts: how often it is asked at most, one correction after the other.
        """
        from runnables.parsers.repair import RepairParser  # it stands on this file

        return RepairParser(self, model, attempts=attempts)


@dataclass_transform(kw_only_default=True)
class BaseOutputParser(BaseParser[Output], internal=True):
    """Base of parsers that read text. Write `parse`, and `get_format_instructions`.

    Annotated names of a subclass are its options: keywords of the constructor, with what is
    assigned to them as the default.

        class YesNo(BaseOutputParser[bool]):
            yes: str = "yes"

            def parse(self, text: str) -> bool:
                return text.strip().lower() == self.yes
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
        """Read the whole text.

        Raises:
            OutputParserException: the text is not what this parser reads.
        """

    async def aparse(self, text: str) -> Output:
        """As `parse`, for code that awaits it; parsing itself waits for nothing."""
        return self.parse(text)

    @property
    def InputType(self) -> Any:
        """Text, messages, or content blocks."""
        return ModelOutput

    @property
    def OutputType(self) -> Any:
        """The type argument of the class; Any where there is none."""
        return _type_argument(type(self))

    def _parsed(self, input: Any) -> Any:
        text = text_of(input, self)
        try:
            return self.parse(text)
        except OutputParserException as error:
            if refusal := refusal_in(input):
                raise ModelRefusalError(refusal, text) from error
            if error.llm_output is None:
                error.llm_output = text
            raise


class BaseTransformOutputParser(BaseOutputParser[Output], internal=True):
    """Base of parsers that read every piece of a text on its own, as it comes.

    `parse` must distribute over pieces: what it gives for the pieces of a text adds up to what
    it gives for the text.
    """

    def _piecewise(self) -> Decoder[Any, Output] | None:
        return _Piecewise(self)


class _Piecewise(Decoder[Any, T]):
    """Parses each piece; an empty stream is parsed as the empty text."""

    def __init__(self, parser: BaseOutputParser[T]) -> None:
        self._parser = parser
        self._given = False

    def feed(self, chunk: Any) -> Iterable[T]:
        self._given = True
        return (self._parser._parsed(chunk),)

    def finish(self) -> Iterable[T]:
        return () if self._given else (self._parser._parsed(""),)


class StrOutputParser(BaseTransformOutputParser[str], internal=True):
    """The text of a model's answer, as it comes; reasoning and tool calls are left out."""

    def parse(self, text: str) -> str:
        """The text itself."""
        return text

    def _piecewise(self) -> Decoder[Any, str]:
        return _Texts(self)


class _Texts(Decoder[Any, str]):
    """Passes texts on; pieces without text (of tool calls, of reasoning) only if all are."""

    def __init__(self, parser: StrOutputParser) -> None:
        self._parser = parser
        self._given = False

    def feed(self, chunk: Any) -> Iterable[str]:
        text = text_of(chunk, self._parser)
        self._given = self._given or bool(text)
        return (text,) if text else ()

    def finish(self) -> Iterable[str]:
        return () if self._given else ("",)


class TextDecoder(Decoder[Any, T]):
    """Base of decoders over text that keep it, since an error shows all of it.

    A subclass writes `read` and `end`.
    """

    def __init__(self, parser: BaseParser[Any]) -> None:
        self.parser = parser
        self._texts: list[str] = []
        self._refusals: list[str] = []

    @property
    def text(self) -> str:
        """All text so far."""
        return "".join(self._texts)

    def feed(self, chunk: Any) -> Iterable[T]:
        """Take the text of a chunk."""
        text = text_of(chunk, self.parser)
        self._texts.append(text)
        if refusal := refusal_in(chunk):
            self._refusals.append(refusal)
        return self.read(text)

    def finish(self) -> Iterable[T]:
        """The input is over."""
        try:
            return self.end()
        except OutputParserException as error:
            if self._refusals:
                raise ModelRefusalError("".join(self._refusals), self.text) from error
            raise

    def read(self, text: str) -> Iterable[T]:
        """Take a piece of the text; give what it completes."""
        raise NotImplementedError

    def end(self) -> Iterable[T]:
        """The text is over; give the rest, or raise."""
        raise NotImplementedError


def _options(cls: type) -> Sequence[str]:
    """The annotated names of a parser's own classes, from the base on down."""
    mine: list[type] = [it for it in reversed(cls.__mro__) if issubclass(it, BaseOutputParser)]
    names = [
        name
        for base in mine
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
"""What text parsers read: a text, a message or a piece of one, a prompt, or content blocks."""


def text_of(output: Any, reader: object) -> str:
    """The text of a model's output; of content blocks, only the text counts.

    Args:
        output: see `ModelOutput`.
        reader: who asks, for the error.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(output, str):
        return str(output)
    if isinstance(output, BaseMessage):
        return str(output.text)
    if isinstance(output, PromptValue):
        return output.to_string()
    if isinstance(output, list) and _are_blocks(cast("list[object]", output)):
        return text_of_content(cast("Content", output))
    raise TypeError(
        f"{type(reader).__name__} reads text, a message or a list of content blocks, "
        f"got {_described(cast('object', output))}."
    )


def refusal_in(output: Any) -> str | None:
    """What the model said in this output where it refused to answer, or None."""
    if isinstance(output, AIMessage):
        return output.refusal
    if isinstance(output, list) and _are_blocks(cast("list[object]", output)):
        return refusal_of(cast("Content", output)) or None
    return None


def _are_blocks(items: Sequence[object]) -> bool:
    return all(isinstance(item, str | dict) for item in items)


def _described(output: object) -> str:
    if isinstance(output, list):
        kinds = sorted({type(item).__name__ for item in cast("list[object]", output)})
        return f"a list of {', '.join(kinds)}"
    return f"a value of type {type(output).__name__!r}"
