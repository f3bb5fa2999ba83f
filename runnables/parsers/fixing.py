"""`with_repair` under LangChain's names: parsers that let a model correct an answer.

They run the one loop of `repair.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from runnables.compose.coerce import coerce_to_runnable
from runnables.core.typevars import Output
from runnables.core.values import Value
from runnables.errors import ConfigError
from runnables.messages.prompt_values import PromptValue, StringPromptValue
from runnables.parsers.repair import RepairParser

if TYPE_CHECKING:
    from runnables.errors import OutputParserException
    from runnables.parsers.base import BaseParser

T = TypeVar("T")


class OutputFixingParser(RepairParser[Output], internal=True):
    """A `RepairParser` with the arguments that it has in LangChain; see `with_repair`.

    Args:
        parser: the parser.
        model: a runnable from a prompt to a message or a string, as chat models are.
        attempts: how many times the model is called at most.
        prompt: the prompt that the model gets, with the variables `instructions`, `completion` and
            `error`; by default, that of `RepairParser`.
        name: the parser's name in events.

    Example:
        >>> model = FakeListChatModel(['{"sea": "Baltic"}'])
        >>> parser = OutputFixingParser.from_llm(llm=model, parser=JsonOutputParser())
        >>> parser.parse("{sea: Baltic}")
        {'sea': 'Baltic'}
    """

    def __init__(
        self,
        parser: BaseParser[Output],
        model: Any,
        *,
        attempts: int = 1,
        prompt: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(parser, model, attempts=attempts, name=name)
        self.prompt = None if prompt is None else coerce_to_runnable(prompt)

    @classmethod
    def from_llm(
        cls, llm: Any, parser: BaseParser[T], prompt: Any = None, max_retries: int = 1
    ) -> OutputFixingParser[T]:
        """Return a parser with a model that corrects answers which do not parse.

        Args:
            llm: the model.
            parser: the parser.
            prompt: the prompt that the model gets.
            max_retries: how many times the model is called at most.

        Raises:
            ConfigError: `max_retries` is below 1.
        """
        made: Any = cls  # of any parser, where `cls` is of one
        return cast("OutputFixingParser[T]", made(parser, llm, attempts=max_retries, prompt=prompt))

    def __repr__(self) -> str:
        if self.prompt is None:
            return super().__repr__()
        return (
            f"{type(self).__name__}({self.parser!r}, {self.model!r}, "
            f"attempts={self.attempts}, prompt={self.prompt!r})"
        )

    def request(self, value: Any, error: OutputParserException) -> Any:
        """Return the prompt: the format instructions, the answer, and the error."""
        if self.prompt is None:
            return super().request(value, error)
        return self.prompt.invoke(
            {
                "instructions": _instructions_of(self.parser),
                "completion": error.llm_output or "",
                "error": str(error.observation or error),
            }
        )


def _instructions_of(parser: BaseParser[Any]) -> str:
    try:
        return parser.get_format_instructions()
    except NotImplementedError:
        return ""


class RetryOutputParser(Value):
    """A parser that lets a model answer the prompt again where its answer does not parse.

    The model is sent the prompt, the answer and the error, and its new answer is parsed.

    Args:
        parser: the parser.
        model: a runnable from a prompt to a message or a string, as chat models are.
        attempts: how many times the model is called at most.
        prompt: the prompt that the model gets, with the variables `prompt`, `completion` and
            `error`; by default, one of the library's.

    Raises:
        ConfigError: `attempts` is below 1.

    Example:
        >>> model = FakeListChatModel(['{"sea": "Baltic"}'])
        >>> parser = RetryOutputParser.from_llm(llm=model, parser=JsonOutputParser())
        >>> parser.parse_with_prompt("{sea: Baltic}", StringPromptValue(text="Which sea?"))
        {'sea': 'Baltic'}
    """

    def __init__(
        self, parser: BaseParser[Any], model: Any, *, attempts: int = 1, prompt: Any = None
    ) -> None:
        if attempts < 1:
            raise ConfigError(f"{type(self).__name__}(attempts={attempts}): expected at least 1")
        self.parser = parser
        self.model = coerce_to_runnable(model)
        self.attempts = attempts
        self.prompt = None if prompt is None else coerce_to_runnable(prompt)

    @classmethod
    def from_llm(
        cls, llm: Any, parser: BaseParser[Any], prompt: Any = None, max_retries: int = 1
    ) -> Self:
        """Return a parser with a model that answers again.

        Args:
            llm: the model.
            parser: the parser.
            prompt: the prompt that the model gets.
            max_retries: how many times the model is called at most.

        Raises:
            ConfigError: `max_retries` is below 1.
        """
        return cls(parser, llm, attempts=max_retries, prompt=prompt)

    def parse_with_prompt(self, completion: Any, prompt_value: PromptValue | str) -> Any:
        """Return the value of an answer, or of a later one.

        Args:
            completion: the answer: a string or a message.
            prompt_value: the prompt that was answered.

        Raises:
            OutputParserException: no answer parses.
        """
        return self._loop(prompt_value).invoke(completion)

    async def aparse_with_prompt(self, completion: Any, prompt_value: PromptValue | str) -> Any:
        """Do what `parse_with_prompt` does, async."""
        return await self._loop(prompt_value).ainvoke(completion)

    def get_format_instructions(self) -> str:
        """Return those of the parser."""
        return self.parser.get_format_instructions()

    def _loop(self, prompt_value: PromptValue | str) -> _AnswerAgain:
        return _AnswerAgain(self, prompt_value)


RetryWithErrorOutputParser = RetryOutputParser
"""LangChain's other name for it: here, the model is sent the error in any case."""


class _AnswerAgain(RepairParser[Any], internal=True):
    """The loop of a `RetryOutputParser` for one prompt."""

    def __init__(self, retry: RetryOutputParser, prompt_value: PromptValue | str) -> None:
        super().__init__(retry.parser, retry.model, attempts=retry.attempts)
        self.name = type(retry).__name__
        self.prompt = retry.prompt
        self.asked = (
            prompt_value.to_string() if isinstance(prompt_value, PromptValue) else prompt_value
        )

    def request(self, value: Any, error: OutputParserException) -> Any:
        completion, wrong = error.llm_output or "", str(error.observation or error)
        if self.prompt is not None:
            asked = {"prompt": self.asked, "completion": completion, "error": wrong}
            return self.prompt.invoke(asked)
        parts = [
            self.asked,
            f"You have answered:\n<answer>\n{completion}\n</answer>",
            f"This could not be read:\n{wrong}",
            "Answer again, complete, and with nothing else.",
        ]
        return StringPromptValue(text="\n\n".join(parts))
