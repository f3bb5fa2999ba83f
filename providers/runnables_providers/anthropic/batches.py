"""Anthropic's message batches: the requests in one body, and one stream of results.

https://platform.claude.com/docs/en/api/messages/batches describes them. The results are read from
their documented path below the base URL, not from the `results_url` of a job: the key is sent with
that request, and goes to no other host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from runnables.errors import InvalidRequestError
from runnables.models.batch_service import BatchLine, BatchStatus, cancelled_error, expired_error
from runnables_providers._http import Request
from runnables_providers._remote.batches import Exchanges, RemoteBatches, joined_lines, quoted
from runnables_providers._remote.error_bodies import parse_error_body
from runnables_providers._remote.json_values import object_of
from runnables_providers.anthropic.requests import VERSION

if TYPE_CHECKING:
    from runnables.messages import AIMessage


class AnthropicBatches(RemoteBatches):
    """The message batches of Anthropic, and of servers with the same API."""

    max_requests = 100_000
    max_bytes = 256_000_000

    def _target(self, options: Mapping[str, Any]) -> str:
        return f"{self._model._path(options, streamed=False)}/batches"

    def _more_headers(self) -> Mapping[str, str]:
        return {"anthropic-version": VERSION}

    def _submission(self, lines: Mapping[str, BatchLine]) -> Exchanges[str]:
        first = next(iter(lines.values()))
        requests = b",".join(joined_lines(lines, "custom_id", '"params"'))
        body = b"".join((b'{"requests":[', requests, b"]}"))
        request = Request("POST", self._model._url() + first.target, first.headers, body)
        # the jobs in the service's list have nothing by which this one could be known
        found = yield from self._begin_job(request, "id", lambda made: False)
        return found

    def _job_path(self, job_id: str) -> str:
        return f"{self._target({})}/{quoted(job_id)}"

    def _cancel_path(self, job_id: str) -> str:
        return f"{self._job_path(job_id)}/cancel"

    def _read_status(self, job_id: str, body: Mapping[str, Any]) -> BatchStatus:
        state = str(body["processing_status"])
        counts = {
            key: int(value or 0) for key, value in object_of(body.get("request_counts")).items()
        }
        return BatchStatus(
            job_id,
            state,
            ended=state == "ended",
            total=sum(counts.values()) or None,
            succeeded=counts.get("succeeded", 0),
            failed=sum(counts.get(key, 0) for key in ("errored", "canceled", "expired")),
            raw=body,
        )

    def _result_paths(self, status: BatchStatus) -> Iterable[str]:
        if archived := status.raw.get("archived_at"):
            raise InvalidRequestError(
                f"{self.name}: the results of the batch job {status.job_id} are gone since "
                f"{archived}.",
                provider=self.provider,
            )
        yield f"{self._job_path(status.job_id)}/results"

    def _custom_id(self, result: Mapping[str, Any]) -> Any:
        return result.get("custom_id")

    def _read_result(
        self, job_id: str, result: Mapping[str, Any], line: BatchLine
    ) -> AIMessage | Exception:
        found: Mapping[str, Any] = result["result"]
        match found["type"]:
            case "succeeded":
                return self._answer(line, 200, {}, found["message"])
            case "expired":
                return expired_error(self.name, job_id, self.provider)
            case "canceled":
                return cancelled_error(self.name, job_id, self.provider)
            case _:  # "errored", whose error is written as in the body of a refusal
                return self._row_error(parse_error_body(found.get("error") or found))
