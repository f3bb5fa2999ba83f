"""The endpoints of OpenAI's clients: models, chat completions and responses."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runnables.agents.conversation import with_all_results
from runnables.errors import ConfigError
from runnables.models.chat import ChatModel
from runnables.models.options import merged_options
from runnables.serving.chat_completions import (
    ChatCompletion,
    ChatCompletionChunks,
    error_body,
    read_messages,
)
from runnables.serving.failures import RequestError
from runnables.serving.open_responses import ResponseEvents, WholeResponse
from runnables.serving.requests import endpoint, read_object
from runnables.serving.response import AnswerFormat, RunResponse
from runnables.serving.responses_input import read_input
from runnables.serving.resume_endpoints import background_response, response_routes

if TYPE_CHECKING:
    from starlette.requests import Request

    from runnables.compose.runnable import Runnable
    from runnables.serving.parts import Failure
    from runnables.serving.service import Service

JSON: Final = "application/json"
_TOOL: Final = ("name", "description", "parameters", "strict")

_SETTINGS: Final[Mapping[str, tuple[str, tuple[type, ...]]]] = {
    "temperature": ("temperature", (int, float)),
    "top_p": ("top_p", (int, float)),
    "max_tokens": ("max_tokens", (int,)),
    "max_completion_tokens": ("max_tokens", (int,)),
    "seed": ("seed", (int,)),
    "stop": ("stop", (str, list)),
}
"""The settings of a request that a chat model is called with: our name, and the types."""


def refuse(failure: Failure) -> Response:
    """Return a failure as OpenAI's clients read it."""
    body = {"error": error_body(failure)}
    return JSONResponse(body, failure.status, dict(failure.headers))


def openai_routes(service: Service) -> list[Route]:
    """Return the routes of all chains of a server, each of which is a model."""
    started = int(time.time())

    def card(name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": started, "owned_by": "runnables"}

    async def models(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": list(map(card, service.chains))})

    async def model(request: Request) -> Response:
        return JSONResponse(card(service.chain(request.path_params["name"]).name))

    async def chat_completions(request: Request) -> Response:
        body = await read_object(request, service.limits.max_body_bytes)
        served = service.chain(required_model(body))
        messages = with_all_results(read_messages(body))
        chain = with_settings(served.chain, body)
        given = served.input_of(messages)
        run = service.run(chain, given, given=len(messages), name=served.name)
        if wants_stream(body):
            options: Any = body.get("stream_options")
            usage: Any = isinstance(options, dict) and cast("Any", options).get("include_usage")
            chunks = ChatCompletionChunks(run.id, served.name, with_usage=usage is True)
            answer_format = AnswerFormat(chunks.encode, refuse)
        else:
            answer_format = AnswerFormat(
                ChatCompletion(run.id, served.name).encode, refuse, JSON, {}
            )
        return RunResponse(run.parts(), answer_format, service)

    async def responses(request: Request) -> Response:
        body = await read_object(request, service.limits.max_body_bytes)
        served = service.chain(required_model(body))
        messages = with_all_results(read_input(body))
        chain = with_settings(served.chain, _as_chat_request(body))
        given = served.input_of(messages)
        run = service.run(chain, given, given=len(messages), name=served.name)
        streamed = wants_stream(body)
        events = ResponseEvents(run.id, served.name, body)
        parts = run.parts()
        kept = await background_response(service, request, body, events, parts, refuse)
        if kept is not None:
            return kept
        if streamed:
            answer_format = AnswerFormat(events.encode, refuse)
        else:
            answer_format = AnswerFormat(
                WholeResponse(run.id, served.name, body).encode, refuse, JSON, {}
            )
        return RunResponse(parts, answer_format, service)

    found: list[Route] = []
    if "chat-completions" in service.protocols:
        path = "/v1/chat/completions"
        found.append(Route(path, endpoint(chat_completions, refuse), methods=["POST"]))
    if "responses" in service.protocols:
        found.append(Route("/v1/responses", endpoint(responses, refuse), methods=["POST"]))
        found += response_routes(service, refuse)
    if found:
        found.append(Route("/v1/models", endpoint(models, refuse)))
        found.append(Route("/v1/models/{name:path}", endpoint(model, refuse)))
    return found


def _as_chat_request(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings and tools of a request for a response, as chat completions name them."""
    settings = {**body, "max_tokens": body.get("max_output_tokens")}
    tools = body.get("tools")
    if isinstance(tools, list):
        settings["tools"] = [
            {"type": "function", "function": {key: tool[key] for key in _TOOL if key in tool}}
            for tool in cast("Any", tools)
            if isinstance(tool, dict) and cast("Any", tool).get("type") == "function"
        ]
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        settings["tool_choice"] = {"function": choice}
    return settings


def required_model(body: Mapping[str, Any]) -> str:
    """Return the name of the model that a request asks for.

    Raises:
        RequestError: it names none.
    """
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise RequestError("'model' must be the name of a model; /v1/models lists them.")
    return name


def wants_stream(body: Mapping[str, Any]) -> bool:
    """Tell whether a request asks for a stream.

    Raises:
        RequestError: it says neither.
    """
    stream = body.get("stream")
    if not isinstance(stream, bool | None):
        raise RequestError("'stream' must be true or false.")
    return bool(stream)


def with_settings(chain: Runnable[Any, Any], body: Mapping[str, Any]) -> Runnable[Any, Any]:
    """Return a chat model with the settings and tools of a request; other chains as they are.

    A chain has its own settings, and an agent its own tools: a client cannot change them.

    Raises:
        RequestError: a setting that it does not take, or tools that cannot be read.
    """
    if not isinstance(chain, ChatModel):
        return chain
    settings: dict[str, Any] = {}
    for key, (name, types) in _SETTINGS.items():
        value = body.get(key)
        if value is None:
            continue
        if not isinstance(value, types) or isinstance(value, bool):
            raise RequestError(f"'{key}' has the wrong type.")
        settings[name] = value
    try:
        merged_options(type(chain).__name__, chain.known_options, {}, settings)
    except ConfigError:
        names = ", ".join(settings)
        raise RequestError(f"This model does not take these settings: {names}.") from None
    bound: Any = chain
    tools = body.get("tools")
    if isinstance(tools, list) and tools:
        try:
            bound = chain.bind_tools(
                cast("Any", tools), tool_choice=_tool_choice(body.get("tool_choice"))
            )
        except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError):
            raise RequestError("'tools' cannot be read as tools of this model.") from None
    return cast("Runnable[Any, Any]", bound.bind(**settings) if settings else bound)


def _tool_choice(given: Any) -> Any:
    if isinstance(given, dict):
        function: Any = cast("dict[str, Any]", given).get("function")
        return cast("Any", function).get("name") if isinstance(function, dict) else None
    return "any" if given == "required" else given
