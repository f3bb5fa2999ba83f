"""The description of a server's endpoints, as OpenAPI 3.1."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.serving.request_schemas import (
    OBJECT,
    STRING,
    Schema,
    ag_ui,
    body,
    chat_completion,
    response,
    ui_messages,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from runnables.serving.service import ServedChain, Service

_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream"

_OPENAI_ERROR: Final = body(
    error=body(message=STRING, type=STRING, param={"type": ["string", "null"]}, code=STRING)
)
_REST_ERROR: Final = body(detail=STRING, code=STRING)

_NAMES: Final = body(chains={"type": "array", "items": STRING})
_MODEL: Final = body(id=STRING, object={"const": "model"}, created={"type": "integer"})
_COUNT: Final[Mapping[str, Any]] = {"type": "integer", "minimum": 0}
_HEALTH: Final = body(
    status={"enum": ["ok", "stopping"]}, runs=_COUNT, failed=_COUNT, left=_COUNT, refused=_COUNT,
    open=_COUNT, streams=_COUNT, detached=_COUNT, kept=_COUNT,
)  # fmt: skip


def describe(
    service: Service, *, by_name: bool, needs_key: bool = False, page: bool = False
) -> dict[str, Any]:
    """Return the OpenAPI description of a server.

    Args:
        service: what it serves.
        by_name: whether the routes of each chain are below its name.
        needs_key: whether requests need a key.
        page: whether there is the page on which chains are tried.
    """
    schemas: dict[str, Any] = {}
    models = [name for name, chain in service.chains.items() if chain.to_input is not None]
    known = body(object={"const": "list"}, data={"type": "array", "items": _MODEL})
    chat = _answer(body(id=STRING, object={"const": "chat.completion"}, choices={"type": "array"}))
    answer = _answer(body(id=STRING, object={"const": "response"}, output={"type": "array"}))
    paths: dict[str, Any] = {
        "/health": {"get": _operation("How the server is", _answer(_HEALTH), _OPENAI_ERROR)},
        "/v1/models": {"get": _operation("The chains, as models", _answer(known), _OPENAI_ERROR)},
        "/v1/models/{name}": {
            "get": _operation("One chain, as a model", _answer(_MODEL), _OPENAI_ERROR)
            | {"parameters": [_parameter("name", "path", STRING)]}
        },
        "/v1/chat/completions": {
            "post": _operation("Ask a chain (chat completions)", _or_events(chat), _OPENAI_ERROR,
                               chat_completion(models))
        },
        "/v1/responses": {
            "post": _operation("Ask a chain (responses)", _or_events(answer), _OPENAI_ERROR,
                               response(models))
        },
        **_background_paths(answer),
    }  # fmt: skip
    for name, chain in service.chains.items():
        prefix = f"/{name}" if by_name else ""
        paths |= _chain_paths(chain, prefix, schemas)
        if page:
            paths |= _page_paths(chain, prefix, paths[f"{prefix}/stream"]["post"])
    if page and by_name:
        paths["/"] = {"get": _html("The chains")}
        paths["/page/meta"] = {"get": _operation("Their names", _answer(_NAMES), _OPENAI_ERROR)}
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Runnables", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }
    if needs_key:
        found["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"key": []}]
        paths["/health"]["get"]["security"] = []
    return found


def _chain_paths(chain: ServedChain, prefix: str, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the paths of one chain; its types go into the schemas, below its name."""
    owner = re.sub(r"[^A-Za-z0-9_-]", "-", chain.name)  # what a name of a schema may have
    given = _hoisted(chain.chain.get_input_schema(), f"{owner}.input.", schemas)
    output = _hoisted(chain.chain.get_output_schema(), f"{owner}.output.", schemas)
    events: dict[str, Any] = {"description": "Events", "content": {_EVENTS: {}}}
    one, several = body(input=given), body(inputs={"type": "array", "items": given})
    whole = _answer(body(output=output, metadata=OBJECT))
    wholes = _answer(body(output={"type": "array", "items": output}, metadata=OBJECT))
    posts: dict[str, Any] = {
        "/invoke": _operation(f"Run {chain.name}", whole, _REST_ERROR, one),
        "/batch": _operation(f"Run {chain.name} on several inputs", wholes, _REST_ERROR, several),
        "/stream": _operation(f"Stream {chain.name}", events, _REST_ERROR, one),
        "/stream_events": _operation(
            f"Stream the events of {chain.name}", events, _REST_ERROR, one
        ),
    }
    if chain.to_input is not None:
        chat = _operation(f"Chat with {chain.name} (AI SDK)", events, None, ui_messages())
        posts["/api/chat"] = chat
        posts["/ag-ui"] = _operation(f"Run {chain.name} (AG-UI)", events, _OPENAI_ERROR, ag_ui())
    schema = _answer(OBJECT)
    gets = {
        f"/{side}_schema": _operation(f"The {side} of {chain.name}", schema, _OPENAI_ERROR)
        for side in ("input", "output", "config")
    }
    return (
        {f"{prefix}{path}": {"post": operation} for path, operation in posts.items()}
        | {f"{prefix}{path}": {"get": operation} for path, operation in gets.items()}
        | {f"{prefix}/api/chat/{{chat_id}}/stream": _chat_again(chain.name, events)}
    )


