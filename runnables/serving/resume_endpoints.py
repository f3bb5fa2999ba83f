"""The endpoints that read a run again, or stop it: of the AI SDK, and of OpenAI's responses.

Other protocols have no form for it: there, a client that leaves stops the run.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json
from starlette.responses import Response
from starlette.routing import Route

from runnables.serving.failures import RequestError
from runnables.serving.parts import Failure
from runnables.serving.requests import endpoint
from runnables.serving.response import EVENT_HEADERS, AnswerFormat, RunResponse
from runnables.serving.run_reader import reading
from runnables.serving.sse import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from runnables.serving.kept_runs import KeptRun, RunKey
    from runnables.serving.open_responses import ResponseEvents
    from runnables.serving.parts import Part
    from runnables.serving.service import ServedChain, Service

_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@~-]{0,127}")
"""An id of a run or of a chat: what needs no escapes in a path, and names no folder above."""

_MAX_DIGITS: Final = 12
_REASON: Final = "x-reason"
_UNKNOWN: Final = (
    "There is no such answer here: it was not kept, has been forgotten, or is in another process."
)
_TOO_LONG: Final = "The answer is longer than what is kept of it, and its beginning is gone."


# -- the AI SDK's chats


async def chat_answer(
    service: Service,
    served: ServedChain,
    request: Request,
    chat_id: Any,
    parts: AsyncGenerator[Part, None],
    answer_format: AnswerFormat,
    *,
    goes_on: bool,
) -> Response:
    """Return the response of a message in a chat, whose run can be read again by the chat's id.

    Args:
        service: the server.
        served: the chain.
        request: the request.
        chat_id: the id of the chat that the client has sent.
        parts: the parts of the answer; the run closes them.
        answer_format: the protocol.
        goes_on: whether the answer goes on with the last message of the page.

    Raises:
        RequestError: the id has characters that no path should have.
    """
    if (kept := service.kept) is not None and chat_id is not None:
        if not _is_id(chat_id):
            raise RequestError("'id' must have 1 to 128 characters: letters, digits and _.:@~-")
        key = _chat_key(service, served, request, chat_id)
        started = await kept.start(key, parts, answer_format)
        if isinstance(started, Failure):
            return answer_format.refuse(started)
        if started is not None:
            # At a `start` in a replay, `useChat` forgets the message that it should go on with.
            started.skips = 1 if goes_on else 0
            return reading(started, 0, answer_format.refuse, answer_format.headers)
    return RunResponse(parts, answer_format, service)


def chat_routes(
    service: Service,
    served: ServedChain,
    refuse: Callable[[Failure], Response],
    headers: Mapping[str, str],
) -> list[Route]:
    """Return the routes of the chats of one chain: to read an answer again, and to stop it.

    Args:
        service: the server.
        served: the chain.
        refuse: makes the response of an answer that failed before its first frame.
        headers: those of the protocol.
    """

    def find(request: Request) -> KeptRun | None:
        if service.kept is None or not _is_id(chat_id := request.path_params["chat_id"]):
            return None
        return service.kept.find(_chat_key(service, served, request, chat_id))

    async def read(request: Request) -> Response:
        if (run := find(request)) is None:
            return _nothing(_UNKNOWN)
        if run.frames.first > run.skips:
            return _nothing(_TOO_LONG)
        return reading(run, run.skips, refuse, headers)

    async def stop(request: Request) -> Response:
        if (run := find(request)) is None or service.kept is None:
            return _nothing(_UNKNOWN)
        await service.kept.stop(run)
        service.kept.forget(run)
        return Response(status_code=204)

    async def read_or_stop(request: Request) -> Response:
        return await (stop if request.method == "DELETE" else read)(request)

    # One route: of two for one path, a refusal of other methods would name those of the first.
    path = "/api/chat/{chat_id}/stream"
    return [Route(path, endpoint(read_or_stop, refuse), methods=["GET", "DELETE"])]


def _chat_key(service: Service, served: ServedChain, request: Request, chat_id: str) -> RunKey:
    assert service.kept is not None, "runs are kept"
    return service.kept.key(request, "chat", served.name, chat_id)


def _nothing(reason: str) -> Response:
    """Return what the AI SDK takes for: there is nothing to resume."""
    return Response(status_code=204, headers={_REASON: reason})


# -- responses


async def background_response(
    service: Service,
    request: Request,
    body: Mapping[str, Any],
    events: ResponseEvents,
    parts: AsyncGenerator[Part, None],
    refuse: Callable[[Failure], Response],
) -> Response | None:
    """Return the response of a request for a run in the background, with its id.

    Args:
        service: the server.
        request: the request.
        body: its body.
        events: the encoder, which has no part yet.
        parts: the parts of the answer; the run closes them.
        refuse: makes the response of a failure.

    Returns:
        The response; None where none is asked for, or too many are kept.
    """
    if service.kept is None or body.get("background") is not True:
        return None
    response = events.response
    key = service.kept.key(request, "response", response["id"])
    answer_format = AnswerFormat(events.encode, refuse)
    started = await service.kept.start(key, parts, answer_format, response)
    if isinstance(started, Failure):
        return refuse(started)
    if started is None:
        return None
    response["background"] = True  # before any event: the run has not had its turn
    if body.get("stream") is True:
        return reading(started, 0, refuse, EVENT_HEADERS)
    return _json(response)


def response_routes(service: Service, refuse: Callable[[Failure], Response]) -> list[Route]:
    """Return the routes of responses in the background: to read one, or more of it, and to stop it.

    Args:
        service: the server.
        refuse: makes the response of a failure.
    """

    def find(request: Request) -> KeptRun:
        run_id = request.path_params["run_id"]
        if service.kept is not None and _is_id(run_id):
            run = service.kept.find(service.kept.key(request, "response", f"resp_{run_id}"))
            if run is not None:
                return run
        raise RequestError(_UNKNOWN, 404, "response_not_found")

    def whole(run: KeptRun) -> Response:
        if run.snapshot is not None:
            return _json(run.snapshot)
        if (last := run.frames.last()) is None:
            raise RequestError(_TOO_LONG, 404, "response_too_long")
        return _json(from_json(last.removeprefix(b"data: "))["response"])

    async def read(request: Request) -> Response:
        run = find(request)
        if request.query_params.get("stream") not in ("true", "True", "1"):
            run.touch()
            return whole(run)
        start = _starting_after(request) + 1
        if start < run.frames.first:
            raise RequestError(_TOO_LONG, 404, "response_too_long")
        if run.frames.is_ended and start > run.frames.end:
            raise RequestError("'starting_after' must be the number of an event, and is more.")
        return reading(run, start, refuse, EVENT_HEADERS)

    async def cancel(request: Request) -> Response:
        run = find(request)
        assert service.kept is not None, "the run was found"
        await service.kept.stop(run)
        return whole(run)

    path = "/v1/responses/resp_{run_id}"
    return [
        Route(path, endpoint(read, refuse), methods=["GET"]),
        Route(f"{path}/cancel", endpoint(cancel, refuse), methods=["POST"]),
    ]


def _json(value: Mapping[str, Any]) -> Response:
    return Response(as_json(value), media_type="application/json")


def _starting_after(request: Request) -> int:
    given = request.query_params.get("starting_after")
    if given is None:
        return -1
    if not (given.isascii() and given.isdecimal() and len(given) <= _MAX_DIGITS):
        raise RequestError("'starting_after' must be the number of an event.")
    return int(given)


def _is_id(given: Any) -> bool:
    return isinstance(given, str) and _ID.fullmatch(given) is not None
