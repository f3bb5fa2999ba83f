"""What OpenAI and Anthropic send about batch jobs, as they document it; and all routes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from email.parser import BytesParser
from email.policy import HTTP
from itertools import count
from typing import Any, cast

from tests.jobs import google_format
from tests.jobs.batch_server import (
    KEY,
    BatchServer,
    Fate,
    Job,
    Seen,
    Sent,
    encoded_lines,
    last_text,
    with_fate,
)

_ids = count(1)
_USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


def _refused(status: int, message: str, code: str | None = None) -> Sent:
    return Sent(
        {"error": {"message": message, "type": "invalid_request_error", "code": code}}, status
    )


# -- OpenAI


def _completion(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text.upper()}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini"}
    return {**head, "choices": [choice], "usage": _USAGE}


def _response(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text.upper(), "annotations": []}]
    item = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant"}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-5-mini",
        "status": "completed",
        "output": [{**item, "content": content}],
        "usage": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
    }


def _openai_online(server: BatchServer, seen: Seen, path: str) -> Sent:
    text = last_text(json.loads(seen.body))
    return Sent(_completion(text) if "chat" in path else _response(text))


def _upload(server: BatchServer, seen: Seen) -> Sent:
    if seen.headers.get("authorization") != f"Bearer {KEY}":
        return _refused(401, f"Incorrect API key provided: {seen.headers.get('authorization')}")
    head = f"content-type: {seen.headers['content-type']}\r\n\r\n".encode()
    form = BytesParser(policy=HTTP).parsebytes(head + seen.body)
    parts = {
        part.get_param("name", header="content-disposition"): part for part in form.iter_parts()
    }
    if parts["purpose"].get_content().strip() != "batch":
        return _refused(400, "purpose: expected 'batch'")
    content: Any = parts["file"].get_payload(decode=True)
    file_id = f"file-{next(_ids)}"
    server.files[file_id] = content
    name = parts["file"].get_filename()
    about = {"id": file_id, "object": "file", "bytes": len(content), "created_at": 1}
    return Sent({**about, "filename": name, "purpose": "batch", "status": "processed"})


def _openai_submit(server: BatchServer, seen: Seen) -> Sent:
    about = json.loads(seen.body)
    lines = [json.loads(line) for line in server.files[about["input_file_id"]].splitlines()]
    requests = {line["custom_id"]: line["body"] for line in lines}
    mixed = len(requests) != len(lines) or len({line["body"]["model"] for line in lines}) != 1
    problems = [
        {
            "code": "invalid_url",
            "message": "The URL does not match.",
            "line": number,
            "param": "url",
        }
        for number, line in enumerate(lines, 1)
        if (line["method"], line["url"]) != ("POST", about["endpoint"])
        or line["body"].get("stream")
        or mixed
    ]
    job = Job("openai", f"batch_{next(_ids)}", requests, {**about, "problems": problems})
    server.jobs.append(job)
    return Sent(_openai_job(server, job, "validating"))


def _openai_list(server: BatchServer, seen: Seen) -> Sent:
    found = [_openai_job(server, job, "validating") for job in server.jobs]
    return Sent({"object": "list", "data": found, "has_more": False})


def _openai_job(server: BatchServer, job: Job, state: str) -> dict[str, Any]:
    answered, failed = f"out-{job.id}", f"err-{job.id}"
    ended = state in ("completed", "expired", "cancelled")
    good = [*with_fate(job, "ok")] if ended else []
    bad = with_fate(job, "refused", "server_error", "expired", "cancelled") if ended else []
    return {
        "id": job.id,
        "object": "batch",
        "endpoint": job.about["endpoint"],
        "errors": {"object": "list", "data": job.about["problems"]} if state == "failed" else None,
        "input_file_id": job.about["input_file_id"],
        "completion_window": job.about["completion_window"],
        "status": state,
        "output_file_id": answered if good else None,
        "error_file_id": failed if bad else "",
        "created_at": 1,
        "metadata": None,
        "request_counts": {
            "total": len(job.requests),
            "completed": len(good),
            "failed": len(bad),
        },
    }


def _openai_status(server: BatchServer, seen: Seen, job_id: str) -> Sent:
    if server.fails:
        server.fails -= 1
        return _refused(503, "Overloaded")
    job = server.find(job_id)
    if not server.asked(job):
        return Sent(_openai_job(server, job, server.running_state(job, "in_progress")))
    state = "failed" if job.about["problems"] else server.end or "completed"
    return Sent(_openai_job(server, job, "cancelled" if job.cancelled else state))


def _openai_cancel(server: BatchServer, seen: Seen, job_id: str) -> Sent:
    job = server.find(job_id)
    job.cancelled = True
    return Sent(_openai_job(server, job, "cancelling"))


def _openai_line(job: Job, custom_id: str) -> dict[str, Any]:
    fate, body = job.fates[custom_id], job.requests[custom_id]
    line = {"id": f"batch_req_{next(_ids)}", "custom_id": custom_id, "error": None}
    if fate in ("expired", "cancelled"):
        error = {"code": f"batch_{fate}", "message": f"This request was {fate}."}
        return {**line, "response": None, "error": error}
    made = _completion if "chat" in job.about["endpoint"] else _response
    status, answer = 200, made(last_text(body))
    if fate != "ok":
        status = 400 if fate == "refused" else 500
        answer = _refused(status, f"{fate}: {last_text(body)}").body
    response = {"status_code": status, "request_id": f"req-{custom_id}", "body": answer}
    return {**line, "response": response}


def _openai_download(server: BatchServer, seen: Seen, file_id: str) -> Sent:
    if file_id in server.files:
        return Sent(server.files[file_id])
    kind, _, job_id = file_id.partition("-")
    job = server.find(job_id)
    fates: tuple[Fate, ...] = ("refused", "server_error", "expired", "cancelled")
    found = with_fate(job, *(("ok",) if kind == "out" else fates))
    return Sent(encoded_lines([_openai_line(job, custom_id) for custom_id in found]))


# -- Anthropic


def _claude(text: str) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [{"type": "text", "text": text.upper()}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 2},
    }


def _claude_online(server: BatchServer, seen: Seen) -> Sent:
    return Sent(_claude(last_text(json.loads(seen.body))))


def _claude_submit(server: BatchServer, seen: Seen) -> Sent:
    if seen.headers.get("x-api-key") != KEY or "anthropic-version" not in seen.headers:
        return Sent(
            {"type": "error", "error": {"type": "authentication_error", "message": "key"}}, 401
        )
    requests = {item["custom_id"]: item["params"] for item in json.loads(seen.body)["requests"]}
    for custom_id, params in requests.items():
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", custom_id) or params.get("stream"):
            error = {"type": "invalid_request_error", "message": custom_id}
            return Sent({"type": "error", "error": error}, 400)
    job = Job("anthropic", f"msgbatch_{next(_ids)}", requests)
    server.jobs.append(job)
    return Sent(_claude_job(server, job, "in_progress"))


def _claude_job(server: BatchServer, job: Job, state: str) -> dict[str, Any]:
    counts = {
        "processing": 0 if state == "ended" else len(job.requests),
        "succeeded": len(with_fate(job, "ok")),
        "errored": len(with_fate(job, "refused", "server_error")),
        "canceled": len(with_fate(job, "cancelled")),
        "expired": len(with_fate(job, "expired")),
    }
    results = f"{server.url}/v1/messages/batches/{job.id}/results"
    return {
        "id": job.id,
        "type": "message_batch",
        "processing_status": state,
        "request_counts": counts,
        "ended_at": "2026-11-29T00:00:00Z" if state == "ended" else None,
        "created_at": "2026-11-28T00:00:00Z",
        "expires_at": "2026-11-29T00:00:00Z",
        "archived_at": None,
        "cancel_initiated_at": None,
        "results_url": results if state == "ended" else None,
    }


def _claude_status(server: BatchServer, seen: Seen, job_id: str) -> Sent:
    job = server.find(job_id)
    ended = server.asked(job)
    return Sent(
        _claude_job(server, job, "ended" if ended else server.running_state(job, "in_progress"))
    )


def _claude_cancel(server: BatchServer, seen: Seen, job_id: str) -> Sent:
    job = server.find(job_id)
    job.cancelled = True
    return Sent(_claude_job(server, job, "canceling"))


def _claude_line(job: Job, custom_id: str) -> dict[str, Any]:
    fate, text = job.fates[custom_id], last_text(job.requests[custom_id])
    result: dict[str, Any] = {"type": "succeeded", "message": _claude(text)}
    if fate in ("expired", "cancelled"):
        result = {"type": "expired" if fate == "expired" else "canceled"}
    elif fate != "ok":
        kind = "invalid_request_error" if fate == "refused" else "api_error"
        error = {"type": "error", "error": {"type": kind, "message": f"{fate}: {text}"}}
        result = {"type": "errored", "error": error}
    return {"custom_id": custom_id, "result": result}


def _claude_results(server: BatchServer, seen: Seen, job_id: str) -> Sent:
    job = server.find(job_id)
    found = [custom_id for custom_id, fate in job.fates.items() if fate != "missing"]
    return Sent(encoded_lines([_claude_line(job, custom_id) for custom_id in found]))


def _list(server: BatchServer, seen: Seen) -> Sent:
    """Return the jobs of OpenAI or Google, which have one path."""
    return (
        _openai_list(server, seen) if "limit=" in seen.path else google_format.listed(server, seen)
    )


Answer = Callable[..., Sent]

ROUTES: list[tuple[str, re.Pattern[str], Answer]] = [
    (method, re.compile(pattern), cast("Answer", answer))
    for method, pattern, answer in (
        *google_format.ROUTES,
        ("POST", r"/v1/(chat/completions|responses)", _openai_online),
        ("POST", r"/v1/files", _upload),
        ("GET", r"/v1/files/([^/:]+)/content", _openai_download),
        ("POST", r"/v1/batches", _openai_submit),
        ("GET", r"/v1/batches", _list),
        ("POST", r"/v1/batches/(batch_\d+)/cancel", _openai_cancel),
        ("GET", r"/v1/batches/(batch_[^/]+)", _openai_status),
        ("POST", r"/v1/messages", _claude_online),
        ("POST", r"/v1/messages/batches", _claude_submit),
        ("GET", r"/v1/messages/batches/([^/]+)", _claude_status),
        ("GET", r"/v1/messages/batches/([^/]+)/results", _claude_results),
        ("POST", r"/v1/messages/batches/([^/]+)/cancel", _claude_cancel),
    )
]