def _background_paths(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the paths of responses in the background."""
    path = "/v1/responses/resp_{run_id}"
    read = _operation("Read a response in the background", _or_events(answer), _OPENAI_ERROR)
    cancel = _operation("Stop a response", answer, _OPENAI_ERROR)
    cancel["parameters"] = [_parameter("run_id", "path", STRING)]
    read["parameters"] = [
        *cancel["parameters"],
        _parameter("stream", "query", {"type": "boolean"}),
        _parameter("starting_after", "query", {"type": "integer", "minimum": 0}),
    ]
    return {path: {"get": read}, f"{path}/cancel": {"post": cancel}}


def _chat_again(name: str, events: Mapping[str, Any]) -> dict[str, Any]:
    """Return the operations on the last answer of a chat."""
    none = {"description": "There is none"}
    read = _operation(f"Read an answer of {name} again (AI SDK)", events, None)
    stop = _operation(f"Stop an answer of {name} (AI SDK)", none, None)
    del stop["responses"]["200"]
    for operation in (read, stop):
        operation["parameters"] = [_parameter("chat_id", "path", STRING)]
        operation["responses"]["204"] = none
    return {"get": read, "delete": stop}


def _page_paths(chain: ServedChain, prefix: str, stream: Mapping[str, Any]) -> dict[str, Any]:
    """Return the paths of the page of one chain, which takes what its stream takes."""

    def get(summary: str, *names: str) -> dict[str, Any]:
        found = _operation(summary, _answer(OBJECT), _REST_ERROR)
        return {
            "get": {**found, "parameters": [_parameter(name, "path", STRING) for name in names]}
        }

    runs = f"{prefix}/page/runs"
    picture = {"description": "The picture", "content": {
        "image/svg+xml": {"schema": STRING}, "text/plain": {"schema": STRING}}}  # fmt: skip
    return {
        f"{prefix}/": {"get": _html(f"Try {chain.name}")},
        f"{prefix}/page/meta": get(f"What the page of {chain.name} needs to know"),
        f"{prefix}/page/run": {
            "post": {**stream, "summary": f"Run {chain.name} with its steps (AI SDK)"}
        },
        f"{prefix}/page/picture": {
            "get": _operation(f"The picture of {chain.name}", picture, _REST_ERROR)
        },
        runs: get(f"The last runs of {chain.name}"),
        f"{runs}/{{run}}": get("The steps of a run", "run"),
        f"{runs}/{{run}}/steps/{{step}}": get("A step with its values", "run", "step"),
    }


def _html(summary: str) -> dict[str, Any]:
    """Return the operation that returns a page, for which no key is needed."""
    page = {"description": "The page", "content": {"text/html": {"schema": STRING}}}
    return {**_operation(summary, page, _OPENAI_ERROR), "security": []}


def _parameter(name: str, place: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _answer(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": "The answer", "content": {_JSON: {"schema": schema}}}


def _or_events(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that comes as events where the request asks for a stream."""
    return {**answer, "content": {**answer["content"], _EVENTS: {}}}


def _operation(
    summary: str,
    answer: Mapping[str, Any],
    error: Mapping[str, Any] | None,
    given: Schema | None = None,
) -> dict[str, Any]:
    """Return an operation.

    Args:
        summary: what it does.
        answer: the response of status 200.
        error: the schema of an error; None: it is text.
        given: the schema of the body; None: it has none.
    """
    content = {"text/plain": {"schema": STRING}} if error is None else {_JSON: {"schema": error}}
    if error is None:  # what is refused before the protocol is known: a host, a key
        content[_JSON] = {"schema": _OPENAI_ERROR}
    elif error is _REST_ERROR:
        content[_JSON] = {"schema": {"anyOf": [_REST_ERROR, _OPENAI_ERROR]}}
    refused = {**content, "text/plain": {"schema": STRING}}  # Starlette's own: a path, a method
    found: dict[str, Any] = {
        "summary": summary,
        "responses": {
            "200": dict(answer),
            "4XX": {"description": "Refused", "content": refused},
            "5XX": {"description": "Failed", "content": content},
        },
    }
    if given is not None:
        found["requestBody"] = {"required": True, "content": {_JSON: {"schema": given}}}
    return found


def _hoisted(model: type[BaseModel], prefix: str, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a type, whose definitions go among those of the whole description."""
    template = f"#/components/schemas/{prefix}{{model}}"
    schema = model.model_json_schema(ref_template=template)
    own: dict[str, Any] = schema.pop("$defs", {})
    for name, definition in own.items():
        schemas[prefix + name] = definition
    for key, reference in _discriminators([schema, *own.values()]):
        definition = schemas.get(reference.rpartition("/")[2], {})
        required = definition.setdefault("required", [])
        if key not in required:
            required.append(key)
    return schema


def _discriminators(value: Any) -> list[tuple[str, str]]:
    """Return the keys by which unions choose their type, each with the type's reference.

    Pydantic needs them, and gives them a default in the schema, as if they could be left out.
    """
    if isinstance(value, list):
        return [pair for item in cast("Any", value) for pair in _discriminators(item)]
    if not isinstance(value, dict):
        return []
    fields = cast("dict[str, Any]", value)
    found = _discriminators(list(fields.values()))
    known = fields.get("discriminator")
    if isinstance(known, dict) and "mapping" in known:
        discriminator = cast("dict[str, Any]", known)
        key: str = discriminator["propertyName"]
        found += [(key, reference) for reference in discriminator["mapping"].values()]
    return found
