"""The page on which a served chain is tried: its files, and the endpoints that only it asks.

Everything is below the page's own address: `page/...`. A run is asked for at the endpoints that all
clients use, but for `page/run`: any input, answered as the AI SDK's stream with the steps in it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runnables.errors import MissingExtra, RunnablesError
from runnables.serving.ai_sdk import HEADERS, UIMessageStream
from runnables.serving.chat_input import takes_conversation
from runnables.serving.failures import RequestError, logger
from runnables.serving.requests import endpoint, read_object
from runnables.serving.response import AnswerFormat, RunResponse
from runnables.serving.rest_endpoints import refuse
from runnables.serving.revive import input_of
from runnables.serving.sse import as_json

if TYPE_CHECKING:
    from starlette.requests import Request

    from runnables.compose.runnable import Runnable
    from runnables.serving.recording import RunRecorder
    from runnables.serving.service import ServedChain, Service

_FOLDER: Final = Path(__file__).parent / "page"

_FILES: Final[Mapping[str, tuple[str, str]]] = {
    "/": ("index.html", "text/html"),
    "/page/app.js": ("page/app.js", "text/javascript"),
    "/page/app.css": ("page/app.css", "text/css"),
}
"""For each path of the page, the file and its type: these need no key."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: its own files, and pictures that it has made."""

_SAFE: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}

_CUT: Final = 4_000
"""How many characters of a value of a step are sent, unless all are asked for."""

_MAX_NODES: Final = 80
"""Larger graphs are shown as text: Mermaid takes seconds for them."""


def open_paths(chains: Mapping[str, Any], *, by_name: bool) -> frozenset[str]:
    """Return the paths of the page's files, which need no key: there is nothing of a chain in them.

    Args:
        chains: the chains by name.
        by_name: whether the routes of each chain are below its name.
    """
    prefixes = ["", *(f"/{name}" for name in chains)] if by_name else [""]
    return frozenset(prefix + path for prefix in prefixes for path in _FILES)


def index_routes(service: Service) -> list[Route]:
    """Return the routes of the page that lists the chains of a server."""

    async def meta(request: Request) -> Response:
        return JSONResponse({"chains": list(service.chains)})

    return [*_file_routes(), Route("/page/meta", meta)]


def playground_routes(service: Service, served: ServedChain) -> list[Route]:
    """Return the routes of the page of one chain."""
    chain = served.chain
    recorder = service.recorders.get(served.name)

    async def meta(request: Request) -> Response:
        return JSONResponse({
            "name": served.name,
            "chats": served.to_input is not None and takes_conversation(served.to_input),
            "schema": chain.get_input_jsonschema(),
            "shows_steps": recorder is not None,
            "max_batch": service.limits.max_batch,
        })  # fmt: skip

    async def run(request: Request) -> Response:
        body = await read_object(request, service.limits.max_body_bytes)
        if "input" not in body:
            raise RequestError("'input' is missing.", 422, "invalid_input")
        value = input_of(chain, body["input"])
        found = service.run(
            chain, value, given=_messages_in(value), shows_steps=True, name=served.name
        )
        stream = UIMessageStream(None, shows_steps=service.shows_steps)
        answer_format = AnswerFormat(stream.encode, refuse, headers=HEADERS)
        return RunResponse(found.parts(), answer_format, service)

    @cache
    def picture() -> tuple[str, str]:
        return picture_of(chain)

    async def draw(request: Request) -> Response:
        content, media_type = await run_in_threadpool(picture)  # it takes a second
        return Response(content, media_type=media_type, headers=dict(_SAFE))

    async def runs(request: Request) -> Response:
        return _json({"runs": _kept(recorder).runs()})

    async def one_run(request: Request) -> Response:
        return _found(_kept(recorder).run(request.path_params["run"]))

    async def step(request: Request) -> Response:
        path = request.path_params
        length = None if request.query_params.get("whole") == "true" else _CUT
        return _found(_kept(recorder).step(path["run"], path["step"], length))

    gets: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/page/meta": meta,
        "/page/picture": draw,
        "/page/runs": runs,
        "/page/runs/{run}": one_run,
        "/page/runs/{run}/steps/{step}": step,
    }
    return [
        *_file_routes(),
        *(Route(path, endpoint(get, refuse)) for path, get in gets.items()),
        Route("/page/run", endpoint(run, refuse), methods=["POST"]),
    ]


def picture_of(chain: Runnable[Any, Any]) -> tuple[str, str]:
    """Return the picture of a chain, and its type: SVG where that can be drawn, else text."""
    try:
        graph = chain.get_graph()
    except (RecursionError, RunnablesError):
        return chain.get_name(), "text/plain"
    if len(graph.nodes) <= _MAX_NODES:
        try:
            return graph.draw_svg(), "image/svg+xml"
        except MissingExtra:
            pass
        except Exception:  # Mermaid's own engine; the text needs none
            logger.exception("the picture of %s cannot be drawn", chain.get_name())
    return graph.draw_ascii(), "text/plain"


def _file_routes() -> list[Route]:
    return [Route(path, _file(*file)) for path, file in _FILES.items()]


def _file(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    content = (_FOLDER / name).read_bytes()

    async def send(request: Request) -> Response:
        return Response(content, media_type=media_type, headers=dict(_SAFE))

    return send


def _kept(recorder: RunRecorder | None) -> RunRecorder:
    if recorder is None:
        raise RequestError("No runs are kept here.", 404, "not_found")
    return recorder


def _found(value: dict[str, Any] | None) -> Response:
    if value is None:
        raise RequestError("It is not kept here.", 404, "not_found")
    return _json(value)


def _json(value: Any) -> Response:
    return Response(as_json(value), media_type="application/json")


def _messages_in(value: Any) -> int:
    """Return how many messages an input of an agent has, which its output begins with."""
    messages = cast("Any", value).get("messages") if isinstance(value, Mapping) else None
    return len(cast("Any", messages)) if isinstance(messages, list) else 0
