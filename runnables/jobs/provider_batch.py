"""Models that are asked through the batch jobs of their provider, at half the price.

A `ProviderBatch` is a bulk step: in a batch, the rows that come to it wait for one another, and go
as one job of the provider. What is before and after it in the chain runs for each row as usual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, cast

from runnables.compose.wrappers import ForwardingWrapper, MethodCall
from runnables.core.bounds import check_seconds
from runnables.core.bulk import failed_rows
from runnables.core.config import activate
from runnables.core.stops import without_stop
from runnables.core.values import with_settings
from runnables.engine.rows import Failed
from runnables.errors import ConfigError
from runnables.jobs.job_calls import arun_calls, run_calls
from runnables.jobs.known_jobs import KnownJobs
from runnables.jobs.model_replacement import replace_models
from runnables.jobs.provider_rows import BulkRows
from runnables.messages.ai import AIMessage
from runnables.messages.convert import LanguageModelInput
from runnables.models.chat import ChatModel

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.compose.typevars import Input, Output
    from runnables.core.config import Scope
    from runnables.jobs.provider_states import BatchProgress

Attached = str | Iterable[str] | Mapping[str, Sequence[str]]
"""Jobs to go on with: an id, several, or the custom ids of each."""


class ProviderBatchSettings(TypedDict, total=False):
    """The settings of `via_provider` and `ProviderBatch`, which describes them."""

    first_poll: float
    longest_poll: float
    max_wait: float
    max_batch_size: int | None
    on_progress: Callable[[BatchProgress], object] | None
    on_submitted: Callable[[str, Sequence[str]], object] | None
    attach: Attached
    cancel_on_leave: bool


class ProviderBatch(ForwardingWrapper[LanguageModelInput, AIMessage], internal=True):
    """A chat model that is asked through the batch jobs of its provider.

    The rows of a batch go as one job, and more jobs where the limits of the service are exceeded.
    Answers, usage and errors are those of the model itself, row by row. A row that failed, expired
    or was cancelled has its error; a retry around the step sends such rows again, in one job. A
    single `invoke` is a job of one row.

    When the call ends early (an interrupt, an error of another row), its jobs go on, unless
    `cancel_on_leave` is set; the log and a note on the error say so. The same rows then wait for
    the same jobs if they come again: those of this process are remembered, and those of another one
    are named in `attach`. Of these, rows that have failed are sent again.

    `via_provider` makes one.

    Args:
        model: the chat model, whose service has batch jobs.
        first_poll: the seconds before the first poll; each further wait is half as long again.
        longest_poll: the most seconds between two polls.
        max_wait: the seconds after which rows fail with a ModelTimeoutError; their job goes on.
        max_batch_size: how many rows gather before they are sent; None: as many as a job can have.
            More are sent as several jobs at once.
        on_progress: receives a `BatchProgress` after each poll.
        on_submitted: receives the id of each new job and the custom ids of its rows, before the
            first poll, so that a process that is killed can go on with them. If it raises, the job
            is cancelled, and its rows fail.
        attach: jobs that were submitted before: an id, several, or a dict of the custom ids that
            `on_submitted` got. Without the custom ids, no row is sent before these jobs have ended.
        cancel_on_leave: whether a call that ends early cancels its jobs.

    Raises:
        ConfigError: the service of the model has no batch jobs, or a setting is invalid.

    Example:
        >>> from runnables_providers.openai import ChatOpenAI
        >>> step = ProviderBatch(ChatOpenAI("gpt-5-mini", api_key="sk-..."), max_wait=3600)
        >>> step.max_batch_size
        50000
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        first_poll: float = 2.0,
        longest_poll: float = 300.0,
        max_wait: float = 50 * 3600.0,
        max_batch_size: int | None = None,
        on_progress: Callable[[BatchProgress], object] | None = None,
        on_submitted: Callable[[str, Sequence[str]], object] | None = None,
        attach: Attached = (),
        cancel_on_leave: bool = False,
    ) -> None:
        if not isinstance(cast("object", model), ChatModel):
            raise ConfigError(f"ProviderBatch({model!r}): expected a chat model. See via_provider.")
        for name, function in {"on_progress": on_progress, "on_submitted": on_submitted}.items():
            if function is not None and not callable(function):
                raise ConfigError(f"{name}={function!r}: expected a function.")
        service = model._batch_service()
        size: Any = service.max_requests if max_batch_size is None else max_batch_size
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ConfigError(f"max_batch_size={size!r}: expected a number of rows, 1 or more.")
        self.model = model
        self.max_batch_size = max(size, 2)  # a step that takes one row is no bulk step
        self.first_poll = check_seconds("first_poll={}", first_poll)
        self.longest_poll = check_seconds("longest_poll={}", longest_poll)
        self.max_wait = check_seconds("max_wait={}", max_wait)
        self.on_progress = on_progress
        self.on_submitted = on_submitted
        self.attach = _jobs(attach)
        self.cancel_on_leave = cancel_on_leave
        self._jobs = KnownJobs(self.attach)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._jobs = KnownJobs(self.attach)

    def attach_job(self, job_id: str, custom_ids: Sequence[str]) -> None:
        """Go on with a job that was submitted before, as if `attach` had named it."""
        self._jobs.add(job_id, custom_ids)

    def _identity(self) -> dict[str, Any]:
        return {"model": self.model}  # how it is asked does not change the answers

    def __repr__(self) -> str:
        return f"via_provider({self.model!r})"

    def _wrapped(self) -> Runnable[LanguageModelInput, AIMessage]:
        return self.model

    def _rewrap(self, made: Any, call: MethodCall) -> Runnable[Any, Any]:
        def around(model: ChatModel) -> Runnable[Any, Any]:
            return with_settings(self, {"model": model})

        changed: Runnable[Any, Any] = replace_models(made, around, gathers=True)
        return changed

    # -- as a bulk step

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        [output] = self._invoke_batch([value], scope, kwargs)
        if isinstance(output, Failed):
            raise output.error
        return output

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        [output] = await self._ainvoke_batch([value], scope, kwargs)
        if isinstance(output, Failed):
            raise output.error
        return output

    def _invoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        try:
            with activate(scope):
                return run_calls(BulkRows(self, values, scope, kwargs).run())
        except Exception as error:  # raised, it would have each row sent as a job of its own
            return list(failed_rows(without_stop(error, self), len(values)))

    async def _ainvoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        try:
            with activate(scope):
                return await arun_calls(BulkRows(self, values, scope, kwargs).run())
        except Exception as error:  # raised, it would have each row sent as a job of its own
            return list(failed_rows(without_stop(error, self), len(values)))


