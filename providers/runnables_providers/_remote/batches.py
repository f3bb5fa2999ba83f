"""The batch jobs of services that are reached over HTTP.

A service says which requests to send, and how to read what comes back, as plain data. What takes
several requests, such as an upload before a job, is a generator: it yields a `Request`, is sent the
`Reply`, and returns what came of it. One driver sends them in sync, and one in async.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from runnables.errors import ModelConnectionError, ModelError, ModelTimeoutError, RunnablesError
from runnables.models.batch_service import BatchLine, BatchResult, BatchService, BatchStatus
from runnables_providers._http import JSONLinesDecoder, Reply, Request, asend, astream, send, stream
from runnables_providers._remote.error_bodies import ServiceError, error_in, status_of
from runnables_providers._remote.json_values import object_of, to_json_bytes
from runnables_providers._remote.service import is_success

if TYPE_CHECKING:
    from runnables.messages import AIMessage, BaseMessage
    from runnables_providers._remote.chat import HTTPChatModel

T = TypeVar("T")

Exchanges = Generator[Request, Reply, T]
"""Requests that follow one another; each is answered by its reply."""


class RemoteBatches(BatchService):
    """The batch jobs of a model that is reached over HTTP.

    Args:
        model: the model; the lines of a job are its own requests, and it reads the answers.
    """

    def __init__(self, model: HTTPChatModel) -> None:
        self._model = model
        self.name = model._service_label()
        self.provider = model.service.name

    # -- what a service writes

    @abstractmethod
    def _target(self, options: Mapping[str, Any]) -> str:
        """Return what all lines of a job have in common."""

    @abstractmethod
    def _submission(self, lines: Mapping[str, BatchLine]) -> Exchanges[str]:
        """Start a job, and return its id."""

    @abstractmethod
    def _job_path(self, job_id: str) -> str:
        """Return the path of a job."""

    @abstractmethod
    def _cancel_path(self, job_id: str) -> str:
        """Return the path that cancels a job."""

    @abstractmethod
    def _read_status(self, job_id: str, body: Mapping[str, Any]) -> BatchStatus:
        """Return the state of a job."""

    @abstractmethod
    def _result_paths(self, status: BatchStatus) -> Iterable[str]:
        """Return the paths of the files of results, which have one on a line."""

    def _inline_results(self, status: BatchStatus) -> Iterable[Any]:
        """Return the results that the status has itself."""
        return ()

    @abstractmethod
    def _read_result(
        self, job_id: str, result: Mapping[str, Any], line: BatchLine
    ) -> AIMessage | Exception:
        """Return the answer or the error in a result."""

    @abstractmethod
    def _custom_id(self, result: Mapping[str, Any]) -> Any:
        """Return the custom id of a result; anything but a string where it has none."""

    def _list_path(self) -> str | None:
        """Return the path of the last jobs; None where a job cannot be recognised among them."""
        return None

    def _listed(self, body: Mapping[str, Any]) -> Iterable[Any]:
        """Return the jobs in a list of them."""
        return ()

    def _more_headers(self) -> Mapping[str, str]:
        """Return the headers that requests about a job need."""
        return {}

    # -- as a service of jobs

    def encode(self, messages: list[BaseMessage], options: dict[str, Any]) -> BatchLine:
        """Return a request as a line of a job."""
        call, request = self._model._build_request(messages, options, streamed=False)
        return BatchLine(self._target(options), request.body, request.headers, call)

    def submit(self, lines: Mapping[str, BatchLine]) -> str:
        """Start a job of these lines; return its id."""
        return self._drive(self._submission(lines))

    async def asubmit(self, lines: Mapping[str, BatchLine]) -> str:
        """Do what `submit` does, async."""
        return await self._adrive(self._submission(lines))

    def status(self, job_id: str) -> BatchStatus:
        """Return the state of a job."""
        return self._drive(self._asked_status(job_id))

    async def astatus(self, job_id: str) -> BatchStatus:
        """Do what `status` does, async."""
        return await self._adrive(self._asked_status(job_id))

    def cancel(self, job_id: str) -> None:
        """Ask the service to end a job."""
        self._drive(self._cancellation(job_id))

    async def acancel(self, job_id: str) -> None:
        """Do what `cancel` does, async."""
        await self._adrive(self._cancellation(job_id))

    def results(self, status: BatchStatus, lines: Mapping[str, BatchLine]) -> Iterator[BatchResult]:
        """Yield the results that an ended job has."""
        for result in self._read_results(status, self._inline_results(status), lines):
            yield result
        for path in self._result_paths(status):
            request = self._get(path)
            with stream(request, self._model._client_config(), self.provider) as reply:
                if not is_success(reply.status):
                    failed = Reply(reply.status, reply.headers, reply.read())
                    raise self._model._refusal_error(failed)
                decoder = JSONLinesDecoder()
                for data in reply:
                    with self._model._raises_server_error(data, reply.headers):
                        values = decoder.feed(data)
                    for result in self._read_results(status, values, lines):
                        yield result
                with self._model._raises_server_error(b"", reply.headers):
                    values = decoder.finish()
                for result in self._read_results(status, values, lines):
                    yield result

    async def aresults(
        self, status: BatchStatus, lines: Mapping[str, BatchLine]
    ) -> AsyncIterator[BatchResult]:
        """Do what `results` does, async."""
        for result in self._read_results(status, self._inline_results(status), lines):
            yield result
        for path in self._result_paths(status):
            request = self._get(path)
            async with await astream(request, self._model._client_config(), self.provider) as reply:
                if not is_success(reply.status):
                    failed = Reply(reply.status, reply.headers, await reply.read())
                    raise self._model._refusal_error(failed)
                decoder = JSONLinesDecoder()
                async for data in reply:
                    with self._model._raises_server_error(data, reply.headers):
                        values = decoder.feed(data)
                    for result in self._read_results(status, values, lines):
                        yield result
                with self._model._raises_server_error(b"", reply.headers):
                    values = decoder.finish()
                for result in self._read_results(status, values, lines):
                    yield result

    # -- requests and replies

    def _drive(self, exchanges: Exchanges[T]) -> T:
        """Send the requests of a generator; return what it returns."""
        with closing(exchanges):
            try:
                request = next(exchanges)
                while True:
                    try:
                        reply = send(request, self._model._client_config(), self.provider)
                    except ModelError as error:
                        request = exchanges.throw(error)
                    else:
                        request = exchanges.send(reply)
            except StopIteration as end:
                found: T = end.value
                return found

    async def _adrive(self, exchanges: Exchanges[T]) -> T:
        """Send the requests of a generator; return what it returns."""
        with closing(exchanges):
            try:
                request = next(exchanges)
                while True:
                    try:
                        reply = await asend(request, self._model._client_config(), self.provider)
                    except ModelError as error:
                        request = exchanges.throw(error)
                    else:
                        request = exchanges.send(reply)
            except StopIteration as end:
                found: T = end.value
                return found

    def _begin_job(
        self, request: Request, id_key: str, is_ours: Callable[[Mapping[str, Any]], bool]
    ) -> Exchanges[str]:
        """Send the request that makes a job; return its id.

        A job is paid although the reply got lost, so it is looked for among the last ones.

        Args:
            request: the request.
            id_key: the key of the id in a job.
            is_ours: whether a job in the list is the one that the request makes.
        """
        try:
            reply = yield request
            if reply.status < 500:
                return self._read_id(reply, id_key)
            lost = self._model._refusal_error(reply)
        except (ModelConnectionError, ModelTimeoutError) as error:
            lost = error
        path, jobs = self._list_path(), list[Any]()
        with suppress(ModelError):
            if path is not None:
                jobs = list(self._listed(self._read_object((yield self._get(path)))))
                path = None
        found = [object_of(job).get(id_key) for job in jobs if is_ours(object_of(job))]
        if found:
            return str(found[0])
        lost.add_note(
            "It is unknown whether the batch job was made. Look at the list of the service before "
            "you send the rows again: they would be paid twice."
        )
        raise lost

    def _asked_status(self, job_id: str) -> Exchanges[BatchStatus]:
        reply = yield self._get(self._job_path(job_id))
        body = self._read_object(reply)
        with self._model._raises_server_error(reply.body, reply.headers):
            return self._read_status(job_id, body)

    def _cancellation(self, job_id: str) -> Exchanges[None]:
        headers = self._headers()
        headers.pop("content-type", None)  # there is no body
        reply = yield Request("POST", self._model._url() + self._cancel_path(job_id), headers)
        if not is_success(reply.status):
            raise self._model._refusal_error(reply)

    def _get(self, path: str) -> Request:
        return Request("GET", self._model._url() + path, self._headers())

    def _headers(self) -> dict[str, str]:
        return self._model._headers(self._more_headers())

    def _read_object(self, reply: Reply) -> Mapping[str, Any]:
        """Return the object in a reply.

        Raises:
            ModelError: the service refused the request, or the reply is no object.
        """
        body: Any = self._model._parse_reply(reply)
        if not isinstance(body, Mapping):
            raise self._model._unreadable_error(reply.body, reply.headers)
        return object_of(body)

    def _read_id(self, reply: Reply, *keys: str) -> str:
        """Return the id in a reply; the keys lead to it."""
        value: Any = self._read_object(reply)
        for key in keys:
            value = object_of(value).get(key)
        if not isinstance(value, str) or not value:
            if (error := error_in(self._read_object(reply))) is not None:
                raise self._row_error(error)
            raise self._model._unreadable_error(reply.body, reply.headers)
        return value

    # -- results

    def _read_results(
        self, status: BatchStatus, values: Iterable[Any], lines: Mapping[str, BatchLine]
    ) -> Iterator[BatchResult]:
        for value in values:
            result = object_of(value)
            custom_id = self._custom_id(result)
            if not isinstance(custom_id, str):
                continue  # a line that the service could not read has none
            line = lines.get(custom_id)
            if line is None:
                unknown = LookupError(f"the job has no line {custom_id!r} of these")
                yield BatchResult(custom_id, unknown)
                continue
            try:
                with self._model._raises_server_error(b"", {}):
                    outcome = self._read_result(status.job_id, result, line)
            except RunnablesError as error:
                outcome = error
            yield BatchResult(custom_id, outcome)

    def _answer(
        self, line: BatchLine, status: int, headers: Mapping[str, str], body: Any
    ) -> AIMessage | Exception:
        """Return what the model reads in a response that a job has had."""
        try:
            return self._model._read(line.call, Reply(status, headers, to_json_bytes(body)))
        except RunnablesError as error:
            return error

    def _row_error(self, error: ServiceError) -> Exception:
        return self._model._error(status_of(error.codes), error, {})


def quoted(job_id: str) -> str:
    """Return an id as a part of a path; ids of a service may come from a file of the user's."""
    return quote(job_id, safe="-._~")


def joined_lines(lines: Mapping[str, BatchLine], head: str, before_body: str) -> Iterator[bytes]:
    """Yield the lines of a file, each an object with a custom id and the body of a request.

    The bodies are those of the model's own requests, byte by byte.

    Args:
        lines: the lines by custom id.
        head: the key of the custom id.
        before_body: JSON that is put between the custom id and the body.
    """
    start, between = f'{{"{head}":'.encode(), f",{before_body}:".encode()
    for custom_id, line in lines.items():
        yield b"".join((start, json.dumps(custom_id).encode(), between, line.body, b"}"))
