"""The errors of Runnables, in one tree.

    RunnablesError
    ├── ConfigError (ValueError, TypeError)    a config, option or keyword that is not known
    │   └── ApprovalError                      an answer to a request for approval that is not open
    ├── MergeError (TypeError)                 chunks with no declared way to add up
    ├── SyncAsyncError (TypeError, NotImplementedError)    a sync call of an async-only step
    ├── EmptyStream (ValueError)               a stream without a chunk, where a value is needed
    ├── StepTimeout (TimeoutError)             a step that took longer than its limit
    ├── RecursionLimitError (RecursionError)   functions that keep returning runnables
    ├── StepLimitError (RecursionError)        an agent whose model keeps calling tools
    ├── ToolException                          a tool's reason why it cannot do its work
    ├── ToolArgumentsError (ValueError)        arguments that do not match a tool
    ├── PromptError (ValueError)               an invalid template, or wrong variables
    ├── OutputParserException (ValueError)     a model's text that cannot be parsed
    │   └── ModelRefusalError                  a model's refusal to answer
    ├── MissingExtra (ImportError)             an optional package that is not installed
    ├── WeightsError                           a model file that is missing or damaged
    ├── BudgetExceeded                         a call for which a budget has nothing left
    ├── CheckpointError                        a checkpoint that cannot be used, or written
    ├── StoreError                             a store of vectors that cannot be used, or searched
    ├── EarlierFailure                         a row of a batch that failed in an earlier run
    ├── BatchStopped                           a batch that ended before all its rows were done
    ├── WorkerLostError                        a row whose process has died again and again
    ├── RemoteError                            an error in a worker that could not be sent as it was
    └── ModelError                             an error of a model or its service
        ├── AuthenticationError
        ├── PermissionDeniedError
        ├── InvalidRequestError (ValueError)
        │   └── ContextLengthError
        ├── RateLimitError
        ├── ServerError
        ├── ModelConnectionError (ConnectionError)
        └── ModelTimeoutError (TimeoutError)

The errors of users' own functions are never wrapped: they pass through as they are, with notes
(PEP 678) that say where they happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class RunnablesError(Exception):
    """The base class of every error of this library."""


def _without_secrets(message: str) -> str:
    from runnables.redaction import hide_in_text  # here, as most programs make no error

    return hide_in_text(message)


class ConfigError(RunnablesError, ValueError, TypeError):
    """A config key, option or keyword that is not known, or a value out of range.

    The message shows no secrets, whatever value it repeats.
    """

    def __init__(self, message: str = "", *more: object) -> None:
        super().__init__(_without_secrets(message), *more)


class MergeError(RunnablesError, TypeError):
    """A stream of more than one chunk, with no declared way to add them up."""


class SyncAsyncError(RunnablesError, TypeError, NotImplementedError):
    """A sync call of something that can only be awaited; the message names the call to use."""


class EmptyStream(RunnablesError, ValueError):
    """A stream that ended without a chunk, where a value is needed.

    Attributes:
        source: the runnable whose stream it is, where known; else the iterator.
    """

    def __init__(self, source: object) -> None:
        super().__init__(source)
        self.source = source

    def __str__(self) -> str:
        return (
            f"{self.source!r} yielded no chunk, so there is no value to continue with. "
            "Let it yield at least one chunk (None, an empty string or list will do)."
        )


class StepTimeout(RunnablesError, TimeoutError):
    """A step that took longer than its limit.

    Attributes:
        step: the name of the step.
        seconds: the limit that it exceeded, in seconds.
    """

    def __init__(self, step: str, seconds: float) -> None:
        super().__init__(step, seconds)
        self.step = step
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.step} took longer than {self.seconds:g} s"


class RecursionLimitError(RunnablesError, RecursionError):
    """A function that returns runnables more often in a row than `recursion_limit` allows."""


class StepLimitError(RunnablesError, RecursionError):
    """An agent whose model kept calling tools until the limit of steps.

    Attributes:
        messages: the conversation so far, from which the agent can continue.
    """

    def __init__(self, message: str, messages: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.messages = list(messages)

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (str(self), self.messages)


class ApprovalError(ConfigError):
    """An answer to a request for approval that is not open, or neither yes nor no; nothing ran."""


class ToolException(RunnablesError):
    """An error for tools to raise: its message tells the model why the tool cannot do its work."""


class ToolArgumentsError(RunnablesError, ValueError):
    """A call of a tool with arguments that do not match its schema.

    What a tool raises is a `ValidationError` of pydantic, too.
    """

    def __init__(self, message: str, errors: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self._errors = list(errors)

    def errors(
        self, *, include_url: bool = False, include_context: bool = True, include_input: bool = True
    ) -> list[Any]:
        """Return one dict for each wrong argument, as pydantic does: "loc", "msg", "type".

        Args:
            include_url: as for pydantic's errors; there is no link here.
            include_context: whether each dict has what pydantic tells of the rule: "ctx".
            include_input: whether each dict has the wrong value: "input".
        """
        hidden = {
            key for key, shown in (("ctx", include_context), ("input", include_input)) if not shown
        }
        return [
            {key: part for key, part in error.items() if key not in hidden}
            for error in self._errors
        ]

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (str(self), self._errors)


class PromptError(RunnablesError, ValueError):
    """A template that is not well formed, or variables that do not match it."""


class OutputParserException(RunnablesError, ValueError):
    """A model's text that a parser could not read.

    Attributes:
        llm_output: the text of the model; None where there was none.
        observation: the words to send to the model for another attempt; None means the message
            of the error.
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
    """A model's refusal to answer; parsing its message in another way will not help.

    Attributes:
        refusal: the model's own words.
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
    """A call of a model that did not start, because a budget is used up."""


class CheckpointError(RunnablesError):
    """A checkpoint that cannot be used: of another job, damaged, in use, or on a full disk."""


class StoreError(RunnablesError):
    """A store of vectors that cannot be used: its file, or vectors of another model."""


class EarlierFailure(RunnablesError):
    """A row of a batch that failed in an earlier run, and was not tried again.

    Attributes:
        error_type: the name of the class of its error.
    """

    def __init__(self, message: str, error_type: str = "") -> None:
        super().__init__(message)
        self.error_type = error_type

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (str(self), self.error_type)


class BatchStopped(RunnablesError):
    """A batch that ended before all its rows were done; its cause is the error that ended it.

    Attributes:
        reason: why: "max_errors", "budget", "fatal" or "cancelled".
        progress: how far it came, a `Progress`.
    """

    def __init__(self, message: str, reason: str = "cancelled", progress: Any = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.progress = progress

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (str(self), self.reason, self.progress)


class WorkerLostError(RunnablesError):
    """A row whose worker process has died each time that it ran the row."""


class RemoteError(RunnablesError):
    """An error in a worker process that could not be sent as it was, with its message and notes.

    Attributes:
        error_type: the name of its class.
    """

    def __init__(self, message: str, error_type: str = "") -> None:
        super().__init__(message, error_type)  # with both, it can be pickled
        self.error_type = error_type

    def __str__(self) -> str:
        return f"{self.error_type}: {self.args[0]}"


class ModelError(RunnablesError):
    """An error of a model, or of the service that runs it.

    Attributes:
        provider: the provider that failed ("openai", "local", ...), where known.
        status: the HTTP status, where there was one.
        request_id: the provider's own id of the request, for a support case.
        retry_after: how many seconds to wait before a retry, where the service says so.
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
        super().__init__(_without_secrets(message))
        self.provider = provider
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after