def _jobs(given: Any) -> dict[str, tuple[str, ...] | None]:
    """Return the custom ids of jobs by their ids; None where they are not known.

    Raises:
        ConfigError: something else than ids.
    """
    if isinstance(given, str):
        return {given: None}
    if isinstance(given, Mapping):
        return {str(job_id): tuple(ids) for job_id, ids in cast("Any", given).items()}
    found: list[Any] = list(cast("Any", given)) if isinstance(given, Iterable) else [given]
    if not all(isinstance(job_id, str) for job_id in found):
        raise ConfigError(
            f"attach={given!r}: expected the id of a job, several, or a dict of custom ids by job."
        )
    return dict.fromkeys(found)


def via_provider(
    runnable: Runnable[Input, Output], **settings: Unpack[ProviderBatchSettings]
) -> Runnable[Input, Output]:
    """Return a chain whose chat models are asked through the batch jobs of their providers.

    They cost half as much, and take up to a day. `batch` then sends the rows as one job for each
    model in the chain; the other steps run for each row as usual. Models that functions or tools
    call are not seen.

    Args:
        runnable: the chain, or a chat model.
        **settings: those of `ProviderBatch`.

    Raises:
        ConfigError: there is no chat model, its service has no batch jobs, a part of the chain
            calls its model row by row (an agent, say), or a setting is invalid.

    Example:
        >>> from runnables import ChatPromptTemplate, StrOutputParser
        >>> from runnables_providers.openai import ChatOpenAI
        >>> model = ChatOpenAI("gpt-5-mini", api_key="sk-...")
        >>> chain = ChatPromptTemplate.from_template("Shorten: {text}") | model | StrOutputParser()
        >>> cheap = via_provider(chain, longest_poll=60)
        >>> [type(step).__name__ for step in cheap.steps]
        ['ChatPromptTemplate', 'ProviderBatch', 'StrOutputParser']
    """

    def around(model: ChatModel) -> Runnable[Any, Any]:
        return ProviderBatch(model, **settings)

    changed: Runnable[Input, Output] = replace_models(runnable, around, gathers=True)
    return changed


def via_flex(runnable: Runnable[Input, Output]) -> Runnable[Input, Output]:
    """Return a chain whose chat models are asked for flex processing: slower, at half the price.

    The calls stay single calls, which stream and can be cancelled. OpenAI and Google sell them; at
    busy times they are refused with a RateLimitError, or take minutes.

    Args:
        runnable: the chain, or a chat model.

    Raises:
        ConfigError: there is no chat model, or one whose service does not sell such calls.

    Example:
        >>> from runnables_providers.openai import ChatOpenAI
        >>> via_flex(ChatOpenAI("gpt-5-mini", api_key="sk-...")).kwargs
        {'service_tier': 'flex'}
    """

    def around(model: ChatModel) -> Runnable[Any, Any]:
        return model.bind(**model._flex_options())

    changed: Runnable[Input, Output] = replace_models(runnable, around, gathers=False)
    return changed


def cancel_provider_job(model: ChatModel, job_id: str) -> None:
    """Cancel a batch job of the service of a model. What it has processed is paid.

    Args:
        model: a chat model with the key that the job was submitted with.
        job_id: the id of the job.

    Raises:
        ConfigError: the service has no batch jobs.
        ModelError: the service does not know the job, or has ended it.

    Example:
        >>> from runnables.testing import ReplayServer, Response
        >>> from runnables_providers.openai import ChatOpenAI
        >>> with ReplayServer().listening() as server:
        ...     server.enqueue(Response({"id": "batch_1", "status": "cancelling"}))
        ...     model = ChatOpenAI("gpt-5-mini", base_url=server.url, api_key="none")
        ...     cancel_provider_job(model, "batch_1")
        ...     print(server.last.path)
        /batches/batch_1/cancel
    """
    model._batch_service().cancel(job_id)


async def acancel_provider_job(model: ChatModel, job_id: str) -> None:
    """Do what `cancel_provider_job` does, async.

    Args:
        model: as for `cancel_provider_job`.
        job_id: as for `cancel_provider_job`.

    Example:
        >>> import asyncio
        >>> from runnables.testing import ReplayServer, Response
        >>> from runnables_providers.openai import ChatOpenAI
        >>> with ReplayServer().listening() as server:
        ...     server.enqueue(Response({"id": "batch_1", "status": "cancelling"}))
        ...     model = ChatOpenAI("gpt-5-mini", base_url=server.url, api_key="none")
        ...     asyncio.run(acancel_provider_job(model, "batch_1"))
        ...     print(server.last.path)
        /batches/batch_1/cancel
    """
    await model._batch_service().acancel(job_id)
