"""OpenAI's batch jobs: a file of requests, and two files of results.

https://platform.openai.com/docs/api-reference/batch describes them. Answers are in the output file,
and what failed, expired or was cancelled in the error file. A job may have either, both or none;
the id of a file that there is not is missing, null or an empty string.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from runnables.errors import ConfigError
from runnables.models.batch_service import BatchLine, BatchStatus, cancelled_error, expired_error
from runnables_providers._http import Request
from runnables_providers._remote.batches import Exchanges, RemoteBatches, joined_lines, quoted
from runnables_providers._remote.error_bodies import ServiceError, parse_error_body
from runnables_providers._remote.json_values import list_of, object_of

if TYPE_CHECKING:
    from runnables.errors import ModelError
    from runnables.messages import AIMessage, BaseMessage

_ENDED: Final = frozenset({"completed", "failed", "expired", "cancelled"})

_JOB_ERRORS: Final[Mapping[str, int]] = {
    "token_limit_exceeded": 429,  # of all jobs that wait, for this model
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "billing_hard_limit_reached": 429,
    "server_error": 500,
}
"""The statuses of errors of whole jobs; all others are of the file that was sent."""


class OpenAIBatches(RemoteBatches):
    """The batch jobs of OpenAI, and of servers with the same API."""

    max_requests = 50_000
    max_bytes = 200_000_000

    def encode(self, messages: list[BaseMessage], options: dict[str, Any]) -> BatchLine:
        """Return a request as a line of a job."""
        if options.get("background"):
            raise ConfigError("A batch job has no background=True: it is in the background itself.")
        return super().encode(messages, options)

    def _target(self, options: Mapping[str, Any]) -> str:
        # a file is for one endpoint and one model
        return f"/v1{self._model._path(options, streamed=False)} {options.get('model')}"

    def _submission(self, lines: Mapping[str, BatchLine]) -> Exchanges[str]:
        first = next(iter(lines.values()))
        endpoint = first.target.partition(" ")[0]
        before_body = f'"method":"POST","url":"{endpoint}","body"'
        content = b"\n".join(joined_lines(lines, "custom_id", before_body))
        boundary, form = _form(content)
        url = self._model._url()
        upload = {**first.headers, "content-type": f"multipart/form-data; boundary={boundary}"}
        reply = yield Request("POST", f"{url}/files", upload, form)
        file_id = self._read_id(reply, "id")
        job = {"input_file_id": file_id, "endpoint": endpoint, "completion_window": "24h"}
        request = self._model._post("/batches", job, first.headers)
        found = yield from self._begin_job(
            request, "id", lambda made: made.get("input_file_id") == file_id
        )
        return found

    def _list_path(self) -> str:
        return "/batches?limit=100"

    def _listed(self, body: Mapping[str, Any]) -> Iterable[Any]:
        return list_of(body.get("data"))

    def _job_path(self, job_id: str) -> str:
        return f"/batches/{quoted(job_id)}"

    def _cancel_path(self, job_id: str) -> str:
        return f"{self._job_path(job_id)}/cancel"

    def _read_status(self, job_id: str, body: Mapping[str, Any]) -> BatchStatus:
        state = str(body["status"])
        counts = object_of(body.get("request_counts"))
        return BatchStatus(
            job_id,
            state,
            ended=state in _ENDED,
            total=counts.get("total") or None,
            succeeded=int(counts.get("completed") or 0),
            failed=int(counts.get("failed") or 0),
            error=self._job_error(job_id, body) if state == "failed" else None,
            raw=body,
        )

    def _job_error(self, job_id: str, body: Mapping[str, Any]) -> ModelError:
        """Return the error of a job that failed as a whole, most often for a line of its file."""
        errors: Sequence[Any] = list_of(object_of(body.get("errors")).get("data"))
        found = [object_of(error) for error in errors]
        codes = tuple(str(error["code"]) for error in found[:1] if error.get("code"))
        words = [
            f"line {error['line']}: {error.get('message')}"
            if error.get("line") is not None
            else str(error.get("message") or error.get("code"))
            for error in found[:3]
        ]
        more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
        message = f"the batch job {job_id} failed: {'; '.join(words) or 'no reason given'}{more}"
        status = next((_JOB_ERRORS[code] for code in codes if code in _JOB_ERRORS), 400)
        return self._model._error(status, ServiceError(message, codes), {})

    def _result_paths(self, status: BatchStatus) -> Iterable[str]:
        for key in ("output_file_id", "error_file_id"):
            if file_id := status.raw.get(key):
                yield f"/files/{quoted(str(file_id))}/content"

    def _custom_id(self, result: Mapping[str, Any]) -> Any:
        return result.get("custom_id")

    def _read_result(
        self, job_id: str, result: Mapping[str, Any], line: BatchLine
    ) -> AIMessage | Exception:
        response = object_of(result.get("response"))
        if response.get("status_code"):
            request_id = response.get("request_id")
            headers = {"x-request-id": str(request_id)} if request_id else {}
            return self._answer(line, int(response["status_code"]), headers, response.get("body"))
        error = object_of(result["error"])
        match error.get("code"):
            case "batch_expired":
                return expired_error(self.name, job_id, self.provider)
            case "batch_cancelled":
                return cancelled_error(self.name, job_id, self.provider)
            case _:
                return self._row_error(parse_error_body({"error": error}))


def _form(content: bytes) -> tuple[str, bytes]:
    """Return the boundary and the body of a form with a file for batches."""
    boundary = f"runnables-{secrets.token_hex(16)}"
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="batch.jsonl"\r\n'
        "Content-Type: application/jsonl\r\n\r\n"
    )
    return boundary, b"".join((parts.encode(), content, f"\r\n--{boundary}--\r\n".encode()))
