"""The endpoints of the REST protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runnables.engine.slots import DEFAULT_LIMIT
from runnables.serving.chunk_merges import MERGES_HEADER, ChunkSender
from runnables.serving.failures import RequestError
from runnables.serving.requests import endpoint, read_object
from runnables.serving.response import AnswerFormat, RunResponse
from runnables.serving.rest import RestEvents, RestOutput, RestOutputs
from runnables.serving.revive import input_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from runnables.serving.parts import Failure
    from runnables.serving.running import ChainRun
    from runnables.serving.service import ServedChain, Service


def rest_routes(service: Service, served: ServedChain) -> list[Route]:
    """Return the routes of one chain for REST clients."""
    chain = served.chain
    asking = service.asking_in_output()

    async def read(request: Request) -> dict[str, Any]:
        body = await read_object(request, service.limits.max_body_bytes)
        if body.get("kwargs"):
            raise RequestError("Options of a call ('kwargs') cannot be sent.", 422, "options")
        return body

    def run_of(body: dict[str, Any]) -> ChainRun:
        if "input" not in body:
            raise RequestError("'input' is missing.", 422, "invalid_input")
        config = service.config(body.get("config"))
        value = input_of(chain, body["input"])
        return service.run(chain, value, config, asking=asking, name=served.name)

    async def invoke(request: Request) -> Response:
        run = run_of(await read(request))
        answer_format = AnswerFormat(RestOutput(run.id).encode, refuse, "application/json", {})
        return RunResponse(run.whole(), answer_format, service)

    async def batch(request: Request) -> Response:
        body = await read(request)
        inputs = body.get("inputs")
        if not isinstance(inputs, list):
            raise RequestError("'inputs' must be a list.", 422, "invalid_input")
        values = cast("Any", inputs)
        if len(values) > service.limits.max_batch:
            text = f"A batch may have {service.limits.max_batch} inputs, and this one has more."
            raise RequestError(text, 413, "too_large")
        config = body.get("config")
        first: Any = cast("Any", config)[:1] if isinstance(config, list) else [config]
        rows = [input_of(chain, value) for value in values]
        own = service.config(*first or [None])
        run = service.run(chain, rows, own, asking=asking, name=served.name)
        answer_format = AnswerFormat(RestOutputs(run.id).encode, refuse, "application/json", {})
        in_place = MERGES_HEADER in request.headers
        outputs = run.outputs(errors_in_place=in_place, limit=_limit_in(config))
        return RunResponse(outputs, answer_format, service)

    async def stream(request: Request) -> Response:
        run = run_of(await read(request))
        reads = request.headers.get(MERGES_HEADER)
        sender = None if reads is None else ChunkSender()
        chunks = run.chunks(sender, restarts=reads == "restarts")
        return RunResponse(chunks, AnswerFormat(RestEvents(run.id).encode, refuse), service)

    async def stream_events(request: Request) -> Response:
        run = run_of(await read(request))
        events = run.events(shows_steps=service.shows_steps)
        return RunResponse(events, AnswerFormat(RestEvents(run.id).encode, refuse), service)

    def schema(make: Callable[[], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            return JSONResponse(make())

        return handle

    posts: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/invoke": invoke,
        "/batch": batch,
        "/stream": stream,
        "/stream_events": stream_events,
    }
    return [
        *(Route(path, endpoint(post, refuse), methods=["POST"]) for path, post in posts.items()),
        Route("/input_schema", schema(chain.get_input_jsonschema)),
        Route("/output_schema", schema(chain.get_output_jsonschema)),
        Route("/config_schema", schema(chain.get_config_jsonschema)),
    ]


def _limit_in(config: Any) -> int | None:
    """Return the limit of calls at once that a client asks for, which can only be a lower one."""
    limit = cast("Any", config).get("max_concurrency") if isinstance(config, dict) else None
    return min(limit, DEFAULT_LIMIT) if type(limit) is int and limit > 0 else None


def refuse(failure: Failure) -> Response:
    """Return a failure as REST clients read it."""
    detail = {"detail": failure.message, "code": failure.code}
    if failure.run_id:
        detail["run_id"] = failure.run_id
    return JSONResponse(detail, failure.status, dict(failure.headers))
