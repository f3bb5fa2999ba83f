"""A chain that another process serves, as a runnable."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from typing_extensions import TypeVar

from runnables.compose.runnable import Runnable
from runnables.core.config import Scope, activate
from runnables.core.options import refuse_options
from runnables.core.signatures import checks_keywords
from runnables.core.user_code import aiterate_in_scope, iterate_in_scope
from runnables.core.values import show_settings
from runnables.engine.collect import acollect, collect
from runnables.engine.merging import DELTAS, Merge, as_merge
from runnables.engine.rows import Failed
from runnables.engine.stream import aclose, close, owned
from runnables.errors import ConfigError, InvalidRequestError, ServerError
from runnables.serving.values import as_input, revive
from runnables_providers._http import Reply, astream, stream
from runnables_providers._remote.json_values import object_of
from runnables_providers.remote.answers import ChunkReader
from runnables_providers.remote.connection import Connection, is_stream, may_pass

if TYPE_CHECKING:
    from runnables.core.config import RunnableConfig
    from runnables.engine.stream import StreamInfo
    from runnables.models.rate_limits import BaseRateLimiter
    from runnables_providers._http import Timeouts
    from runnables_providers._remote.keys import Key

In = TypeVar("In", contravariant=True, default=Any)
Out = TypeVar("Out", covariant=True, default=Any)


class RemoteRunnable(Connection, Runnable[In, Out], internal=True):
    """A chain that another process serves: by `runnables serve`, `add_routes`, or LangServe.

    It runs like the chain itself: `invoke`, `batch` (one request for up to `max_batch_size`
    inputs), `stream`, sync and async. Leaving a stream, or cancelling a call, closes the request at
    once, and the server stops its chain.

    Messages and documents come back as objects. Anything else comes back as JSON has it: an object
    of a class as a dict, unless `output_type` says what to make of it.

    A request is repeated like that of a model: where the server is busy or cannot be reached, and
    not where the chain itself has failed. Such an error is a `ModelError` with the HTTP status.

    Args:
        url: the URL of the chain, without `/invoke`.
        api_key: the key, sent as a bearer token; or a function that returns the current key.
        headers: more headers of each request; no repr shows their values.
        timeout: seconds to wait for an answer, and between two chunks of it; or `Timeouts`.
        max_retries: how often a request is repeated after an error that may pass; None: never.
        max_retry_delay: the longest delay, in seconds, that the server may ask for before a retry;
            60 by default.
        rate_limiter: spaces the requests of all models and chains that share it.
        max_batch_size: the most inputs in a request of a batch. Such a request takes as many of the
            free slots of `max_concurrency` as it has inputs, and the server runs as many of them at
            once.
        input_type: the type of the input, for checkers and pipes.
        output_type: the type of the output, which is made of its JSON as pydantic makes it.
        merge: how the chunks of a stream merge, where the server does not say so; LangServe does
            not. "add", "last", or a function of their list.
        restarts: whether a stream may start over (see `RESET`), where the chain does. If not, such
            a stream comes as one chunk.
        name: the name in traces.

    Raises:
        ConfigError: the URL is invalid, or a number is not positive.
        MissingExtra: the extra `remote` is not installed.

    Example:
        >>> from runnables_providers.remote import RemoteRunnable
        >>> translate = RemoteRunnable("http://localhost:8000/translate", api_key="secret")
        >>> translate
        RemoteRunnable(url='http://localhost:8000/translate', api_key=SecretStr('**********'))
    """

    run_type: ClassVar[str] = "chain"

    @checks_keywords
    def __init__(
        self,
        url: str,
        *,
        api_key: Key | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | Timeouts | None = None,
        max_retries: int | None = 2,
        max_retry_delay: float | None = None,
        rate_limiter: BaseRateLimiter | None = None,
        max_batch_size: int = 32,
        input_type: type[In] | None = None,
        output_type: type[Out] | None = None,
        merge: Merge | str | Callable[[list[Any]], Any] = DELTAS,
        restarts: bool = False,
        name: str | None = None,
    ) -> None:
        if type(max_batch_size) is not int or max_batch_size < 1:
            raise ConfigError(
                f"RemoteRunnable: max_batch_size={max_batch_size!r}: expected 1 or more."
            )
        self.url = url
        self._set_policies(max_retries, max_retry_delay, rate_limiter)
        self.max_batch_size = max_batch_size
        self.input_type = input_type
        self.output_type = output_type
        self.merge = as_merge(merge)
        self.restarts = restarts
        self.name = name
        self._connect(api_key, url, timeout, headers)

    @property
    def may_restart(self) -> bool:
        """Tell whether its stream may start over."""
        return self.restarts

    @property
    def InputType(self) -> Any:
        """Return the type that was passed, else Any."""
        return Any if self.input_type is None else self.input_type

    @property
    def OutputType(self) -> Any:
        """Return the type that was passed, else Any."""
        return Any if self.output_type is None else self.output_type

    # -- the schemas of the server

    def get_input_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """Ask the server for the JSON schema of the input."""
        return self._run_request(self._fetch, self._get("/input_schema"), dict)

    def get_output_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """Ask the server for the JSON schema of the output."""
        return self._run_request(self._fetch, self._get("/output_schema"), dict)

    async def aget_input_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """Ask the server for the JSON schema of the input."""
        return await self._arun_request(self._afetch, self._get("/input_schema"), dict)

    async def aget_output_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """Ask the server for the JSON schema of the output."""
        return await self._arun_request(self._afetch, self._get("/output_schema"), dict)

    # -- one input

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        refuse_options(self, kwargs)
        with activate(scope):
            return self._run_request(self._call, value, scope)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        refuse_options(self, kwargs)
        with activate(scope):
            return await self._arun_request(self._acall, value, scope)

    def _call(self, value: Any, scope: Scope | None) -> Any:
        request = self._request("/invoke", {"input": as_input(value)}, scope)
        return self._typed(self._fetch(request, _output_in))

    async def _acall(self, value: Any, scope: Scope | None) -> Any:
        request = self._request("/invoke", {"input": as_input(value)}, scope)
        return self._typed(await self._afetch(request, _output_in))

    # -- one input, an output in chunks

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        refuse_options(self, kwargs)
        value = collect(input)
        chunks: Iterable[Any]
        chunks = self._stream_request(self._chunks, info, self._on_restart, value, scope, info)
        if scope is not None:
            chunks = iterate_in_scope(chunks, scope, info)
        try:
            yield from chunks
        finally:
            close(chunks)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        refuse_options(self, kwargs)
        value = await acollect(input)
        chunks: AsyncIterable[Any]
        chunks = self._astream_request(self._achunks, info, self._on_restart, value, scope, info)
        if scope is not None:
            chunks = aiterate_in_scope(chunks, scope, info)
        try:
            async for chunk in owned(chunks):
                yield chunk
        finally:
            await aclose(chunks)

    def _chunks(self, value: Any, scope: Scope | None, info: StreamInfo) -> Iterator[Any]:
        request = self._request("/stream", {"input": as_input(value)}, scope)
        with stream(request, self._client_config(), self.service.name) as reply:
            if not is_stream(reply.status, reply.headers):
                raise self._not_a_stream(Reply(reply.status, reply.headers, reply.read()))
            reader = ChunkReader(self, reply.headers, info)
            for data in reply:
                for chunk in reader.feed(data):
                    yield chunk
            for chunk in reader.finish():
                yield chunk

    async def _achunks(
        self, value: Any, scope: Scope | None, info: StreamInfo
    ) -> AsyncIterator[Any]:
        request = self._request("/stream", {"input": as_input(value)}, scope)
        async with await astream(request, self._client_config(), self.service.name) as reply:
            if not is_stream(reply.status, reply.headers):
                raise self._not_a_stream(Reply(reply.status, reply.headers, await reply.read()))
            reader = ChunkReader(self, reply.headers, info)
            async for data in reply:
                for chunk in reader.feed(data):
                    yield chunk
            for chunk in reader.finish():
                yield chunk

    @property
    def _on_restart(self) -> Any:
        return "restart" if self.restarts else "raise"

    # -- many inputs

    def _invoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        refuse_options(self, kwargs)
        if len(values) == 1:
            return [self._invoke(values[0], scope, kwargs)]
        with activate(scope), _slots_for(len(values), scope) as limit:
            try:
                outputs = self._run_request(self._call_batch, values, scope, limit)
            except ServerError as error:
                outputs = _none_of(values, error)
            for index in self._to_repeat(outputs):
                try:
                    outputs[index] = self._run_request(self._call, values[index], scope)
                except Exception as error:
                    outputs[index] = Failed(error)
        return outputs

    async def _ainvoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        refuse_options(self, kwargs)
        if len(values) == 1:
            return [await self._ainvoke(values[0], scope, kwargs)]
        with activate(scope), _slots_for(len(values), scope) as limit:
            try:
                outputs = await self._arun_request(self._acall_batch, values, scope, limit)
            except ServerError as error:
                outputs = _none_of(values, error)
            for index in self._to_repeat(outputs):
                try:
                    outputs[index] = await self._arun_request(self._acall, values[index], scope)
                except Exception as error:
                    outputs[index] = Failed(error)
        return outputs

    def _call_batch(
        self, values: Sequence[Any], scope: Scope | None, limit: int | None
    ) -> list[Any]:
        request = self._request("/batch", {"inputs": [*map(as_input, values)]}, scope, limit)
        return self._fetch(request, partial(self._outputs_in, len(values)))

    async def _acall_batch(
        self, values: Sequence[Any], scope: Scope | None, limit: int | None
    ) -> list[Any]:
        request = self._request("/batch", {"inputs": [*map(as_input, values)]}, scope, limit)
        return await self._afetch(request, partial(self._outputs_in, len(values)))

    def _outputs_in(self, count: int, body: Any) -> list[Any]:
        """Return the outputs in the answer to a batch, with `Failed` where there is none."""
        outputs: list[Any] = body["output"]
        if len(outputs) != count:
            raise ValueError(f"{len(outputs)} outputs for {count} inputs")
        failed = object_of(object_of(body.get("metadata")).get("errors"))
        found: list[Any] = []
        for index, output in enumerate(outputs):
            if str(index) in failed:
                error = object_of(failed[str(index)])
                found.append(Failed(self._error_in(error, {})))
                continue
            try:
                found.append(self._typed(revive(output)))
            except InvalidRequestError as error:
                found.append(Failed(error))
        return found

    def _to_repeat(self, outputs: list[Any]) -> list[int]:
        """Return which inputs of a batch run again, each by itself, as they would have alone."""
        return [
            index
            for index, output in enumerate(outputs)
            if output is _UNKNOWN
            or (self.max_retries and isinstance(output, Failed) and may_pass(output.error))
        ]

    def __repr__(self) -> str:
        settings = {
            key: value for key, value in self._settings().items() if value != _DEFAULTS.get(key)
        }
        return f"RemoteRunnable({show_settings(settings)})"


_UNKNOWN: Final = object()
"""In the place of an output of which it is not known whether there is one."""

_DEFAULTS: Final[Mapping[str, Any]] = {
    "max_retries": 2,
    "max_batch_size": 32,
    "merge": DELTAS,
    "restarts": False,
}


def _output_in(body: Any) -> Any:
    return revive(body["output"])


def _none_of(values: Sequence[Any], error: ServerError) -> list[Any]:
    """Return the outputs of a batch that failed as LangServe's do, where one error fails them all.

    Raises:
        ServerError: the server has failed in another way.
    """
    if error.status != 500:
        raise error
    return [_UNKNOWN] * len(values)


@contextmanager
def _slots_for(count: int, scope: Scope | None) -> Generator[int | None, None, None]:
    """Hold a slot for each input of a batch, as far as there are free ones; yield how many.

    The caller holds one already. So the limit of a call tree is that of the server's calls, too.
    """
    slots = None if scope is None else scope.slots
    if slots is None:
        yield None
        return
    held = 1
    try:
        while held < count and slots.try_acquire():
            held += 1
        yield held
    finally:
        for _ in range(1, held):
            slots.release()
