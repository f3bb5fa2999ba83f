"""What Google sends about batch jobs, as it documents it."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from tests.jobs.batch_server import (
    KEY,
    BatchServer,
    Job,
    Seen,
    Sent,
    encoded_lines,
    last_text,
    with_fate,
)

_ids = count(1)


def _gemini(text: str) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": text.upper()}]}
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}
    candidate = {"content": content, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-3-flash"}


def _gemini_online(server: BatchServer, seen: Seen, model: str) -> Sent:
    return Sent(_gemini(last_text(json.loads(seen.body))))


def _gemini_submit(server: BatchServer, seen: Seen, model: str) -> Sent:
    if seen.headers.get("x-goog-api-key") != KEY:
        return Sent({"error": {"code": 403, "message": "key", "status": "PERMISSION_DENIED"}}, 403)
    batch = json.loads(seen.body)["batch"]
    source = batch["inputConfig"]
    if "fileName" in source:
        lines = [json.loads(line) for line in server.files[source["fileName"]].splitlines()]
        requests = {line["key"]: line["request"] for line in lines}
    else:
        items = source["requests"]["requests"]
        requests = {item["metadata"]["key"]: item["request"] for item in items}
    about = {"name": batch["displayName"], "model": model, "file": "fileName" in source}
    job = Job("google", f"batches/{next(_ids)}", requests, about)
    server.jobs.append(job)
    return Sent(_gemini_job(server, job, "BATCH_STATE_PENDING"))


def listed(server: BatchServer, seen: Seen) -> Sent:
    found = [_gemini_job(server, job, "BATCH_STATE_PENDING") for job in server.jobs]
    return Sent({"operations": found})


def _gemini_job(server: BatchServer, job: Job, state: str) -> dict[str, Any]:
    ended = state not in ("BATCH_STATE_PENDING", "BATCH_STATE_RUNNING", *server.running_states)
    good = len(with_fate(job, "ok"))
    output: dict[str, Any] = {}
    if ended and job.about["file"]:
        output = {"responsesFile": f"files/batch-{job.id.removeprefix('batches/')}"}
    elif ended:
        inlined = [_gemini_result(job, custom_id) for custom_id in _answered(job)]
        output = {"inlinedResponses": {"inlinedResponses": inlined}}
    metadata = {
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
        "model": f"models/{job.about['model']}",
        "displayName": job.about["name"],
        "createTime": "2026-11-28T00:00:00Z",
        "state": state,
        "name": job.id,
        "batchStats": {
            "requestCount": str(len(job.requests)),
            "successfulRequestCount": str(good),
            "failedRequestCount": str(len(job.fates) - good),
        },
        **({"output": output} if output else {}),
    }
    return {"name": job.id, "metadata": metadata, **({"done": True} if ended else {})}


def _answered(job: Job) -> list[str]:
    """Return the custom ids that have a result: those that expired or were cancelled have none."""
    return with_fate(job, "ok", "refused", "server_error")


def _gemini_result(job: Job, custom_id: str) -> dict[str, Any]:
    fate, text = job.fates[custom_id], last_text(job.requests[custom_id])
    key = {"key": custom_id} if job.about["file"] else {"metadata": {"key": custom_id}}
    if fate == "ok":
        return {"response": _gemini(text), **key}
    code = 3 if fate == "refused" else 13
    return {"error": {"code": code, "message": f"{fate}: {text}"}, **key}


def _gemini_status(server: BatchServer, seen: Seen, number: str) -> Sent:
    job = server.find(f"batches/{number}")
    if not server.asked(job):
        return Sent(_gemini_job(server, job, server.running_state(job, "BATCH_STATE_RUNNING")))
    fates = set(job.fates.values())
    state = "PARTIALLY_SUCCEEDED" if fates - {"ok"} else "SUCCEEDED"
    state = "CANCELLED" if job.cancelled else "EXPIRED" if "expired" in fates else state
    return Sent(_gemini_job(server, job, f"BATCH_STATE_{state}"))


def _gemini_cancel(server: BatchServer, seen: Seen, number: str) -> Sent:
    job = server.find(f"batches/{number}")
    job.cancelled = True
    return Sent({})


def _gemini_begin_upload(server: BatchServer, seen: Seen) -> Sent:
    if seen.headers["x-goog-upload-command"] != "start":
        return Sent({"error": {"code": 400, "message": "command"}}, 400)
    return Sent({}, headers={"x-goog-upload-url": f"{server.url}/uploads/{next(_ids)}"})


def _gemini_upload(server: BatchServer, seen: Seen, number: str) -> Sent:
    if seen.headers["x-goog-upload-command"] != "upload, finalize":
        return Sent({"error": {"code": 400, "message": "command"}}, 400)
    server.files[f"files/{number}"] = seen.body
    return Sent({"file": {"name": f"files/{number}"}})


def _gemini_download(server: BatchServer, seen: Seen, number: str) -> Sent:
    job = server.find(f"batches/{number}")
    return Sent(encoded_lines([_gemini_result(job, custom_id) for custom_id in _answered(job)]))


ROUTES = (
    ("POST", r"/v1beta/models/([^/:]+):generateContent", _gemini_online),
    ("POST", r"/v1/models/([^/:]+):batchGenerateContent", _gemini_submit),
    ("POST", r"/v1/batches/(\d+):cancel", _gemini_cancel),
    ("GET", r"/v1/batches/(\d+)", _gemini_status),
    ("POST", r"/upload/v1/files", _gemini_begin_upload),
    ("POST", r"/uploads/(\d+)", _gemini_upload),
    ("GET", r"/v1/files/batch-(\d+):download", _gemini_download),
)
