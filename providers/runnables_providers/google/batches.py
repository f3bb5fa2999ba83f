"""Google's batch jobs: few requests in one body, or a file of many.

https://ai.google.dev/gemini-api/docs/batch-api describes them. The service echoes the `metadata` of
each request in a body, and the `key` of each line of a file; both hold the custom id.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from runnables.models.batch_service import BatchLine, BatchStatus
from runnables_providers._http import Request
from runnables_providers._remote.batches import Exchanges, RemoteBatches, joined_lines
from runnables_providers._remote.error_bodies import ServiceError, parse_error_body, status_of
from runnables_providers._remote.json_values import list_of, object_of, to_json_bytes
from runnables_providers.google.service import resource

if TYPE_CHECKING:
    from runnables.errors import ModelError
    from runnables.messages import AIMessage

_VERSION: Final = "v1"
"""The version that Google's SDK uses for jobs and their files, whatever that of other calls is."""

_MAX_INLINE_BYTES: Final = 15_000_000
_MAX_INLINE_REQUESTS: Final = 100
"""The most requests that go in one body, although the service has no such limit. Their results come
in one body, too, with the state of the job at each poll: those of more would be too large to read,
and a file of results is streamed."""

_ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED"})

_HTTP_OF_RPC: Final[Mapping[int, int]] = {
    1: 499,
    2: 500,
    3: 400,
    4: 504,
    5: 404,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 400,
    13: 500,
    14: 503,
    15: 500,
    16: 401,
}
"""The HTTP status of each code of google.rpc, which errors inside of a job have."""


class GoogleBatches(RemoteBatches):
    """The batch jobs of the Gemini API."""

    max_requests = 50_000
    # a file may have 2 GB, but it is sent from memory
    max_bytes = 200_000_000

    def _target(self, options: Mapping[str, Any]) -> str:
        return resource(options.get("model"))

    def _submission(self, lines: Mapping[str, BatchLine]) -> Exchanges[str]:
        first = next(iter(lines.values()))
        size = sum(line.size for line in lines.values())
        if len(lines) <= _MAX_INLINE_REQUESTS and size <= _MAX_INLINE_BYTES:
            requests = b",".join(
                b"".join((b'{"request":', line.body, b',"metadata":', _metadata(custom_id), b"}"))
                for custom_id, line in lines.items()
            )
            source = b"".join((b'{"requests":{"requests":[', requests, b"]}}"))
        else:
            file_name = yield from self._upload(lines, first.headers)
            source = to_json_bytes({"fileName": file_name})
        name = f"runnables-{secrets.token_hex(8)}"
        body = b'{"batch":{"displayName":%b,"inputConfig":%b}}' % (
            json.dumps(name).encode(),
            source,
        )
        url = f"{self._model._url()}/{_VERSION}/{first.target}:batchGenerateContent"
        request = Request("POST", url, first.headers, body)
        found = yield from self._begin_job(
            request, "name", lambda made: object_of(made.get("metadata")).get("displayName") == name
        )
        return found

    def _list_path(self) -> str:
        return f"/{_VERSION}/batches?pageSize=100"

    def _listed(self, body: Mapping[str, Any]) -> Iterable[Any]:
        return list_of(body.get("operations"))

    def _upload(self, lines: Mapping[str, BatchLine], headers: Mapping[str, str]) -> Exchanges[str]:
        """Upload a file of requests; return its name."""
        content = b"\n".join(joined_lines(lines, "key", '"request"'))
        begin = {
            **headers,
            "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start",
            "x-goog-upload-header-content-length": str(len(content)),
            "x-goog-upload-header-content-type": "application/jsonl",
        }
        about = {"file": {"displayName": "batch.jsonl", "mimeType": "application/jsonl"}}
        url = f"{self._model._url()}/upload/{_VERSION}/files"
        reply = yield Request("POST", url, begin, to_json_bytes(about))
        self._read_object(reply)
        if (target := reply.headers.get("x-goog-upload-url")) is None:
            raise self._model._unreadable_error(reply.body, reply.headers)
        # without the key: the URL itself has the right to this one upload
        send = {
            "content-type": "application/jsonl",
            "x-goog-upload-offset": "0",
            "x-goog-upload-command": "upload, finalize",
        }
        reply = yield Request("POST", target, send, content)
        return self._read_id(reply, "file", "name")

    def _job_path(self, job_id: str) -> str:
        return f"/{_VERSION}/{quote(job_id, safe='/-._~')}"

    def _cancel_path(self, job_id: str) -> str:
        return f"{self._job_path(job_id)}:cancel"

    def _read_status(self, job_id: str, body: Mapping[str, Any]) -> BatchStatus:
        metadata = object_of(body.get("metadata"))
        state = str(metadata.get("state") or "")
        word = state.removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
        counts = object_of(metadata.get("batchStats"))
        ended = body.get("done") is True or word in _ENDED
        return BatchStatus(
            job_id,
            state,
            ended=ended,
            total=int(counts.get("requestCount") or 0) or None,
            succeeded=int(counts.get("successfulRequestCount") or 0),
            failed=int(counts.get("failedRequestCount") or 0),
            error=self._job_error(job_id, body) if ended and body.get("error") else None,
            raw=body,
        )

    def _job_error(self, job_id: str, body: Mapping[str, Any]) -> ModelError:
        error = parse_error_body(body)
        message = f"the batch job {job_id} failed: {error.message}"
        failed = ServiceError(message, error.codes, error.details)
        return self._model._error(_status_of(error), failed, {})

    def _output(self, status: BatchStatus) -> Mapping[str, Any]:
        metadata = object_of(status.raw.get("metadata"))
        return object_of(metadata.get("output")) or object_of(status.raw.get("response"))

    def _inline_results(self, status: BatchStatus) -> Iterable[Any]:
        return list_of(
            object_of(self._output(status).get("inlinedResponses")).get("inlinedResponses")
        )

    def _result_paths(self, status: BatchStatus) -> Iterable[str]:
        if name := self._output(status).get("responsesFile"):
            yield f"/{_VERSION}/{quote(str(name), safe='/-._~')}:download?alt=media"

    def _custom_id(self, result: Mapping[str, Any]) -> Any:
        return result.get("key") or object_of(result.get("metadata")).get("key")

    def _read_result(
        self, job_id: str, result: Mapping[str, Any], line: BatchLine
    ) -> AIMessage | Exception:
        if result.get("error"):
            return self._row_error(parse_error_body(result))
        return self._answer(line, 200, {}, result["response"])

    def _row_error(self, error: ServiceError) -> Exception:
        return self._model._error(_status_of(error), error, {})


def _metadata(custom_id: str) -> bytes:
    return to_json_bytes({"key": custom_id})


def _status_of(error: ServiceError) -> int:
    """Return the HTTP status of an error, whose code is one of google.rpc, or of HTTP."""
    for code in error.codes:
        if code.isdecimal() and int(code) in _HTTP_OF_RPC:
            return _HTTP_OF_RPC[int(code)]
    return status_of(error.codes)
