"""The errors of Runnables, in one tree.

    RunnablesError
    ├── ConfigError (ValueError, TypeError)    a config, option or keyword that nothing reads
    ├── MergeError (TypeError)                 chunks that nobody declared how to add
    ├── SyncAsyncError (TypeError)                a sync call of an async-only step
    ├── EmptyStream (ValueError)               a stream without a chunk, where a value is needed
    ├── StepTimeout (TimeoutError)             a step took longer than it was given
    ├── RecursionLimitError (RecursionError)   runnables that go on returning runnables
    ├── StepLimitError (RecursionError)        an agent whose model goes on calling tools
    ├── ToolException                          a tool says why it cannot do what it is asked for
    ├── ToolArgumentsError (ValueError)        arguments that do not fit a tool
    ├── PromptError (ValueError)               a template or its variables
    ├── OutputParserException (ValueError)     a model's text that does not parse
    │   └── ModelRefusalError                  it is no answer: the model refused
    ├── MissingExtra (ImportError)             a part whose optional package is not installed
    ├── WeightsError                           a model file that is missing, damaged or out of reach
    ├── BudgetExceeded                         a call that a budget has nothing left for
    └── ModelError                             what a model or its service answered
        ├── AuthenticationError
        ├── PermissionDeniedError
        ├── InvalidRequestError (ValueError)
        │   └── ContextLengthError
        ├── RateLimitError
        ├── ServerError
        ├── ModelConnectionError (ConnectionError)
        └── ModelTimeoutError (TimeoutError)

The errors of users' own functions are never wrapped: they travel as they are, with notes
(PEP 678) that say where they happened.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class RunnablesError(Exception):
    """What every error of this library is."""


class ConfigError(RunnablesError, ValueError, TypeError):
    """A config key, option or keyword that nothing would read, or a value out of range."""


class MergeError(RunnablesError, TypeError):
    """More than one chunk, and no declaration of how they add up."""


class SyncAsyncError(RunnablesError, TypeError):
    """A sync call of something that can only be awaited; the message names the call to use."""


class EmptyStream(RunnablesError, ValueError):
    """A stream ended without a chunk, so there is no value."""

    def __init__(self, source: object) -> None:
        super().__init__(source)
        self.source = source

    def __str__(self) -> str:
        return (
            f"{self.source!r} gave no chunk, so there is no value to go on with. "
            "Let it yield at least one chunk (None, an empty string or list will do)."
        )


class StepTimeout(RunnablesError, TimeoutError):
    """A step took longer than it was given.

    Attributes:
        step: the name of the step.
        seconds: the limit that it exceeded.
    """

    def __init__(self, step: str, seconds: float) -> None:
        super().__init__(step, seconds)
        self.step = step
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.step} took longer than {self.seconds:g} s"


class RecursionLimitError(RunnablesError, RecursionError):
    """Functions that return runnables did so more often in a row than `recursion_limit`."""


class StepLimitError(RunnablesError, RecursionError):
    """An agent's model went on calling tools.

    Attributes:
        messages: the conversation so far, which the agent can go on with.
    """

    def __init__(self, message: str, messages: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.messages = list(messages)

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (str(self), self.messages)


class ToolException(RunnablesError):
    """For tools to raise: why it cannot do what it is asked for, in words for the model."""


class ToolArgumentsError(RunnablesError, ValueError):
    """A tool was called with arguments that do not fit."""

    def __init__(self, message: str, errors: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self._errors = list(errors)

    def errors(self) -> list[Any]:
        """Each of the faults, as pydantic tells them: dicts with "loc", "msg", "type"."""
        return list(self._errors)

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (str(self), self._errors)


class PromptError(RunnablesError, ValueError):
    """A template that is not well formed, or variables that do not fit it."""


class OutputParserException(RunnablesError, ValueError):
    """A model's text that a parser could not read.

    Attributes:
        llm_output: the text as the model gave it, or None where there was none.
        observation: what to tell the model, so that it can do better; None: the message.
    """

    def __init__(
        self, error: str, llm_output: str | None = None, observation: str | None = None
    ) -> None:
        super().__init__(error)
        self.llm_output = llm_output
        self.observation = observation

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (str(self), self.llm_output, self.observation)


class ModelRefusalError(OutputParserException):
    """A model refused to answer; no other reading of its message will help.

    Attributes:
        refusal: what it said.
    """

    def __init__(
        self, refusal: str, llm_output: str | None = None, observation: str | None = None
    ) -> None:
        super().__init__(f"The model refused: {refusal}", llm_output, observation)
        self.refusal = refusal

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.refusal, self.llm_output, self.observation)


class MissingExtra(RunnablesError, ImportError):
    """A part of the library whose optional package is not installed."""


class WeightsError(RunnablesError):
    """A model file that is missing, damaged, or cannot be fetched."""


class BudgetExceeded(RunnablesError):
    """A call of a model did not begin, because a budget is spent."""


class ModelError(RunnablesError):
    """What a model, or the service that runs it, answered instead of a message.

    Attributes:
        provider: whose answer it is ("openai", "local", ...), where known.
        status: the HTTP status, where there was one.
        request_id: the provider's own name for the request, for a support case.
        retry_after: seconds until it is worth trying again, where the service said so.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after


class AuthenticationError(ModelError):
    """No key, or one that the service does not know."""


class PermissionDeniedError(ModelError):
    """A known key that may not do this."""


class InvalidRequestError(ModelError, ValueError):
    """A request that the model cannot serve as it stands; sending it again does not help."""


class ContextLengthError(InvalidRequestError):
    """More tokens than the model can read at once."""


class RateLimitError(ModelError):
    """Too many requests or tokens for now, or for today.

    Attributes:
        daily: whether a quota of a day or longer is used up, which waiting a minute does not mend.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        daily: bool = False,
    ) -> None:
        super().__init__(
            message,
            provider=provider,
            status=status,
            request_id=request_id,
            retry_after=retry_after,
        )
        self.daily = daily


class ServerError(ModelError):
    """The service failed; the same request may succeed later."""


class ModelConnectionError(ModelError, ConnectionError):
    """The service could not be reached, or the connection broke."""


class ModelTimeoutError(ModelError, TimeoutError):
    """The service did not answer in time."""


def is_retryable(error: BaseException) -> bool:
    """Whether the same call of a model may succeed soon: its service was busy, failed or was slow.

    Never so after a client's fault, nor where a daily quota is used up.
    """
    if isinstance(error, RateLimitError):
        return not error.daily
    return isinstance(error, (ServerError, ModelConnectionError, ModelTimeoutError))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`" Did you mean 'x'?"` for the nearest of `known`, or an empty string."""
    found = nearest(name, known)
    return "" if found is None else f" Did you mean {found!r}?"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The name among `known` that is most like this one; None where none is like it."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def missing_extra(what: str, package: str, extra: str) -> MissingExtra:
    """The error for a part whose package is not there; it names the extra to install.

    Args:
        what: what the user asked for, as the subject of a sentence.
        package: the import that failed.
        extra: the extra of this distribution that brings it.
    """
    return MissingExtra(
        f"{what} needs the package {package!r}, which is not installed. "
        f"Install it with: pip install 'runnables[{extra}]'"
    )