class AuthenticationError(ModelError):
    """A missing API key, or one that the service does not know."""


class PermissionDeniedError(ModelError):
    """A known API key without the permission for this request."""


class InvalidRequestError(ModelError, ValueError):
    """A request that the model cannot serve; sending it again does not help."""


class ContextLengthError(InvalidRequestError):
    """A request with more tokens than the model can read at once."""


class RateLimitError(ModelError):
    """Too many requests or tokens for now, or for today.

    Attributes:
        daily: whether a quota of a day or longer is used up; a retry within minutes then fails.
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
    """A failure of the service; the same request may succeed later."""


class ModelConnectionError(ModelError, ConnectionError):
    """A service that could not be reached, or a connection that broke."""


class ModelTimeoutError(ModelError, TimeoutError):
    """A service that did not answer in time."""


def is_retryable(error: BaseException) -> bool:
    """Tell whether a retry of the same call may succeed soon.

    It may after a service was busy, slow, unreachable, or failed; errors of other clients are read
    by their HTTP status, or the names of their classes. It will not after an error of the caller,
    nor where a daily quota is used up. It serves as `retry_if_exception_type`.

    Args:
        error: the error of the call.

    Example:
        >>> is_retryable(ServerError("overloaded", status=503))
        True
        >>> is_retryable(AuthenticationError("no such key", status=401))
        False
    """
    if isinstance(error, RunnablesError) or not isinstance(error, Exception):
        passing = (RateLimitError, ServerError, ModelConnectionError, ModelTimeoutError)
        return isinstance(error, passing) and not getattr(error, "daily", False)
    from runnables.client_errors import may_pass  # here, as most programs make no error

    return may_pass(error)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `" Did you mean 'x'?"` for the most similar known name, or an empty string."""
    known = [each for each in known if isinstance(cast("object", each), str)]
    longer = [each for each in known if len(name) > 3 and each.startswith(name)]
    found = longer[0] if len(longer) == 1 else nearest(name, known)  # the only longer one wins
    return "" if found is None else f" Did you mean {found!r}?"


def nearest(name: str, known: Iterable[str], similarity: float = 0.6) -> str | None:
    """Return the known name that is most similar, to this degree of 0 to 1; None where none is."""
    import difflib  # here, as most programs make no typo

    names = [each for each in known if isinstance(cast("object", each), str)]  # keys may be others
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=similarity)), None)
